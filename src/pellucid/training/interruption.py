"""Ctrl-C, SIGTERM, a closed terminal: the step is finished and a checkpoint written; asked twice, it stops at once."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

from pellucid.run.resuming import resume_command

__all__ = ["Interrupted", "StopRequest"]

SIGHUP = getattr(signal, "SIGHUP", None)
"""Windows has none."""
STOPPING = tuple(signal.Signals(number) for number in (signal.SIGINT, signal.SIGTERM, SIGHUP) if number is not None)


class Interrupted(KeyboardInterrupt):
    """Training stopped because it was asked to; everything up to then is in the run."""

    def __init__(self, number: int | None, directory: Path, processes: int = 1) -> None:
        super().__init__(f"Everything up to here is kept; go on with: {resume_command(directory, processes)}")
        self.exit_status = 128 + (number or signal.SIGTERM)
        """130 for Ctrl-C, 143 for SIGTERM (or if another process was asked), 129 for SIGHUP, as shells count."""


class StopRequest:
    """While entered, notes SIGINT, SIGTERM and SIGHUP instead of dying of them; a second one raises KeyboardInterrupt.

    SIGHUP comes when the terminal is closed or the connection to it breaks; what `nohup` started goes on.
    Outside the main thread, where Python allows no signal handlers, it notes nothing.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._before: dict[signal.Signals, Any] = {}

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None and number != SIGHUP:  # a closed terminal may say so twice
            raise KeyboardInterrupt
        self.signal = number

    def __enter__(self) -> StopRequest:
        if threading.current_thread() is threading.main_thread():
            for number in STOPPING:
                if number.name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN:
                    continue
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
