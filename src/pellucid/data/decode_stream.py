"""Decoding any number of files by several processes, in order and a batch at a time, while others are computed with.

Each picture stands for itself: it belongs to no set, so a deep one has a range of its own where none is known. What is
wrong with a picture, and a process that dies of one, costs that picture and no other.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import math
import queue
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Generator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data.decode import LARGE_BYTES, PixelFormat
from pellucid.data.memory_bound import available_memory
from pellucid.data.worker import MOST_SECONDS, carry_out, how_it_died, took_too_long
from pellucid.data.workers import DecodingProcess
from pellucid.ground.cores import usable_cores
from pellucid.ground.errors import UserError
from pellucid.ground.outside import visible

__all__ = ["DecodedFile", "decode_stream"]

AHEAD = 2
"""So many batches for each process are decoded or under way before they are asked for."""

NOT_THE_FILE = (
    *(errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENXIO, errno.ENODEV),
    *(errno.EMFILE, errno.ENFILE, errno.ENOMEM),
)
"""Faults of a disk, a network share or the whole machine: other files would fail of them, too."""

DecodedFile = NDArray[np.uint8] | str
"""Pixels `[H, W, C]`, or the reason why there are none."""


def decode_stream(
    files: Sequence[str], target: PixelFormat, at_once: int, processes: int | None = None
) -> Generator[list[DecodedFile], None, None]:
    """Decode files in order.

    Args:
        files: their paths.
        target: what each is brought to.
        at_once: how many make a batch.
        processes: how many decode, if there is memory for them; by default as many as there are cores.

    Returns:
        A list for each batch. All processes are ended when the iterator is closed.

    Raises:
        UserError: a disk or the machine fails, so that it says nothing about a file that it cannot be read.
        OSError: the pixels cannot be kept for a moment in the folder for temporary files.
    """
    count = max(1, min(processes or usable_cores(), available_memory() // LARGE_BYTES))
    batches = [files[start : start + at_once] for start in range(0, len(files), at_once)]
    with _Decoders(target, at_once) as decoders, ThreadPoolExecutor(min(count, len(batches) or 1)) as threads:
        waiting: deque[Future[list[DecodedFile]]] = deque()
        try:
            for batch in batches:
                waiting.append(threads.submit(decoders.decode, batch))
                if len(waiting) > AHEAD * count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            decoders.end()
            threads.shutdown(cancel_futures=True)


@dataclass
class _Decoder:
    """A process and the file that it writes pixels into; without a process, this one decodes."""

    process: DecodingProcess | None
    scratch: Path


class _EndedError(Exception):
    """Nobody waits for the batch any more."""


class _Decoders:
    """The processes, each started when it is needed first and used by one thread at a time."""

    def __init__(self, target: PixelFormat, at_once: int) -> None:
        self._target = target
        self._shape = target.height, target.width, target.channels
        self._at_once = at_once
        self._idle: queue.LifoQueue[_Decoder] = queue.LifoQueue()
        self._running: list[DecodingProcess] = []
        self._lock = threading.Lock()
        self._alone = threading.Lock()
        self._ended = False
        self._numbers = itertools.count()
        self._folder = tempfile.TemporaryDirectory(prefix="pellucid-", ignore_cleanup_errors=True)

    def __enter__(self) -> _Decoders:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()
        for process in self._running:
            process.finish()
        self._folder.cleanup()

    def end(self) -> None:
        """End all processes at once; nothing more is decoded."""
        with self._lock:
            self._ended = True
            for process in self._running:
                process.kill()

    def decode(self, files: Sequence[str]) -> list[DecodedFile]:
        """Decode one batch."""
        answer, pixels = self._ask(files, alone=False)
        if "died" in answer:
            return [self._by_itself(file) for file in files]
        decoded: list[DecodedFile] = list(pixels)
        for position, reason in answer["broken"]:
            decoded[position] = reason
        for position in answer["later"]:
            decoded[position] = self._by_itself(files[position])
        return decoded

    def _by_itself(self, file: str) -> DecodedFile:
        """Decode a picture that is large, or that a process may have died of: one at a time, and twice if need be."""
        status = 0
        for _ in range(2):
            with self._alone:
                answer, pixels = self._ask([file], alone=True)
            if "fault" in answer:
                _, reason, number = answer["fault"]
                if number in NOT_THE_FILE:
                    raise UserError(f"{visible(file)} {reason}")
                return str(reason)
            if "died" not in answer:
                return str(answer["broken"][0][1]) if answer["broken"] else pixels[0]
            status = answer["died"]
            if took_too_long(status):
                return f"takes more than {MOST_SECONDS:.0f} seconds of computing to decode"
        return f"cannot be read: the process that decodes it {how_it_died(status)}, twice"

    def _ask(self, files: Sequence[str], alone: bool) -> tuple[dict[str, Any], NDArray[np.uint8]]:
        """Give the answer to an order, and the rows that were written: uint8 `[n, H, W, C]`."""
        decoder = self._take()
        order = {
            "images": str(decoder.scratch),
            "offset": 0,
            "rows": list(range(len(files))),
            "files": list(files),
            "alone": alone,
            "target": [*self._shape, self._target.fit, self._target.pixel_range],
            "single": True,
        }
        if decoder.process is None:
            answer: dict[str, Any] | None = carry_out(order)
        else:
            answer = decoder.process.ask(order)
        if self._ended:
            raise _EndedError
        if answer is None:
            assert decoder.process is not None
            answer = {"died": decoder.process.finish()}
            return answer, np.empty((0, *self._shape), np.uint8)
        if "error" in answer:
            raise OSError(*answer["error"][:2], str(decoder.scratch))
        rows = np.fromfile(decoder.scratch, np.uint8, len(files) * math.prod(self._shape))
        rows = np.resize(rows, (len(files), *self._shape))  # the last images of a batch may have no pixels
        self._idle.put(decoder)
        return answer, rows

    def _take(self) -> _Decoder:
        with contextlib.suppress(queue.Empty):
            return self._idle.get_nowait()
        with self._lock:
            if self._ended:
                raise _EndedError
            scratch = Path(self._folder.name, f"{next(self._numbers)}")
            scratch.touch()
            process = DecodingProcess() if sys.executable else None  # inside another program there is none to start
            if process is not None:
                self._running.append(process)
            return _Decoder(process, scratch)
