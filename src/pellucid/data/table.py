"""Reading the rows of a table that a person, a program or a spreadsheet wrote: .csv or .tsv, as text.

Found by themselves: the encoding (UTF-8, UTF-16 with its mark, Windows-1252) and what separates the cells (comma,
semicolon, tab, bar). Quotes are those of RFC 4180: `"a, b.png",cat`.
"""

from __future__ import annotations

import codecs
import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pellucid.data.file_kinds import ending_of
from pellucid.ground.errors import UserError
from pellucid.ground.writing import counted

__all__ = ["TABLE_ENDINGS", "RowsOfTable", "TableRow", "is_table", "read_rows"]

TABLE_ENDINGS = (".csv", ".tsv")
SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
LOOKED_AT = 200
"""So many rows decide what separates the cells."""
OPEN_QUOTE = 'is a quote left open? A quote within quotes is written twice: "5"" disk.png"'
SHOWN = 10
LARGEST = 2**30
"""Bytes; a table of ten million files has less."""


@dataclass(frozen=True)
class TableRow:
    """One row with its first line in the file, counted from 1."""

    line: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class RowsOfTable:
    """All rows, as wide as the first one; the first may be a header."""

    rows: tuple[TableRow, ...]
    notes: tuple[str, ...]
    """What a person should know about how it was read."""

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.rows[0].cells)


def is_table(name: str) -> bool:
    """Tell whether a file's name is that of a table.

    >>> is_table("labels.CSV"), is_table("cat.png")
    (True, False)
    """
    return ending_of(name) in TABLE_ENDINGS


def read_rows(path: Path) -> RowsOfTable:
    """Read every row of a table that is not empty.

    Raises:
        UserError: it is no text, has no rows, has one column only, or a row has more cells than the first.
    """
    text, notes = _decoded(path)
    first, _, rest = text.partition("\n")
    separator, skipped = None, 0
    if first.strip().lower().startswith("sep=") and len(first.strip()) == 5:  # a line that spreadsheets write
        separator, text, skipped = first.strip()[4], rest, 1
    separator = separator or _separator(path, text)
    rows = [TableRow(row.line + skipped, row.cells) for row in _parsed(path, text, separator)]
    if not rows:
        raise UserError(f"{path} has no rows; expected a row for each image: its file and its label")
    width = len(rows[0].cells)
    while width > 1 and not any(row.cells[width - 1].strip() for row in rows if len(row.cells) >= width):
        width -= 1  # empty columns at the end, as spreadsheets leave them
    long = [row.line for row in rows if any(cell.strip() for cell in row.cells[width:])]
    if long:
        lines = ", ".join(map(str, long[:SHOWN])) + (f" and {len(long) - SHOWN:,} more" if len(long) > SHOWN else "")
        raise UserError(
            f"{path}: more than {width} cells, which the first row has, in {counted(len(long), 'line')} ({lines}); "
            f"write a name with a {SEPARATORS.get(separator, repr(separator))} in it inside quotes: "
            f'"a{separator} b.png"{separator}cat'
        )
    padded = tuple(TableRow(row.line, (*row.cells[:width], *[""] * (width - len(row.cells)))) for row in rows)
    return RowsOfTable(padded, tuple(notes))


def _decoded(path: Path) -> tuple[str, list[str]]:
    if path.stat().st_size > LARGEST:
        raise UserError(f"{path} is larger than {LARGEST >> 30} GiB; expected a table of files and labels")
    content = path.read_bytes()
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif b"\0" in content:
        raise UserError(f"{path} is no text; expected a table as text, such as a spreadsheet saved as CSV")
    else:
        encoding = "utf-8-sig"
    try:
        return content.decode(encoding).replace("\r\n", "\n").replace("\r", "\n"), []
    except UnicodeDecodeError as error:
        if encoding == "utf-16":
            raise UserError(f"{path} is damaged: it is no UTF-16 text ({error}); save it as UTF-8") from error
    text = content.decode("cp1252", errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    return text, ["not written in UTF-8, so it is read as Windows-1252 (Latin-1); save it as UTF-8 if names look wrong"]


def _separator(path: Path, text: str) -> str:
    """Choose what separates the cells: that with which most rows are as wide as the first, and it has several cells."""
    best: tuple[float, int, str] | None = None
    unreadable = None
    for separator in SEPARATORS:
        widths = []
        try:
            for row in csv.reader(_lines(text), delimiter=separator, strict=True):
                if any(cell.strip() for cell in row):
                    widths.append(len(row))
                if len(widths) == LOOKED_AT:
                    break
        except csv.Error as error:
            unreadable = error
            continue
        if widths and widths[0] > 1:
            alike = Counter(widths)[widths[0]] / len(widths)
            if best is None or (alike, widths[0]) > best[:2]:
                best = (alike, widths[0], separator)
    if best is None:
        if not text.strip():
            raise UserError(f"{path} is empty; expected a row for each image: its file and its label")
        if unreadable is not None:
            raise UserError(f"{path} cannot be read as a table ({unreadable}); {OPEN_QUOTE}")
        raise UserError(
            f"{path} has one column only; expected a column of files and one of labels, with a comma, a semicolon or a "
            "tab between them"
        )
    return best[2]


def _parsed(path: Path, text: str, separator: str) -> list[TableRow]:
    rows, line = [], 1
    reader = csv.reader(_lines(text), delimiter=separator, strict=True)
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                rows.append(TableRow(line, tuple(cells)))
            line = reader.line_num + 1
    except csv.Error as error:
        raise UserError(f"{path}: the row that begins in line {line} cannot be read ({error}); {OPEN_QUOTE}") from error
    return rows


def _lines(text: str) -> Iterator[str]:
    return (line + "\n" for line in text.split("\n"))
