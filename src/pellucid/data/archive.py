"""Unpacking a .zip or .tar of images safely: nothing outside the target, no links, no devices, sizes bounded."""

from __future__ import annotations

import errno
import lzma
import os
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Self

from pellucid.data.file_kinds import ending_of, is_hidden, readable_endings
from pellucid.data.member_names import COPY_MARK, DiskNames
from pellucid.data.passed_over import PassingOver
from pellucid.data.table import is_table
from pellucid.data.whole_folder import room_for
from pellucid.ground.errors import UserError
from pellucid.ground.progress import progress

__all__ = ["ArchiveLimits", "is_archive", "unpack"]

PIECE = 1 << 20
HEAD_BYTES = 16
ROOM_ASKED_FOR = 16 << 20
"""Before a member larger than this is written, the disk is asked whether it has room."""

DAMAGE = (
    zipfile.BadZipFile,
    tarfile.TarError,
    lzma.LZMAError,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,
    ValueError,
    LookupError,
    OverflowError,
)
"""What the readers raise for a damaged archive; bz2 has only OSError for it."""

LONGEST_HEADER = 1 << 20
"""Bytes of what a tar may say about one member; no file system has a longer path."""

HEADERS = (
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
)

BAD_NAMES = (errno.ENAMETOOLONG, errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.EILSEQ, errno.EINVAL)

LONGEST_ZIP_END = 22 + 0xFFFF
"""The end of a .zip with the longest comment, in bytes."""


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


class _BoundedMember(tarfile.TarInfo):
    """A member whose name is not read where it would fill the memory."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        """Read a member's header, before what belongs to it is read."""
        member = super().frombuf(buf, encoding, errors)
        if member.type in HEADERS and member.size > LONGEST_HEADER:
            raise _TooLongError(f"a member's name or attributes take {member.size:,} bytes")
        return member


class _TooLongError(Exception):
    """A header that no honest archive has."""


def is_archive(path: Path) -> bool:
    """Tell by its content whether a file is a .zip or a .tar, packed or not."""
    if zipfile.is_zipfile(path):
        return True
    try:
        tarfile.open(path, tarinfo=_BoundedMember).close()
    except _TooLongError:
        return True  # which unpacking will refuse
    except DAMAGE:
        return False
    return True


def unpack(path: Path, target: Path, limits: ArchiveLimits | None = None, passing: PassingOver | None = None) -> None:
    """Unpack the images of an archive into the folder `target`; other files are passed over.

    Members lie in `target` under names that every disk takes (see `member_names`).

    Args:
        path: the archive.
        target: an empty folder.
        limits: how much is unpacked at most.
        passing: collects what is passed over.

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
    names, passed = DiskNames(path), passing or PassingOver()
    seen = total = 0
    target.mkdir(parents=True, exist_ok=True)
    with room_for(target, 0), progress(f"unpacking {path.name}", 0, "images") as advance:
        for name, size, stream in _members(path):
            seen += 1
            if seen > bounds.files:
                raise UserError(f"{path} holds more than {bounds.files:,} files; expected fewer")
            place, shown = names.path_of(name, is_folder=stream is None)
            if stream is None or not _wanted(path, shown, stream, passed):
                continue
            total += size  # both readers stop at the size that a member claims
            if total > allowed:
                raise UserError(f"{path} unpacks to {reason}")
            if size > ROOM_ASKED_FOR:
                with room_for(target, size):
                    pass
            destination = target / place
            if COPY_MARK in place.name:
                passed.note(shown, "differs from another member only in capital letters or Unicode form; both are kept")
            with _create(path, name, shown, destination, passed) as out:
                while piece := _read(path, name, stream):
                    out.write(piece)
            advance(1)


def _create(path: Path, name: str, shown: str, destination: Path, passed: PassingOver) -> IO[bytes]:
    try:
        destination.parent.mkdir(parents=True, exist_ok=True)
        if destination.is_file():
            passed.note(shown, "in the archive more than once; the last one counts")
        return open(destination, "wb")
    except OSError as error:
        if error.errno in BAD_NAMES:
            raise UserError(
                f"{path} has the member {name[:200]!r}, which cannot be a file here: {error.strerror}"
            ) from error
        raise


def _wanted(path: Path, shown: str, stream: IO[bytes], passed: PassingOver) -> bool:
    """Tell a picture by its name; note another file."""
    parts = shown.split("/")
    for depth, part in enumerate(parts):
        if is_hidden(part):
            passed.hidden("/".join(parts[: depth + 1]))
            return False
    if ending_of(shown) in readable_endings():
        return True
    passed.file(shown, lambda: _read(path, shown, stream, HEAD_BYTES))
    return is_table(shown)  # it may say what the images are; until then it counts as another file


def _members(path: Path) -> Iterator[tuple[str, int, IO[bytes] | None]]:
    """Give each member's name, the size that it claims, and its stream (none for a folder)."""
    try:
        if zipfile.is_zipfile(path):
            yield from _zip_members(path)
        else:
            yield from _tar_members(path)
    except UserError:
        raise
    except NotImplementedError as error:
        raise UserError(f"{path} cannot be unpacked here ({error}); unpack it yourself and give the folder") from error
    except _TooLongError as error:
        raise UserError(f"{path} is refused: {error}, more than {LONGEST_HEADER:,}; pack it again") from error
    except DAMAGE as error:
        raise _damaged(path, error) from error


