"""What every contestant shares: its data, its stop-watch, and the way it takes turns.

A contestant is a program. It runs its own training loop, and after each step calls `StopWatch.tick`. When it has
warmed up, it prints a line and waits; for each line it is then sent, it trains another block of steps and prints the
seconds they took. When its standard input closes, it ends.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

BATCH = 32
WARM_UP = 100
"""Steps before the first block: compilation, caches, first allocations."""
RECORD_BYTES = 1 + 3 * 32 * 32


class Enough(BaseException):
    """Ends a contestant's own loop from inside."""


class StopWatch:
    """Counts steps and takes turns with the other contestants: `WARM_UP` steps, then blocks of `block` steps each."""

    def __init__(self, block: int) -> None:
        self.block = block
        self._done = 0
        self._turn_ends = WARM_UP
        self._started = time.perf_counter()
        # Whatever the contestant prints goes to standard error; the figures alone to standard output.
        self._figures, sys.stdout = sys.stdout, sys.stderr

    def tick(self, steps: int = 1, finish: Callable[[], object] | None = None) -> None:
        """Count `steps` more; at the end of a turn report, and wait for the next. `finish` waits for pending work.

        Raises:
            Enough: there are no more turns.
        """
        self._done += steps
        if self._done < self._turn_ends:
            return
        if finish is not None:
            finish()
        print(time.perf_counter() - self._started, file=self._figures, flush=True)
        if not sys.stdin.readline():
            raise Enough
        self._turn_ends = self._done + self.block
        self._started = time.perf_counter()


def contest(train: Callable[[StopWatch], None]) -> None:
    """Run as a program: train until the stop-watch says that it is enough."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=100, help="steps in a block")
    try:
        train(StopWatch(parser.parse_args().steps))
    except Enough:
        # Some trainers catch what is raised inside them and clean up for long; everything is measured.
        os._exit(0)


def data_folder() -> Path:
    """The folder that `PELLUCID_DATA` names, with `cifar-10-batches-bin/` in it."""
    return Path(os.environ["PELLUCID_DATA"])


def cifar10() -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The training images, uint8 `[50000, 32, 32, 3]`, and their labels, int64 `[50000]`."""
    files = [data_folder() / "cifar-10-batches-bin" / f"data_batch_{number}.bin" for number in range(1, 6)]
    records = np.concatenate([np.fromfile(file, np.uint8).reshape(-1, RECORD_BYTES) for file in files])
    images = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(images), records[:, 0].astype(np.int64)


def normalised(channels: str) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """The training images as float32, values -1 to 1, with the channels `first` or `last`."""
    images, labels = cifar10()
    if channels == "first":
        images = images.transpose(0, 3, 1, 2)
    values = np.ascontiguousarray(images, np.float32)
    values /= np.float32(127.5)
    values -= np.float32(1)
    return values, labels
