"""Accuracy against the strength of a change, a small picture for each kind."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from pellucid.evaluation.robustness import CorruptionFigures, Robustness

__all__ = ["describe_robustness", "robustness_figure"]

COLUMNS = 3


def robustness_figure(robustness: Robustness) -> Figure:
    """Draw accuracy with its 95 % interval against strength, for each kind of change; the open mark is unchanged."""
    kinds = robustness.corruptions
    rows = -(-len(kinds) // COLUMNS)
    columns = min(COLUMNS, len(kinds))
    figure = Figure(figsize=(3.6 * columns, 2.9 * rows + 0.4), dpi=120, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axes in grid.flat[len(kinds) :]:
        axes.axis("off")
    for axes, one in zip(grid.flat, kinds, strict=False):
        _curve(axes, one, robustness)
    for axes in grid[:, 0]:
        axes.set_ylabel("accuracy")
    figure.suptitle(f"Accuracy of {robustness.images:,} {robustness.split} images of {robustness.data}, changed")
    figure.set_label(describe_robustness(robustness))
    return figure


def describe_robustness(robustness: Robustness) -> str:
    """Say what the picture shows, for those who cannot see it: where each kind of change costs most."""
    worst = [(one, min(one.points, key=lambda point: point.accuracy)) for one in robustness.corruptions]
    listed = ", ".join(f"{one.name} {point.strength:g}: {point.accuracy:.1%}" for one, point in worst)
    return (
        f"Accuracy under {len(worst)} kinds of change, unchanged {robustness.accuracy:.1%}. "
        f"At the strength that costs most: {listed}."
    )


def _curve(axes: Axes, one: CorruptionFigures, robustness: Robustness) -> None:
    points = [(point.strength, point.accuracy, *point.accuracy_interval) for point in one.points]
    points.append((one.neutral, robustness.accuracy, *robustness.accuracy_interval))
    strengths, accuracies, lows, highs = zip(*sorted(points), strict=True)
    axes.fill_between(strengths, lows, highs, color="#1f5fa8", alpha=0.2, linewidth=0)
    axes.plot(strengths, accuracies, color="#1f5fa8", marker="o", markersize=4.5, linewidth=1.6)
    axes.plot(one.neutral, robustness.accuracy, marker="o", markersize=8, markerfacecolor="white", color="#333333")
    axes.set_title(one.name, fontsize=11)
    axes.set_xlabel(one.unit, fontsize=9)
    axes.set_ylim(0, 1)
    if one.neutral > 0:  # a factor: the change grows as it falls, and the eye goes from left to right
        axes.invert_xaxis()
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
