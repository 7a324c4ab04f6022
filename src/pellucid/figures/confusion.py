"""The confusion matrix: who was taken for whom."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

__all__ = ["confusion_figure", "describe_confusion"]

NUMBERS_UP_TO = 20
NAMES_UP_TO = 50
DARKEST = 0.85


def confusion_figure(confusion: Sequence[Sequence[int]], classes: Sequence[str]) -> Figure:
    """Draw a confusion matrix `[K, K]`: a row for each true class, a column for each predicted one.

    The shade is the share of the row, so that a rare class is as visible as a common one; the number is the count. Up
    to 20 classes get numbers, up to 50 names. The figure's label describes it in words.
    """
    counts = np.asarray(confusion)
    totals = counts.sum(1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    count = len(classes)
    side = min(11.0, max(4.5, 2.2 + 0.62 * count))
    figure = Figure(figsize=(side + 1.0, side), dpi=120, layout="constrained")
    axes = figure.subplots()
    shown = axes.imshow(shares, cmap=matplotlib.colormaps["Greys"], vmin=0, vmax=1 / DARKEST)
    bar = figure.colorbar(shown, ax=axes, shrink=0.8, boundaries=np.linspace(0, 1, 101), ticks=[0, 0.25, 0.5, 0.75, 1])
    bar.ax.set_yticklabels(["0 %", "25 %", "50 %", "75 %", "100 %"])
    bar.set_label("share of the true class's images")
    if count <= NAMES_UP_TO:
        size = 9 if count <= NUMBERS_UP_TO else 6
        axes.set_xticks(
            range(count), [_short(name) for name in classes], rotation=90 if count > 5 else 0, fontsize=size
        )
        axes.set_yticks(range(count), [_short(name) for name in classes], fontsize=size)
    if count <= NUMBERS_UP_TO:
        for row in range(count):
            for column in range(count):
                if counts[row, column]:
                    colour = "white" if shares[row, column] > 0.7 else "#222222"
                    weight = "bold" if row == column else "normal"
                    text = f"{counts[row, column]:,}"
                    axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=8, fontweight=weight)
        axes.set_xticks(np.arange(-0.5, count), minor=True)
        axes.set_yticks(np.arange(-0.5, count), minor=True)
        axes.grid(which="minor", color="#d0d0d0", linewidth=0.6)
        axes.tick_params(which="minor", length=0)
    axes.set(xlabel="taken for", ylabel="true class")
    figure.set_label(describe_confusion(confusion, classes))
    return figure


def describe_confusion(confusion: Sequence[Sequence[int]], classes: Sequence[str], most: int = 3) -> str:
    """Say what the picture shows, for those who cannot see it: how many are right, and the most frequent mistakes."""
    counts = np.asarray(confusion)
    right, images = int(counts.trace()), int(counts.sum())
    wrong = counts - np.diag(counts.diagonal())
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    pairs = [(int(at) // len(classes), int(at) % len(classes)) for at in order if wrong.flat[at]]
    listed = ", ".join(f"{classes[true]} taken for {classes[other]} ({wrong[true, other]:,})" for true, other in pairs)
    text = f"Confusion matrix of {len(classes)} classes: {right:,} of {images:,} images on the diagonal, that is right."
    return f"{text} Most frequent mistakes: {listed}." if listed else f"{text} There is no mistake."


def _short(name: str, most: int = 16) -> str:
    return name if len(name) <= most else name[: most - 1] + "…"
