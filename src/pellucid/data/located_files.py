"""The files of a named set on this machine, read whole: plain, packed by gzip, or members of one archive."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pellucid.ground.errors import UserError

__all__ = ["LocatedFiles"]

LARGEST_FILE = 1 << 30
"""No file of a named set is near this size unpacked; a larger one is a fault or an attack."""

DAMAGE = (tarfile.TarError, EOFError, OSError, zlib.error)


class Readable(Protocol):
    """What can be read a number of bytes at a time."""

    def read(self, size: int, /) -> bytes:
        """Read up to `size` bytes."""
        ...


@dataclass(frozen=True)
class LocatedFiles:
    """Where the files of one named set are on this machine."""

    origin: str
    """The folder or archive, or the address it was downloaded from."""

    paths: dict[str, Path]
    """Plain or gzip-packed files by their published name; empty where an archive holds them all."""

    archive: Path | None = None

    @property
    def files(self) -> list[Path]:
        """Every file that would be read."""
        return [self.archive] if self.archive else list(self.paths.values())

    @property
    def place(self) -> Path:
        """The archive, or the folder that holds the files."""
        return self.archive or next(iter(self.paths.values())).parent

    def where(self, name: str) -> str:
        """Name a file for messages."""
        return f"{name} in {self.archive}" if self.archive else str(self.paths[name])

    def read(self, names: Iterable[str], optional: Iterable[str] = ()) -> Iterator[tuple[str, bytes]]:
        """Give each file's name and unpacked content, in the order in which they are stored.

        Args:
            names: published names of files.
            optional: more of them, passed over where they are not there.

        Raises:
            UserError: a file is damaged, or an archive lacks one that is not optional.
        """
        names, optional = tuple(names), tuple(optional)
        if self.archive is None:
            for name in (*names, *optional):
                if name in self.paths:
                    yield name, _read_file(self.paths[name])
            return
        missing = set(names)
        try:
            with tarfile.open(self.archive) as archive:
                for member in archive:
                    name = member.name.rsplit("/", 1)[-1]
                    if member.isreg() and name in (*names, *optional):
                        stream = archive.extractfile(member)
                        assert stream is not None
                        missing.discard(name)
                        yield name, _bounded(stream, self.where(name))
        except DAMAGE as error:
            raise UserError(f"{self.archive} is damaged or cut short ({error}); fetch it again") from error
        if missing:
            raise UserError(f"{self.archive} lacks {', '.join(sorted(missing))}; fetch it again")

    def read_in_order(self, names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
        """Give each file's name and unpacked content, in the order of `names`.

        Raises:
            UserError: as `read`.
        """
        names = tuple(names)
        contents = self.read(names)
        waiting: dict[str, bytes] = {}  # an archive has its files in an order of its own
        for name in names:
            while name not in waiting:
                stored, content = next(contents)
                waiting[stored] = content
            yield name, waiting.pop(name)


def _read_file(path: Path) -> bytes:
    try:
        with open(path, "rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if packed:
                with gzip.open(raw) as stream:
                    return _bounded(stream, str(path))
            return _bounded(raw, str(path))
    except DAMAGE as error:
        raise UserError(f"{path} cannot be read, it is damaged or cut short ({error}); fetch it again") from error


def _bounded(stream: Readable, where: str) -> bytes:
    content = stream.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise UserError(f"{where} unpacks to more than {LARGEST_FILE >> 20:,} MiB; no file of a named set does")
    return content
