"""From an error to its cause: the confusion matrix, its images, maps of evidence, the unit, what activates it.

Each answer begins with sentences of the rooms below. What would take long is not computed here: the answer then says
how many seconds it would take, and a job computes the same in a process of its own (`apart`), which can be stopped.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from starlette.routing import Route

from pellucid.attribution import explain_glass, quick_explanation
from pellucid.attribution.explaining import PASSES, QUICK_PASSES, pass_seconds
from pellucid.attribution.explanation import Explanation
from pellucid.attribution.registry import METHODS
from pellucid.attribution.showing import MEANING, verdict_sentence
from pellucid.causes import ConfusedPair, activations, find_contributor, find_pair, history
from pellucid.causes.showing import (
    activations_title,
    history_sentence,
    history_title,
    pair_sentences,
    product_sentence,
    share_sentence,
)
from pellucid.evaluation import Evaluation, mistakes_among, own_evaluation, predictions_of
from pellucid.evaluation.measures import most_frequent_mistakes
from pellucid.evaluation.showing import mistakes_sentence, summary_sentence
from pellucid.glass import Glass
from pellucid.glass.showing import closing_of, trace_sentence
from pellucid.ground.commands import command_line
from pellucid.ground.errors import UserError, did_you_mean
from pellucid.prediction.chosen_images import ChosenImages
from pellucid.prediction.predictions import Predictions
from pellucid.run import Run
from pellucid.run.trust import is_trusting
from pellucid.studio.answering import Asked, reading, writing
from pellucid.studio.workplace import GIVEN, Workplace

__all__ = ["LONG", "references_of", "routes", "start_apart"]

MOST_CLASSES = 64
"""With more a matrix is no longer readable; the most frequent mistakes are listed instead."""
MOST_PAIRS = 60
MOST_IMAGES = 60
AT_ONCE = 4.0
"""Seconds that a page waits for; what takes longer is offered as a job."""
EPOCH_PASSES = 300
"""So many images, about, go through the network for one epoch of a history."""
QUICK = "quick"
"""Stands for the method that is taken where no other was asked for, with fewer points of its curves."""


def routes(workplace: Workplace) -> list[Route]:
    """Give what this part answers."""
    view = _Mistakes(workplace)
    return [
        reading("/api/mistakes", view.matrix),
        reading("/api/mistakes/images", view.images),
        reading("/api/mistakes/image", view.image),
        reading("/api/mistakes/map", view.unless_long(evidence, _map_passes)),
        reading("/api/mistakes/unit", view.unit),
        reading("/api/mistakes/activations", view.unless_long(activating, _search_passes)),
        reading("/api/mistakes/history", view.unless_long(over_epochs, _history_passes)),
        writing("/api/mistakes/start", view.start),
    ]


class _Mistakes:
    def __init__(self, workplace: Workplace) -> None:
        self._workplace = workplace
        self._lock = threading.Lock()
        self._seconds: dict[object, float] = {}
        self._pair: tuple[object, ConfusedPair] | None = None
        self._table: tuple[object, tuple[Predictions, ChosenImages]] | None = None

    def matrix(self, asked: Asked) -> dict[str, Any]:
        """Give the confusion matrix that the run's evaluation kept; null where it was not evaluated."""
        run = self._workplace.run(asked.text("run"))
        evaluation, problem = None, None
        try:
            evaluation = own_evaluation(run)
        except UserError as error:  # damaged: it can be measured again
            problem = str(error)
        answer: dict[str, Any] = {
            "run": run.directory.name,
            "split": run.measured_split,
            "evaluated": evaluation is not None,
            "problem": problem,
            "command": command_line("evaluate", run.directory),
            "python": f"pellucid.evaluate(pellucid.open_run({str(run.directory)!r}))",
            "methods": list(METHODS),
        }
        if evaluation is None:
            return answer
        names = [figures.name for figures in evaluation.classes]
        return answer | {
            "sentence": summary_sentence(evaluation),
            "epoch": evaluation.epoch,
            "split": evaluation.split,
            "images": evaluation.images,
            "correct": evaluation.correct,
            "classes": names,
            "counts": [figures.images for figures in evaluation.classes],
            "confusion": evaluation.confusion if len(names) <= MOST_CLASSES else None,
            "pairs": most_frequent_mistakes(evaluation.confusion, MOST_PAIRS),
            "notes": list(evaluation.notes),
        }

    def images(self, asked: Asked) -> dict[str, Any]:
        """List the images of one cell, the most confident first, as `pellucid.mistakes` does."""
        run = self._workplace.run(asked.text("run"))
        evaluation = _evaluated(run)
        predictions, chosen = self._predictions(run, evaluation)
        true, predicted = asked.text("true"), asked.text("predicted")
        top = min(MOST_IMAGES, asked.whole("top", 24))
        listed = mistakes_among(predictions, chosen, true=true, predicted=predicted, top=top)
        references = _references(chosen)
        words: list[str | Path] = ["mistakes", run.directory, "--true", true, "--predicted", predicted]
        words += ["--epoch", str(evaluation.epoch)]
        return {
            "sentence": mistakes_sentence(listed),
            "count": listed.count,
            "notes": list(listed.notes),
            "images": [
                {
                    "reference": references[mistake.image],
                    "source": mistake.image,
                    "confidence": mistake.confidence,
                    "true_probability": mistake.true_probability,
                }
                for mistake in listed.shown
            ],
            "command": command_line(*words),
            "python": f"pellucid.mistakes(pellucid.open_run({str(run.directory)!r}), true={true!r}, "
            f"predicted={predicted!r}, epoch={evaluation.epoch})",
        }

    def image(self, asked: Asked) -> dict[str, Any]:
        """Say of one image what is confused, and how often that happens."""
        glass = _glass(self._workplace, asked)
        pair = self._pair_of(glass, asked)
        run, image = _run(glass), _name(self._workplace, asked)
        return {
            "sentences": pair_sentences(pair),
            "predicted": pair.predicted,
            "other": pair.other,
            "wrong": pair.wrong,
            "notes": list(pair.notes),
            "command": command_line("why", run.directory, image, "--epoch", str(glass.epoch)),
            "python": f"pellucid.why({str(run.directory)!r}, {image!r}, epoch={glass.epoch})",
        }

    def unit(self, asked: Asked) -> dict[str, Any]:
        """Find the unit that contributed most to the predicted class over the other one, and trace it."""
        glass = _glass(self._workplace, asked)
        pair = self._pair_of(glass, asked)
        with self._workplace.computing:
            contributor = find_contributor(glass, pair.predicted, pair.other, asked.chosen("layer"))
            trace = glass.trace(contributor.unit)
            path = glass.path(contributor.unit, pair.predicted)
        return contributor.to_dict() | {
            "channel": contributor.channel,
            "layer": contributor.unit.node.name,
            "sentences": [product_sentence(contributor), share_sentence(contributor)],
            "arithmetic": [trace_sentence(trace), *closing_of(trace)],
            "check": None if trace.check is None else trace.check.to_dict(),
            "path": [link.to_dict()["unit"] for link in path.links],
        }

    def unless_long(
        self, compute: Callable[[Workplace, Asked], dict[str, Any]], passes: Callable[[Asked, Glass], int]
    ) -> Callable[[Asked], dict[str, Any]]:
        """Compute where that is quick; elsewhere say how many seconds it would take."""

        def answer(asked: Asked) -> dict[str, Any]:
            glass = _glass(self._workplace, asked)
            with self._workplace.computing:
                run = _run(glass)
                key = (run.directory, run.record.identity)
                if key not in self._seconds:
                    self._seconds[key] = pass_seconds(glass)
                seconds = passes(asked, glass) * self._seconds[key]
                return {"slow": seconds} if seconds > AT_ONCE else compute(self._workplace, asked)

        return answer

    def start(self, asked: Asked) -> dict[str, Any]:
        """Start a job that computes what would take long here."""
        question = asked.text("question")
        if question not in LONG:
            raise UserError(f"no question is called {question!r}; {did_you_mean(question, LONG)}")
        if asked.text("image").startswith(GIVEN):
            raise UserError("this image is held by the studio alone; save it as a file, and use the command")
        run = self._workplace.run(asked.text("run"))
        return start_apart(self._workplace, question, asked, run)

    def _pair_of(self, glass: Glass, asked: Asked) -> ConfusedPair:
        """Find the pair of an image, once for the image and its unit: a long table is read for it."""
        run = _run(glass)
        evaluation = own_evaluation(run)
        table = None if evaluation is None else evaluation.predictions.sha256
        key = (run.directory, run.record.identity, glass.epoch, asked.text("image"), table)
        with self._lock:
            if self._pair is None or self._pair[0] != key:
                self._pair = (key, find_pair(glass))
            return self._pair[1]

    def _predictions(self, run: Run, evaluation: Evaluation) -> tuple[Predictions, ChosenImages]:
        """Read the table of the evaluation, once while it stays the same."""
        key = (run.directory, run.record.identity, evaluation.predictions.sha256)
        with self._lock:
            if self._table is None or self._table[0] != key:
                predictions, chosen, _ = predictions_of(run, split=evaluation.split, epoch=evaluation.epoch)
                self._table = (key, (predictions, chosen))
            return self._table[1]


