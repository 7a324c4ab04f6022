"""The reliability diagram: how often a network is correct at each confidence, before and after calibration."""

from __future__ import annotations

from matplotlib.figure import Figure

from pellucid.evaluation.charts import confidence_histogram, describe_reliability, reliability_chart
from pellucid.evaluation.measures import ProbabilityFigures
from pellucid.figures.charts import draw_chart
from pellucid.figures.page import Page

__all__ = ["reliability_figure"]


def reliability_figure(as_trained: ProbabilityFigures, calibrated: ProbabilityFigures | None = None) -> Figure:
    """Draw accuracy against confidence in bins, as trained and, where there is a temperature, calibrated.

    The bars of perfectly calibrated probabilities reach the diagonal; the hatched gap is the difference between
    confidence and accuracy. Below, how many images are in each bin. The figure's label describes it in words.
    """
    shown = [("as trained", as_trained)] + ([("calibrated", calibrated)] if calibrated else [])
    figure = Page(figsize=(5 * len(shown) + 0.4, 5.5), dpi=120, layout="constrained")
    grid = figure.subplots(2, len(shown), squeeze=False, sharex=True, sharey="row", height_ratios=(3, 1))
    for (above, below), (name, figures) in zip(grid.T, shown, strict=True):
        draw_chart(above, reliability_chart(figures, name), legend=False)
        draw_chart(below, confidence_histogram(figures), legend=False)
        above.set_xlabel("")
    for axes in grid[:, 1:].flat:
        axes.set_ylabel("")
    tallest = max(group.images for _, figures in shown for group in figures.reliability)
    images = sum(group.images for group in as_trained.reliability)
    grid[1, 0].set_ylim(0, 1.05 * tallest / images)
    figure.legend(
        *grid[0, 0].get_legend_handles_labels(), frameon=False, fontsize=9, loc="outside lower center", ncols=3
    )
    figure.set_label(
        f"Reliability diagram: accuracy against confidence. {describe_reliability(as_trained, calibrated)}"
    )
    return figure
