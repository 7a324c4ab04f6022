"""Progress on standard error: a bar on a terminal, a plain line every few seconds elsewhere."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from pellucid.ground.outside import visible

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["bar_console", "progress"]

SECONDS_BETWEEN_LINES = 5.0
"""Without a terminal a line appears this often, so that a log of a long job stays readable."""


@contextlib.contextmanager
def progress(description: str, total: int, unit: str = "images") -> Iterator[Callable[[int], None]]:
    """Show how far a job of `total` units is; the body calls what it is given with the units just done.

    Nothing is written to standard output, and nothing at all for a job done within half a second.

    >>> with progress("decoding", total=3) as advance:
    ...     for _ in range(3):
    ...         advance(1)
    """
    if sys.stderr.isatty():
        with _bar(description, total, unit) as advance:
            yield advance
    else:
        yield _lines(description, total, unit)


def bar_console() -> Console:
    """Give the console that bars are drawn on: standard error, or what the command line guards it with for bars."""
    from rich.console import Console

    return Console(file=getattr(sys.stderr, "for_bars", sys.stderr), stderr=True)


def _lines(description: str, total: int, unit: str) -> Callable[[int], None]:
    done = 0
    started = last = time.monotonic()

    def advance(count: int) -> None:
        nonlocal done, last
        done += count
        now = time.monotonic()
        finished = 0 < total <= done and last > started  # a total that is not known is never reached
        if finished or now - last >= SECONDS_BETWEEN_LINES:
            last = now
            share = f" of {total:,}" if total else ""
            print(f"{description}: {done:,}{share} {unit}, {now - started:.0f} s", file=sys.stderr, flush=True)

    return advance


@contextlib.contextmanager
def _bar(description: str, total: int, unit: str) -> Iterator[Callable[[int], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn(unit),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=bar_console(), transient=True) as bar:
        task = bar.add_task(visible(description), total=total or None)
        yield lambda count: bar.advance(task, count)
