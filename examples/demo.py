"""`make demo`: the main job on real images, from nothing to a tested network and its curves, in about three minutes.

Trains the lesson's network for CIFAR-10 where that data set is on this machine, and the lesson's MNIST network on
Fashion-MNIST elsewhere (30 MB are fetched once), by the lesson's own recipe. Where its address cannot be reached, the
demo lets pellucid take Fashion-MNIST out of Debian's package, unless PELLUCID_APT=no.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

import pellucid
from pellucid.data import is_here
from pellucid.reporting import report


def main() -> int:
    """Train, evaluate, and say where everything is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=5)
    arguments = parser.parse_args()
    data = "cifar10" if is_here("cifar10") else "fashion-mnist"
    if not is_here(data) and os.environ.setdefault("PELLUCID_APT", "yes") == "yes":
        print(
            f"{data} will be downloaded. If its address cannot be reached, Debian's package is fetched by apt-get and "
            "unpacked into the cache, not installed (PELLUCID_APT=no forbids that).",
            flush=True,
        )
    started = time.monotonic()
    run = pellucid.train(data, recipe="tutorial", epochs=arguments.epochs, stream=sys.stdout)
    print(f"\n{pellucid.evaluate(run)}\n")
    seconds = time.monotonic() - started
    print(f"That took {seconds:.0f} s. The run: {run.directory}; its curves: {run.directory}/curves.png")
    print(f"All of it on one page, to be opened in a browser: {report(run)}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except pellucid.UserError as error:
        sys.exit(f"Error: {error}")
    except KeyboardInterrupt as interruption:
        print(f"Stopped. {interruption}", file=sys.stderr)
        sys.exit(130)
