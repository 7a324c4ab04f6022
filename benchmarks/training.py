"""How fast the lesson's network trains: pellucid, the lesson's script and other trainers, side by side.

    PELLUCID_DATA=FOLDER_WITH_cifar-10-batches-bin python benchmarks/training.py

Every contestant trains the same network on CIFAR-10, batch 32, Adam at 1e-3, in a process of its own, so that thread
and memory settings do not leak from one to the next. All stay alive and train a block of steps in turn, so that a slow
minute of the machine meets all of them; then all are started again, as where a process's memory comes to lie makes it
faster or slower for as long as it lives. `benchmarks/README.md` says what is measured.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

PEERS = Path(__file__).parent / "peers"
STEPS_IN_EPOCH = 1563
"""50,000 images in batches of 32."""
LESSON, LIMIT = "lesson's script", "matrix products alone"


@dataclass
class Contestant:
    name: str
    program: str
    packages: dict[str, str] = field(default_factory=dict)
    """Modules it needs, and what pip has to install for each; without them it is skipped."""
    environment: dict[str, str] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)
    """Of one step, one figure a round."""

    @property
    def missing(self) -> list[str]:
        return [package for module, package in self.packages.items() if importlib.util.find_spec(module) is None]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    def start(self, steps: int) -> None:
        """Start the program and wait until it has warmed up."""
        self._errors: IO[str] = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with this process
        self._process = subprocess.Popen(
            [sys.executable, str(PEERS / self.program), "--steps", str(steps)],
            env={**os.environ, **self.environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self._answer()

    def measure(self, steps: int) -> None:
        """Let it train one block, and keep the time."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        self.seconds.append(self._answer() / steps)

    def stop(self) -> None:
        if hasattr(self, "_process"):
            self._process.kill()
            self._process.wait()

    def _answer(self) -> float:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._errors.seek(0)
            sys.exit(f"{self.name} failed:\n{self._errors.read()}")
        return float(line)


def contestants() -> list[Contestant]:
    torch_backend = {"KERAS_BACKEND": "torch"}
    jax_backend = {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    return [
        Contestant(LESSON, "with_lesson_script.py"),
        Contestant("Keras on torch", "with_keras.py", {"keras": "keras"}, torch_backend),
        Contestant("Lightning", "with_lightning.py", {"pytorch_lightning": "pytorch-lightning"}),
        Contestant("skorch", "with_skorch.py", {"skorch": "skorch"}),
        Contestant("Keras on jax", "with_keras.py", {"keras": "keras", "jax": "jax"}, jax_backend),
        Contestant("careful PyTorch", "with_tensors.py"),
        Contestant("pellucid", "with_pellucid.py"),
        Contestant(LIMIT, "matrix_products.py"),
    ]


def paired(over: Contestant, under: Contestant) -> float:
    """The ratio of two contestants' times: the median over the rounds of each round's ratio."""
    return statistics.median(a / b for a, b in zip(over.seconds, under.seconds, strict=True))


def table(contest: list[Contestant]) -> str:
    by_name = {each.name: each for each in contest}
    lines = [f"{'':24}{'s / epoch':>10}{'least - most':>16}{'ms / step':>11}{'x lesson':>10}{'x limit':>9}"]
    for each in contest:
        low, high = (STEPS_IN_EPOCH * value for value in (min(each.seconds), max(each.seconds)))
        faster = f"{paired(by_name[LESSON], each):.2f}" if LESSON in by_name else "-"
        above = f"{paired(each, by_name[LIMIT]):.2f}" if LIMIT in by_name else "-"
        lines.append(
            f"{each.name:24}{STEPS_IN_EPOCH * each.median:10.1f}{f'{low:.1f} - {high:.1f}':>16}"
            f"{1e3 * each.median:11.2f}{faster:>10}{above:>9}"
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=3, help="how often each contestant is started again")
    parser.add_argument("--rounds", type=int, default=4, help="blocks that it trains each time")
    parser.add_argument("--steps", type=int, default=100, help="steps in a block")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="contestants to measure, by a part of the name")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output instead of a table")
    arguments = parser.parse_args()
    if min(arguments.starts, arguments.rounds) < 1 or arguments.steps < 10 or arguments.rounds * arguments.steps > 1400:
        parser.error(
            "expected --starts and --rounds of at least 1, --steps of at least 10, and rounds times steps up to 1400"
        )
    if not Path(os.environ.get("PELLUCID_DATA", ""), "cifar-10-batches-bin").is_dir():
        parser.error("PELLUCID_DATA does not name a folder that holds cifar-10-batches-bin/")
    chosen = [each for each in contestants() if not arguments.only or any(part in each.name for part in arguments.only)]
    if not chosen:
        parser.error(f"no contestant has such a name; there are: {', '.join(each.name for each in contestants())}")
    for each in chosen:
        if each.missing:
            print(f"{each.name} is skipped; to measure it: pip install {' '.join(each.missing)}", file=sys.stderr)
    chosen = [each for each in chosen if not each.missing]

    load = os.getloadavg()[0]
    if load > 0.5:
        print(f"this machine is busy (load {load:.1f}): the figures will be high and vary", file=sys.stderr)
    for start in range(arguments.starts):
        try:
            for each in chosen:
                print(f"start {start + 1} of {arguments.starts}: {each.name}", file=sys.stderr, flush=True)
                each.start(arguments.steps)
            for number in range(arguments.rounds):
                print(f"round {number + 1} of {arguments.rounds}", file=sys.stderr, flush=True)
                first = number % len(chosen)  # each round begins with another one
                for each in chosen[first:] + chosen[:first]:
                    each.measure(arguments.steps)
        finally:
            for each in chosen:
                each.stop()

    if arguments.json:
        document = {
            "steps_in_block": arguments.steps,
            "steps_in_epoch": STEPS_IN_EPOCH,
            "cores": os.cpu_count(),
            "load_before": load,
            "seconds_per_step": {each.name: each.seconds for each in chosen},
        }
        print(json.dumps(document, indent=2))
        return
    blocks = arguments.starts * arguments.rounds
    print(f"{os.cpu_count()} cores, load {load:.1f} before\n\n{table(chosen)}\n")
    print(f"s / epoch: {STEPS_IN_EPOCH} steps, from the median of {blocks} blocks of {arguments.steps} steps.")
    print("x lesson: times faster than the lesson's script; x limit: time over that of the matrix products alone;")
    print("both are medians of each round's ratio.")


if __name__ == "__main__":
    main()
