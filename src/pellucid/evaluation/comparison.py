"""Runs side by side on the same images, and whether their difference is statistically significant.

Two runs are compared image by image; `significance` holds the statistics. The test accounts for which images were
tested, not for the seed of a training: whether a *recipe* is better takes several runs of each.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pellucid.evaluation.kept_predictions import predictions_of
from pellucid.evaluation.measures import (
    balanced_accuracy,
    class_figures,
    confusion_matrix,
    probability_figures,
    wilson_interval,
)
from pellucid.evaluation.same_images import check_pixels
from pellucid.evaluation.significance import difference_interval, holm, mcnemar
from pellucid.ground.errors import UserError
from pellucid.ground.shown import Shown
from pellucid.ground.writing import counted
from pellucid.prediction.predictions import Predictions
from pellucid.run import Run

__all__ = ["ClassDifference", "Disagreement", "PairComparison", "RunComparison", "RunFigures", "compare"]

LEVEL = 0.05


@dataclass(frozen=True)
class RunFigures:
    """One run's line of the table."""

    run: str
    network: str
    recipe: str
    seed: int
    epoch: int
    correct: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    loss: float
    """Mean cross-entropy at temperature 1, as `pellucid evaluate` reports it, whether the run is calibrated or not."""
    balanced_accuracy: float | None
    """Mean recall of the classes."""
    temperature: float
    """Of the probabilities that the run predicts; 1 where it is not calibrated."""
    calibration_error: float
    """Of those probabilities."""


@dataclass(frozen=True)
class ClassDifference:
    """Images of one class that only one of two runs classifies correctly."""

    name: str
    images: int
    only_first: int
    only_second: int
    first_recall: float
    """Share of the class's images that the first classifies correctly, 0 to 1."""
    second_recall: float


@dataclass(frozen=True)
class Disagreement:
    """An image that only one of two runs classifies correctly."""

    index: int
    image: str
    true: str
    first: str
    """What the first run predicts."""
    first_confidence: float
    second: str
    second_confidence: float


@dataclass(frozen=True, kw_only=True)
class PairComparison:
    """Two runs against each other."""

    first: str
    second: str
    both_right: int
    only_first: int
    """Images that only the first classifies correctly."""
    only_second: int
    both_wrong: int
    different: int
    """Images that they predict as different classes, including those where both are wrong."""
    difference: float
    """Accuracy of the second minus that of the first."""
    difference_interval: tuple[float, float]
    """The 95% interval, Bonett and Price's."""
    p_value: float
    """McNemar's, exact and two-sided."""
    adjusted_p_value: float
    """With Holm's correction for the number of pairs compared; the same where there is one pair."""
    significant: bool
    """Whether the adjusted p-value is below 0.05."""
    classes: tuple[ClassDifference, ...]
    """Classes in which they differ, the largest difference first."""
    disagreements: tuple[Disagreement, ...]
    """Images that only one classifies correctly, the most confident wrong predictions first."""


