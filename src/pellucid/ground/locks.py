"""Waiting for a lock between processes, with a notice; the locks are those of `filelock`.

The operating system frees such a lock when its holder dies, however it dies. The lock file itself stays.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

__all__ = ["locked", "try_locked"]

SECONDS_UNTIL_NOTICE = 2.0


@contextlib.contextmanager
def try_locked(path: Path) -> Iterator[bool]:
    """Hold the lock file at `path` for the body if it is free; give whether it was."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


@contextlib.contextmanager
def locked(path: Path, waiting_for: str) -> Iterator[None]:
    """Hold the lock file at `path` for the body, waiting for whoever has it; say so when that takes a while.

    Args:
        path: the lock file; made if need be, in a folder that exists.
        waiting_for: what its holder does, such as `decoding pets`.
    """
    lock = FileLock(path)
    try:
        lock.acquire(timeout=SECONDS_UNTIL_NOTICE)
    except Timeout:
        print(f"Waiting for another process that is {waiting_for} ...", file=sys.stderr, flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
