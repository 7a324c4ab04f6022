"""Locks between processes, with a notice for whoever waits; the locks are those of `filelock`.

The operating system frees such a lock when its holder dies, however it dies. The lock file itself stays. Where a disk
has no such locks (some network disks), a file beside it that can be made only once stands for it; it holds the
machine's name and the process, and goes when that process is gone.

Who holds a lock for its whole work (`only_one`) writes its process and machine into the lock file, so that it can be
asked to stop.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

__all__ = ["LockHeld", "hold_open", "holder_of", "is_locked", "locked", "only_one", "try_locked"]

SECONDS_UNTIL_NOTICE = 2.0
SECONDS_TO_TRY = 0.3
"""Longer than the look of another process whether the lock is held, which holds it for a moment."""

HELD = (errno.EAGAIN, errno.EWOULDBLOCK, errno.EACCES)
SOFT = ".held"
"""The ending of the file that stands for a lock on a disk without locks."""


class LockHeld(Exception):
    """Another process holds a lock."""


def _lock(path: Path) -> BaseFileLock:
    """Give the lock for a file: the system's, or a file that can be made only once where the disk has no locks."""
    problem = None if sys.platform == "win32" else _probe(path, os.O_RDWR | os.O_CREAT)
    if problem is None or problem.errno in HELD:
        return FileLock(path)
    if problem.filename is not None:  # the file cannot be made or opened: no question of locks
        raise problem
    return SoftFileLock(path.with_name(path.name + SOFT))


def _probe(path: Path, flags: int) -> OSError | None:
    """Try to lock a file for a moment; give what the system says against it."""
    import fcntl

    try:
        descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, 0o666)
    except OSError as error:
        return OSError(error.errno, error.strerror, str(path))
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error
    finally:
        os.close(descriptor)
    return None


@contextlib.contextmanager
def only_one(path: Path) -> Iterator[None]:
    """Hold the lock file at `path` for the body.

    Raises:
        LockHeld: another process has it.
        OSError: the file cannot be made.
    """
    lock = _lock(path)
    try:
        lock.acquire(timeout=SECONDS_TO_TRY)
    except Timeout:
        raise LockHeld(str(path)) from None
    try:
        _write_holder(path, f"{os.getpid()} {socket.gethostname()}\n")
        yield
    finally:
        _write_holder(path, "")
        lock.release()


def _write_holder(path: Path, text: str) -> None:
    """Write who holds a lock; on Windows nobody may write into a file that is locked."""
    flags = os.O_WRONLY | os.O_TRUNC | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    with contextlib.suppress(OSError):  # it only helps whoever wants to stop it: a full disk, a run that was removed
        descriptor = os.open(path, flags)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)


def holder_of(path: Path) -> int | None:
    """Give the process on this machine that holds a lock by `only_one`; None where none does, or it is not known.

    >>> holder_of(Path("no-such-lock")) is None
    True
    """
    try:
        with path.open("rb") as file:
            number, _, machine = file.read(300).decode().strip().partition(" ")
    except (OSError, ValueError):
        return None
    here = number.isascii() and number.isdigit() and machine == socket.gethostname()
    return int(number) if here and int(number) > 1 and is_locked(path) else None


def hold_open(file: IO[bytes]) -> None:
    """Lock an open file itself, until it is closed; on a disk without locks, and on Windows, nobody is kept out.

    Raises:
        LockHeld: another process has it.
    """
    if sys.platform == "win32":
        return
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in HELD:
            raise LockHeld(str(file.name)) from None


def is_locked(path: Path) -> bool:
    """Whether another process holds the lock file at `path`; reads only, and says no where nobody can tell."""
    marker = path.with_name(path.name + SOFT)
    if marker.is_file():
        holder = SoftFileLock(marker)
        try:
            with holder.acquire(timeout=0):
                return False
        except Timeout:
            return True
        except OSError:
            return False
    if not path.is_file() or path.is_symlink():
        return False
    if sys.platform == "win32":
        try:
            with FileLock(path, timeout=0):
                return False
        except Timeout:
            return True
        except OSError:
            return False
    problem = _probe(path, os.O_RDONLY)
    return problem is not None and problem.filename is None and problem.errno in HELD


@contextlib.contextmanager
def try_locked(path: Path) -> Iterator[bool]:
    """Hold the lock file at `path` for the body if it is free; give whether it was."""
    lock = _lock(path)
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
    lock = _lock(path)
    try:
        lock.acquire(timeout=SECONDS_UNTIL_NOTICE)
    except Timeout:
        print(f"Waiting for another process that is {waiting_for} ...", file=sys.stderr, flush=True)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