@dataclass(frozen=True)
class RunComparison(Shown):
    """Runs side by side."""

    data: str
    split: str
    images: int
    runs: tuple[RunFigures, ...]
    pairs: tuple[PairComparison, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON holds it."""
        return asdict(self)


def compare(
    *runs: Run,
    split: str | None = None,
    epoch: int | str | None = None,
    device: str = "auto",
    top: int = 20,
    show_progress: bool = False,
) -> RunComparison:
    """Compare runs on the images that all of them were tested on.

    Args:
        runs: two or more, trained on the same image set, at any input size.
        split: of their own data; None is `test`.
        epoch: of each: `last`, `best` or a number; None is the best on validation images, else the last.
        device: `auto`, `cpu`, `cuda`, `mps`.
        top: list at most this many disagreements of a pair.
        show_progress: a bar on standard error.

    Raises:
        UserError: fewer than two different runs, runs whose images or classes are not the same; and whatever
            `pellucid.evaluate` raises.
    """
    _check(runs, top)
    tables, epochs, images = [], [], []
    for run in runs:
        table, chosen, resolved = predictions_of(
            run, split=split, epoch=epoch, device=device, show_progress=show_progress
        )
        tables.append(table)
        epochs.append(resolved)
        images.append(chosen)
        _check_same(runs[0], tables[0], run, table)
        check_pixels(runs[0], images[0], run, chosen)
    figures = tuple(
        _run_figures(run, resolved, table) for run, resolved, table in zip(runs, epochs, tables, strict=True)
    )
    pairs = list(itertools.combinations(range(len(runs)), 2))
    values = [mcnemar(*_only(tables[first], tables[second])) for first, second in pairs]
    adjusted = holm(values)
    compared = tuple(
        _pair(figures[first].run, tables[first], figures[second].run, tables[second], value, corrected, top)
        for (first, second), value, corrected in zip(pairs, values, adjusted, strict=True)
    )
    return RunComparison(images[0].images.name, images[0].split, len(tables[0]), figures, compared)


def _check(runs: Sequence[Run], top: int) -> None:
    problems = []
    if len(runs) < 2:
        problems.append(f"{counted(len(runs), 'run')} given; expected two or more")
    paths = [run.directory.resolve() for run in runs]
    twice = sorted({str(run.directory) for run, path in zip(runs, paths, strict=True) if paths.count(path) > 1})
    if twice:
        problems.append(f"a run is given twice: {', '.join(twice)}")
    if top < 0:
        problems.append(f"--top is {top}; expected 0 or more")
    if problems:
        raise UserError.all_of("these runs cannot be compared", problems)


def _check_same(first: Run, reference: Predictions, run: Run, table: Predictions) -> None:
    pair = f"{first.directory} and {run.directory}"
    if set(table.classes) != set(reference.classes):
        only_first = [name for name in reference.classes if name not in table.classes]
        only_second = [name for name in table.classes if name not in reference.classes]
        raise UserError(
            f"{pair} have different classes: only the first has {', '.join(only_first) or 'none'}; only the second has "
            f"{', '.join(only_second) or 'none'}. Compare runs trained on the same classes"
        )
    same = list(table.sources) == list(reference.sources) and all(
        reference.classes[label] == table.classes[other]
        for label, other in zip(reference.labels, table.labels, strict=True)
    )
    if not same:
        raise UserError(
            f"{pair} were not tested on the same images: {counted(len(reference), 'image')} of "
            f"{first.record.data.source}, {counted(len(table), 'image')} of {run.record.data.source}. A paired test "
            "needs the same ones: train both on one data set (a folder without splits also with the same --split-seed)"
        )


def _run_figures(run: Run, epoch: int, table: Predictions) -> RunFigures:
    correct = int(table.right.sum())
    figures = probability_figures(table.log_probabilities, table.labels)
    record = run.record
    return RunFigures(
        run=str(run.directory),
        network=record.network.rpartition("/")[2],
        recipe=_recipe_name(record.recipe),
        seed=record.seed,
        epoch=epoch,
        correct=correct,
        accuracy=correct / len(table),
        accuracy_interval=wilson_interval(correct, len(table)),
        balanced_accuracy=balanced_accuracy(
            class_figures(table.classes, confusion_matrix(table.labels, table.predicted, len(table.classes)))
        ),
        loss=float(table.as_trained().losses.mean()),
        temperature=table.temperature,
        calibration_error=figures.calibration_error,
    )


def _recipe_name(recipe: dict[str, Any]) -> str:
    weights = recipe["class_weights"]
    return str(recipe["name"]) if weights == "none" else f"{recipe['name']}, class weights {weights}"


def _only(first: Predictions, second: Predictions) -> tuple[int, int]:
    return int((first.right & ~second.right).sum()), int((second.right & ~first.right).sum())


def _pair(
    first_name: str,
    first: Predictions,
    second_name: str,
    second: Predictions,
    value: float,
    adjusted: float,
    top: int,
) -> PairComparison:
    only_first, only_second = _only(first, second)
    images = len(first)
    firsts, seconds = np.array(first.classes)[first.predicted], np.array(second.classes)[second.predicted]
    return PairComparison(
        first=first_name,
        second=second_name,
        both_right=int((first.right & second.right).sum()),
        only_first=only_first,
        only_second=only_second,
        both_wrong=int((~first.right & ~second.right).sum()),
        different=int((firsts != seconds).sum()),
        difference=(only_second - only_first) / images,
        difference_interval=difference_interval(only_first, only_second, images),
        p_value=value,
        adjusted_p_value=adjusted,
        significant=adjusted < LEVEL,
        classes=_class_differences(first, second),
        disagreements=_disagreements(first, second, top),
    )


def _class_differences(first: Predictions, second: Predictions) -> tuple[ClassDifference, ...]:
    count = len(first.classes)
    only_first = np.bincount(first.labels[first.right & ~second.right], minlength=count)
    only_second = np.bincount(first.labels[second.right & ~first.right], minlength=count)
    images = np.bincount(first.labels, minlength=count)
    correct = [np.bincount(table.labels[table.right], minlength=len(table.classes)) for table in (first, second)]
    places = [second.classes.index(name) for name in first.classes]  # the second's classes may be in another order
    order = np.argsort(-abs(only_first - only_second), kind="stable")
    return tuple(
        ClassDifference(
            first.classes[index],
            int(images[index]),
            int(only_first[index]),
            int(only_second[index]),
            float(correct[0][index] / images[index]),
            float(correct[1][places[index]] / images[index]),
        )
        for index in order
        if only_first[index] + only_second[index]
    )


def _disagreements(first: Predictions, second: Predictions, top: int) -> tuple[Disagreement, ...]:
    first_confidence, second_confidence = first.confidence, second.confidence
    rows = np.flatnonzero(first.right != second.right)
    wrong = np.where(first.right, second_confidence, first_confidence)[rows]
    return tuple(
        Disagreement(
            index=int(row),
            image=first.sources[row],
            true=first.classes[first.labels[row]],
            first=first.classes[first.predicted[row]],
            first_confidence=float(first_confidence[row]),
            second=second.classes[second.predicted[row]],
            second_confidence=float(second_confidence[row]),
        )
        for row in rows[np.argsort(-wrong, kind="stable")][:top]
    )
