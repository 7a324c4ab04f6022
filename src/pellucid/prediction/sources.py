"""Which images are meant by what a person names: files, folders, archives, lists of them."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from pellucid.data.archive import is_archive, unpack
from pellucid.data.file_kinds import ending_of, readable_endings
from pellucid.data.member_names import member_name
from pellucid.data.missing import passed_over_words
from pellucid.data.passed_over import PassingOver
from pellucid.data.split_names import nfc
from pellucid.data.walk import Walk
from pellucid.ground.errors import UserError
from pellucid.ground.outside import visible
from pellucid.ground.writing import counted

__all__ = ["ImageSource", "SourceList", "list_sources", "read_list"]


@dataclass(frozen=True)
class ImageSource:
    """One image to predict."""

    name: str
    """As it is shown: its path as it was given, control characters as escapes."""

    path: str
    """Its file."""

    problem: str = ""
    """Why there is no such file."""


@dataclass(frozen=True)
class SourceList:
    """Every image that is meant, and what is not."""

    images: tuple[ImageSource, ...]
    notes: tuple[str, ...] = ()
    """What was passed over, and images that were named twice."""


def read_list(content: bytes) -> list[str]:
    """Read a list of paths, one a line; separated by zero bytes where there are any, as `find -print0` writes them.

    >>> read_list(b"a.jpg\\nb c.jpg\\n"), read_list(b"a.jpg\\0b\\nc.jpg\\0")
    (['a.jpg', 'b c.jpg'], ['a.jpg', 'b\\nc.jpg'])
    """
    lines = content.split(b"\0") if b"\0" in content else content.replace(b"\r\n", b"\n").split(b"\n")
    return [os.fsdecode(line) for line in lines if line.strip()]


def list_sources(paths: Iterable[str], listed: Iterable[str], unpacked: Callable[[], Path]) -> SourceList:
    """List the images of files, folders (and below) and archives, by name within each.

    Folders are walked and archives unpacked as for training: what is passed over there is passed over here, and said. A
    file that is named is taken whatever its ending is. An image that is named twice is predicted once.

    Args:
        paths: what the person named; each must be there.
        listed: what stood in a list; what is not there becomes an image that cannot be read.
        unpacked: gives an empty folder for an archive's images.

    Raises:
        UserError: paths that are not there; a damaged archive; no image at all.
    """
    images: dict[str, ImageSource] = {}
    notes: list[str] = []
    problems = []
    again = 0
    for path, is_listed in [*((path, False) for path in paths), *((path, True) for path in listed)]:
        problem = _problem(path)
        if problem and not is_listed:
            problems.append(f"{visible(path)} {problem}")
            continue
        if problem:
            sources: Iterable[ImageSource] = [ImageSource(_shown(path), path, problem)]
        elif os.path.isdir(path):
            sources = _in_folder(Path(path), path, notes)
        elif ending_of(path) not in readable_endings() and is_archive(Path(path)):
            sources = _in_archive(Path(path), unpacked(), notes)
        else:
            sources = [ImageSource(_shown(path), path)]
        for source in sources:
            key = os.path.abspath(source.path)
            again += key in images
            images.setdefault(key, source)
    if problems:
        raise UserError.all_of("there is nothing to predict", problems)
    if again:
        notes.append(f"{counted(again, 'image')} named more than once; each is predicted once")
    if not images:
        raise UserError("\n".join(["no image was given, and none is in the folders and archives", *notes]))
    return SourceList(tuple(images.values()), tuple(notes))


def _problem(path: str) -> str:
    """Say why a path is no file and no folder; nothing where it is."""
    try:
        mode = os.stat(path).st_mode
    except (OSError, ValueError) as error:  # a path with a zero byte is a ValueError
        return "does not exist" if isinstance(error, FileNotFoundError) else f"cannot be read: {_reason(error)}"
    return "" if stat.S_ISREG(mode) or stat.S_ISDIR(mode) else "is neither a file nor a folder"


def _reason(error: OSError | ValueError) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


def _shown(path: str) -> str:
    return visible(nfc(path))


def _in_folder(folder: Path, given: str, notes: list[str], shown: Callable[[str], str] = str) -> list[ImageSource]:
    passing = PassingOver()
    found = sorted((file.path for file in Walk(folder, passing).files(folder)), key=lambda path: path.split("/"))
    notes += [f"{_shown(given)}: {line}" for line in passed_over_words(passing.result())]
    return [
        ImageSource(_shown("/".join([given.rstrip("/"), *map(shown, path.split("/"))])), str(folder / path))
        for path in found
    ]


def _in_archive(archive: Path, folder: Path, notes: list[str]) -> list[ImageSource]:
    passing = PassingOver()
    unpack(archive, folder, passing=passing)
    notes += [f"{_shown(str(archive))}: {line}" for line in passed_over_words(passing.result())]
    return _in_folder(folder, str(archive), notes, member_name)
