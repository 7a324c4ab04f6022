"""`metrics.jsonl`: a line of JSON for each logging event, in the order they happened."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import TracebackType
from typing import Any

__all__ = ["MetricsLog"]


class MetricsLog:
    """The file, opened at a checkpoint's position: what a killed process wrote beyond it is cut off first.

    With `writes` false, on ranks other than 0, nothing is opened and nothing may be written.
    """

    def __init__(self, path: Path, length: int, writes: bool = True) -> None:
        if writes:
            path.touch()
            os.truncate(path, min(length, path.stat().st_size))
        self._file = open(path if writes else os.devnull, "ab")  # noqa: SIM115 -- closed by __exit__

    def write(self, event: str, **figures: Any) -> None:
        """Append one line; NaN and infinity are refused, since JSON has neither."""
        self._file.write(json.dumps({"event": event, **figures}, allow_nan=False).encode() + b"\n")
        self._file.flush()

    def sync(self) -> int:
        """Flush to the disk and return the length in bytes, for a checkpoint to remember."""
        self._file.flush()
        os.fsync(self._file.fileno())
        return self._file.tell()

    def __enter__(self) -> MetricsLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
