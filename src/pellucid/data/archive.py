"""Unpacking a .zip or .tar of images safely: nothing outside the target, no links, no devices, sizes bounded."""

from __future__ import annotations

import errno
import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from pellucid.data.folder import IMAGE_ENDINGS, is_hidden
from pellucid.ground.errors import UserError
from pellucid.ground.progress import progress

__all__ = ["ArchiveLimits", "is_archive", "unpack"]

PIECE = 1 << 20
DAMAGE = (zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError, zlib.error, EOFError, OSError)
"""What the readers raise for a damaged archive; bz2 has only OSError for it."""

BAD_NAMES = (errno.ENAMETOOLONG, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.EILSEQ, errno.EINVAL)


@dataclass(frozen=True)
class ArchiveLimits:
    """How much an archive may hold before it is refused."""

    unpacked_bytes: int = 20 << 30
    files: int = 5_000_000
    expansion: int = 1_000
    """Unpacked bytes per byte of the archive, once `expansion_from` bytes are exceeded; pictures hardly shrink at all,
    and deflate's own limit is about 1,030."""

    expansion_from: int = 64 << 20

    @classmethod
    def from_environment(cls) -> ArchiveLimits:
        """Take the bound on the unpacked size from PELLUCID_MAX_ARCHIVE_GB where it is set."""
        text = os.environ.get("PELLUCID_MAX_ARCHIVE_GB")
        if not text:
            return cls()
        try:
            return cls(unpacked_bytes=_positive(float(text)))
        except ValueError:
            raise UserError(
                f"PELLUCID_MAX_ARCHIVE_GB is {text!r}; expected a number of gigabytes above 0, such as 50"
            ) from None


def _positive(gigabytes: float) -> int:
    if not 0 < gigabytes < 1e9:
        raise ValueError(gigabytes)
    return int(gigabytes * 1e9)


def is_archive(path: Path) -> bool:
    """Tell by its content whether a file is a .zip or a .tar, packed or not."""
    return zipfile.is_zipfile(path) or tarfile.is_tarfile(path)


def unpack(path: Path, target: Path, limits: ArchiveLimits | None = None) -> None:
    """Unpack the images of an archive into the folder `target`; other files are passed over.

    Raises:
        UserError: the archive is damaged or encrypted; a member is a link or a device, or its path is absolute or
            leads out of the target; it holds more than the limits allow.
        OSError: the target cannot be written.
    """
    bounds = limits or ArchiveLimits.from_environment()
    allowed = bounds.unpacked_bytes
    reason = f"more than the {allowed / 1e9:,.3g} GB allowed; if it is to be trusted, set PELLUCID_MAX_ARCHIVE_GB"
    if path.stat().st_size * bounds.expansion < allowed and bounds.expansion_from < allowed:
        allowed = max(path.stat().st_size * bounds.expansion, bounds.expansion_from)
        reason = f"more than {bounds.expansion:,} times its own size, as no archive of pictures does"
    seen = total = 0
    with progress(f"unpacking {path.name}", 0, "images") as advance:
        for name, size, stream in _members(path):
            seen += 1
            if seen > bounds.files:
                raise UserError(f"{path} holds more than {bounds.files:,} files; expected fewer")
            destination = target / _safe_path(path, name)
            if stream is None or not _wanted(destination.relative_to(target)):
                continue
            total += size  # both readers stop at the size that a member claims
            if total > allowed:
                raise UserError(f"{path} unpacks to {reason}")
            with _create(path, name, destination) as out:
                while piece := _read(path, name, stream):
                    out.write(piece)
            advance(1)


def _create(path: Path, name: str, destination: Path) -> IO[bytes]:
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        return open(destination, "wb")
    except OSError as error:
        if error.errno in BAD_NAMES:
            raise UserError(f"{path} has the member {name[:200]!r}, which cannot be a file here: {error}") from error
        raise


def _wanted(relative: Path) -> bool:
    hidden = any(is_hidden(part) for part in relative.parts)
    return not hidden and relative.suffix.lower() in IMAGE_ENDINGS


def _safe_path(archive: Path, name: str) -> Path:
    spelled = name.replace("\\", "/")  # some Windows tools write it so
    parts = PurePosixPath(spelled).parts
    drive = len(spelled) > 1 and spelled[1] == ":"
    if spelled.startswith("/") or drive or ".." in parts or "\0" in spelled:
        raise UserError(f"{archive} has the member {name!r}, whose path leads out of the folder; it is not unpacked")
    return Path(*parts)


def _members(path: Path) -> Iterator[tuple[str, int, IO[bytes] | None]]:
    """Give each member's name, the size that it claims, and its stream (none for a folder)."""
    try:
        if zipfile.is_zipfile(path):
            yield from _zip_members(path)
        else:
            yield from _tar_members(path)
    except DAMAGE as error:
        raise _damaged(path, error) from error


def _zip_members(path: Path) -> Iterator[tuple[str, int, IO[bytes] | None]]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            kind = member.external_attr >> 28  # the Unix type of file, 0 where the archive has none
            if kind not in (0, 0o4, 0o10):
                raise _special(path, member.filename)
            if member.is_dir():
                yield member.filename, 0, None
                continue
            if member.flag_bits & 1:
                raise UserError(f"{path} is encrypted; unpack it yourself and give the folder")
            try:
                stream = archive.open(member)
            except NotImplementedError as error:
                raise UserError(f"{path}: {member.filename!r} cannot be unpacked ({error}); pack it again") from error
            with stream:
                yield member.filename, member.file_size, stream


def _tar_members(path: Path) -> Iterator[tuple[str, int, IO[bytes] | None]]:
    with tarfile.open(path) as archive:
        for member in archive:
            if member.isdir():
                yield member.name, 0, None
            elif member.isreg():
                yield member.name, member.size, archive.extractfile(member)
            else:
                raise _special(path, member.name)


def _read(path: Path, name: str, stream: IO[bytes]) -> bytes:
    try:
        return stream.read(PIECE)
    except DAMAGE as error:
        raise _damaged(path, error, name) from error


def _special(path: Path, name: str) -> UserError:
    return UserError(f"{path} has the member {name!r}, which is a link or a device; expected files and folders only")


def _damaged(path: Path, error: Exception, name: str | None = None) -> UserError:
    member = f" at {name!r}" if name else ""
    return UserError(f"{path} is damaged or cut short{member} ({error}); fetch or pack it again")
