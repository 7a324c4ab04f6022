"""Trainings in processes of their own: begun, asked to stop, continued; they outlive the page and the studio.

A training is `python -m pellucid train … --out RUN` in a session of its own, with its output in a log file, so that
nothing of it hangs on who began it. The log is locked through the process's own standard output: the system frees that
lock when the process ends, however it ends, so that a studio that is started later knows which ones are alive.
Everything else that is shown comes from the run itself.

    FOLDER/.trainings/NAME.log     what the newest process of the run FOLDER/NAME printed
    FOLDER/.trainings/NAME.json    its number, its machine and its command
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO

from pellucid.ground.commands import command_line
from pellucid.ground.errors import UserError, system_error
from pellucid.ground.files import write_json
from pellucid.ground.locks import LockHeld, hold_open, is_locked
from pellucid.ground.outside import visible
from pellucid.run import Run, RunFile, open_run

__all__ = ["Trainings", "name_problem"]

FOLDER = ".trainings"
LONGEST_NAME = 100
TAIL = 3000
"""Bytes of a log's end that are shown."""
ERROR = "Error: "
BATCH = "[Epoch "
KEPT = "Everything up to here is kept"
LEAST_ROOM = 1_000_000
ATTEMPTS, SECONDS_BETWEEN_ATTEMPTS = 5, 0.05
STALE = 5.0
"""Seconds by which a run's metrics are younger than a log that is no longer about its newest process."""


def name_problem(name: str) -> str | None:
    """Say why a run cannot be called so; None where it can.

    >>> name_problem("mnist-1") is None
    True
    """
    plain = name == Path(name).name and "\\" not in name and ":" not in name and name == visible(name)
    if not plain or name.startswith((".", "-")) or name != name.strip() or not 1 <= len(name.encode()) <= LONGEST_NAME:
        return f"name is {name!r}; expected that of a new folder, such as mnist-1, of at most {LONGEST_NAME} letters"
    return None


