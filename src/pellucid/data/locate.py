"""Finding a named set's files in a folder: official layouts, the archives as downloaded, loose files."""

from __future__ import annotations

import gzip
import hashlib
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pellucid.data.named import NAMED, NamedSet
from pellucid.ground.errors import UserError

__all__ = ["Found", "locate"]


class Readable(Protocol):
    """What can be read a number of bytes at a time."""

    def read(self, size: int, /) -> bytes:
        """Read up to `size` bytes."""
        ...


LARGEST_PART = 1 << 30
"""No file of a named set is near this size unpacked; a larger one is a fault or an attack."""


@dataclass(frozen=True)
class Found:
    """The files of one named set, on this machine."""

    origin: str
    """The folder or archive, or the address it was downloaded from."""

    parts: dict[str, Path]
    """Plain or gzip-packed files by their published name; empty where an archive holds them all."""

    archive: Path | None = None

    @property
    def files(self) -> list[Path]:
        """Every file that would be read."""
        return [self.archive] if self.archive else list(self.parts.values())

    def where(self, part: str) -> str:
        """Name a part for messages."""
        return f"{part} in {self.archive}" if self.archive else str(self.parts[part])

    def read(self, wanted: Iterable[str], optional: Iterable[str] = ()) -> Iterator[tuple[str, bytes]]:
        """Give each wanted part's name and unpacked content, in the order in which they are stored.

        Raises UserError when a part is damaged, or an archive lacks one that is not optional.
        """
        wanted, optional = tuple(wanted), tuple(optional)
        if self.archive is None:
            for part in (*wanted, *optional):
                if part in self.parts:
                    yield part, _read_file(self.parts[part])
            return
        missing = set(wanted)
        try:
            with tarfile.open(self.archive) as archive:
                for member in archive:
                    part = member.name.rsplit("/", 1)[-1]
                    if member.isreg() and part in (*wanted, *optional):
                        stream = archive.extractfile(member)
                        assert stream is not None
                        missing.discard(part)
                        yield part, _bounded(stream, self.where(part))
        except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
            raise UserError(f"{self.archive} is damaged or cut short ({error}); fetch it again") from error
        if missing:
            raise UserError(f"{self.archive} lacks {', '.join(sorted(missing))}; fetch it again")


def locate(named: NamedSet, folder: Path) -> Found | str:
    """Look for a named set in `folder`; return its files, or the reason why they are not there.

    Looked at, in this order: the official layout (`MNIST/raw/`, `cifar-10-batches-bin/`), a folder of the set's own
    name, `folder` itself (be it the layout's folder, or one that holds loose files), the archive as downloaded.
    """
    first_layout = named.layout.split("/")[0]
    partial = ""
    for place in (folder / named.layout, folder / first_layout, folder / named.name, folder / "raw", folder):
        if not place.is_dir() or _belongs_to_another(named, place):
            continue
        parts, missing = _parts(named, place)
        if not missing:
            return Found(str(place), parts)
        if parts and not partial:
            partial = f"{place} lacks {', '.join(missing)}"
    if named.archive is not None:
        for place in (folder, folder / named.name):
            archive = place / named.archive
            if archive.is_file():
                return Found(str(archive), {}, archive)
    if partial:
        return partial
    pickled = [name for name in _python_versions(named) if (folder / name).exists()]
    if pickled:
        return f"{folder} has {pickled[0]}, the Python version, a pickle, which is not read; {named.archive} is"
    archive_too = f" nor {named.archive}" if named.archive else ""
    return f"{folder} has neither {named.layout}/{archive_too} nor {named.train_files[0]}"


def _parts(named: NamedSet, place: Path) -> tuple[dict[str, Path], list[str]]:
    parts, missing = {}, []
    for part in named.train_files + named.test_files:
        # some unpackers write the dash before "idx" as a dot
        spellings = (part, f"{part}.gz", part.replace("-idx", ".idx"), part.replace("-idx", ".idx") + ".gz")
        found = [place / spelling for spelling in spellings if (place / spelling).is_file()]
        if found:
            parts[part] = found[0]
        else:
            missing.append(part)
    if named.names_file and (place / named.names_file).is_file():
        parts[named.names_file] = place / named.names_file
    return parts, missing


def _belongs_to_another(named: NamedSet, place: Path) -> bool:
    """Tell whether a folder holds another set, by its name or its test labels: the MNIST family shares file names."""
    name = (place.parent if place.name == "raw" else place).name.lower()
    own = {named.name, named.layout.split("/")[0].lower()}
    others = [other for other in NAMED.values() if other.name != named.name]
    if name in {alias for other in others for alias in (other.name, other.layout.split("/")[0].lower())} - own:
        return True
    labels = place / f"{named.test_files[-1]}.gz"
    if named.format != "idx" or not labels.is_file():
        return False
    md5 = hashlib.md5(labels.read_bytes(), usedforsecurity=False).hexdigest()
    return any(md5 == wanted.md5 for other in others for wanted in other.downloads)


def _python_versions(named: NamedSet) -> tuple[str, ...]:
    if named.archive is None:
        return ()
    stem = named.archive.removesuffix("-binary.tar.gz")
    return f"{stem}-python.tar.gz", f"{stem}-batches-py", f"{stem}-python"


def _read_file(path: Path) -> bytes:
    try:
        with open(path, "rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if packed:
                with gzip.open(raw) as stream:
                    return _bounded(stream, str(path))
            return _bounded(raw, str(path))
    except (EOFError, OSError, zlib.error) as error:
        raise UserError(f"{path} cannot be read, it is damaged or cut short ({error}); fetch it again") from error


def _bounded(stream: Readable, where: str) -> bytes:
    content = stream.read(LARGEST_PART + 1)
    if len(content) > LARGEST_PART:
        raise UserError(f"{where} unpacks to more than {LARGEST_PART >> 20:,} MiB; no file of a named set does")
    return content
