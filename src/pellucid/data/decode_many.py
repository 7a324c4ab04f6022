"""Decoding many pictures by several processes, straight into the rows of one images file."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pellucid.data.arrays import ImagesFile
from pellucid.data.decode import PixelFormat
from pellucid.data.worker import carry_out
from pellucid.ground.progress import progress

__all__ = ["Job", "Outcome", "decode_many", "usable_cores"]

FEW = 256
"""Fewer images than this are decoded faster than processes are started."""

CHUNK_IMAGES = 64
CHUNK_BYTES = 8 << 20


@dataclass(frozen=True)
class Job:
    """The files that become the rows of one images file."""

    out: ImagesFile
    files: Sequence[str]


@dataclass
class Outcome:
    """Which images were broken, and whether any had another size."""

    broken: dict[tuple[int, int], str]
    """`(job, row)` to the reason."""

    other_size: bool = False
    """Whether some image had another size than the target."""


def usable_cores() -> int:
    """Count the processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def decode_many(jobs: Sequence[Job], target: PixelFormat, workers: int | None, description: str) -> Outcome:
    """Decode every file of every job into its row.

    A picture whose decoding ends its process (for lack of memory, or by a fault in a decoder) is a broken one; the
    others are decoded.

    Raises:
        OSError: rows cannot be written.
    """
    total = sum(len(job.files) for job in jobs)
    outcome = Outcome({})
    orders = _orders(jobs, target)
    count = min(workers if workers is not None else usable_cores(), len(orders))
    with progress(description, total) as advance:
        if count <= 1 or total < FEW or not sys.executable:
            for order in orders:
                _note(outcome, order, carry_out(order))
                advance(len(order["files"]))
        else:
            with _Workers(count, orders) as answers:
                for order, answer in answers:
                    _note(outcome, order, answer)
                    advance(len(order["files"]))
    return outcome


def _orders(jobs: Sequence[Job], target: PixelFormat) -> list[dict[str, Any]]:
    orders = []
    for number, job in enumerate(jobs):
        at_once = max(1, min(CHUNK_IMAGES, CHUNK_BYTES // job.out.row_bytes))
        for start in range(0, len(job.files), at_once):
            orders.append(
                {
                    "job": number,
                    "images": str(job.out.path),
                    "offset": job.out.offset,
                    "start": start,
                    "files": list(job.files[start : start + at_once]),
                    "target": [target.height, target.width, target.channels, target.fit],
                }
            )
    return orders


def _note(outcome: Outcome, order: dict[str, Any], answer: dict[str, Any]) -> None:
    if "error" in answer:
        raise OSError(*answer["error"])
    outcome.other_size |= answer["other_size"]
    for position, reason in answer["broken"]:
        outcome.broken[order["job"], order["start"] + position] = reason


class _Workers:
    """Processes that carry out orders, a thread each to hand them over; iterate for `(order, answer)`.

    The processes are started by their command rather than by `multiprocessing`: that would run a person's own script
    again in each where it has no `if __name__ == "__main__"`, and forking is unsafe once torch has started threads.
    On leaving, by an exception too, all processes are ended and waited for.
    """

    def __init__(self, count: int, orders: Sequence[dict[str, Any]]) -> None:
        self._orders: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        for order in orders:
            self._orders.put(order)
        self._left = len(orders)
        self._answers: queue.SimpleQueue[tuple[dict[str, Any], dict[str, Any] | BaseException]] = queue.SimpleQueue()
        self._processes: list[subprocess.Popen[str]] = []
        self._lock = threading.Lock()
        self._ended = False
        self._threads = [threading.Thread(target=self._hand_over, daemon=True) for _ in range(count)]

    def __enter__(self) -> _Workers:
        try:
            for thread in self._threads:
                thread.start()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        with self._lock:
            self._ended = True
            for process in self._processes:
                process.kill()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def __iter__(self) -> _Workers:
        return self

    def __next__(self) -> tuple[dict[str, Any], dict[str, Any]]:
        if self._left == 0:
            raise StopIteration
        order, answer = self._answers.get()
        if isinstance(answer, BaseException):
            raise answer
        self._left -= 1
        return order, answer

    def _hand_over(self) -> None:
        process: subprocess.Popen[str] | None = None
        order: dict[str, Any] = {}
        try:
            while not self._ended:
                try:
                    order = self._orders.get_nowait()
                except queue.Empty:
                    break
                if process is None:
                    process = self._start()
                answer = _ask(process, order)
                if answer is None and not self._ended:
                    _finish(process)
                    process, answer = None, self._one_by_one(order)
                if answer is not None:
                    self._answers.put((order, answer))
        except BaseException as error:
            self._answers.put((order, error))
        finally:
            if process is not None:
                _finish(process)

    def _one_by_one(self, order: dict[str, Any]) -> dict[str, Any]:
        """Carry out an order that ended its process, image by image, to find the one that does."""
        broken: list[list[Any]] = []
        other_size = False
        process = self._start()
        try:
            for position, file in enumerate(order["files"]):
                if self._ended:
                    break
                answer = _ask(process, {**order, "files": [file], "start": order["start"] + position})
                if answer is None:
                    broken.append([position, f"decoding it ended the process (status {_finish(process)})"])
                    process = self._start()
                elif "error" in answer:
                    return answer
                else:
                    broken += [[position, reason] for _, reason in answer["broken"]]
                    other_size |= answer["other_size"]
        finally:
            _finish(process)
        return {"broken": broken, "other_size": other_size}

    def _start(self) -> subprocess.Popen[str]:
        here = str(Path(__file__).parents[2])  # the package may be importable here by sys.path alone
        path = os.pathsep.join(part for part in (here, os.environ.get("PYTHONPATH")) if part)
        with self._lock:
            process = subprocess.Popen(
                [sys.executable, "-c", "from pellucid.data.worker import main; main()"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,  # Ctrl-C is for the process that started it, also while it starts
                env={**os.environ, "PYTHONPATH": path, "PYTHONIOENCODING": "utf-8"},
            )
            self._processes.append(process)
            if self._ended:
                process.kill()
        return process


def _ask(process: subprocess.Popen[str], order: dict[str, Any]) -> dict[str, Any] | None:
    """Hand over one order and wait for its answer; None when the process ended instead."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        line = process.stdout.readline()
    except OSError:
        return None
    answer: dict[str, Any] | None = json.loads(line) if line.endswith("\n") else None
    return answer


def _finish(process: subprocess.Popen[str]) -> int:
    """Close a process's pipes, which ends it, and wait for it."""
    for stream in (process.stdin, process.stdout):
        assert stream is not None
        with contextlib.suppress(OSError):
            stream.close()
    return process.wait()
