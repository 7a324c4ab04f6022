"""Text from outside, such as the names of files, folders and classes: made harmless where it is shown or written."""

from __future__ import annotations

import unicodedata

__all__ = ["csv_cell", "from_csv_cell", "visible"]

BIDIRECTIONAL = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Characters that turn the order of what is shown around."""

FORMULAS = ("=", "+", "-", "@", "\t", "\r", "|")
"""How a cell begins that a spreadsheet takes for a formula or a command."""

QUOTE = "'"


def visible(text: str, keep: str = "") -> str:
    """Write characters that steer a terminal, break lines or turn the writing direction as escapes, and keep the rest.

    Bytes of a file name that are no UTF-8 are written as escapes too, so that the result can be encoded.

    >>> visible("cat\\x1b]0;title\\x07"), visible("two\\nlines"), visible("two\\nlines", keep="\\n")
    ('cat\\\\x1b]0;title\\\\x07', 'two\\\\nlines', 'two\\nlines')
    """
    if text.isprintable() and text.isascii():
        return text
    return "".join(letter if letter in keep else _escaped(letter) for letter in text)


def csv_cell(text: str) -> str:
    """Put a quote before a cell that a spreadsheet would run, as OWASP advises; `from_csv_cell` takes it away.

    >>> csv_cell("=cmd|' /C calc'!A0"), csv_cell("cat"), csv_cell("'tis")
    ("'=cmd|' /C calc'!A0", 'cat', "''tis")
    """
    return f"{QUOTE}{text}" if text.startswith((*FORMULAS, QUOTE)) else text


def from_csv_cell(cell: str) -> str:
    """Read what `csv_cell` wrote.

    >>> from_csv_cell(csv_cell("=1")), from_csv_cell("cat")
    ('=1', 'cat')
    """
    return cell[1:] if cell.startswith(QUOTE) else cell


def _escaped(letter: str) -> str:
    if letter in BIDIRECTIONAL or unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp"):
        return letter.encode("unicode_escape", "surrogatepass").decode("ascii")
    return letter
