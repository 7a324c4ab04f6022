"""Text from outside, such as the names of files, folders and classes: made harmless where it is shown or written."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["all_visible", "csv_cell", "from_csv_cell", "visible"]

UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, ends of lines and paragraphs, those that turn the order of what is shown around, and halves of
characters."""

FORMULAS = ("=", "+", "-", "@", "\t", "\r", "|")
"""How a cell begins that a spreadsheet takes for a formula or a command."""

QUOTE = "'"


def visible(text: str, keep: str = "") -> str:
    """Write characters that steer a terminal, break lines or turn the writing direction as escapes, and keep the rest.

    Bytes of a file name that are no UTF-8 are written as escapes too, so that the result can be encoded.

    >>> visible("cat\\x1b]0;title\\x07"), visible("two\\nlines"), visible("two\\nlines", keep="\\n")
    ('cat\\\\x1b]0;title\\\\x07', 'two\\\\nlines', 'two\\nlines')
    """
    return UNSEEN.sub(lambda match: match[0] if match[0] in keep else _escaped(match[0]), text)


def all_visible(value: Any) -> Any:
    """Make every text in a JSON document visible, ends of lines kept; names of fields too.

    >>> all_visible({"classes": ["cat" + chr(27)], "count": 2})["classes"] == ["cat" + chr(92) + "x1b"]
    True
    """
    if isinstance(value, str):
        return visible(value, keep="\n")
    if isinstance(value, dict):
        return {visible(name): all_visible(entry) for name, entry in value.items()}
    return [all_visible(entry) for entry in value] if isinstance(value, list) else value


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
    if "\udc80" <= letter <= "\udcff":  # a byte of a file name that is no UTF-8, as Python gives it
        return f"\\x{ord(letter) - 0xDC00:02x}"
    return letter.encode("unicode_escape", "surrogatepass").decode("ascii")
