"""Attribution maps over their image, and the curves that say how faithful each is."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pellucid.attribution.explanation import Explanation
from pellucid.attribution.showing import opening
from pellucid.figures.page import Page
from pellucid.figures.tokens import INK, NEGATIVE, POSITIVE, QUIET
from pellucid.figures.unit import picture_of

__all__ = ["attribution_figure", "draw_map", "overlay", "overlay_figure"]

STRENGTH = 0.7
"""So much of the sign's colour covers the image where the map is strongest."""


def overlay(picture: NDArray[np.float64] | NDArray[np.uint8], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lay a map `[H, W]` over its image in pale grey: blue is evidence for the class, orange evidence against it.

    The strongest hundredth of the pixels gets the full colour.

    Returns:
        `[H, W, 3]`, 0 to 1.
    """
    colours = np.asarray(picture, np.float64) / (255.0 if picture.dtype == np.uint8 else 1.0)
    grey = colours if colours.ndim == 2 else colours @ (0.299, 0.587, 0.114)
    grey = 0.3 + 0.65 * grey
    full = float(np.quantile(np.abs(values), 0.99)) or float(np.abs(values).max()) or 1.0
    strength = np.clip(np.abs(values) / full, 0, 1)[..., None] * STRENGTH
    colour = np.where(values[..., None] >= 0, to_rgb(POSITIVE), to_rgb(NEGATIVE))
    return np.asarray((1 - strength) * grey[..., None] + strength * colour)


def draw_map(axes: Axes, explanation: Explanation, title: str = "") -> None:
    """Draw one map over its image."""
    picture = picture_of(explanation.glass)
    assert picture is not None  # a map has rows and columns, so the input has
    axes.imshow(overlay(picture, explanation.map), interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    if title:
        axes.set_title(title, fontsize=10, color=INK)


def overlay_figure(explanation: Explanation) -> Figure:
    """Draw nothing but the map over the image, enlarged; the figure's label describes it."""
    height, width = explanation.map.shape
    figure = Page(figsize=(4 * width / max(height, width), 4 * height / max(height, width)), dpi=120)
    axes = figure.add_axes((0, 0, 1, 1))
    draw_map(axes, explanation)
    axes.axis("off")
    figure.set_label(_description(explanation))
    return figure


def attribution_figure(explanations: Sequence[Explanation]) -> Figure:
    """Draw an image and its maps, below each its deletion and insertion curves beside those of the map moved elsewhere.

    The figure's label describes it in words.
    """
    columns = len(explanations) + 1
    figure = Page(figsize=(max(7.6, 2.5 * columns + 0.6), 5.6), dpi=110, layout="constrained")
    grid = figure.subplots(2, columns, squeeze=False, height_ratios=(1.1, 1))
    first = explanations[0]
    picture = picture_of(first.glass)
    assert picture is not None
    grid[0][0].imshow(picture, cmap="gray" if picture.ndim == 2 else None, interpolation="nearest")
    grid[0][0].set(xticks=[], yticks=[])
    grid[0][0].set_title(first.glass.picture.source[-28:], fontsize=10, color=INK)
    grid[1][0].axis("off")
    signed = any(explanation.attribution.signed for explanation in explanations)
    grid[1][0].text(0, 1, _legend(first, signed), fontsize=8.5, color=INK, va="top", transform=grid[1][0].transAxes)
    for column, explanation in enumerate(explanations, start=1):
        layer = f" at {explanation.attribution.layer}" if explanation.attribution.layer else ""
        draw_map(grid[0][column], explanation, f"{explanation.method}{layer}")
        _draw_curves(grid[1][column], explanation)
        if column > 1:
            grid[1][column].tick_params(labelleft=False)
    grid[1][1].set_ylabel(f"probability of {first.class_name}", fontsize=9)
    figure.suptitle("\n".join(wrap(opening(first), 32 * columns)), fontsize=11.5, color=INK)
    figure.set_label(" ".join(map(_description, explanations)))
    return figure


def _draw_curves(axes: Axes, explanation: Explanation) -> None:
    dashes = (0, (4, 1.5))
    for moved in explanation.test.moved:
        axes.plot(moved.fractions, moved.deletion_curve, color=QUIET, linewidth=0.7, alpha=0.15)
        axes.plot(moved.fractions, moved.insertion_curve, color=QUIET, linewidth=0.7, alpha=0.15, linestyle=dashes)
    scores = explanation.scores
    axes.plot(scores.fractions, scores.deletion_curve, color=INK, linewidth=2)
    axes.plot(scores.fractions, scores.insertion_curve, color=INK, linewidth=2, linestyle=dashes)
    axes.set(xlim=(0, 1), ylim=(-0.02, 1.02))
    axes.set_xticks([0, 0.5, 1], ["0", "half", "all"], fontsize=8)
    axes.tick_params(axis="y", labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel(
        f"deletion {scores.deletion:.2f}, insertion {scores.insertion:.2f}\n{explanation.verdict}",
        fontsize=9,
        color=INK,
    )


def _legend(explanation: Explanation, signed: bool) -> str:
    against = "orange: evidence against it\n" if signed else ""
    return (
        f"blue: evidence for {explanation.class_name}\n{against}\n"
        "solid line: pixels are painted\nover, the strongest first; low is good\n\n"
        "dashes: they come into a blurred\nimage; high is good\n\n"
        f"thin: the map moved to\n{len(explanation.test.moved)} other positions"
    )


def _description(explanation: Explanation) -> str:
    row, column = np.unravel_index(int(explanation.map.argmax()), explanation.map.shape)
    return (
        f"{explanation.method} of {explanation.class_name} on {explanation.glass.picture.source}: strongest at row "
        f"{row}, column {column}; deletion {explanation.scores.deletion:.3f}, insertion "
        f"{explanation.scores.insertion:.3f}, {explanation.verdict}."
    )
