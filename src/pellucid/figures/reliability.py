"""The reliability diagram: how often a network is right when it is so sure, before and after calibration."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from pellucid.evaluation.measures import ProbabilityFigures

__all__ = ["describe_reliability", "reliability_figure"]

LIGHT, DARK, INK = "#a9c8e6", "#b5541c", "#333333"


def reliability_figure(as_trained: ProbabilityFigures, calibrated: ProbabilityFigures | None = None) -> Figure:
    """Draw accuracy against confidence in bins, as trained and, where there is a temperature, calibrated.

    A bar up to the diagonal is honest; the hatched gap is what the network claims and does not keep (or keeps and does
    not claim). Below, how many images are in each bin. The figure's label describes it in words.
    """
    shown = [("As trained", as_trained)] + ([("Calibrated", calibrated)] if calibrated else [])
    figure = Figure(figsize=(5 * len(shown) + 0.4, 5.5), dpi=120, layout="constrained")
    axes = figure.subplots(2, len(shown), squeeze=False, sharex=True, sharey="row", height_ratios=(3, 1))
    for column, (title, figures) in enumerate(shown):
        _diagram(axes[0, column], figures)
        axes[0, column].set_title(
            f"{title} (temperature {figures.temperature:.2f})\ncalibration error {figures.calibration_error:.1%}, "
            f"negative log-likelihood {figures.negative_log_likelihood:.3f}",
            fontsize=10,
        )
        _histogram(axes[1, column], figures)
    axes[0, 0].set_ylabel("accuracy")
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(), frameon=False, fontsize=9, loc="outside lower center", ncols=3
    )
    axes[1, 0].set_ylabel("share of images")
    figure.set_label(describe_reliability(as_trained, calibrated))
    return figure


def describe_reliability(as_trained: ProbabilityFigures, calibrated: ProbabilityFigures | None = None) -> str:
    """Say what the picture shows, for those who cannot see it."""
    text = f"Reliability diagram: accuracy against confidence in {len(as_trained.reliability)} bins. As trained"
    text += _in_words(as_trained)
    if calibrated:
        text += f" At temperature {calibrated.temperature:.2f}" + _in_words(calibrated)
    return text


def _in_words(figures: ProbabilityFigures) -> str:
    above = sum(
        one.images
        for one in figures.reliability
        if one.accuracy is not None and one.confidence is not None and one.accuracy < one.confidence
    )
    images = sum(one.images for one in figures.reliability)
    return (
        f", the network is {figures.mean_confidence:.1%} sure on average, the calibration error is "
        f"{figures.calibration_error:.1%}, and {above / images:.0%} of the images lie in bins where it is surer than "
        "right."
    )


def _diagram(axes: Axes, figures: ProbabilityFigures) -> None:
    filled = [one for one in figures.reliability if one.accuracy is not None and one.confidence is not None]
    width = figures.reliability[0].high - figures.reliability[0].low
    for index, one in enumerate(filled):
        accuracy, confidence = one.accuracy or 0.0, one.confidence or 0.0
        first = index == 0
        axes.bar(
            one.low,
            accuracy,
            width,
            align="edge",
            color=LIGHT,
            edgecolor=INK,
            linewidth=0.8,
            label="accuracy of the bin" if first else None,
        )
        axes.bar(
            one.low,
            confidence - accuracy,
            width,
            bottom=accuracy,
            align="edge",
            facecolor="none",
            edgecolor=DARK,
            hatch="////",
            linewidth=0.8,
            label="gap to its confidence" if first else None,
        )
    axes.plot([0, 1], [0, 1], color=INK, linestyle="--", linewidth=1.2, label="honest")
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.spines[["top", "right"]].set_visible(False)


def _histogram(axes: Axes, figures: ProbabilityFigures) -> None:
    images = sum(one.images for one in figures.reliability)
    for one in figures.reliability:
        axes.bar(one.low, one.images / images, one.high - one.low, align="edge", color="#8c8c8c", edgecolor="white")
    axes.set_xlabel("confidence (probability of the predicted class)")
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.spines[["top", "right"]].set_visible(False)
