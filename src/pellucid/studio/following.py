"""Watching a run's `metrics.jsonl` as it grows: what is new, what it comes to, and nothing that is kept for ever."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pellucid.run import RunFile
from pellucid.run.metrics import metrics_from

__all__ = ["Follower", "Progress", "thinned"]

REMEMBERED = 256
"""Bytes before the place that was read up to, by which a file that was cut off and has grown again is recognized."""

BYTES_OF_A_LINE = 150
SENT_AT_FIRST = 3000
"""Points of the loss that are sent of what a run has logged already: a long log is averaged to so many."""


class Follower:
    """Reads what is new in a run's `metrics.jsonl`, and notices when a resumed training has cut some of it off."""

    def __init__(self, directory: Path, *, without: str | None = None) -> None:
        """Watch a run from its first line; `without` is an event whose lines may be passed over (`metrics_from`)."""
        self.directory = directory
        self._without = without
        self._path = directory / RunFile.METRICS
        self.at = 0
        """The byte that is read next."""
        self._before = b""

    def size(self) -> int:
        """How many bytes there are now."""
        try:
            return self._path.stat().st_size
        except OSError:
            return 0

    def read(self) -> tuple[bool, list[dict[str, Any]]]:
        """Give what is new, up to a mebibyte at a time; whether it begins again at the start comes first.

        Raises:
            UserError: a line is damaged.
        """
        restarted = self.at > 0 and not self._is_as_it_was()
        if restarted:
            self.at, self._before = 0, b""
        lines, end = metrics_from(self.directory, self.at, without=self._without)
        if end != self.at:
            self.at = end
            self._before = self._bytes_before()
        return restarted, lines

    def _is_as_it_was(self) -> bool:
        return self.size() >= self.at and self._bytes_before() == self._before

    def _bytes_before(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                file.seek(max(0, self.at - REMEMBERED))
                return file.read(min(REMEMBERED, self.at))
        except OSError:
            return b""


@dataclass
class Progress:
    """What a run's lines come to; folded one by one, so that a long log costs no memory."""

    step: int = 0
    epoch: int = 0
    """Epochs that are done."""
    steps_per_epoch: int | None = None
    finished: bool = False
    best_accuracy: float | None = None
    """The highest on validation images."""
    last: dict[str, Any] | None = None
    """The newest `epoch` line."""

    def add(self, line: dict[str, Any]) -> None:
        """Take in a line."""
        event = line["event"]
        self.step = max(self.step, int(line.get("step", 0)))
        if event == "end":
            self.finished = True
        elif event == "epoch":
            if self.last is not None:
                self.steps_per_epoch = line["step"] - self.last["step"] if "step" in line else None
            elif line["epoch"] == 1:
                self.steps_per_epoch = line.get("step")
            self.epoch, self.last = line["epoch"], line
            if "val_accuracy" in line:
                self.best_accuracy = max(self.best_accuracy or 0.0, line["val_accuracy"])

    def to_dict(self) -> dict[str, Any]:
        """Everything, as JSON holds it."""
        return dict(vars(self))


def stride_for(size: int) -> int:
    """Give how many lines of the loss become one point, for a file of so many bytes.

    >>> stride_for(30_000), stride_for(50_000_000)
    (1, 112)
    """
    return max(1, -(-size // (BYTES_OF_A_LINE * SENT_AT_FIRST)))


def thinned(lines: list[dict[str, Any]], stride: int) -> Iterator[dict[str, Any]]:
    """Give lines as the page needs them; each `stride` losses in a row become their mean, at the last one's step.

    >>> lines = [{"event": "batch", "step": step, "loss": step / 2, "learning_rate": 0.1} for step in (1, 3)]
    >>> list(thinned(lines, 2))
    [{'event': 'batch', 'step': 3, 'loss': 1.0, 'learning_rate': 0.1, 'lines': 2}]
    """
    waiting: list[dict[str, Any]] = []
    for line in lines:
        if line["event"] != "batch":
            yield {name: value for name, value in line.items() if name != "crc32"}
            continue
        waiting.append(line)
        if len(waiting) == stride:
            yield _mean(waiting)
            waiting = []
    if waiting:
        yield _mean(waiting)


def _mean(lines: list[dict[str, Any]]) -> dict[str, Any]:
    last = lines[-1]
    return {
        "event": "batch",
        "step": last["step"],
        "loss": sum(line["loss"] for line in lines) / len(lines),
        "learning_rate": last["learning_rate"],
        "lines": len(lines),
    }
