"""Reading a picture's file: what goes wrong here is the machine's fault, and never a fact about the picture."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import IO

from pellucid.data.memory_bound import available_memory

__all__ = ["MachineFault", "NoPicture", "file_bytes", "remedy"]

REMEDIES = {
    (errno.EACCES, errno.EPERM): "give yourself the right to read it",
    (errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENXIO, errno.ENODEV): "the disk or the network share that it lies "
    "on fails; try again when it answers",
    (errno.ENOMEM,): "close other programs, or give more memory",
    (errno.EMFILE, errno.ENFILE): "close other programs, or allow more open files (ulimit -n)",
    (errno.ENOENT, errno.ENOTDIR): "it was there when the folder was listed; try again when nothing else changes it",
}


class MachineFault(Exception):
    """Something around the picture failed; the message says what and what to do, and the picture may be good."""


class NoPicture(Exception):
    """What lies under the name can be no picture; the message is the reason."""


def remedy(number: int | None) -> str:
    """Say what to do about an error of the system.

    >>> remedy(errno.EACCES)
    'give yourself the right to read it'
    """
    return next((text for numbers, text in REMEDIES.items() if number in numbers), "mend that, and try again")


def file_bytes(file: str | Path | IO[bytes]) -> bytes:
    """Read a whole file.

    Raises:
        NoPicture: it is a link to nothing, a folder, a pipe or a device.
        MachineFault: the system does not let it be read.
    """
    if not isinstance(file, str | Path):
        file.seek(0)
        return file.read()
    try:
        facts = os.stat(file)
        if not stat.S_ISREG(facts.st_mode):
            raise NoPicture("a folder, a pipe or a device; expected a file")
        if facts.st_size > available_memory():
            raise MachineFault(
                f"cannot be read: it is a file of {facts.st_size / 1e6:,.0f} MB and {available_memory() / 1e6:,.0f} MB "
                f"of memory are available; {remedy(errno.ENOMEM)}, or remove it"
            )
        with open(file, "rb", buffering=0) as opened:
            return opened.readall()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP) and os.path.islink(file):
            raise NoPicture(f"a link to nothing ({error.strerror})") from error
        raise MachineFault(f"cannot be read: {error.strerror or error}; {remedy(error.errno)}") from error
    except MemoryError as error:
        raise MachineFault(f"cannot be read: {os.strerror(errno.ENOMEM)}; {remedy(errno.ENOMEM)}") from error
