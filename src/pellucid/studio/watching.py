"""What is going on in a folder of runs: each run's state and score, and what is new in the one that is looked at.

Everything comes from the runs' own directories, so it does not matter who trains them, or since when the studio is
there. A look at a folder in which nothing happens costs a few calls of the system for each run.
"""

from __future__ import annotations

import math
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pellucid.evaluation import own_evaluation
from pellucid.ground.errors import UserError
from pellucid.run import Run, RunFile, open_run
from pellucid.run.resuming import resume_command
from pellucid.studio.following import Follower, Progress, stride_for, thinned
from pellucid.studio.training_form import TrainingForm, form_of
from pellucid.studio.trainings import Trainings

__all__ = ["Watch", "Watched"]

SECONDS_KEPT = 0.9
"""So long a look at the folder is shared by all who ask."""

Stamp = tuple[int, int, int]
"""Of a file: when it was changed, its bytes, its number."""


@dataclass
class _Entry:
    """What is known of a run, and of which files it was read."""

    run: Run
    record: Stamp
    follower: Follower
    progress: Progress = field(default_factory=Progress)
    evaluation: Stamp | None = None
    accuracy: float | None = None
    split: str | None = None
    damage: str | None = None
    form: TrainingForm | None = None


class Watched:
    """The runs of a folder, and the trainings that are beginning in it."""

    def __init__(self, folder: Path, trainings: Trainings) -> None:
        self._folder = folder
        self._trainings = trainings
        self._entries: dict[str, _Entry] = {}
        self._damaged: dict[str, tuple[Stamp, str]] = {}
        self._lock = threading.Lock()
        self._listed: list[dict[str, Any]] = []
        self._looked = -math.inf

    def runs(self) -> list[dict[str, Any]]:
        """List every run with its state and score, the newest first; trainings that are no run yet come before them."""
        with self._lock:
            if time.monotonic() - self._looked > SECONDS_KEPT:
                self._listed = self._look()
                self._looked = time.monotonic()
            return self._listed

    def look_again(self) -> None:
        """Look at the folder when it is asked for next: something was begun or ended in it."""
        with self._lock:
            self._looked = -math.inf

    def progress(self, name: str) -> Progress:
        """Give how far a run has come; nothing done where there is no such run."""
        self.runs()
        with self._lock:
            return self._entries[name].progress if name in self._entries else Progress()

    def detail(self, name: str) -> dict[str, Any] | None:
        """Say everything of one run or beginning training, but its lines; None where there is none of that name."""
        summary = next((run for run in self.runs() if run["name"] == name), None)
        if summary is None:
            return None
        detail = summary | {
            "log": self._trainings.remarks(name),
            "command": self._trainings.command(name),
            "failure": self._failure(name, summary["state"]),
        }
        with self._lock:
            entry = self._entries.get(name)
        if entry is None:
            return detail
        record = entry.run.record
        is_frozen, is_tuned = record.recipe["backbone"] == "frozen", record.recipe["fine_tune"]
        return detail | {
            "progress": entry.progress.to_dict(),
            "damage": entry.damage,
            "steps_per_epoch": None if is_tuned else entry.progress.steps_per_epoch or _about_steps(entry.run),
            "is_exact": entry.progress.steps_per_epoch is not None,
            "batch_size": record.recipe["batch_size"],
            "is_frozen": is_frozen,
            "is_fitted": is_frozen and not is_tuned,
            "kept": entry.run.epochs(),
            "checkpoints": _checkpoints(entry.run),
            "keep": str(record.keep),
            "known": summary["state"] != "training" or entry.run.trainer() is not None,
            "classes": len(record.classes),
            "place": str(entry.run.directory),
            "way": self._way(entry, summary["state"]),
        }

    def _failure(self, name: str, state: str) -> str | None:
        if state == "damaged":
            return self._damaged.get(name, (None, None))[1]
        if state not in ("failed", "stopped", "finished"):
            return None
        return self._trainings.failure(name, finished=state == "finished")

    def _way(self, entry: _Entry, state: str) -> dict[str, str]:
        """Give what continues a stopped run in a terminal and in Python, or trains another like it."""
        run = entry.run
        if state == "stopped":
            return {
                "command": resume_command(run.directory, run.record.processes),
                "python": f"pellucid.resume({str(run.directory)!r})",
            }
        if entry.form is None:
            entry.form = TrainingForm.read(form_of(run) | {"name": run.directory.name}, self._folder)
        return {"command": entry.form.command, "python": entry.form.python}

    def _look(self) -> list[dict[str, Any]]:
        listed = []
        there = {path.parent.name: path for path in self._folder.glob(f"*/{RunFile.RECORD}")}
        for name in self._entries.keys() - there.keys():
            del self._entries[name]
        for name, path in there.items():
            entry = self._entry(name, path)
            if entry is not None:
                listed.append(self._summary(entry))
            elif name in self._damaged:
                listed.append(_no_run(name, "damaged"))
        listed.sort(key=lambda run: (run["created"], run["name"]), reverse=True)
        beginning = [name for name in self._trainings.names() if name not in there]
        return [self._beginning(name) for name in beginning] + listed

    def _beginning(self, name: str) -> dict[str, Any]:
        state = "starting" if self._trainings.is_alive(name) else "failed"
        return _no_run(name, state)

    def _entry(self, name: str, path: Path) -> _Entry | None:
        stamp = _stamp(path)
        entry = self._entries.get(name)
        if stamp is None:
            return None
        if entry is None or entry.record != stamp:
            if self._damaged.get(name, (None, ""))[0] == stamp:
                return None
            try:
                run = open_run(path.parent)
            except UserError as error:  # damaged, or of another pellucid
                self._damaged[name] = (stamp, str(error))
                return None
            self._damaged.pop(name, None)
            entry = self._entries[name] = _Entry(run, stamp, Follower(run.directory, without="batch"))
        self._follow(entry)
        evaluation = _stamp(path.parent / RunFile.EVALUATION)
        if evaluation != entry.evaluation:
            entry.evaluation = evaluation
            measured = own_evaluation(entry.run)
            entry.accuracy = None if measured is None else measured.accuracy
            entry.split = None if measured is None else measured.split
        return entry

    def _follow(self, entry: _Entry) -> None:
        try:
            while True:
                restarted, lines = entry.follower.read()
                if restarted:
                    entry.progress = Progress()
                for line in lines:
                    entry.progress.add(line)
                if not lines:
                    entry.damage = None
                    return
        except (UserError, OSError) as error:
            entry.damage = str(error)

    def _summary(self, entry: _Entry) -> dict[str, Any]:
        run, record, progress = entry.run, entry.run.record, entry.progress
        name = run.directory.name
        alive = self._trainings.is_alive(name)
        if progress.finished:
            state = "evaluating" if alive else "finished"
        elif run.is_being_trained():
            state = "training"
        else:
            state = "starting" if alive else "stopped"
        score, of = entry.accuracy, entry.split
        if score is None and progress.best_accuracy is not None:
            score, of = progress.best_accuracy, "val"
        return {
            "name": name,
            "state": state,
            "created": record.created,
            "network": record.network.replace("\\", "/").rpartition("/")[2],
            "data": str(record.data.source),
            "recipe": record.recipe["name"],
            "epoch": progress.epoch,
            "epochs": record.recipe["epochs"],
            "score": score,
            "split": of,
            "is_run": True,
        }


