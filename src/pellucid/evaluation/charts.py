"""Charts of an evaluation as plain data: prepared once here, drawn as SVG for a page and with matplotlib for a file.

`Chart` is the data of any chart with two axes: lines, bars, labels, and the same in words for screen readers. Who draws
one decides on colours and fonts, never on what is shown.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pellucid.evaluation.confidence import CoveragePoint
from pellucid.evaluation.measures import ProbabilityFigures, ReliabilityBin
from pellucid.evaluation.result import Abstention
from pellucid.evaluation.robustness import CorruptionFigures, Robustness

__all__ = [
    "Bars",
    "Chart",
    "Scale",
    "Series",
    "confidence_histogram",
    "coverage_chart",
    "describe_reliability",
    "describe_robustness",
    "reliability_chart",
    "robustness_chart",
]


@dataclass(frozen=True)
class Scale:
    """What an axis of a chart shows."""

    label: str
    limits: tuple[float, float] | None = None
    """Where it begins and ends; None takes the points, and for heights begins at zero or below."""
    percent: bool = False
    """Whether its numbers are shares, to be written as percentages."""
    whole: bool = False
    """Whether its ticks are whole numbers."""
    falling: bool = False
    """Whether its numbers fall from left to right."""


@dataclass(frozen=True)
class Series:
    """Points of one kind, in order of x.

    The look tells them apart in colour, dash and mark: `line` (solid, round marks), `dashed` (dashed, square marks),
    `curve` (solid without marks), `thin` (in the background), `level` (dotted), `point` (marks alone).
    """

    name: str
    points: tuple[tuple[float, float], ...]
    look: Literal["line", "dashed", "curve", "thin", "level", "point"] = "line"
    interval: tuple[tuple[float, float], ...] = ()
    """The lower and upper bound at each point; empty for none."""


@dataclass(frozen=True)
class Bars:
    """Bars of one kind: `bar` (filled), `gap` (hatched, between two heights), `count` (in the background)."""

    name: str
    boxes: tuple[tuple[float, float, float, float], ...]
    """Each from x to x, from y to y."""
    look: Literal["bar", "gap", "count"] = "bar"


@dataclass(frozen=True)
class Chart:
    """A chart with two axes, ready to be drawn."""

    title: str
    x: Scale
    y: Scale
    description: str
    """What it shows, in words, for those who cannot see it."""
    series: tuple[Series, ...] = ()
    bars: tuple[Bars, ...] = ()

    @property
    def x_limits(self) -> tuple[float, float]:
        """Where the horizontal axis begins and ends."""
        xs = [x for series in self.series for x, _ in series.points] or [0.0, 1.0]
        return self.x.limits or (min(xs), max(xs))

    @property
    def y_limits(self) -> tuple[float, float]:
        """Where the vertical axis begins and ends."""
        ys = [y for series in self.series for _, y in series.points] or [0.0, 1.0]
        return self.y.limits or (min(0.0, *ys), 1.05 * max(ys) or 1.0)


def reliability_chart(figures: ProbabilityFigures, name: str) -> Chart:
    """Prepare accuracy against confidence in bins: perfectly calibrated bars reach the diagonal.

    Args:
        figures: the probabilities that are judged.
        name: `as trained` or `calibrated`.
    """
    filled = _filled(figures)
    temperature = "" if figures.temperature == 1 else f" (temperature {figures.temperature:.2f})"
    bars = tuple((group.low, group.high, 0.0, accuracy) for group, accuracy, _ in filled)
    gaps = tuple(
        (group.low, group.high, min(accuracy, confidence), max(accuracy, confidence))
        for group, accuracy, confidence in filled
    )
    return Chart(
        title=f"{name.capitalize()}{temperature}: calibration error {figures.calibration_error:.1%}",
        x=Scale("confidence", (0, 1), percent=True),
        y=Scale("accuracy", (0, 1), percent=True),
        description=f"Reliability diagram, {name}, in {len(figures.reliability)} bins: {_in_words(figures)}",
        series=(Series("perfectly calibrated", ((0.0, 0.0), (1.0, 1.0)), "level"),),
        bars=(Bars("accuracy", bars, "bar"), Bars("gap to the confidence", gaps, "gap")),
    )


def confidence_histogram(figures: ProbabilityFigures) -> Chart:
    """Prepare the share of images in each bin of confidence."""
    images = sum(group.images for group in figures.reliability)
    shares = [group.images / images for group in figures.reliability]
    boxes = tuple((group.low, group.high, 0.0, share) for group, share in zip(figures.reliability, shares, strict=True))
    return Chart(
        title="",
        x=Scale("confidence (probability of the predicted class)", (0, 1), percent=True),
        y=Scale("share of images", (0, max(shares)), percent=True),
        description="Share of images in each bin of confidence.",
        bars=(Bars("images", boxes, "count"),),
    )


def describe_reliability(as_trained: ProbabilityFigures, calibrated: ProbabilityFigures | None = None) -> str:
    """Say in words how reliable the probabilities are, as trained and, where there is a temperature, calibrated."""
    text = f"As trained, {_in_words(as_trained)}"
    if calibrated:
        text += f" At temperature {calibrated.temperature:.2f}, {_in_words(calibrated)}"
    return text


def coverage_chart(coverage: Sequence[CoveragePoint], abstention: Abstention) -> Chart:
    """Prepare the accuracy of the most confident images against their share, with the confidence threshold."""
    half = min(coverage, key=lambda point: abs(point.coverage - 0.5))
    words = (
        f"Accuracy against coverage: {1 - coverage[-1].error:.1%} when every image is predicted, "
        f"{1 - half.error:.1%} when only the most confident {half.coverage:.0%} are."
    )
    points = tuple((point.coverage, 1 - point.error) for point in coverage)
    wanted = 1 - abstention.error_rate
    series = [
        Series("accuracy", points, "curve"),
        Series(f"{abstention.error_rate:.1%} errors asked for", ((0.0, wanted), (1.0, wanted)), "level"),
    ]
    heights = [height for _, height in points] + [wanted]
    if abstention.coverage is None or abstention.error is None:
        words += " No confidence threshold is drawn."
    else:
        accuracy = 1 - abstention.error
        heights.append(accuracy)
        series.append(Series(f"threshold {abstention.threshold:.3f}", ((abstention.coverage, accuracy),), "point"))
        words += (
            f" With the confidence threshold {abstention.threshold:.3f}, {abstention.coverage:.1%} are predicted and "
            f"{abstention.error:.1%} of these predictions are wrong; {abstention.error_rate:.1%} were asked for."
        )
    low = max(0.0, min(heights) - 0.05)
    return Chart(
        title="Accuracy of the most confident predictions",
        x=Scale("share of images predicted, most confident first", (0, 1), percent=True),
        y=Scale("accuracy", (low, 1), percent=True),
        description=words,
        series=tuple(series),
    )


def robustness_chart(kind: CorruptionFigures, measured: Robustness) -> Chart:
    """Prepare accuracy with its 95% interval against the strength of one kind of change, unchanged images included."""
    rows = sorted(
        [(point.strength, point.accuracy, point.accuracy_interval) for point in kind.points]
        + [(kind.neutral, measured.accuracy, measured.accuracy_interval)]
    )
    worst = min(kind.points, key=lambda point: point.accuracy)
    return Chart(
        title=kind.name,
        # a factor: the change grows as it falls, and the eye goes from left to right
        x=Scale(kind.unit, falling=kind.neutral > 0),
        y=Scale("accuracy", (0, 1), percent=True),
        description=f"{kind.name}: accuracy {worst.accuracy:.1%} at {worst.strength:g}, "
        f"unchanged {measured.accuracy:.1%}.",
        series=(
            Series(
                "changed",
                tuple((strength, accuracy) for strength, accuracy, _ in rows),
                "line",
                tuple(interval for *_, interval in rows),
            ),
            Series("unchanged", ((kind.neutral, measured.accuracy),), "point"),
        ),
    )


def describe_robustness(measured: Robustness) -> str:
    """Say in words what the charts show: where each kind of change costs most."""
    worst = [(kind, min(kind.points, key=lambda point: point.accuracy)) for kind in measured.corruptions]
    listed = ", ".join(f"{kind.name} {point.strength:g}: {point.accuracy:.1%}" for kind, point in worst)
    return (
        f"Accuracy under {len(worst)} kinds of change, unchanged {measured.accuracy:.1%}. "
        f"At the strength that costs most: {listed}."
    )


def _filled(figures: ProbabilityFigures) -> list[tuple[ReliabilityBin, float, float]]:
    """List the bins with images, each with its accuracy and its mean confidence."""
    return [
        (group, group.accuracy, group.confidence)
        for group in figures.reliability
        if group.accuracy is not None and group.confidence is not None
    ]


def _in_words(figures: ProbabilityFigures) -> str:
    images = sum(group.images for group in figures.reliability)
    above = sum(group.images for group, accuracy, confidence in _filled(figures) if accuracy < confidence)
    return (
        f"the mean confidence is {figures.mean_confidence:.1%}, the calibration error is "
        f"{figures.calibration_error:.1%}, and {above / images:.0%} of the images are in bins where the confidence is "
        "higher than the accuracy."
    )