def _zip_members(path: Path) -> Iterator[tuple[str, int, IO[bytes] | None]]:
    with zipfile.ZipFile(path) as archive:
        _check_count(path, len(archive.infolist()))
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
                raise UserError(
                    f"{path}: {member.filename[:200]!r} cannot be unpacked ({error}); pack it again"
                ) from error
            with stream:
                yield member.filename, member.file_size, stream


def _check_count(path: Path, members: int) -> None:
    """Refuse a .zip whose list has another length than its end says: Python reads what there is.

    Raises:
        zipfile.BadZipFile: it has.
    """
    with open(path, "rb") as file:
        file.seek(max(0, path.stat().st_size - LONGEST_ZIP_END))
        tail = file.read()
    at = tail.rfind(b"PK\5\6")
    if 0 <= at <= len(tail) - 12:
        (stated,) = struct.unpack_from("<H", tail, at + 10)
        if stated != 0xFFFF and (members - stated) % 0x10000:  # all ones: there are more than fit
            raise zipfile.BadZipFile(f"{members:,} members are listed and {stated:,} stated")


def _tar_members(path: Path) -> Iterator[tuple[str, int, IO[bytes] | None]]:
    with tarfile.open(path, tarinfo=_BoundedMember) as archive:
        while (member := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # they are kept otherwise, a kilobyte each
            if member.issparse():
                raise UserError(f"{path} has the sparse member {member.name[:200]!r}; pack it again without --sparse")
            if member.isdir():
                yield member.name, 0, None
            elif member.isreg():
                yield member.name, member.size, archive.extractfile(member)
            else:
                raise _special(path, member.name)
        # Python takes a header that it cannot read for the end, and what lies behind it would be lost without a word.
        assert archive.fileobj is not None
        archive.fileobj.seek(archive.offset)
        block = archive.fileobj.read(tarfile.BLOCKSIZE)
        if not block:
            raise tarfile.ReadError("it has no end")
        while block:
            if any(block):
                raise tarfile.ReadError("a header cannot be read, or something follows the end")
            block = archive.fileobj.read(PIECE)


def _read(path: Path, name: str, stream: IO[bytes], most: int = PIECE) -> bytes:
    try:
        return stream.read(most)
    except DAMAGE as error:
        raise _damaged(path, error, name) from error


def _special(path: Path, name: str) -> UserError:
    return UserError(
        f"{path} has the member {name[:200]!r}, which is a link or a device; expected files and folders only"
    )


def _damaged(path: Path, error: Exception, name: str | None = None) -> UserError:
    member = f" at {name[:200]!r}" if name else ""
    return UserError(f"{path} is damaged or cut short{member} ({error}); fetch or pack it again")