def start_apart(workplace: Workplace, question: str, asked: Asked, run: Run) -> dict[str, Any]:
    """Start a job that answers a question in a process of its own."""
    # As an address has them, for the question is one that is asked by address.
    texts = {name: str(value) for name, value in asked.items() if name != "question" and value is not None}
    document = texts | {"trusted": run.trust or is_trusting()}
    words = ["pellucid.studio.apart", str(workplace.folder), question, json.dumps(document)]
    name = run.directory.name
    return workplace.jobs.start(words, kind=question, run=name, command="", has_answer=True).to_dict()


def evidence(workplace: Workplace, asked: Asked) -> dict[str, Any]:
    """Make a map of the evidence for a class by one method, and measure how faithful it is."""
    glass, method, target = _glass(workplace, asked), asked.text("method", QUICK), asked.text("target")
    if method == QUICK:
        explanation: Explanation = quick_explanation(glass, target)
    else:
        explanation = explain_glass(glass, method, target).best
    run, image = _run(glass), _name(workplace, asked)
    words: list[str | Path] = ["explain", run.directory, image, "--method", explanation.method, "--class", target]
    return explanation.to_dict() | {
        "quick": method == QUICK,
        "signed": explanation.attribution.signed,
        "sentence": verdict_sentence(explanation),
        "meaning": list(MEANING),
        "command": command_line(*words, "--epoch", str(glass.epoch)),
        "python": f"pellucid.explain({str(run.directory)!r}, {image!r}, {explanation.method!r}, {target!r}, "
        f"epoch={glass.epoch})",
    }


