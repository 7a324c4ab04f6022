"""Tables: text for a terminal and HTML for a notebook."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

from markupsafe import Markup

__all__ = ["html_lines", "html_table", "text_table"]


def text_table(headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """Write rows in columns as wide as they need; those of `right` are flushed right.

    >>> text_table(("a", "b"), [("x", "10"), ("yy", "2")], right=(1,))
    ['a    b', 'x   10', 'yy   2']
    """
    everything = [headings, *rows]
    widths = [max(_width(row[column]) for row in everything) for column in range(len(headings))]
    lines = []
    for row in everything:
        cells = []
        for column, (cell, width) in enumerate(zip(row, widths, strict=True)):
            space = " " * (width - _width(cell))
            cells.append(space + cell if column in right else cell + space)
        lines.append("  ".join(cells).rstrip())
    return lines if any(headings) else lines[1:]


def html_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Markup:
    """Write rows as a table that needs neither script nor style sheet; every cell is escaped.

    >>> html_table(("a",), [("<b>",)])
    Markup('<table><thead><tr><th>a</th></tr></thead><tbody><tr><td>&lt;b&gt;</td></tr></tbody></table>')
    """
    head = Markup().join(Markup("<th>{}</th>").format(cell) for cell in headings)
    body = Markup().join(
        Markup("<tr>{}</tr>").format(Markup().join(Markup("<td>{}</td>").format(cell) for cell in row)) for row in rows
    )
    return Markup("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>").format(head, body)


def html_lines(sentences: Iterable[str]) -> Markup:
    """Give each sentence a line of its own, escaped."""
    return Markup().join(Markup("<div>{}</div>").format(sentence) for sentence in sentences)


def _width(text: str) -> int:
    """Count the columns a text takes up: an accent stands above its letter."""
    return sum(not unicodedata.combining(letter) for letter in text)
