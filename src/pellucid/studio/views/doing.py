"""Doing from the page what commands do: evaluate, audit, robustness, report, export, predict; each as its command.

What takes long is a job. It writes only files of the run that are listed here, and replaces one only where the person
said so. Those files, and no others, can be opened from the page: pages among them in a sandbox, where whatever stands
in them can neither ask this studio for anything nor load anything from elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from pellucid.ground.commands import command_line
from pellucid.ground.errors import UserError, did_you_mean
from pellucid.prediction.calling import predictor
from pellucid.run import Run, RunFile
from pellucid.run.trust import is_trusting
from pellucid.studio.answering import Asked, reading, writing
from pellucid.studio.jobs import StudioJob
from pellucid.studio.results import PREDICTED, file_facts, path_of, result_response
from pellucid.studio.tools import TOOLS
from pellucid.studio.workplace import GIVEN, Workplace, network_file

__all__ = ["routes"]

MOST_PREDICTED = 64
LARGEST_SOURCE = 1_000_000
BLOCK = 1 << 20


def routes(workplace: Workplace) -> list[Route]:
    """Give what this part answers."""
    view = _Doing(workplace)
    return [
        reading("/api/tools", view.tools),
        reading("/api/jobs", view.jobs),
        reading("/api/job", view.job),
        reading("/api/result", view.result),
        reading("/api/network-file", view.network_file),
        writing("/api/do", view.do),
        writing("/api/do/folder", view.predict_folder),
        writing("/api/jobs/stop", view.stop),
        writing("/api/predict", view.predict),
        writing("/api/trust", view.trust),
    ]


class _Doing:
    def __init__(self, workplace: Workplace) -> None:
        self._workplace = workplace

    def tools(self, asked: Asked) -> dict[str, Any]:
        """List what can be done to a run, with the command of each and the files that are there already."""
        run = self._workplace.run(asked.text("run"))
        epoch = asked.chosen("epoch")
        return {
            "run": run.directory.name,
            "place": str(run.directory),
            "tools": [
                {
                    "name": tool.name,
                    "title": tool.title,
                    "sentence": tool.sentence,
                    "command": command_line(*tool.words_for(run, _epoch_words(epoch))),
                    "files": list(tool.files),
                    "there": [found for name in tool.files if (found := file_facts(run, name)) is not None],
                }
                for tool in TOOLS.values()
            ],
            "predicted": [
                facts
                for path in sorted(run.directory.glob("predicted-*.csv"))
                if PREDICTED.fullmatch(path.name) and (facts := file_facts(run, path.name)) is not None
            ],
        }

    def do(self, asked: Asked) -> dict[str, Any]:
        """Start one of the tools as a job.

        Raises:
            UserError: there is no such tool or run; a file is there already, and nobody said that it may be replaced.
        """
        run, name = self._workplace.run(asked.text("run")), asked.text("tool")
        if name not in TOOLS:
            raise UserError(f"no tool is called {name!r}; {did_you_mean(name, TOOLS)}")
        tool, replace = TOOLS[name], asked.get("replace") is True
        there = [file for file in tool.files if path_of(run, file).exists()]
        if there and not replace:
            raise UserError(f"{', '.join(there)} of {run.directory} would be replaced; agree to that first")
        words = tool.words_for(run, _epoch_words(asked.chosen("epoch")))
        if there and tool.replaces_by:
            words.append(tool.replaces_by)
        return self._start(run, tool.name, words, tool.files)

    def predict_folder(self, asked: Asked) -> dict[str, Any]:
        """Start to predict a folder of this machine that the person typed, into a table in the run."""
        run, place = self._workplace.run(asked.text("run")), asked.text("folder").strip()
        folder = Path(place).expanduser()
        if not place or not folder.exists():
            raise UserError(f"{place!r} does not exist on this machine; expected a folder, an image or an archive")
        name = re.sub(r"[^A-Za-z0-9_.-]+", "-", folder.resolve().name)[:40].strip("-.") or "images"
        # Two folders of one name have two tables: the short code is that of the whole path.
        code = hashlib.sha256(str(folder.resolve()).encode(errors="surrogateescape")).hexdigest()[:6]
        table = f"predicted-{name}-{code}.csv"
        words: list[str | Path] = ["predict", run.directory, folder.absolute(), "--csv", run.directory / table]
        words += _epoch_words(asked.chosen("epoch"))
        return self._start(run, "predict", words, (table,))

    def _start(self, run: Run, kind: str, words: list[str | Path], files: tuple[str, ...]) -> dict[str, Any]:
        told = [*words, *(["--trust"] if run.trust or is_trusting() else [])]
        job = self._workplace.jobs.start(
            ["pellucid", *map(_word, told)],
            kind=kind,
            run=run.directory.name,
            command=command_line(*told),
            files=files,
        )
        return job.to_dict()

    def jobs(self, asked: Asked) -> dict[str, Any]:
        """List the jobs of a run, the newest first."""
        run = asked.text("run")
        listed = [job.to_dict() for job in self._workplace.jobs.listed() if job.run == run and not job.has_answer]
        return {"jobs": listed}

    def job(self, asked: Asked) -> dict[str, Any]:
        """Say how far a job is; with its answer, where it has one and has ended well."""
        job = self._workplace.jobs.get(asked.text("job"))
        return _with_answer(job, job.to_dict())

    def stop(self, asked: Asked) -> dict[str, Any]:
        """Stop a job."""
        return self._workplace.jobs.stop(asked.text("job")).to_dict()

    def result(self, asked: Asked) -> Response:
        """Hand out one of the run's files of results."""
        run, name = self._workplace.run(asked.text("run")), asked.text("file")
        return result_response(run, name, save=asked.chosen("save") is not None)

    def predict(self, asked: Asked) -> dict[str, Any]:
        """Predict images that were dropped on the page, as `pellucid.predictor` does."""
        run, images = self._workplace.run(asked.text("run")), asked.get("images")
        if not isinstance(images, list) or not 0 < len(images) <= MOST_PREDICTED:
            raise UserError(f"expected 1 to {MOST_PREDICTED} images; predict more as a folder")
        if not all(isinstance(image, str) and image.startswith(GIVEN) for image in images):
            raise UserError("expected images that were given to the studio")
        given = [self._workplace.given.get(image) for image in images]
        epoch = run.resolve_epoch(_epoch(asked.chosen("epoch")))
        with self._workplace.computing:
            predict = predictor(run, epoch)
            predictions = predict([image for _, image in given]).to_dict()
        for document, image, (name, _) in zip(predictions, images, given, strict=True):
            document |= {"source": name, "image": image}
        return {
            "epoch": epoch,
            "threshold": predict.threshold,
            "predictions": predictions,
            "command": command_line("predict", run.directory, *[name for name, _ in given], "--epoch", str(epoch)),
            "python": f"pellucid.predictor({str(run.directory)!r}, {epoch})({[name for name, _ in given]!r})",
        }

    def network_file(self, asked: Asked) -> dict[str, Any]:
        """Give the text of a run's own network, to be read before it is trusted; nothing of it is run."""
        run = self._workplace.run(asked.text("run"))
        content = network_file(run)
        return {
            "path": str(run.directory / RunFile.NETWORK),
            "sha256": hashlib.sha256(content).hexdigest(),
            "text": content[:LARGEST_SOURCE].decode(errors="replace"),
            "is_cut": len(content) > LARGEST_SOURCE,
            "bytes": len(content),
        }

    def trust(self, asked: Asked) -> dict[str, Any]:
        """Let a run's network from a file be run, as it was when the person read it."""
        self._workplace.trust(asked.text("run"), asked.text("sha256"))
        return {"trusted": True}


def _epoch_words(epoch: str | None) -> list[str]:
    return ["--epoch", str(_epoch(epoch))] if epoch else []


def _epoch(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 9):
        raise UserError(f"the epoch is {text!r}; expected a whole number")
    return int(text)


def _with_answer(job: StudioJob, document: dict[str, Any]) -> dict[str, Any]:
    if not (job.has_answer and document["state"] == "done"):
        return document
    try:
        return document | {"answer": json.loads(job.answer().splitlines()[-1])}
    except (ValueError, IndexError):  # the disk was full, or a library printed where the answer belongs
        return document | {"state": "failed", "lines": [*document["lines"], "the answer could not be read"]}


def _word(word: str | Path) -> str:
    """Write a word of a command; a place never looks like an option."""
    text = str(word)
    return f".{os.sep}{text}" if isinstance(word, Path) and text.startswith("-") else text
