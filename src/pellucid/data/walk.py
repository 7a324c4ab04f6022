"""Walking a folder's files and links: every file once, no loop, nothing but files and folders opened.

The rule for links: one that leads out of the set is followed, be it to a file or to a folder (pictures may lie on
another disk). One that leads into a folder of the set itself, or to a folder that holds the set, is passed over and
named; so are links to nothing, and whatever is neither a file nor a folder (a pipe, a device, a socket).
"""

from __future__ import annotations

import errno
import functools
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath

from pellucid.data.file_kinds import ending_of, is_hidden, readable_endings
from pellucid.data.passed_over import PassingOver

__all__ = ["Walk", "WalkedFile"]

HEAD_BYTES = 16


@dataclass(frozen=True)
class WalkedFile:
    """A picture by its ending, as the disk has it."""

    path: str
    """Relative to the set's folder, with `/`."""

    size: int
    modified: int
    """In nanoseconds."""

    identity: tuple[int, int] | None
    """Device and number of the file; None where the file system has no numbers."""

    linked: bool
    """Whether a link lies on the way."""

    names: int
    """How many names (hard links) the file has."""


class Walk:
    """Looks through one set's folder and collects what it passes over."""

    def __init__(self, root: Path, passing: PassingOver) -> None:
        self.root = root
        self.passing = passing
        self._real = Path(os.path.realpath(root))
        self._skipped = len(os.path.join(root, ""))

    def relative(self, path: str | Path) -> str:
        """Give a path below the set's folder as it is listed."""
        return str(path)[self._skipped :].replace(os.sep, "/")

    def folders(self, folder: Path) -> list[str]:
        """List the names of the folders in a folder that are looked at, sorted."""
        with os.scandir(folder) as entries:
            return sorted(entry.name for entry in entries if self._kind(entry) == "folder")

    def pictures_in(self, folder: Path) -> list[str]:
        """List the names of the pictures that lie directly in a folder, sorted."""
        with os.scandir(folder) as entries:
            return sorted(
                entry.name
                for entry in entries
                if ending_of(entry.name) in readable_endings() and self._kind(entry) == "file"
            )

    def pass_over_loose(self, folder: Path, reason: str) -> None:
        """Note whatever lies directly in a folder and is no folder that is looked at; `reason` is that of pictures."""
        with os.scandir(folder) as entries:
            for entry in entries:
                if self._kind(entry) != "file":
                    continue
                if ending_of(entry.name) in readable_endings():
                    self.passing.picture(self.relative(entry.path), reason)
                else:
                    self._pass_over(entry)

    def _pass_over(self, entry: os.DirEntry[str]) -> None:
        self.passing.file(self.relative(entry.path), functools.partial(_head, entry.path))

    def files(self, folder: Path) -> Iterator[WalkedFile]:
        """Give every picture in a folder and below it; each real folder is walked once."""
        linked_folder = self._real / self.relative(folder) != Path(os.path.realpath(folder))
        waiting, walked = [(str(folder), linked_folder)], set()
        while waiting:
            place, linked = waiting.pop()
            here = _identity(os.stat(place))
            if here in walked:
                self.passing.note(self.relative(place), "a link to a folder of the same class; passed over")
                continue
            if here is not None:
                walked.add(here)
            with os.scandir(place) as scanned:
                entries = sorted(scanned, key=lambda entry: entry.name)
            for entry in entries:
                kind = self._kind(entry)
                if kind == "folder":
                    waiting.append((entry.path, linked or _is_link(entry)))
                elif kind == "file":
                    if ending_of(entry.name) not in readable_endings():
                        self._pass_over(entry)
                        continue
                    facts = os.stat(entry.path) if os.name == "nt" else entry.stat()
                    yield WalkedFile(
                        self.relative(entry.path),
                        facts.st_size,
                        facts.st_mtime_ns,
                        _identity(facts),
                        linked or _is_link(entry),
                        facts.st_nlink,
                    )

    def _kind(self, entry: os.DirEntry[str]) -> str | None:
        """Tell a file or a folder that is looked at; None for what is passed over, which is noted."""
        path = self.relative(entry.path)
        if is_hidden(entry.name):
            self.passing.hidden(path)
            return None
        if _is_link(entry):
            return self._kind_of_link(entry, path)
        if entry.is_dir():
            return "folder"
        if entry.is_file():
            return "file"
        self.passing.note(path, "neither a file nor a folder; passed over, not opened")
        return None

    def _kind_of_link(self, entry: os.DirEntry[str], path: str) -> str | None:
        try:
            facts = os.stat(entry.path)
        except OSError as error:
            if error.errno not in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                raise  # the disk's or the network's fault, not the link's
            reason = "a link that leads to itself" if error.errno == errno.ELOOP else "a link to nothing"
            if ending_of(entry.name) in readable_endings():
                self.passing.picture(path, reason)
            else:
                self.passing.note(path, f"{reason}; passed over")
            return None
        is_file = stat.S_ISREG(facts.st_mode)
        if not is_file and not stat.S_ISDIR(facts.st_mode):
            self.passing.note(path, "a link to what is neither a file nor a folder; passed over, not opened")
            return None
        target = Path(os.path.realpath(entry.path))
        if self._real.is_relative_to(target):
            self.passing.note(path, "a link to a folder that holds its own class; passed over")
            return None
        if target.is_relative_to(self._real):
            inside = target.relative_to(self._real)
            if not _is_out_of_sight(inside) and not (is_file and len(inside.parts) == 1):
                self.passing.note(path, f"a link to {inside}, of the same set; passed over")
                return None
        return "file" if is_file else "folder"


def _is_link(entry: os.DirEntry[str]) -> bool:
    return entry.is_symlink() or (hasattr(entry, "is_junction") and entry.is_junction())


def _is_out_of_sight(relative: PurePath) -> bool:
    """Tell whether a path is in no class by itself: programs keep the files of linked sets in hidden folders."""
    return any(is_hidden(part) for part in relative.parts)


def _identity(facts: os.stat_result) -> tuple[int, int] | None:
    return (facts.st_dev, facts.st_ino) if facts.st_ino else None


def _head(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(HEAD_BYTES)
    except OSError:  # it is counted all the same, as a file without an ending
        return b""