class Trainings:
    """The trainings of a folder of runs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._children: dict[str, subprocess.Popen[bytes]] = {}

    def begin(self, name: str, words: Sequence[str]) -> None:
        """Begin a training in a process of its own.

        Args:
            name: of the run's directory.
            words: what stands after `pellucid`.

        Raises:
            UserError: there is such a run, or one of that name is beginning; nothing can be written there.
        """
        problem = name_problem(name)
        if problem:
            raise UserError(problem)
        if not Run.can_begin_in(self.folder / name):
            raise UserError(f"name is {name!r}, which exists in {self.folder}; choose another name")
        self._run(name, words)

    def resume(self, run: Run) -> None:
        """Continue a stopped run in a process of its own.

        Raises:
            UserError: it is being trained, or is finished.
        """
        name = run.directory.name
        if run.is_being_trained() or self.is_alive(name):
            raise UserError(f"{name} is being trained already")
        if run.metrics("end"):
            raise UserError(f"{name} is finished; to train longer, begin a new run with more epochs")
        self._run(name, ["resume", str(run.directory)])

    def stop(self, name: str) -> None:
        """Ask a training to stop: it finishes its step and keeps everything. One that is only starting just ends.

        Raises:
            UserError: none of that name is under way, or its process is not known on this machine.
        """
        if (self.folder / name / RunFile.RECORD).exists():
            run = open_run(self.folder / name)
            if run.is_being_trained():
                process = run.trainer()
                if process is None:
                    raise UserError(
                        f"{name} is being trained by a process that is not known on this machine; stop it where it was "
                        "started (Ctrl-C)"
                    )
                self._signal(name, process, signal.SIGINT)
                return
        process = self._note(name).get("process")
        if not self.is_alive(name) or not isinstance(process, int) or process < 2:
            raise UserError(f"{name} is not being trained")
        # It computes nothing yet that could be kept, or nothing any more; its helpers end with it.
        self._signal(name, process, signal.SIGTERM, group=True)

    def is_alive(self, name: str) -> bool:
        """Whether a process that a studio began for this run is there: starting, training, or evaluating at the end."""
        child = self._children.get(name)
        if child is not None:
            if child.poll() is None:
                return True
            self._children.pop(name, None)
        return is_locked(self._log(name))

    def names(self) -> list[str]:
        """List the runs for which a studio has begun a process, ascending."""
        return sorted(path.name.removesuffix(".log") for path in (self.folder / FOLDER).glob("*.log"))

    def forget(self, name: str) -> None:
        """Remove what is noted of a training that never became a run.

        Raises:
            UserError: it is under way.
        """
        if self.is_alive(name):
            raise UserError(f"{name} is starting; stop it first")
        for path in (self._log(name), self._log(name).with_suffix(".json")):
            path.unlink(missing_ok=True)

    def log(self, name: str) -> str:
        """Give the end of what the newest process printed, with control characters as escapes; nothing without one."""
        try:
            with self._log(name).open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - TAIL))
                text = file.read(TAIL).decode(errors="replace")
        except OSError:
            return ""
        return visible(text.partition("\n")[2] if size > TAIL else text, keep="\n")

    def remarks(self, name: str) -> str:
        """Give the same without the lines of the loss, which the run's metrics have too."""
        return "\n".join(line for line in self.log(name).splitlines() if not line.startswith(BATCH))

    def command(self, name: str) -> str:
        """Give the command of the newest process, as it would be typed; nothing without one."""
        return visible(str(self._note(name).get("command", "")))

    def failure(self, name: str, *, finished: bool = False) -> str | None:
        """Say in words why the newest process ended; None where it lives, was asked to stop, or did what it should.

        `finished`: the training is done, so that an end without a word is none to wonder at.
        """
        log = self._log(name)
        if not log.is_file() or self.is_alive(name):
            return None
        metrics = self.folder / name / RunFile.METRICS
        with contextlib.suppress(OSError):
            if metrics.stat().st_mtime > log.stat().st_mtime + STALE:
                return None
        text = self.log(name).strip()
        if KEPT in text.rpartition("\n")[2]:
            return None
        at = text.rfind(f"\n{ERROR}")
        if at >= 0:
            return text[at + 1 + len(ERROR) :]
        return None if finished else self._silence(text)

    def _silence(self, text: str) -> str:
        last = text.rpartition("\n")[2]
        if "Traceback (most recent call last)" in text:
            return last
        try:
            free = shutil.disk_usage(self.folder).free
        except OSError:
            free = LEAST_ROOM
        if free < LEAST_ROOM:
            return f"the disk of {self.folder} is full ({free:,} bytes are free): make room and try again"
        return "its process ended without saying why: it was stopped before it trained, was killed, or had no memory"

    def _log(self, name: str) -> Path:
        if name_problem(name):
            raise UserError(f"no training is called {name!r}")
        return self.folder / FOLDER / f"{name}.log"

    def _note(self, name: str) -> dict[str, Any]:
        try:
            note = json.loads(self._log(name).with_suffix(".json").read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        here = isinstance(note, dict) and note.get("machine") == socket.gethostname()
        return note if here else {}

    def _run(self, name: str, words: Sequence[str]) -> None:
        path = self._log(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        command = command_line(*words)
        with _opened(path) as log:
            _hold(log, name)
            log.truncate(0)
            log.write(f"$ {command}\n".encode())
            log.flush()
            try:
                child = subprocess.Popen(
                    [sys.executable, "-m", "pellucid", *words],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,  # neither Ctrl-C nor a closed terminal of the studio reaches it
                )
            except OSError as error:
                log.write(f"{ERROR}{system_error(error)}\n".encode())
                raise UserError(f"the training cannot be started: {system_error(error)}") from error
        self._children[name] = child
        write_json(
            path.with_suffix(".json"), {"process": child.pid, "machine": socket.gethostname(), "command": command}
        )

    def _signal(self, name: str, process: int, number: signal.Signals, *, group: bool = False) -> None:
        try:
            if group and hasattr(os, "killpg"):
                os.killpg(process, number)
            else:
                os.kill(process, number)
        except ProcessLookupError:
            return  # it has just ended
        except PermissionError as error:
            raise UserError(
                f"{name} is trained by somebody else's process ({process}), which you may not stop; stop it where it "
                "was started"
            ) from error


def _hold(log: BinaryIO, name: str) -> None:
    """Lock a log; a studio that looks whether it is locked holds it for a moment."""
    for attempt in range(ATTEMPTS):
        try:
            return hold_open(log)
        except LockHeld:
            if attempt == ATTEMPTS - 1:
                raise UserError(f"a training called {name} is under way") from None
            time.sleep(SECONDS_BETWEEN_ATTEMPTS)


def _opened(path: Path) -> BinaryIO:
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
    return os.fdopen(os.open(path, flags, 0o600), "r+b")
