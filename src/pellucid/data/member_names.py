"""Members of archives under names that every disk takes: reserved names, `a:b.png`, names that differ in case only.

A name that Windows or macOS would not take, or would take for another one, is written with `%` and two hexadecimal
digits for a character, and `%~2` before its ending where another member has the name already;
`member_name` reads it back.
"""

from __future__ import annotations

import os
import re
import urllib.parse
from pathlib import Path, PurePosixPath

from pellucid.data.split_names import nfc
from pellucid.ground.errors import UserError

__all__ = ["COPY_MARK", "DiskNames", "member_name"]

NOT_ON_WINDOWS = re.compile(r'[\x00-\x1f<>:"|?*%]')
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$) *(\.|$)", re.IGNORECASE)
DRIVE = re.compile(r"[A-Za-z]:(/|$)")
COPY_MARK = "%~"
COPY = re.compile(r"%~\d+")


def member_name(part: str) -> str:
    """Read back what `DiskNames` wrote: the name of a folder or file as the archive has it.

    >>> member_name("a%3Ab.png"), member_name("%43on.png"), member_name("A%~2.png")
    ('a:b.png', 'Con.png', 'A.png')
    """
    return urllib.parse.unquote(COPY.sub("", part), errors="surrogateescape")


class DiskNames:
    """Gives each member of one archive a path on the disk, no two the same on any disk."""

    def __init__(self, archive: Path) -> None:
        self._archive = archive
        self._first: dict[tuple[str, str], str] = {}
        self._further: dict[tuple[str, str], list[str]] = {}

    def path_of(self, name: str, is_folder: bool = False) -> tuple[Path, str]:
        """Give a member's path on the disk, and its name as it is shown.

        Raises:
            UserError: the path is absolute or leads out of the folder.
        """
        spelled = name.replace("\\", "/")  # some Windows tools write it so
        parts = PurePosixPath(spelled).parts
        if spelled.startswith("/") or DRIVE.match(spelled) or ".." in parts or "\0" in spelled:
            raise UserError(
                f"{self._archive} has the member {name[:200]!r}, whose path leads out of the folder; it is not unpacked"
            )
        place, shown = "", "/".join(parts)
        for position, part in enumerate(parts):
            # two folders whose names are one in Unicode are one; two files are two
            spelling = shown if position == len(parts) - 1 and not is_folder else nfc(part)
            place = f"{place}/{self._disk_name(place, nfc(part), spelling)}"
        return Path(*PurePosixPath(place.lstrip("/")).parts), shown

    def _disk_name(self, place: str, part: str, spelling: str) -> str:
        written, key = _written(part), (place, part.casefold())
        if self._first.setdefault(key, spelling) == spelling:
            return written
        further = self._further.setdefault(key, [])
        if spelling not in further:
            further.append(spelling)
        stem, ending = os.path.splitext(written)
        return f"{stem}{COPY_MARK}{further.index(spelling) + 2}{ending}"


def _written(part: str) -> str:
    """Write a name so that Windows takes it, too."""
    text = NOT_ON_WINDOWS.sub(lambda match: f"%{ord(match[0]):02X}", part)
    if RESERVED.match(part):
        text = f"%{ord(part[0]):02X}{text[1:]}"
    if text[-1:] in (".", " "):
        text = f"{text[:-1]}%{ord(text[-1]):02X}"
    return text
