"""Which columns of a table hold the files, the labels and the splits: as they are named, or found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pellucid.data.file_index import FileIndex
from pellucid.data.file_kinds import IMAGE_ENDINGS, ending_of
from pellucid.data.split_names import split_of
from pellucid.data.table import RowsOfTable, TableRow
from pellucid.ground.errors import UserError, did_you_mean

__all__ = ["Columns", "choose_columns"]

# fmt: off
FILE_NAMES = (
    "file", "filename", "filepath", "path", "filenames", "files", "fname", "fn", "image", "imagefile", "imagefilename",
    "imagename", "imagepath", "images", "img", "imgname", "imgpath", "imgfile", "photo", "photofile", "picture",
    "relativepath", "relpath", "imageid", "imgid", "photoid", "id", "name",
)
LABEL_NAMES = frozenset({
    "label", "labels", "class", "classes", "classname", "classlabel", "classid", "category", "categories",
    "categoryname", "categoryid", "target", "targets", "y", "groundtruth", "gt", "truth", "species", "breed",
    "diagnosis", "dx", "kind", "tag", "labelname", "labelid",
})
SPLIT_NAMES = frozenset({"split", "subset", "set", "partition", "fold", "usage", "dataset", "phase"})
# fmt: on
LOOKED_AT = 300
"""So many rows are looked at to find the column of files."""
EXAMPLES = 3


@dataclass(frozen=True)
class Columns:
    """Positions of the columns, counted from 0, their names, and the rows below the header."""

    file: int
    label: int
    split: int | None
    names: tuple[str, ...]
    rows: tuple[TableRow, ...]
    notes: tuple[str, ...]


def choose_columns(
    path: Path, table: RowsOfTable, index: FileIndex, file_column: str | None, label_column: str | None
) -> Columns:
    """Choose the columns of a table.

    Args:
        path: the table, for messages.
        table: its rows.
        index: finds a picture by what the table calls it.
        file_column, label_column: their names or numbers from 1; None looks for them by names that are usual, and for
            files also by whether there are such.

    Raises:
        UserError: no such column; several that may be it, or none; no file of the table is there.
    """
    first, notes = table.rows[0].cells, []
    known = any(_plain(cell) in {*FILE_NAMES, *LABEL_NAMES} for cell in first)
    named = any(name is not None and name in map(str.strip, first) for name in (file_column, label_column))
    is_data = any(index.find(cell)[0] or ending_of(cell.strip()) in IMAGE_ENDINGS for cell in first)
    has_header = named or (known and not any(ending_of(cell.strip()) in IMAGE_ENDINGS for cell in first)) or not is_data
    names = tuple(cell.strip() or f"column {number}" for number, cell in enumerate(first, 1))
    if not has_header:
        names = tuple(f"column {number}" for number in range(1, table.width + 1))
        notes.append("its first row names a picture, so it is read as a row like the others, not as names of columns")
    elif not known and not named:
        notes.append(f"its first row ({_quoted(first)}) is read as the names of the columns")
    rows = table.rows[1:] if has_header else table.rows
    if not rows:
        raise UserError(f"{path} has names of columns and no rows; expected a row for each image")
    finder = _Finder(path, names, rows, index)
    file = finder.given(file_column, "--file-column") if file_column else finder.file()
    split = finder.split(file)
    label = finder.given(label_column, "--label-column") if label_column else finder.label({file, split})
    if label == file:
        raise UserError(f"{path}: {names[file]!r} is the column of the files and of the labels; expected two columns")
    return Columns(file, label, None if split == label else split, names, rows, tuple(notes))


class _Finder:
    """Looks for the columns of one table."""

    def __init__(self, path: Path, names: tuple[str, ...], rows: tuple[TableRow, ...], index: FileIndex) -> None:
        self._path, self._names, self._rows, self._index = path, names, rows, index

    def given(self, name: str, option: str) -> int:
        """Find a column that was named."""
        for spelled in (str, str.casefold):
            matches = [number for number, other in enumerate(self._names) if spelled(other) == spelled(name.strip())]
            if len(matches) > 1:
                raise UserError(f"{self._path} has {len(matches)} columns called {name!r}; rename one of them")
            if matches:
                return matches[0]
        if name.isascii() and name.isdigit() and 1 <= int(name) <= len(self._names):
            return int(name) - 1
        raise UserError(f"{self._path} has no column {name!r} ({option}); {did_you_mean(name, self._names)}")

    def file(self) -> int:
        """Find the column of the files: one with a usual name where there is one, and in which most files are there."""
        sample = self._rows[:: max(1, len(self._rows) // LOOKED_AT)][:LOOKED_AT]
        found = {
            number: [self._index.find(row.cells[number])[0] for row in sample] for number in range(len(self._names))
        }
        # Pictures, not rows: labels such as 1 and 2 may be names of pictures too, though only of two.
        there = {number: len(set(paths) - {None}) for number, paths in found.items()}
        most = max(there.values())
        ranks = {
            number: FILE_NAMES.index(plain) if (plain := _plain(name)) in FILE_NAMES else len(FILE_NAMES)
            for number, name in enumerate(self._names)
        }
        # A usual name counts most: ages such as 7 may be names of pictures too.
        usual = {number for number in there if ranks[number] < len(FILE_NAMES) and 2 * there[number] >= most}
        order = sorted(there, key=lambda number: (number not in usual, -there[number], ranks[number]))
        best = order[0]
        if not there[best]:
            self._refuse_without_files()
        rivals = [
            number
            for number in order[1:]
            if there[number] == there[best] and found[number] != found[best] and (number in usual) == (best in usual)
        ]
        if rivals:
            raise UserError(
                f"{self._path}: the files may be in {self._listed([best, *rivals])}; say which: --file-column "
                f"{_shell(self._names[best])}"
            )
        return best

    def _refuse_without_files(self) -> None:
        named = [number for number, name in enumerate(self._names) if _plain(name) in FILE_NAMES]
        number = min(named, key=lambda at: FILE_NAMES.index(_plain(self._names[at])), default=0)
        row = self._rows[0]
        raise UserError(
            f"{self._path}: none of its files is there. Line {row.line} names {row.cells[number]!r}: "
            f"{self._index.find(row.cells[number])[1] or 'there is no such file'}. {len(self._index.files):,} pictures "
            f"are in {self._path.parent} and the folders in it; put the table into the folder that holds the images, "
            f"or name the column of the files (--file-column), one of {self._listed(range(len(self._names)))}"
        )

    def split(self, file: int) -> int | None:
        """Find a column that says train, val or test in every row."""
        for number, name in enumerate(self._names):
            if number == file or _plain(name) not in SPLIT_NAMES:
                continue
            values = {row.cells[number].strip() for row in self._rows}
            known = {value for value in values if split_of(value)}
            if known and known != values:
                unknown = sorted(values - known)
                raise UserError(
                    f"{self._path}: the column {name!r} has {_quoted(unknown[:EXAMPLES])} beside "
                    f"{_quoted(sorted(known)[:EXAMPLES])}; expected train, val or test in every row (or another name "
                    "for the column, so that it is not read as the split)"
                )
            if known:
                return number
        return None

    def label(self, taken: set[int | None]) -> int:
        """Find the column of the labels: the one with a usual name, else the only one that is left."""
        left = [
            number
            for number in range(len(self._names))
            if number not in taken and any(row.cells[number].strip() for row in self._rows)
        ]
        usual = [number for number in left if _plain(self._names[number]) in LABEL_NAMES]
        candidates = usual or left
        if len(candidates) == 1:
            return candidates[0]
        if not candidates:
            raise UserError(f"{self._path} has a column of files and none of labels; expected one of each")
        raise UserError(
            f"{self._path}: the labels may be in {self._listed(candidates)}; say which: --label-column "
            f"{_shell(self._names[candidates[0]])}"
        )

    def _listed(self, numbers: Sequence[int]) -> str:
        """List columns with some of their values."""
        parts = []
        for number in list(numbers)[:10]:
            values = list(dict.fromkeys(row.cells[number].strip() for row in self._rows[:LOOKED_AT]))[:EXAMPLES]
            parts.append(f"{self._names[number]!r} ({', '.join(value[:40] for value in values)}, …)")
        return " or ".join(parts)


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def _quoted(values: Sequence[str]) -> str:
    return ", ".join(repr(value[:60]) for value in values[:10])


def _shell(name: str) -> str:
    return name if re.fullmatch(r"[\w.-]+", name) else f"'{name}'"
