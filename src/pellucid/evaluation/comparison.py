"""Runs side by side on the same images, and whether a difference is more than luck.

Two runs are compared image by image; `significance` holds the statistics. What is judged is the luck of which images
were tested. It is not the luck of the seed of a training: whether a *recipe* is better takes several runs of each.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pellucid.evaluation.kept_predictions import table_of
from pellucid.evaluation.measures import probability_figures, wilson_interval
from pellucid.evaluation.significance import bootstrap_interval, holm, mcnemar
from pellucid.ground.errors import UserError
from pellucid.prediction.predictions import Predictions
from pellucid.run import Run

__all__ = ["ClassDifference", "Comparison", "Disagreement", "PairComparison", "RunFigures", "compare"]

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
    calibration_error: float


@dataclass(frozen=True)
class ClassDifference:
    """Images of one class that one of two runs alone gets right."""

    name: str
    only_first: int
    only_second: int


@dataclass(frozen=True)
class Disagreement:
    """An image that one of two runs alone gets right."""

    index: int
    image: str
    true: str
    first: str
    """What the first run says."""
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
    """Images that the first alone gets right."""
    only_second: int
    both_wrong: int
    different: int
    """Images of which they say different things, both wrong ones included."""
    difference: float
    """Accuracy of the second less that of the first."""
    difference_interval: tuple[float, float]
    """95 %, by the bootstrap."""
    p_value: float
    """McNemar's, exact and two-sided."""
    adjusted_p_value: float
    """With Holm's correction for the number of pairs compared; the same where there is one pair."""
    more_than_luck: bool
    """Whether the adjusted p-value is below 0.05."""
    classes: tuple[ClassDifference, ...]
    """Classes in which they differ, the largest difference first."""
    disagreements: tuple[Disagreement, ...]
    """Images that one alone gets right, the surest wrong answers first."""

    def verdict(self) -> str:
        """Say in a sentence which is better, or that this cannot be said."""
        low, high = (100 * bound for bound in self.difference_interval)
        figures = f"{100 * self.difference:+.2f} points, 95 % interval {low:+.2f} to {high:+.2f}"
        chance = f"p = {self.adjusted_p_value:.2g}" if self.adjusted_p_value >= 1e-4 else "p < 0.0001"
        if not self.more_than_luck:
            return f"{self.second} against {self.first}: no more than luck may do ({figures}; {chance})"
        better, worse = (self.second, self.first) if self.difference > 0 else (self.first, self.second)
        return f"{better} is better than {worse}, by more than luck ({self.second}: {figures}; {chance})"


