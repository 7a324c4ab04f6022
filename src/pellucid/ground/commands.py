"""Commands as they are printed, ready to be typed where one stands: places are relative, and quoted for the shell."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Iterable
from pathlib import Path

__all__ = ["command_line", "next_lines", "place_from_here"]


def command_line(*words: str | Path) -> str:
    """Write a command of pellucid; a `Path` among the words is given from the current folder, if it is below it.

    >>> command_line("trace", Path("runs/a b"), "test/3")
    "pellucid trace 'runs/a b' test/3"
    """
    line = ["pellucid", *(place_from_here(word) if isinstance(word, Path) else word for word in words)]
    return subprocess.list2cmdline(line) if os.name == "nt" else shlex.join(line)


def place_from_here(path: Path) -> str:
    """Name a place from the current folder if it is in it, and in full if not.

    >>> place_from_here(Path.cwd() / "runs" / "a"), place_from_here(Path("/somewhere/else"))
    ('runs/a', '/somewhere/else')
    """
    if not path.is_absolute():
        return str(path)
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):  # elsewhere, or the current folder was removed
        return str(path)


def next_lines(steps: Iterable[tuple[str, str]]) -> list[str]:
    """Write what may come next: what it is for, and the command below it.

    >>> next_lines([("its figures", "pellucid evaluate runs/a")])
    ['Next:', '  its figures', '    pellucid evaluate runs/a']
    """
    return ["Next:", *(line for purpose, command in steps for line in (f"  {purpose}", f"    {command}"))]
