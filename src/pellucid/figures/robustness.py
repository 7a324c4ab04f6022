"""Accuracy against the strength of a change, a small picture for each kind."""

from __future__ import annotations

from matplotlib.figure import Figure

from pellucid.evaluation.charts import describe_robustness, robustness_chart
from pellucid.evaluation.robustness import Robustness
from pellucid.evaluation.showing import images_text
from pellucid.figures.charts import draw_chart
from pellucid.figures.page import Page

__all__ = ["robustness_figure"]

COLUMNS = 3


def robustness_figure(measured: Robustness) -> Figure:
    """Draw accuracy with its 95% interval against strength, for each kind of change; the open mark is unchanged."""
    kinds = measured.corruptions
    rows = -(-len(kinds) // COLUMNS)
    columns = min(COLUMNS, len(kinds))
    figure = Page(figsize=(3.6 * columns, 2.9 * rows + 0.4), dpi=120, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axes in grid.flat[len(kinds) :]:
        axes.axis("off")
    for axes, kind in zip(grid.flat, kinds, strict=False):
        draw_chart(axes, robustness_chart(kind, measured), legend=False)
    for axes in grid[:, 1:].flat:
        axes.set_ylabel("")
    figure.suptitle(f"Accuracy on {images_text(measured.images, measured.split, measured.data)}, changed")
    figure.set_label(describe_robustness(measured))
    return figure
