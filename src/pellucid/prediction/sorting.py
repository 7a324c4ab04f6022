"""Copying images into a folder for each answer: nothing is ever replaced, and nothing lies there twice."""

from __future__ import annotations

import contextlib
import filecmp
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from pellucid.data.member_names import RESERVED
from pellucid.data.split_names import nfc
from pellucid.ground.errors import UserError
from pellucid.ground.files import PARTIAL
from pellucid.ground.outside import visible
from pellucid.prediction.classifier import Answer, Refusal
from pellucid.prediction.predicting import PredictedImage
from pellucid.prediction.prediction_file import UNREADABLE, UNSURE

__all__ = ["ClassFolders", "refuse_inside"]

LONGEST_NAME = 200
"""Bytes of a name, at most, so that there is room for a number; what disks take ends at 255."""

NOT_IN_NAMES = re.compile(r'[<>:"/\\|?*]|^\.+|[. ]+$')
"""What some disk does not take in a name, what hides a file or leads upwards."""


class ClassFolders:
    """The folders below one, a folder for each class, `unsure` and `unreadable`."""

    def __init__(self, root: Path, classes: tuple[str, ...]) -> None:
        self.root = root
        names = _different([UNSURE, UNREADABLE, *classes])
        self._unsure, self._unreadable = names[:2]
        self._classes = names[2:]
        self._taken: set[str] = set()

    def folder_of(self, answer: Answer | Refusal) -> Path:
        """Give the folder that an image of this answer belongs into."""
        if isinstance(answer, Refusal):
            return self.root / self._unreadable
        return self.root / (self._unsure if answer.unsure else self._classes[answer.index])

    def copy(self, image: PredictedImage) -> Path | None:
        """Copy an image into its folder; None where there is no file to copy, or none that can be read.

        A name that another file has gets a number. An equal copy from an earlier time counts as this one.

        Raises:
            OSError: it cannot be written.
        """
        source = Path(image.source.path)
        if not source.is_file() or (isinstance(image.answer, Refusal) and not os.access(source, os.R_OK)):
            return None
        folder = self.folder_of(image.answer)
        folder.mkdir(parents=True, exist_ok=True)
        for name in _numbered(_safe(image.source.name.rsplit("/", 1)[-1])):
            target = folder / name
            key = os.path.join(folder.name, nfc(name).casefold())
            if key in self._taken:
                continue
            if os.path.lexists(target):
                if target.is_symlink() or not target.is_file() or not filecmp.cmp(source, target, shallow=False):
                    continue
            elif not _copied(source, target):
                continue
            self._taken.add(key)
            return target
        raise AssertionError("there is always another number")


def refuse_inside(place: Path, paths: Iterable[str], what: str) -> None:
    """Refuse a place for results inside of a folder whose images are predicted: the next time they would be, too.

    Raises:
        UserError: it is inside of one.
    """
    real = Path(os.path.realpath(place))
    for path in paths:
        if os.path.isdir(path) and real.is_relative_to(os.path.realpath(path)):
            raise UserError(
                f"{what} {place} lies in {visible(path)}, whose images are predicted: the next time the results would "
                "be among them; choose a place elsewhere"
            )


def _copied(source: Path, target: Path) -> bool:
    """Copy a file under a name that no file has, whole or not at all; False where some file has it by now."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}{PARTIAL}")
    try:
        with open(source, "rb") as content, open(temporary, "wb") as out:
            try:
                shutil.copyfileobj(content, out)
            except OSError as error:  # which names no file
                raise OSError(error.errno, error.strerror, str(target)) from error
        with contextlib.suppress(OSError):
            shutil.copystat(source, temporary)
        try:
            os.link(temporary, target)
        except FileExistsError:
            return False
        except OSError:  # a disk without hard links
            if os.path.lexists(target):
                return False
            os.rename(temporary, target)
        return True
    finally:
        temporary.unlink(missing_ok=True)


def _safe(name: str) -> str:
    """Write a name so that every disk takes it, and leads nowhere else.

    >>> _safe("a/b"), _safe(".."), _safe("con.jpg"), _safe("cat.jpg")
    ('a_b', '_', '_con.jpg', 'cat.jpg')
    """
    text = NOT_IN_NAMES.sub("_", visible(nfc(name)))
    stem, ending = os.path.splitext(f"_{text}" if RESERVED.match(text) else text)
    kept = stem.encode()[: LONGEST_NAME - len(ending.encode()[:20])].decode(errors="ignore")
    return kept + ending.encode()[:20].decode(errors="ignore") or "_"


def _numbered(name: str) -> Iterator[str]:
    yield name
    stem, ending = os.path.splitext(name)
    number = 2
    while True:
        yield f"{stem}-{number}{ending}"
        number += 1


def _different(names: list[str]) -> list[str]:
    """Make safe names, no two of them the same on any disk."""
    safe: list[str] = []
    taken: set[str] = set()
    for name in names:
        for candidate in _numbered(_safe(name)):
            if candidate.casefold() not in taken:
                taken.add(candidate.casefold())
                safe.append(candidate)
                break
    return safe
