"""What a person sees of a training: the log's lines, and on a terminal a live line below them."""

from __future__ import annotations

import sys
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from pellucid.ground.columns import terminal_width, wrapped
from pellucid.ground.outside import visible
from pellucid.ground.progress import bar_console
from pellucid.training.position import Position

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

__all__ = ["Display"]


class Display:
    """Prints lines to `stream` (None prints nothing) and keeps a live line on a terminal's standard error."""

    def __init__(self, stream: TextIO | None, steps: int, done: int) -> None:
        self._stream = stream
        self._steps = steps
        self._done = done
        self._bar: Progress | None = None
        self._task: TaskID | None = None

    def line(self, text: str) -> None:
        """Print one line of the log."""
        if self._stream is None:
            return
        if self._stream.isatty():
            text = "\n".join(wrapped(text, following="  ", width=terminal_width()))
        if self._bar is not None and self._stream.isatty():
            # The same terminal: through the bar's console, which redraws its live line below.
            self._bar.console.print(visible(text, keep="\n"), markup=False, highlight=False, soft_wrap=True)
        else:
            print(text, file=self._stream, flush=True)

    def update(self, at: Position, rate: float, epochs: int) -> None:
        """Redraw the live line: how far, loss and accuracy of the epoch so far, learning rate, images a second."""
        if self._bar is None or self._task is None:
            return
        figures = f"loss {at.mean_loss:.3f}  accuracy {at.accuracy:.1%}  rate {rate:.2g}  "
        figures += f"{at.images_per_second:,.0f} images/s"
        self._bar.update(self._task, completed=at.step, description=f"Epoch {at.epoch}/{epochs}", figures=figures)

    def __enter__(self) -> Display:
        if self._stream is not None and sys.stderr.isatty():
            from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                TextColumn("{task.percentage:>3.0f}%"),
                TextColumn("{task.fields[figures]}"),
                TimeRemainingColumn(),
                TextColumn("left"),
                console=bar_console(),
                transient=True,
            )
            self._task = self._bar.add_task("", total=self._steps, completed=self._done, figures="")
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