class Watch:
    """One page that watches: what it was told last, and how far it has read."""

    def __init__(self, watched: Watched, name: str | None) -> None:
        self._watched = watched
        self._name = name
        self._runs: list[dict[str, Any]] | None = None
        self._detail: dict[str, Any] | None = {}  # nothing that there is, and not that there is none
        self._follower: Follower | None = None
        self._stride = 1
        self._caught_up_to = 0
        self._damage: str | None = None
        self.has_more = False
        """Whether there is more to read at once."""

    def news(self) -> list[tuple[str, dict[str, Any]]]:
        """Give what has changed since the last call, as events and their documents."""
        news: list[tuple[str, dict[str, Any]]] = []
        runs = self._watched.runs()
        if runs != self._runs:
            self._runs = runs
            news.append(("runs", {"runs": runs}))
        if self._name is None:
            return news
        detail = self._watched.detail(self._name)
        if detail != self._detail:
            self._detail = detail
            news.append(("state", detail) if detail is not None else ("gone", {"name": self._name}))
        if detail is not None and detail["is_run"]:
            news += self._lines(Path(detail["place"]))
        else:
            self._follower, self.has_more = None, False
        return news

    def _lines(self, directory: Path) -> list[tuple[str, dict[str, Any]]]:
        first = self._follower is None
        if self._follower is None:
            self._follower = Follower(directory)
            self._caught_up_to = self._follower.size()
            self._stride = stride_for(self._caught_up_to)
        try:
            restarted, lines = self._follower.read()
        except (UserError, OSError) as error:
            self.has_more, told = False, self._damage
            self._damage = str(error)
            return [] if told == self._damage else [("damage", {"reason": self._damage})]
        # What is logged from now on comes line by line; only the past is averaged.
        stride = self._stride if self._follower.at <= self._caught_up_to else 1
        self.has_more = self._follower.at < self._follower.size() and bool(lines)
        if not lines and not restarted and not first:
            return []
        sent = list(thinned(lines, stride))
        return [("lines", {"restart": restarted or first, "lines": sent, "at": time.time()})]


def _no_run(name: str, state: str) -> dict[str, Any]:
    return {"name": name, "state": state, "created": "", "epoch": 0, "epochs": None, "score": None, "is_run": False}


def _stamp(path: Path) -> Stamp | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size, state.st_ino


def _checkpoints(run: Run) -> list[int]:
    """List after how many steps there are checkpoints, from which a step is repeated; 0 is the seed."""
    names = [path.stem.removeprefix("step-") for path in (run.directory / RunFile.CHECKPOINTS).glob("step-*.json")]
    return sorted({0, *(int(name) for name in names if name.isascii() and name.isdigit() and len(name) < 12)})


def _about_steps(run: Run) -> int | None:
    """Estimate the steps of an epoch before the first is done, from the counts that the run noted at its start."""
    try:
        images = run.data["images"]
    except (UserError, KeyError):
        return None
    recipe = run.record.recipe
    held_out = 0.0 if "val" in images else recipe["validation"]
    return math.ceil(images.get("train", 0) * (1 - held_out) / recipe["batch_size"]) or None
