"""How long it takes to look, trace, recompute a step, find activating images and ask why, on the lesson's network.

    python benchmarks/glass.py [RUN]

Without a run one is trained for one epoch on Fashion-MNIST, or on what PELLUCID_DATA has of the named sets.
"""

from __future__ import annotations

import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

import torch

from pellucid import open_run, train
from pellucid.causes import activations, why
from pellucid.data import is_here
from pellucid.glass import box_of, look
from pellucid.stepping import take_step

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "glass"))
from named_networks import NAMED


def milliseconds(function, repeats=30):
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append((time.perf_counter() - start) * 1000)
    return statistics.median(times)


def report(what, duration, target=""):
    print(f"{what:<58}{duration:9.2f} ms   {target}".rstrip())


def small_run(folder):
    data = next((name for name in ("cifar10", "mnist", "fashion-mnist") if is_here(name)), "fashion-mnist")
    print(f"training {data} for one epoch, since no run was given", file=sys.stderr)
    return train(data, recipe="tutorial", epochs=1, out=f"{folder}/run", stream=sys.stderr)


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        run = open_run(sys.argv[1]) if len(sys.argv) > 1 else small_run(folder)
        measure(run)


def measure(run) -> None:
    print(f"{run.record.network} on {run.record.data.source}, one thread")
    report("look: run, weights, image and forward pass", milliseconds(lambda: look(run, "test/17")), "target 50 ms")
    network, glass = run.network(), look(run, "test/17")
    report("look: a module and its input", milliseconds(lambda: look(network, glass.picture.input)), "target 50 ms")
    slowest = 0.0
    for node in glass:
        unit = node[tuple(size // 2 for size in node.shape)]
        slowest = max(slowest, milliseconds(lambda unit=unit: glass.trace(unit)))
    report("trace of a unit, the slowest of all layers", slowest, "target 10 ms")
    first = next(node for node in glass if not node.step.is_source)
    unit = first[tuple(size // 2 for size in first.shape)]
    report("the same with its receptive field and text", milliseconds(lambda: str(glass.trace(unit))), "target 10 ms")
    for name, (make, side) in NAMED.items():
        deep = look(make().eval(), torch.rand(3, side, side)).output[0]
        report(f"receptive field of a logit: {name}", milliseconds(lambda unit=deep: box_of(unit)), "target 10 ms")
    report("strongest chain from a pixel to the logit", milliseconds(lambda: glass.path(unit), 10))
    weight = f"{first.name}.bias[0]"
    report("first training step, recomputed", milliseconds(lambda: take_step(run, weight, verify=False), 3))
    images = len(run.open_images().splits["train"])
    channel = f"{[node for node in glass if len(node.shape) == 3][-1].name}[0]"
    duration = milliseconds(lambda: activations(run, channel, limit=10_000), 1)
    report(f"activations {channel}, {min(images, 10_000):,} training images", duration, "target 20,000 ms")
    report("why", milliseconds(lambda: why(run, "test/17"), 5), "target 2,000 ms")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    print(f"{'peak memory of the process':<58}{peak / 2**20:9.0f} MiB  target 1024 MiB")


if __name__ == "__main__":
    main()
