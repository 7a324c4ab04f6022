"""What a figure holds, as plain values: squares with their numbers, texts, frames. For tests of what is drawn."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.text import Text
from PIL import Image


@dataclass(frozen=True)
class Square:
    """One square with a number in it, as `figures/cells.py` draws it."""

    text: str
    fill: str
    ink: str
    broken: bool
    """Whether its edge is broken, as that of padding is."""


def squares(axes: Axes) -> dict[tuple[float, float], Square]:
    """Collect the squares of side one by the (x, y) of their middles; each with the text that stands there."""
    texts = {tuple(np.round(text.get_position(), 3)): text for text in axes.texts}
    collected = {}
    for patch in axes.patches:
        if type(patch) is not Rectangle or not patch.get_fill() or (patch.get_width(), patch.get_height()) != (1, 1):
            continue
        middle = round(patch.get_x() + 0.5, 3), round(patch.get_y() + 0.5, 3)
        text = texts[middle]
        broken = patch.get_linestyle() not in ("solid", "-")
        collected[middle] = Square(text.get_text(), to_hex(patch.get_facecolor()), to_hex(text.get_color()), broken)
    return collected


def numbers(axes: Axes) -> list[list[str]]:
    """Return the texts of the squares, row by row from the top."""
    drawn = squares(axes)
    rows = sorted({y for _, y in drawn})
    return [[drawn[x, y].text for x in sorted(x for x, other in drawn if other == y)] for y in rows]


def frames(axes: Axes) -> list[tuple[float, float, float, float]]:
    """Return the thick frames of `cells.frame`: left, top, width and height, in the coordinates of the squares."""
    return [
        (patch.get_x() + 0.5, patch.get_y() + 0.5, patch.get_width(), patch.get_height())
        for patch in axes.patches
        if isinstance(patch, FancyBboxPatch)
    ]


def outlines(axes: Axes) -> list[tuple[tuple[float, float, float, float], str]]:
    """Return the rectangles without a fill: (left, top, right, bottom) and the colour, in order of drawing."""
    return [
        (
            (patch.get_x(), patch.get_y(), patch.get_x() + patch.get_width(), patch.get_y() + patch.get_height()),
            to_hex(patch.get_edgecolor()),
        )
        for patch in axes.patches
        if type(patch) is Rectangle and not patch.get_fill()
    ]


def texts_of(part: Axes | Figure | SubFigure) -> list[str]:
    """Return every text that is not empty: of axes, titles, legends and the figure itself."""
    return [text.get_text() for text in part.findobj(Text) if text.get_text()]


def pixels_of(axes: Axes) -> np.ndarray:
    """Return the numbers of the only image on the axes."""
    (image,) = axes.images
    return np.asarray(image.get_array())


def picture_of(figure: Figure) -> np.ndarray:
    """Draw the figure and return its pixels, `[H, W, 3]`."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return np.asarray(Image.open(buffer).convert("RGB"))
