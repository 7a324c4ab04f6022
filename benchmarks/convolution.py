"""Results without steps against NumPy and SciPy side by side, and the memory that steps take.

Run `python benchmarks/convolution.py`. Each pair is timed in turn in one process, the best of several rounds kept,
so that a busy machine slows both sides alike. A ratio of 1.2 or less is what pellucid promises from 10,000 samples
on; below that the checks of the input, some 20 microseconds a call, are the larger part.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

import numpy as np
import scipy.signal

from pellucid.convolution import convolve, convolve2d

ROUNDS = 15
SECONDS_EACH = 1.5
PROMISED = 1.2


def best(first: Callable[[], object], second: Callable[[], object]) -> tuple[float, float]:
    """Time two calls in turn; the best of each, in seconds."""
    times: tuple[list[float], list[float]] = ([], [])
    started = time.perf_counter()
    while len(times[0]) < ROUNDS and (len(times[0]) < 3 or time.perf_counter() - started < SECONDS_EACH):
        for call, seconds in zip((first, second), times, strict=True):
            begun = time.perf_counter()
            call()
            seconds.append(time.perf_counter() - begun)
    return min(times[0]), min(times[1])


def line(name: str, ours: Callable[[], object], theirs: Callable[[], object], promised: bool = True) -> None:
    mine, reference = best(ours, theirs)
    ratio = mine / reference
    verdict = "" if not promised else "ok" if ratio <= PROMISED else f"above {PROMISED}"
    print(f"{name:<42} {mine * 1e3:>10.3f} {reference * 1e3:>10.3f} {ratio:>7.2f}  {verdict}")


def main() -> None:
    generator = np.random.default_rng(0)
    print(f"{'against numpy.convolve':<42} {'ours ms':>10} {'theirs ms':>10} {'ratio':>7}")
    for samples, weights in ((4, 3), (1_000, 31), (10_000, 31), (100_000, 31), (1_000_000, 3), (1_000_000, 31)):
        for kind in ("float64", "int64"):
            if kind == "float64":
                signal, kernel = generator.normal(size=samples), generator.normal(size=weights)
            else:
                signal, kernel = generator.integers(-99, 99, samples), generator.integers(-99, 99, weights)
            line(
                f"{samples:,} {kind}, filter of {weights}",
                lambda s=signal, k=kernel: convolve(s, k).result,
                lambda s=signal, k=kernel: np.convolve(s, k),
                promised=samples >= 10_000,
            )
    print(f"\n{'against scipy.signal.convolve2d':<42} {'ours ms':>10} {'theirs ms':>10} {'ratio':>7}")
    for side, width in ((4, 3), (128, 3), (128, 11), (512, 3), (512, 7), (1024, 5), (256, 31), (40, 25)):
        for kind in ("float64", "int64"):
            image, kernel = generator.normal(size=(side, side)), generator.normal(size=(width, width))
            if kind == "int64":
                image, kernel = (100 * image).astype(np.int64), (100 * kernel).astype(np.int64)
            for mode in ("full", "valid"):
                line(
                    f"{side}×{side} {kind}, filter of {width}×{width}, {mode}",
                    lambda i=image, k=kernel, m=mode: convolve2d(i, k, mode=m).result,
                    lambda i=image, k=kernel, m=mode: scipy.signal.convolve2d(i, k, m),
                    promised=side * side >= 10_000,
                )
    signal, kernel = np.arange(1_000_000), np.array([1, 0, -1])
    tracemalloc.start()
    steps = convolve(signal, kernel).steps
    step = steps[500_000]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    shared = "a view of" if np.shares_memory(step.signal_values, signal) else "a COPY of"
    print(f"\n{len(steps):,} steps: {peak / 1024:,.1f} KiB; a window is {shared} the signal ({step})")


if __name__ == "__main__":
    main()
