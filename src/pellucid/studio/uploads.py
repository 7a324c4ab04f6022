"""Images that are dropped into the page to train on: a folder file by file, or an archive, into a new folder each."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import AsyncIterator
from pathlib import Path, PurePosixPath

from pellucid.ground.errors import UserError, system_error
from pellucid.ground.outside import visible

__all__ = ["Uploads"]

FOLDER = "uploads"
MOST_BYTES = 4_000_000_000
"""Of one folder or archive."""
MOST_FILES = 200_000
DEEPEST = 8
LONGEST_PART = 200


class Uploads:
    """Takes in what is dropped; nothing is overwritten, and nothing is written outside the folder made for it."""

    def __init__(self, folder: Path, *, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder / FOLDER
        self._most = most_bytes
        self._taken: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def begin(self, name: str) -> str:
        """Make a new folder for what is dropped, called like it; give the folder's name.

        Raises:
            UserError: it cannot be made.
        """
        stem = re.sub(r"[^\w.-]+", "-", visible(name)).strip("-.")[:60] or "images"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            for number in range(1, 10_000):
                made = f"{stem}-{number}" if number > 1 else stem
                try:
                    (self._folder / made).mkdir()
                except FileExistsError:
                    continue
                with self._lock:
                    self._taken[made] = (0, 0)
                return made
        except OSError as error:
            raise UserError(f"the images cannot be taken in: {system_error(error)}") from error
        raise UserError(f"{self._folder} holds too many folders called {stem}")

    def place(self, name: str) -> Path:
        """Give the folder that was made for what is dropped.

        Raises:
            UserError: this studio made none of that name.
        """
        if name not in self._taken:
            raise UserError(f"nothing called {name!r} is being taken in; drop it again")
        return self._folder / name

    async def add(self, name: str, path: str, parts: AsyncIterator[bytes]) -> int:
        """Take in one file; give its bytes.

        Args:
            name: of the folder that `begin` made.
            path: of the file in it, with slashes.
            parts: what it holds.

        Raises:
            UserError: there is a file of that name, or too much; or the disk is full.
        """
        target = self.place(name) / _inner(path)
        size = 0
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
            with os.fdopen(os.open(target, flags, 0o666), "wb") as file:
                async for part in parts:
                    size += len(part)
                    self._count(name, len(part))
                    file.write(part)
        except FileExistsError as error:
            raise UserError(f"there is a {path!r} already; nothing is overwritten") from error
        except BaseException as error:  # also a page that is closed on the way: half a file is none
            target.unlink(missing_ok=True)
            with self._lock:
                files, total = self._taken[name]
                self._taken[name] = (files, total - size)
            if isinstance(error, OSError):
                raise UserError(system_error(error)) from error
            raise
        with self._lock:
            files, total = self._taken[name]
            self._taken[name] = (files + 1, total)
        return size

    def _count(self, name: str, size: int) -> None:
        with self._lock:
            files, total = self._taken[name]
            self._taken[name] = (files, total + size)
        if total + size > self._most:
            raise UserError(f"this is more than {self._most:,} bytes; give the folder's path instead of dropping it")
        if files >= MOST_FILES:
            raise UserError(f"these are more than {MOST_FILES:,} files; give the folder's path instead of dropping it")


def _inner(path: str) -> PurePosixPath:
    """Read a path inside a folder; each of its parts is a plain name."""
    parts = path.split("/")
    if len(parts) > DEEPEST or not all(map(_is_plain, parts)):
        raise UserError(
            f"the file is called {visible(path)[:200]!r}; expected a path inside the folder, without hidden parts"
        )
    return PurePosixPath(*parts)


def _is_plain(part: str) -> bool:
    fits = 0 < len(part.encode("utf-8", "replace")) <= LONGEST_PART
    return fits and not part.startswith(".") and part == visible(part) and not set(part) & {"\\", ":"}
