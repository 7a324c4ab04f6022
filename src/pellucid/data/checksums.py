"""Whether files are as they were written: by their checksums, or by what the system says of files checked before.

Summing the 180 MB of CIFAR-10 takes 0.1 s and more, too long for every command. So the size, the times and the number
of each file are kept beside the files when they have been summed. Whoever writes to a file changes the time of its
last change (ctime), which no program can set: then the files are summed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from pellucid.ground.files import write_json

__all__ = ["changed_file", "checksum"]

STAMPS = "checked.json"


def checksum(file: Path) -> str:
    """Give a file's SHA-256 in hexadecimal."""
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def changed_file(folder: Path, checksums: Mapping[str, str]) -> str | None:
    """Name the first of the files in `folder` that has not the checksum it should have; None where all have.

    Raises:
        OSError: one cannot be read.
    """
    stamps = {name: _stamp(folder / name) for name in checksums}
    if stamps == _kept_stamps(folder, checksums):
        return None
    for name, expected in checksums.items():
        if checksum(folder / name) != expected:
            return name
    with contextlib.suppress(OSError):  # a cache that only can be read is summed each time
        write_json(folder / STAMPS, {"checksums": dict(checksums), "stamps": stamps})
    return None


def _kept_stamps(folder: Path, checksums: Mapping[str, str]) -> object:
    try:
        kept = json.loads((folder / STAMPS).read_bytes())
        return kept["stamps"] if kept["checksums"] == dict(checksums) else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _stamp(file: Path) -> list[int]:
    facts = file.stat()
    return [facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns, facts.st_ino, facts.st_dev]
