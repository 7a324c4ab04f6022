"""Folders in the cache that are complete or absent, whoever is killed while making them.

`<name>` is made as `.<name>.partial` beside it, under the lock `.locks/<name>.lock`, and renamed when complete. The
system frees the lock when its holder dies, so a partial folder whose lock is free is rubbish and is cleared away.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from pellucid.ground.errors import FULL, UserError
from pellucid.ground.files import fsync_directory
from pellucid.ground.locks import locked, try_locked

__all__ = ["cache_error", "room_for", "whole_folder"]

LOCKS = ".locks"
"""Beside the folders: where their lock files are, empty and never removed, since removing one could let two in."""

REMEDY = "point PELLUCID_CACHE at another folder that can be written to"


def whole_folder(
    shelf: Path,
    name: str,
    waiting_for: str,
    is_whole: Callable[[Path], bool],
    make: Callable[[Path], None],
) -> Path:
    """Return `shelf / name`, made first where it is absent or `is_whole` says it is damaged.

    Of several processes that ask at once, one makes it and the others wait. Whatever `make` raises, Ctrl-C included,
    nothing is left.

    Args:
        shelf: the folder that holds it; made if need be.
        name: its name.
        waiting_for: what the maker does, such as `decoding pets`, told to whoever waits.
        is_whole: whether a folder is complete.
        make: fills the empty folder that it is given.

    Raises:
        OSError: the folder cannot be written.
        Exception: whatever `make` raises.
    """
    final = shelf / name
    shelf.mkdir(parents=True, exist_ok=True)
    (shelf / LOCKS).mkdir(exist_ok=True)
    _clear_leftovers(shelf)
    with locked(_lock_file(shelf, name), waiting_for):
        if is_whole(final):
            return final
        partial = shelf / f".{name}.partial"
        for stale in (partial, final):
            shutil.rmtree(stale, ignore_errors=True)
        partial.mkdir()
        try:
            make(partial)
            fsync_directory(partial)
            os.rename(partial, final)
        except BaseException:
            shutil.rmtree(partial, ignore_errors=True)
            raise
        fsync_directory(shelf)
    return final


def _clear_leftovers(shelf: Path) -> None:
    """Remove partial folders whose makers are dead."""
    for partial in shelf.glob(".*.partial"):
        with try_locked(_lock_file(shelf, partial.name[1 : -len(".partial")])) as free:
            if free:
                shutil.rmtree(partial, ignore_errors=True)


def _lock_file(shelf: Path, name: str) -> Path:
    return shelf / LOCKS / f"{name}.lock"


@contextlib.contextmanager
def room_for(folder: Path, needed: int) -> Iterator[None]:
    """Say in a UserError how many bytes are needed when the disk of `folder` lacks them, now or during the body."""
    if shutil.disk_usage(folder).free < needed:
        raise _full(folder.parent, needed)
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise _full(folder.parent, needed) from error
        raise


def cache_error(shelf: Path, error: OSError) -> UserError:
    """Put an error of the system into words that say what to do."""
    if error.errno in FULL:
        return _full(shelf, None)
    return UserError(f"the cache {shelf} cannot be used: {error}; {REMEDY}")


def _full(shelf: Path, needed: int | None) -> UserError:
    free = f"{shutil.disk_usage(shelf).free / 1e6:,.1f} MB are free"
    lack = f"{needed / 1e6:,.1f} MB are needed and {free}" if needed is not None else free
    return UserError(f"the disk of the cache {shelf} is full: {lack}; nothing was kept; free some, or {REMEDY}")
