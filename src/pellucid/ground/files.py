"""Files that are either complete or absent: written beside their name, flushed to the disk, then renamed.

And files read with care: a link, a folder or a pipe in a file's place is refused, whatever it leads to.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import re
import stat
import tempfile
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pellucid.ground.errors import UserError, system_error

__all__ = ["PARTIAL", "fsync_directory", "read_whole", "replacing", "write_bytes", "write_json"]

PARTIAL = ".partial"
"""How the temporary names end; what a killed process left under such a name is rubbish."""

SECONDS_TO_RETRY = 2.0
"""A virus scanner holds a new file for a moment on Windows; a spreadsheet holds it for as long as it shows it."""

NOT_SUPPORTED = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF)
"""What file systems answer that cannot do what is asked: network disks, above all."""


def fsync_directory(directory: Path) -> None:
    """Flush a directory's entries, so that a rename in it survives a power cut; some network disks cannot."""
    if os.name == "nt":  # Windows cannot open a directory; its renames are journalled
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in NOT_SUPPORTED:
            raise
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path in the same folder; on leaving, flush it and rename it to `path`.

    On any exception the temporary file is removed and `path` stays as it was; an error of the system names `path`.

    Raises:
        UserError: another program holds `path` and does not let go of it.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _clear_leftovers(path.parent)
        prefix = f".{path.name[:200]}.{_machine()}-{os.getpid()}."
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=prefix, suffix=PARTIAL)
        os.close(descriptor)
        temporary = Path(name)
        yield temporary
        with open(temporary, "rb+") as file:
            os.fsync(file.fileno())
        _give_ordinary_permissions(temporary)
        _replace(temporary, path)
    except BaseException as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno and error.filename in (None, str(temporary)):
            raise type(error)(error.errno, error.strerror, str(path)) from error
        raise
    fsync_directory(path.parent)


def _machine() -> str:
    return f"{zlib.crc32(platform.node().encode()):08x}"


def _clear_leftovers(folder: Path) -> None:
    """Remove what processes of this machine that are dead by now left half-written in a folder."""
    if os.name == "nt":  # to ask whether a process lives would end it
        return
    writer = re.compile(rf"\..*\.{_machine()}-(\d+)\.\w+{re.escape(PARTIAL)}")
    for name in os.listdir(folder):
        match = writer.fullmatch(name)
        if match is None:
            continue
        try:
            os.kill(int(match[1]), 0)
        except ProcessLookupError:
            with contextlib.suppress(OSError):
                (folder / name).unlink()
        except (OSError, OverflowError):  # it lives, and is somebody else's
            continue


def _give_ordinary_permissions(path: Path) -> None:
    """Give the permissions that an ordinary file has, since `mkstemp` makes private ones; some disks have none."""
    mask = os.umask(0)
    os.umask(mask)
    try:
        os.chmod(path, 0o666 & ~mask)
    except OSError as error:
        if error.errno not in (errno.EPERM, *NOT_SUPPORTED):
            raise


def _replace(source: Path, target: Path) -> None:
    """Rename a file over another, with patience for programs that hold the other one."""
    until = time.monotonic() + SECONDS_TO_RETRY
    while True:
        try:
            os.replace(source, target)
            return
        except PermissionError as error:
            if time.monotonic() > until:
                raise UserError(
                    f"{target} cannot be replaced ({error.strerror}): another program holds it open, such as a "
                    "spreadsheet or a virus scanner; close it there and try again"
                ) from error
            time.sleep(0.05)


def write_bytes(path: Path, content: bytes) -> None:
    """Write `content` to `path`, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, document: Any) -> None:
    """Write `document` as indented JSON to `path`, whole or not at all; NaN and infinity are refused."""
    write_bytes(path, (json.dumps(document, indent=2, allow_nan=False, ensure_ascii=False) + "\n").encode())


def read_whole(path: Path, remedy: str) -> bytes:
    """Read a file that has to be a file: no link, folder, pipe or device.

    Args:
        path: the file.
        remedy: what to do where it cannot be read, the end of the message.

    Raises:
        FileNotFoundError: there is nothing of that name.
        UserError: it is something else than a file, or the system cannot read it.
    """
    # Not blocking: opening a pipe would wait for somebody to write into it.
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        if path.is_symlink():
            raise UserError(f"{path} is a link to {os.readlink(path)}; expected a file, and links are not followed")
        with open(os.open(path, flags), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UserError(f"{path} is damaged: it is not a file; {remedy}")
            return file.read()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FileNotFoundError(error.errno, error.strerror, str(path)) from error
    except OSError as error:
        kind = "a folder" if error.errno == errno.EISDIR else system_error(error)
        raise UserError(f"{path} cannot be read: {kind}; {remedy}") from error
