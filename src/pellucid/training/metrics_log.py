"""`metrics.jsonl`: a line of JSON for each logging event, in the order they happened."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any

from pellucid.run.files import writing_into
from pellucid.run.metrics import metrics_line

__all__ = ["MetricsLog"]


class MetricsLog:
    """The file, opened at a checkpoint's position: what a killed process wrote beyond it is cut off first.

    With `writes` false, on ranks other than 0, nothing is opened and nothing may be written.

    Raises:
        UserError: the disk is full or fails, or the run was removed.
    """

    def __init__(self, path: Path, length: int, writes: bool = True) -> None:
        self._directory = path.parent
        if not writes:
            self._descriptor = os.open(os.devnull, os.O_WRONLY)
            return
        with writing_into(self._directory):
            # Not through a link: the file it leads to would be cut off.
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
            self._descriptor = os.open(path, flags, 0o666)
            os.truncate(path, min(length, path.stat().st_size))

    def write(self, event: str, **figures: Any) -> None:
        """Append one line; NaN and infinity are refused, since JSON has neither."""
        rest = metrics_line(event, **figures)
        with writing_into(self._directory):
            while rest:
                rest = rest[os.write(self._descriptor, rest) :]

    def sync(self) -> int:
        """Flush to the disk and return the length in bytes, for a checkpoint to remember."""
        with writing_into(self._directory):
            os.fsync(self._descriptor)
            return os.fstat(self._descriptor).st_size

    def __enter__(self) -> MetricsLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)
