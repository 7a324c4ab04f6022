"""Attribution maps over their image, and the curves that say what each is worth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pellucid.attribution.explanation import Explanation
from pellucid.figures.cells import INK
from pellucid.figures.unit import picture_of

__all__ = ["attribution_figure", "draw_map", "overlay", "overlay_figure"]

FOR, AGAINST = (0.84, 0.10, 0.11), (0.10, 0.32, 0.75)
"""Red speaks for the class, blue against it."""
DELETION, INSERTION = "#b5541c", "#1f5fa8"


def overlay(picture: NDArray[np.float64] | NDArray[np.uint8], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Lay a map `[H, W]` over its image: the image in pale grey, red where it speaks for the class, blue against it.

    The strongest hundredth of the pixels gets the full colour.

    Returns:
        `[H, W, 3]`, 0 to 1.
    """
    colours = np.asarray(picture, np.float64) / (255.0 if picture.dtype == np.uint8 else 1.0)
    grey = colours if colours.ndim == 2 else colours @ (0.299, 0.587, 0.114)
    grey = 0.25 + 0.7 * grey
    full = float(np.quantile(np.abs(values), 0.99)) or float(np.abs(values).max()) or 1.0
    strength = np.clip(np.abs(values) / full, 0, 1)[..., None] * 0.8
    colour = np.where(values[..., None] >= 0, FOR, AGAINST)
    return np.asarray((1 - strength) * grey[..., None] + strength * colour)


def draw_map(axes: Axes, found: Explanation, title: str = "") -> None:
    """Draw one map over its image."""
    picture = picture_of(found.glass)
    assert picture is not None  # a map has rows and columns, so the input has
    axes.imshow(overlay(picture, found.map), interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    if title:
        axes.set_title(title, fontsize=10, color=INK)


def overlay_figure(found: Explanation) -> Figure:
    """Draw nothing but the map over the image, enlarged; the figure's label describes it."""
    height, width = found.map.shape
    figure = Figure(figsize=(4 * width / max(height, width), 4 * height / max(height, width)), dpi=120)
    axes = figure.add_axes((0, 0, 1, 1))
    draw_map(axes, found)
    axes.axis("off")
    figure.set_label(_words(found))
    return figure


def attribution_figure(explanations: Sequence[Explanation]) -> Figure:
    """Draw an image and its maps, below each its deletion and insertion curves beside those of random orders.

    The figure's label describes it in words.
    """
    columns = len(explanations) + 1
    figure = Figure(figsize=(2.5 * columns + 0.6, 5.6), dpi=110, layout="constrained")
    grid = figure.subplots(2, columns, squeeze=False, height_ratios=(1.1, 1))
    first = explanations[0]
    picture = picture_of(first.glass)
    assert picture is not None
    grid[0][0].imshow(picture, cmap="gray" if picture.ndim == 2 else None, interpolation="nearest")
    grid[0][0].set(xticks=[], yticks=[])
    grid[0][0].set_title(first.glass.picture.source, fontsize=10, color=INK)
    grid[1][0].axis("off")
    grid[1][0].text(0, 1, _legend(first), fontsize=8.5, color=INK, va="top", transform=grid[1][0].transAxes)
    for column, found in enumerate(explanations, start=1):
        layer = f" at {found.attribution.layer}" if found.attribution.layer else ""
        draw_map(grid[0][column], found, f"{found.method}{layer}")
        _draw_curves(grid[1][column], found)
        if column > 1:
            grid[1][column].tick_params(labelleft=False)
    grid[1][1].set_ylabel(f"probability of {first.class_name}", fontsize=9)
    figure.suptitle(f"Why {first.class_name}? {first.glass.prediction}", fontsize=11.5, color=INK)
    figure.set_label(" ".join(map(_words, explanations)))
    return figure


def _draw_curves(axes: Axes, found: Explanation) -> None:
    for each in found.moved:
        axes.plot(each.fractions, each.deletion_curve, color=DELETION, linewidth=0.7, alpha=0.3)
        axes.plot(each.fractions, each.insertion_curve, color=INSERTION, linewidth=0.7, alpha=0.3)
    scores = found.scores
    axes.plot(scores.fractions, scores.deletion_curve, color=DELETION, linewidth=2)
    axes.plot(scores.fractions, scores.insertion_curve, color=INSERTION, linewidth=2, linestyle=(0, (4, 1.5)))
    axes.set(xlim=(0, 1), ylim=(-0.02, 1.02))
    axes.set_xticks([0, 0.5, 1], ["0", "half", "all"], fontsize=8)
    axes.tick_params(axis="y", labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel(
        f"deletion {scores.deletion:.2f}, insertion {scores.insertion:.2f}\n{found.verdict}", fontsize=9, color=INK
    )


def _legend(found: Explanation) -> str:
    return (
        "red: speaks for it\nblue: speaks against it\n\n"
        "brown line: pixels go,\nthe reddest first; low is good\n\n"
        "blue dashes: they come into\na blurred image; high is good\n\n"
        f"pale: the map moved to\n{len(found.moved)} other places"
    )


def _words(found: Explanation) -> str:
    row, column = np.unravel_index(int(found.map.argmax()), found.map.shape)
    return (
        f"{found.method} of {found.class_name} on {found.glass.picture.source}: strongest at row {row}, column "
        f"{column}; deletion {found.scores.deletion:.3f}, insertion {found.scores.insertion:.3f}, {found.verdict}."
    )