@dataclass(frozen=True)
class Comparison:
    """Runs side by side."""

    data: str
    split: str
    images: int
    runs: tuple[RunFigures, ...]
    pairs: tuple[PairComparison, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON holds it."""
        return asdict(self)

    def __str__(self) -> str:
        """The table of runs, the verdict on each pair, and where the pair disagrees."""
        width = max(len("run"), *(len(one.run) for one in self.runs))
        networks = max(len("network"), *(len(one.network) for one in self.runs))
        recipes = max(len("recipe"), *(len(one.recipe) for one in self.runs))
        lines = [
            f"{self.images:,} {self.split} images of {self.data}",
            "",
            f"{'run':<{width}}  {'network':<{networks}}  {'recipe':<{recipes}}  seed  accuracy  95 % interval      "
            "  loss  calibration error",
        ]
        for one in self.runs:
            low, high = one.accuracy_interval
            lines.append(
                f"{one.run:<{width}}  {one.network:<{networks}}  {one.recipe:<{recipes}}  {one.seed:>4}  "
                f"{one.accuracy:8.2%}  {low:.2%} to {high:.2%}  {one.loss:6.3f}  {one.calibration_error:.2%}"
            )
        for pair in self.pairs:
            lines += [
                "",
                pair.verdict(),
                f"  both right {pair.both_right:,}, only {pair.first} {pair.only_first:,}, "
                f"only {pair.second} {pair.only_second:,}, both wrong {pair.both_wrong:,}; "
                f"they say different things of {pair.different:,}",
            ]
            for part in pair.classes[:5]:
                lines.append(
                    f"  {part.name}: only {pair.first} right {part.only_first:,}, "
                    f"only {pair.second} right {part.only_second:,}"
                )
            for image in pair.disagreements[:5]:
                lines.append(
                    f"  {image.image} ({image.true}): {pair.first} says {image.first} ({image.first_confidence:.0%}), "
                    f"{pair.second} {image.second} ({image.second_confidence:.0%})"
                )
        return "\n".join(lines)


def compare(
    runs: Sequence[Run],
    *,
    split: str | None = None,
    epoch: int | str = "last",
    device: str = "auto",
    most: int = 20,
    show_progress: bool = False,
) -> Comparison:
    """Compare runs on the images that all of them were tested on.

    Args:
        runs: two or more, trained on the same image set, at whatever input size.
        split: of their own data; None is `test`.
        epoch: of each: `last`, `best` or a number.
        device: `auto`, `cpu`, `cuda`, `mps`.
        most: list no more disagreements of a pair.
        show_progress: a bar on standard error.

    Raises:
        UserError: fewer than two different runs, runs whose images or classes are not the same; and whatever
            `pellucid.evaluate` raises.
    """
    _check(runs, most)
    tables, epochs, names = [], [], []
    for run in runs:
        table, chosen, resolved = table_of(run, split=split, epoch=epoch, device=device, show_progress=show_progress)
        tables.append(table)
        epochs.append(resolved)
        names.append((chosen.images.name, chosen.split))
        _check_same(runs[0], tables[0], run, table)
    figures = tuple(
        _run_figures(run, resolved, table) for run, resolved, table in zip(runs, epochs, tables, strict=True)
    )
    pairs = list(itertools.combinations(range(len(runs)), 2))
    values = [mcnemar(*_only(tables[first], tables[second])) for first, second in pairs]
    adjusted = holm(values)
    compared = tuple(
        _pair(figures[first].run, tables[first], figures[second].run, tables[second], value, corrected, most)
        for (first, second), value, corrected in zip(pairs, values, adjusted, strict=True)
    )
    return Comparison(*names[0], len(tables[0]), figures, compared)


def _check(runs: Sequence[Run], most: int) -> None:
    problems = []
    if len(runs) < 2:
        problems.append(f"there is {len(runs)} run; expected two or more")
    paths = [run.directory.resolve() for run in runs]
    twice = sorted({str(run.directory) for run, path in zip(runs, paths, strict=True) if paths.count(path) > 1})
    if twice:
        problems.append(f"a run is given twice: {', '.join(twice)}")
    if most < 0:
        problems.append(f"--most is {most}; expected 0 or more")
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
        reference.classes[one] == table.classes[other]
        for one, other in zip(reference.labels, table.labels, strict=True)
    )
    if not same:
        raise UserError(
            f"{pair} were not tested on the same images ({first.record.data.source}, {len(reference):,} images; "
            f"{run.record.data.source}, {len(table):,}). A paired test needs the same ones: train both on one data set "
            "(and, for a folder without splits, with the same --split-seed)"
        )


def _run_figures(run: Run, epoch: int, table: Predictions) -> RunFigures:
    correct = int(table.right.sum())
    judged = probability_figures(table.log_probabilities, table.labels)
    record = run.record
    return RunFigures(
        run=str(run.directory),
        network=record.network.rpartition("/")[2],
        recipe=record.recipe["name"],
        seed=record.seed,
        epoch=epoch,
        correct=correct,
        accuracy=correct / len(table),
        accuracy_interval=wilson_interval(correct, len(table)),
        loss=judged.negative_log_likelihood,
        calibration_error=judged.calibration_error,
    )


def _only(first: Predictions, second: Predictions) -> tuple[int, int]:
    return int((first.right & ~second.right).sum()), int((second.right & ~first.right).sum())


def _pair(
    first_name: str,
    first: Predictions,
    second_name: str,
    second: Predictions,
    value: float,
    adjusted: float,
    most: int,
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
        difference_interval=bootstrap_interval(only_first, only_second, images),
        p_value=value,
        adjusted_p_value=adjusted,
        more_than_luck=adjusted < LEVEL,
        classes=_class_differences(first, second),
        disagreements=_disagreements(first, second, most),
    )


def _class_differences(first: Predictions, second: Predictions) -> tuple[ClassDifference, ...]:
    count = len(first.classes)
    only_first = np.bincount(first.labels[first.right & ~second.right], minlength=count)
    only_second = np.bincount(first.labels[second.right & ~first.right], minlength=count)
    order = np.argsort(-abs(only_first - only_second), kind="stable")
    return tuple(
        ClassDifference(first.classes[index], int(only_first[index]), int(only_second[index]))
        for index in order
        if only_first[index] + only_second[index]
    )


def _disagreements(first: Predictions, second: Predictions, most: int) -> tuple[Disagreement, ...]:
    sure_first, sure_second = first.confidence, second.confidence
    rows = np.flatnonzero(first.right != second.right)
    wrong = np.where(first.right, sure_second, sure_first)[rows]
    return tuple(
        Disagreement(
            index=int(row),
            image=first.sources[row],
            true=first.classes[first.labels[row]],
            first=first.classes[first.predicted[row]],
            first_confidence=float(sure_first[row]),
            second=second.classes[second.predicted[row]],
            second_confidence=float(sure_second[row]),
        )
        for row in rows[np.argsort(-wrong, kind="stable")][:most]
    )
