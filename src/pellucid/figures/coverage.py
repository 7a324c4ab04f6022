"""Accuracy against coverage: how much better a network is when it predicts only where it is confident."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from pellucid.evaluation.charts import coverage_chart
from pellucid.evaluation.confidence import CoveragePoint
from pellucid.evaluation.result import Abstention
from pellucid.figures.charts import draw_chart
from pellucid.figures.page import Page

__all__ = ["coverage_figure"]


def coverage_figure(coverage: Sequence[CoveragePoint], abstention: Abstention) -> Figure:
    """Draw the accuracy of the most confident images against their share, and the confidence threshold.

    The figure's label describes it in words.
    """
    figure = Page(figsize=(6.4, 4.2), dpi=120, layout="constrained")
    chart = coverage_chart(coverage, abstention)
    draw_chart(figure.subplots(), chart)
    figure.set_label(chart.description)
    return figure
