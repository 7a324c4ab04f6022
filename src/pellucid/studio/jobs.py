"""Jobs: what takes long runs as a command of pellucid in a process of its own, is watched here, and can be stopped.

Its log goes into a file in the system's folder for temporary ones, which the studio removes when it ends. A job
outlives the page and the studio, and what it writes into a run is there either way.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pellucid.ground.errors import UserError, did_you_mean
from pellucid.ground.outside import visible

__all__ = ["Jobs", "StudioJob"]

MOST_RUNNING = 3
MOST_KEPT = 40
MOST_BYTES_SHOWN = 100_000
PATIENCE = (3.0, 3.0)
"""Seconds that a job has to end after it was asked to, and after it was told to; then it is killed."""

PROGRESS = re.compile(r"(?P<what>[^\n:]+): (?P<done>[\d,]+)(?: of (?P<total>[\d,]+))? \w+, (?P<seconds>\d+) s")
"""A line of `pellucid.ground.progress`."""


@dataclass(eq=False)
class StudioJob:
    """One process, and what is known of it.

    Attributes:
        key: by which it is asked for.
        kind, run: what it does, for which run.
        command: the same for people to type.
        files: names of the run's files that it writes.
        has_answer: whether its standard output is one JSON document, which is read when it has ended.
    """

    key: str
    kind: str
    run: str
    command: str
    files: tuple[str, ...]
    has_answer: bool
    process: subprocess.Popen[bytes]
    log: Path
    output: Path
    started: float = field(default_factory=time.time)
    ended: float | None = None
    was_stopped: bool = False

    @property
    def state(self) -> str:
        """`running`, `done`, `stopped` or `failed`."""
        code = self.process.poll()
        if code is None:
            return "running"
        return "done" if code == 0 else "stopped" if self.was_stopped else "failed"

    def answer(self) -> bytes:
        """Give what it wrote on standard output."""
        return _content(self.output)

    def to_dict(self) -> dict[str, Any]:
        """Everything that a page shows of it; of a long log the end."""
        state = self.state
        text = _content(self.log, MOST_BYTES_SHOWN).decode(errors="replace")
        lines = [visible(line, keep="\t") for line in text.splitlines()]
        steps = [(place, match) for place, line in enumerate(lines) if (match := PROGRESS.fullmatch(line))]
        progress = None
        if steps and state == "running":
            progress = _progress(steps[-1][1])
        hidden = {place for place, _ in steps}
        if self.has_answer and state == "stopped":  # what Python says of being stopped is of no use to anyone
            lines = []
        return {
            "job": self.key,
            "kind": self.kind,
            "run": self.run,
            "command": self.command,
            "files": list(self.files),
            "state": state,
            "stopping": self.was_stopped and state == "running",
            "seconds": (self.ended or time.time()) - self.started,
            "progress": progress,
            "lines": [line for place, line in enumerate(lines) if place not in hidden],
        }


class Jobs:
    """The jobs that this studio started, the newest last."""

    def __init__(self) -> None:
        self._jobs: OrderedDict[str, StudioJob] = OrderedDict()
        self._lock = threading.Lock()
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def start(
        self,
        words: Sequence[str],
        *,
        kind: str,
        run: str,
        command: str,
        files: Sequence[str] = (),
        has_answer: bool = False,
    ) -> StudioJob:
        """Start `python -m` with these words; the arguments are those of `StudioJob`.

        Raises:
            UserError: the same is running for this run already, or too much is.
        """
        with self._lock:
            running = [job for job in self._jobs.values() if job.state == "running"]
            if any((job.kind, job.run) == (kind, run) and not has_answer for job in running):
                raise UserError(f"{kind} of {run} is running already; wait until it has ended, or stop it")
            if len(running) >= MOST_RUNNING:
                listed = ", ".join(f"{job.kind} of {job.run}" for job in running)
                raise UserError(f"{len(running)} jobs are running already ({listed}); wait for one, or stop one")
            if self._folder is None:
                self._folder = tempfile.TemporaryDirectory(prefix="pellucid-studio-", ignore_cleanup_errors=True)
            key = secrets.token_hex(6)
            log = Path(self._folder.name) / f"{key}.log"
            output = log.with_suffix(".json") if has_answer else log
            with open(log, "ab") as log_file, open(output, "ab") as output_file:
                process = subprocess.Popen(
                    [sys.executable, "-m", *words],
                    stdin=subprocess.DEVNULL,
                    stdout=output_file,
                    stderr=log_file,
                    env=os.environ | {"COLUMNS": "100", "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"},
                    start_new_session=True,  # Ctrl-C in the studio's terminal is not meant for it
                )
            job = StudioJob(key, kind, run, command, tuple(files), has_answer, process, log, output)
            self._jobs[key] = job
            self._forget()
        threading.Thread(target=_wait_for, args=(job,), daemon=True).start()
        return job

    def _forget(self) -> None:
        ended = [job for job in self._jobs.values() if job.state != "running"]
        for job in ended[: max(0, len(self._jobs) - MOST_KEPT)]:
            del self._jobs[job.key]
            for file in {job.log, job.output}:
                file.unlink(missing_ok=True)

    def get(self, key: str) -> StudioJob:
        """Give a job.

        Raises:
            UserError: there is none of that key.
        """
        with self._lock:
            if key not in self._jobs:
                raise UserError(f"no job is called {key!r}; {did_you_mean(key, self._jobs)}")
            return self._jobs[key]

    def listed(self) -> list[StudioJob]:
        """List the jobs, the newest first."""
        with self._lock:
            return list(self._jobs.values())[::-1]

    def stop(self, key: str) -> StudioJob:
        """Ask a job to end as Ctrl-C does; what does not end soon is killed. It returns at once."""
        job = self.get(key)
        if job.state == "running" and not job.was_stopped:
            job.was_stopped = True
            threading.Thread(target=_end, args=(job,), daemon=True).start()
        return job


def _end(job: StudioJob) -> None:
    for number, patience in zip((signal.SIGINT, signal.SIGTERM), PATIENCE, strict=True):
        _signal(job, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            job.process.wait(patience)
            return
    _signal(job, getattr(signal, "SIGKILL", signal.SIGTERM))


def _signal(job: StudioJob, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            job.process.terminate()
        else:
            os.killpg(job.process.pid, number)  # it leads a group of its own, with whatever it started


def _wait_for(job: StudioJob) -> None:
    job.process.wait()
    job.ended = time.time()


def _content(path: Path, most: int | None = None) -> bytes:
    """Read a file that another process writes; of a long one the end."""
    with open(path, "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if most is None or size <= most:
            return file.read()
        file.seek(size - most)
        return b"... " + file.read().partition(b"\n")[2]


def _progress(match: re.Match[str]) -> dict[str, Any]:
    done = int(match["done"].replace(",", ""))
    total = int(match["total"].replace(",", "")) if match["total"] else None
    seconds = int(match["seconds"])
    left = round(seconds * (total - done) / done) if total and done else None
    return {"what": match["what"], "done": done, "total": total, "left": left}
