"""A lock between processes that the operating system frees when its holder dies, however it dies."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

__all__ = ["locked", "try_locked"]

SECONDS_BETWEEN_TRIES = 0.05
SECONDS_UNTIL_NOTICE = 2.0

if sys.platform == "win32":
    import msvcrt

    def _take(descriptor: int) -> None:
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextlib.contextmanager
def try_locked(path: Path) -> Iterator[bool]:
    """Hold the lock file at `path` for the body if it is free; give whether it was. The file is removed afterwards."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        held = _holds(descriptor, path)
        try:
            yield held
        finally:
            if held:
                # still held here: whoever opened this file in the meantime finds it gone from its name, and tries anew
                with contextlib.suppress(OSError):
                    path.unlink()
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def locked(path: Path, waiting_for: str) -> Iterator[None]:
    """Hold the lock file at `path` for the body, waiting for whoever has it; say so when that takes a while."""
    started, told = time.monotonic(), False
    while True:
        with try_locked(path) as held:
            if held:
                yield
                return
        if not told and time.monotonic() - started > SECONDS_UNTIL_NOTICE:
            print(f"Waiting for another process that is {waiting_for} ...", file=sys.stderr, flush=True)
            told = True
        time.sleep(SECONDS_BETWEEN_TRIES)


def _holds(descriptor: int, path: Path) -> bool:
    try:
        _take(descriptor)
    except OSError:
        return False
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:  # the former holder removed the file between our opening and our locking it
        return False
