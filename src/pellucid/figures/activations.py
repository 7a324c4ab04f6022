"""What activates a unit: a contact sheet of images with the window it sees, and the window enlarged."""

from __future__ import annotations

from math import ceil

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from pellucid.causes.activating_images import ActivatingImage, Activations
from pellucid.figures.page import Page
from pellucid.figures.tokens import FRAME, INK
from pellucid.ground.writing import counted, number

__all__ = ["activations_figure", "draw_activating_image"]

OUTSIDE = "#d9d9d9"
"""Where a window reaches beyond the image."""


def activations_figure(activations: Activations) -> Figure:
    """Draw the images that activate a unit, the strongest first: each with its window framed, and the window enlarged.

    The figure's label describes it in words.
    """
    columns = min(3, len(activations))
    rows = ceil(len(activations) / columns)
    figure = Page(figsize=(max(5.5, 3.5 * columns), 2.15 * rows + 0.6), dpi=110, layout="constrained")
    grid = figure.subplots(rows, 2 * columns, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for rank, image in enumerate(activations):
        row, column = divmod(rank, columns)
        draw_activating_image(grid[row][2 * column], grid[row][2 * column + 1], image, activations.field)
    what = counted(len(activations), "image")
    figure.suptitle(
        f"What activates {activations.unit} most: {what} of {activations.searched:,} ({activations.split})",
        fontsize=11,
        color=INK,
    )
    facts = [f"{image.image}, {image.true} ({number(image.value)}), sees {image.box}" for image in activations]
    figure.set_label(f"Images that activate {activations.unit} most: {'; '.join(facts)}.")
    return figure


def draw_activating_image(left: Axes, right: Axes, image: ActivatingImage, field: tuple[int, int] | None) -> None:
    """Draw one image with its window framed on the left, the window alone on the right."""
    grey = image.pixels.shape[2] == 1
    shown = image.pixels[..., 0] if grey else image.pixels
    for axes in (left, right):
        axes.axis("on")
        axes.set(xticks=[], yticks=[])
        axes.imshow(
            shown,
            cmap="gray" if grey else None,
            vmin=0 if grey else None,
            vmax=255 if grey else None,
            interpolation="nearest",
        )
    left.set_title(f"{image.true}: value {image.value:.3g}", fontsize=9, color=INK)
    left.set_xlabel(image.image[-22:], fontsize=7.5, color=INK)
    box = image.box
    if box is None or field is None:
        return
    size = (box.right - box.left, box.bottom - box.top)
    for colour, line in (("white", 3.0), (FRAME, 1.6)):
        left.add_patch(Rectangle((box.left - 0.5, box.top - 0.5), *size, fill=False, edgecolor=colour, linewidth=line))
    right.set_facecolor(OUTSIDE)
    top, bottom = _side(box.top, box.bottom, field[0])
    start, end = _side(box.left, box.right, field[1])
    right.set(xlim=(start - 0.5, end - 0.5), ylim=(bottom - 0.5, top - 0.5))
    right.set_title(f"{size[1]}×{size[0]} pixels", fontsize=9, color=INK)


def _side(first: int, last: int, length: int) -> tuple[int, int]:
    """Give a window that the border has cut its full length again.

    >>> _side(0, 5, 8), _side(27, 32, 8), _side(3, 11, 8)
    ((-3, 5), (27, 35), (3, 11))
    """
    if last - first >= length:
        return first, last
    return (last - length, last) if first == 0 else (first, first + length)
