"""What keeps a terminal's lines readable: numbers aligned at the point, long words elided, long sentences wrapped."""

from __future__ import annotations

import re
import shutil
import textwrap
from collections.abc import Sequence

__all__ = ["WIDTH", "aligned", "elided", "terminal_width", "wrapped"]

WIDTH = 100
"""Columns of a terminal that every output fits into, except for paths and commands, which stay whole."""

LEAST = 40
"""Narrower terminals get lines of this, so that a sentence does not become a column of words."""

NUMBER = re.compile(r"([-−+]?[\d,]*)((?:\.\d*)?(?:e[-−+]?\d+)?)")


def aligned(cells: Sequence[str]) -> list[str]:
    """Pad written numbers so that their points stand below each other; other cells are flushed right.

    >>> aligned(["1.25", "-10.5", "3", "2e-07", ""])
    ['  1.25 ', '-10.5  ', '  3    ', '  2e-07', '       ']
    """
    halves = [NUMBER.fullmatch(cell) for cell in cells]
    before = max((len(half[1]) for half in halves if half), default=0)
    after = max((len(half[2]) for half in halves if half), default=0)
    width = max(before + after, *(len(cell) for cell in cells)) if cells else 0
    lines = []
    for cell, half in zip(cells, halves, strict=True):
        number = f"{half[1]:>{before}}{half[2]:<{after}}" if half and cell else cell
        lines.append(f"{number:>{width}}")
    return lines


def elided(text: str, width: int) -> str:
    """Cut a long word in its middle.

    >>> elided("stage1.block2.first.convolution", 20)
    'stage1.blo…nvolution'
    """
    if len(text) <= width:
        return text
    head = width // 2
    return f"{text[:head]}…{text[len(text) - (width - head - 1) :]}"


def terminal_width() -> int:
    """Give how many columns a line of output may take: the terminal's, at most `WIDTH`; a file is as wide as that."""
    return max(LEAST, min(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns))


def wrapped(text: str, indent: str = "", following: str | None = None, width: int = WIDTH) -> list[str]:
    """Break a sentence into lines; what follows the first line is indented as far, or as `following` says.

    >>> wrapped("letters  n image, o output", "  ", " " * 11, width=22)
    ['  letters  n image, o', '           output']
    """
    if len(indent) + len(text) <= width and "\n" not in text:
        return [f"{indent}{text}".rstrip()]
    return textwrap.wrap(
        text,
        width,
        initial_indent=indent,
        subsequent_indent=indent if following is None else following,
        break_long_words=False,
        break_on_hyphens=False,
    )
