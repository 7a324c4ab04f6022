"""Finding the pictures of a folder by what a table calls them; nothing outside of the folder is ever named."""

from __future__ import annotations

import posixpath
import re
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path

from pellucid.data.file_kinds import ending_of, readable_endings
from pellucid.data.split_names import nfc
from pellucid.data.walk import WalkedFile

__all__ = ["FileIndex"]


class FileIndex:
    """The pictures of a folder and below it, by path, by name, and by either without its ending.

    `notes` collects how files were found that the table does not name exactly.
    """

    def __init__(self, root: Path, files: Iterable[WalkedFile], shown: Callable[[str], str]) -> None:
        self._root = root
        self.files = {"/".join(nfc(shown(part)) for part in file.path.split("/")): file for file in files}
        self._by_key: dict[str, list[str]] = defaultdict(list)
        for path in self.files:
            name = path.rpartition("/")[2]
            for key in {path, _without_ending(path), name, _without_ending(name)}:
                self._by_key[key].append(path)
        self._by_folded: dict[str, list[str]] = defaultdict(list)
        for key, paths in self._by_key.items():
            self._by_folded[key.casefold()] += paths
        self.notes: dict[str, str] = {}

    def find(self, value: str) -> tuple[str | None, str]:
        """Find the picture that a table calls `value`: its path in `files` and nothing, or None and why not."""
        text = nfc(value.strip()).replace("\\", "/")
        if not text:
            return None, "no file is named"
        if "://" in text:
            return None, "an address, not a file"
        if text.startswith("/") or re.match(r"^[A-Za-z]:/", text):
            return self._find_absolute(text)
        text = posixpath.normpath(text)
        if text == ".." or text.startswith("../"):
            return None, f"leads out of {self._root}, so it is not read"
        found, reason = self._find_relative(text)
        if found is None and not reason and "/" in text:
            found = self._find_by_end(text)
        return (found, "") if found else (None, reason or self._why_not(text))

    def _find_absolute(self, text: str) -> tuple[str | None, str]:
        for root in {str(self._root), str(self._root.resolve())}:
            inside = nfc(root).replace("\\", "/").rstrip("/") + "/"
            if posixpath.normpath(text).startswith(inside):
                return self.find(posixpath.normpath(text)[len(inside) :])
        if Path(text).exists():
            return None, f"outside of {self._root}, so it is not read"
        found = self._find_by_end(posixpath.normpath(text).lstrip("/"))
        return (found, "") if found else (None, "there is no such file")

    def _find_relative(self, text: str) -> tuple[str | None, str]:
        if text in self.files:
            return text, ""
        # A name alone may lie in any folder; a path only where it says.
        candidates = [path for path in self._by_key.get(text, ()) if self._fits(path, text)]
        if not candidates:
            folded = text.casefold()
            candidates = [path for path in self._by_folded.get(folded, ()) if self._fits(path.casefold(), folded)]
            if len(candidates) == 1:
                self.notes["found although capital letters differ"] = text
        candidates = list(dict.fromkeys(candidates))
        if len(candidates) > 1:
            return None, f"several files fit: {', '.join(sorted(candidates)[:3])}"
        return (candidates[0], "") if candidates else (None, "")

    @staticmethod
    def _fits(path: str, text: str) -> bool:
        return "/" not in text or text in (path, _without_ending(path))

    def _find_by_end(self, text: str) -> str | None:
        """Find a file by the end of its path, where the beginning is that of another place or computer."""
        parts = text.split("/")
        for start in range(1, len(parts)):
            end = "/".join(parts[start:])
            for path in (end, *(paths[0] for paths in [self._by_key.get(end, [])] if len(paths) == 1)):
                if path in self.files and self._fits(path, end):
                    self.notes["found by the end of its path, since the table's path begins elsewhere"] = text
                    return path
        return None

    def _why_not(self, text: str) -> str:
        if (self._root / text).is_file() and ending_of(text) not in readable_endings():
            return f"{ending_of(text) or 'a file without an ending'} is no kind of picture that is read"
        return "there is no such file"


def _without_ending(path: str) -> str:
    folder, _, name = path.rpartition("/")
    stem = name[: -len(ending_of(name))] if ending_of(name) in readable_endings() else name
    return f"{folder}/{stem}" if folder else stem
