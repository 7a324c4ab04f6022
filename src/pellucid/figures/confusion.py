"""The confusion matrix as a picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from pellucid.evaluation.measures import confusion_tints, most_frequent_mistakes
from pellucid.figures.page import Page
from pellucid.figures.tokens import channels, tint

__all__ = ["confusion_figure", "describe_confusion"]

NUMBERS_UP_TO = 20
NAMES_UP_TO = 50


def confusion_figure(confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> Figure:
    """Draw a confusion matrix `[K, K]`: a row for each true class, a column for each predicted one.

    The diagonal is blue, the deeper the larger the share of its row; mistakes are orange, deepest for the most
    frequent. The number is the count. Up to 20 classes get numbers, up to 50 names. The figure's label describes it in
    words.
    """
    counts, tints = np.asarray(confusion), confusion_tints(confusion)
    count = len(classes)
    side = min(11.0, max(4.5, 2.2 + 0.62 * count))
    figure = Page(figsize=(side, side), dpi=120, layout="constrained")
    axes = figure.subplots()
    colours = [[channels(tint(float(strength))) for strength in row] for row in tints]
    axes.imshow(np.array(colours, dtype=np.uint8), interpolation="nearest")
    if count <= NAMES_UP_TO:
        size = 9 if count <= NUMBERS_UP_TO else 6
        names = [_short(name) for name in classes]
        axes.set_xticks(range(count), names, rotation=90 if count > 5 else 0, fontsize=size)
        axes.set_yticks(range(count), names, fontsize=size)
    if count <= NUMBERS_UP_TO:
        for row, column in np.argwhere(counts > 0):
            weight = "bold" if row == column else "normal"
            text = f"{counts[row, column]:,}"
            axes.text(column, row, text, ha="center", va="center", color="black", fontsize=8, fontweight=weight)
        axes.set_xticks(np.arange(-0.5, count), minor=True)
        axes.set_yticks(np.arange(-0.5, count), minor=True)
        axes.grid(which="minor", color="#d0d0d0", linewidth=0.6)
        axes.tick_params(which="minor", length=0)
    axes.set(xlabel="predicted as", ylabel="true label")
    axes.set_title("Confusion matrix: blue is correct, orange is a mistake", fontsize=10.5)
    figure.set_label(describe_confusion(confusion, classes))
    return figure


def describe_confusion(confusion: Sequence[Sequence[int]], classes: Sequence[str], most: int = 3) -> str:
    """Say what the picture shows, for those who cannot see it: how many are correct, and the most frequent mistakes."""
    counts = np.asarray(confusion)
    listed = ", ".join(
        f"{classes[true]} predicted as {classes[predicted]} ({count:,})"
        for true, predicted, count in most_frequent_mistakes(confusion, most)
    )
    text = (
        f"Confusion matrix of {len(classes)} classes: {int(counts.trace()):,} of {int(counts.sum()):,} images are on "
        "the diagonal, that is, classified correctly."
    )
    return f"{text} Most frequent mistakes: {listed}." if listed else f"{text} There is no mistake."


def _short(name: str, most: int = 16) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
