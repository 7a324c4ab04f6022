"""Error against coverage: how much better a network is when it may leave the images it is unsure of."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from pellucid.evaluation.confidence import CoveragePoint
from pellucid.evaluation.result import Abstention

__all__ = ["coverage_figure", "describe_coverage"]


def coverage_figure(coverage: Sequence[CoveragePoint], abstention: Abstention) -> Figure:
    """Draw the accuracy of the surest images against their share, and the threshold that was chosen.

    The figure's label describes it in words.
    """
    figure = Figure(figsize=(6.4, 4.2), dpi=120, layout="constrained")
    axes = figure.subplots()
    axes.plot(
        [point.coverage for point in coverage],
        [1 - point.error for point in coverage],
        color="#1f5fa8",
        linewidth=1.8,
        label="accuracy of the images answered",
    )
    if abstention.coverage is not None and abstention.error is not None:
        axes.plot(
            abstention.coverage,
            1 - abstention.error,
            marker="o",
            markersize=9,
            markerfacecolor="white",
            markeredgecolor="#b5541c",
            markeredgewidth=2.2,
            linestyle="none",
            label=f"confidence {abstention.threshold:.3f} or more",
        )
    axes.axhline(
        1 - abstention.error_rate, color="#333333", linestyle=":", label=f"{abstention.error_rate:.1%} errors asked for"
    )
    axes.set(xlabel="images answered, the surest first", ylabel="accuracy", xlim=(0, 1.01))
    axes.set_ylim(top=1.005)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=None))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, fontsize=9, loc="best")
    figure.set_label(describe_coverage(coverage, abstention))
    return figure


def describe_coverage(coverage: Sequence[CoveragePoint], abstention: Abstention) -> str:
    """Say what the picture shows, for those who cannot see it."""
    half = min(coverage, key=lambda point: abs(point.coverage - 0.5))
    text = (
        f"Accuracy against coverage: {1 - coverage[-1].error:.1%} when every image is answered, "
        f"{1 - half.error:.1%} when only the surest {half.coverage:.0%} are."
    )
    if abstention.coverage is None or abstention.error is None:
        return f"{text} No threshold is drawn."
    return (
        f"{text} At confidence {abstention.threshold:.3f} or more, {abstention.coverage:.1%} are answered with "
        f"{abstention.error:.1%} errors; {abstention.error_rate:.1%} were asked for."
    )