def activating(workplace: Workplace, asked: Asked) -> dict[str, Any]:
    """Find what activates a unit or a channel most in the training images; `limit` 0 looks at all of them."""
    glass, limit = _glass(workplace, asked), asked.whole("limit")
    run, unit = _run(glass), asked.text("unit")
    found = activations(run, unit, 9, epoch=glass.epoch, limit=limit or None, show_progress=True)
    references = references_of(run)
    words: list[str | Path] = ["activations", run.directory, "--unit", unit, "--epoch", str(glass.epoch)]
    words += ["--limit", str(limit)] if limit else []
    document = found.to_dict()
    for entry, image in zip(document["images"], found, strict=True):
        entry["reference"] = references.get(image.image)
        entry["shape"] = list(image.pixels.shape)
    return document | {
        "sentence": activations_title(found),
        "command": command_line(*words),
        "python": f"pellucid.activations({str(run.directory)!r}, {unit!r}, epoch={glass.epoch}, limit={limit or None})",
    }


def over_epochs(workplace: Workplace, asked: Asked) -> dict[str, Any]:
    """Follow one image and unit over the epochs whose weights the run keeps."""
    glass = _glass(workplace, asked)
    run, image, unit = _run(glass), _name(workplace, asked), asked.text("unit")
    found = history(run, workplace.image(asked.text("image")), unit, target=asked.chosen("target"))
    document = found.to_dict()
    for moment in document["moments"]:
        del moment["map"]
    return document | {
        "sentence": history_sentence(found),
        "title": history_title(found),
        "target": found.target,
        "command": command_line("history", run.directory, image, "--unit", unit, "--class", found.target),
        "python": f"pellucid.history({str(run.directory)!r}, {image!r}, {unit!r}, target={found.target!r})",
    }


LONG: dict[str, Callable[[Workplace, Asked], dict[str, Any]]] = {
    "map": evidence,
    "activations": activating,
    "history": over_epochs,
}
"""What may be computed in a process of its own."""


def _map_passes(asked: Asked, glass: Glass) -> int:
    return QUICK_PASSES if asked.text("method", QUICK) == QUICK else PASSES // len(METHODS)


def _search_passes(asked: Asked, glass: Glass) -> int:
    return asked.whole("limit") or len(_run(glass).open_images().splits["train"])


def _history_passes(asked: Asked, glass: Glass) -> int:
    return EPOCH_PASSES * len(_run(glass).epochs())


def _glass(workplace: Workplace, asked: Asked) -> Glass:
    return workplace.glass(asked.text("run"), asked.chosen("epoch"), asked.text("image"))


def _name(workplace: Workplace, asked: Asked) -> str:
    """Call an image as a command does: one that was given here by its own name."""
    image = asked.text("image")
    return workplace.given.get(image)[0] if image.startswith(GIVEN) else image


def _run(glass: Glass) -> Run:
    assert glass.run is not None  # the workplace looks into runs alone
    return glass.run


def _evaluated(run: Run) -> Evaluation:
    evaluation = own_evaluation(run)
    if evaluation is None:
        raise UserError(f"{run.directory} was not evaluated yet; {command_line('evaluate', run.directory)}")
    return evaluation


def _references(chosen: ChosenImages) -> dict[str, str]:
    """Name each image by split and number, as it is asked for: no name of a file leads from a page to this machine."""
    return _numbered({name: split.sources for name, split in chosen.images.splits.items()})


def references_of(run: Run) -> dict[str, str]:
    """Give the reference of each of a run's images by its name."""
    return _numbered({name: split.sources for name, split in run.open_images().splits.items()})


def _numbered(sources: dict[str, Any]) -> dict[str, str]:
    return {source: f"{name}/{number}" for name, split in sources.items() for number, source in enumerate(split)}
