"""A process that decodes pictures, started by `workers`.

It reads one line of JSON an order from standard input and answers each with one on standard output:

    {"images": path of the .npy, "offset": of its first row, "rows": [...], "files": [...], "alone": no other runs now,
     "target": [H, W, C, fit, range or null], "single": a deep picture has a range of its own where that is null}
    {"broken": [[position in "files", reason], ...], "other_size": some image had another size,
     "later": [position, ...],                         to be read alone, for they take much memory
     "deep": [[position, low, high, whole], ...],      pictures of more than 8 bits, unread where the range is null
     "beyond": [[position, pixels, of pixels], ...]}   those with values beyond the range
    {"fault": [position, text, errno or null]}     the machine, not the picture, is at fault
    {"error": [errno, text]}        the rows could not be written

It ends when its standard input does, and where the process that started it dies, at once or after the picture under
way. A picture that takes too long ends it.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data.arrays import RowWriter
from pellucid.data.decode import BrokenImage, PixelFormat, decode_bytes, decode_single
from pellucid.data.read_bytes import MachineFault, NoPicture, file_bytes
from pellucid.ground.errors import UserError

__all__ = ["MOST_SECONDS", "carry_out", "how_it_died", "main", "took_too_long"]

MOST_SECONDS = 60.0
"""Of computing, for one picture; the largest that are read take a few."""

DIES_WITH_PARENT = 1
"""PR_SET_PDEATHSIG of Linux's `prctl`."""

SLOW = 86
"""The status with which a process ends where no signal does it."""


def carry_out(
    order: dict[str, Any], limited: Callable[[], AbstractContextManager[None]] = contextlib.nullcontext
) -> dict[str, Any]:
    """Decode the files of one order into their rows; what cannot be read leaves its row as it is.

    Args:
        order: see above.
        limited: bounds the time that its body takes.
    """
    height, width, channels, fit, limits = order["target"]
    target = PixelFormat(height, width, channels, fit, limits and tuple(limits))
    broken: list[list[Any]] = []
    later: list[int] = []
    deep: list[list[Any]] = []
    beyond: list[list[int]] = []
    other_size = False
    decoded: list[tuple[int, NDArray[np.uint8]]] = []
    for position, (row, file) in enumerate(zip(order["rows"], order["files"], strict=True)):
        try:
            content = file_bytes(file)
            with limited():
                done = (
                    decode_single(content, target, large_too=order["alone"])
                    if order.get("single")
                    else decode_bytes(content, target, measure=limits is None, large_too=order["alone"])
                )
        except (BrokenImage, NoPicture, UserError) as error:  # the last of a single one whose range is not known
            broken.append([position, str(error)])
            continue
        except MachineFault as error:
            if not order["alone"]:  # there may be enough memory when the others are done
                later.append(position)
                continue
            return {"fault": [position, str(error), getattr(error.__cause__, "errno", None)]}
        if done.large and done.pixels is None:
            later.append(position)
        if done.deep is not None and not order.get("single"):
            deep.append([position, done.deep.low, done.deep.high, done.deep.whole])
        if done.beyond[0]:
            beyond.append([position, *done.beyond])
        if done.pixels is not None:
            decoded.append((row, done.pixels))
            other_size |= done.other_size
    _write(order, decoded, (target.height, target.width, target.channels))
    return {"broken": broken, "other_size": other_size, "later": later, "deep": deep, "beyond": beyond}


def took_too_long(status: int) -> bool:
    """Whether a process's status says that a picture took more than `MOST_SECONDS`."""
    return status == (-signal.SIGPROF if hasattr(signal, "SIGPROF") else SLOW)


def how_it_died(status: int) -> str:
    """Say how a process ended."""
    if status >= 0:
        return f"ended by itself (status {status})"
    try:
        name = signal.Signals(-status).name
    except ValueError:
        name = f"signal {-status}"
    if name == "SIGKILL":
        return "was killed (probably out of memory)"
    return f"was killed ({name}: a fault in the decoder, or out of memory)"


def main(parent: int | None = None) -> None:
    """Carry out orders until there are no more, or until the process numbered `parent` is gone."""
    _end_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the starting process decides
    if hasattr(signal, "SIGPROF"):
        signal.signal(signal.SIGPROF, signal.SIG_DFL)
    answers = sys.stdout
    sys.stdout = sys.stderr  # nothing that a library prints may mix with the answers
    for line in sys.stdin:
        try:
            answer = carry_out(json.loads(line), lambda: _limited(parent))
        except OSError as error:
            answer = {"error": [error.errno, str(error)]}
        try:
            print(json.dumps(answer), file=answers, flush=True)
        except BrokenPipeError:
            return


def _write(order: dict[str, Any], decoded: list[tuple[int, NDArray[np.uint8]]], shape: tuple[int, int, int]) -> None:
    """Write rows that follow each other in one go."""
    if not decoded:
        return
    writer = RowWriter(Path(order["images"]), int(np.prod(shape)), order["offset"])
    try:
        start = 0
        for end in range(1, len(decoded) + 1):
            if end == len(decoded) or decoded[end][0] != decoded[end - 1][0] + 1:
                writer.write(decoded[start][0], np.stack([pixels for _, pixels in decoded[start:end]]))
                start = end
    finally:
        writer.close()


def _end_with(parent: int | None) -> None:
    """Ask Linux to kill this process when its parent dies: a decoder written in C hears nothing else."""
    if parent is None or not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None).prctl(DIES_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
    _end_if_orphaned(parent)  # it may have died before that


def _end_if_orphaned(parent: int | None) -> None:
    # Elsewhere the interpreter of a virtual environment has a process between them.
    if parent is not None and os.name == "posix" and os.getppid() != parent:
        os._exit(0)


@contextlib.contextmanager
def _limited(parent: int | None) -> Iterator[None]:
    """End the process when the body computes for too long, or its parent is gone already.

    Computing is counted, not waiting, so that a busy or a sleeping machine changes nothing.
    """
    _end_if_orphaned(parent)
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        return
    timer = threading.Timer(MOST_SECONDS, os._exit, [SLOW])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
