"""Flattening: feature maps laid out as one row of numbers, and which number went where."""

from __future__ import annotations

from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch, Rectangle
from numpy.typing import NDArray
from torch import Tensor

from pellucid.arithmetic.arrays import as_array
from pellucid.figures.page import Page
from pellucid.ground.errors import UserError
from pellucid.ground.writing import counted

__all__ = ["describe_flatten", "flatten_figure"]

SHOWN_MAPS, SHOWN_SIDE, SHOWN_CELLS = 3, 8, 24


def flatten_figure(maps: Tensor | NDArray[Any]) -> Figure:
    """Draw feature maps `(C, H, W)` above the vector that flattening makes of them, `(C·H·W,)`.

    Each map has a strip of the vector of its own, row after row; brackets and lines join them. Of many or large maps
    the first are drawn, and a note says what is left out. Numbers are written where they fit.

    Raises:
        UserError: not three axes, or nothing in them.
    """
    array = _maps(maps)
    channels, rows, columns = array.shape
    shown = min(channels, SHOWN_MAPS)
    figure = Page(figsize=(9, 4.2), dpi=120, layout="constrained")
    grid = figure.add_gridspec(2, shown, height_ratios=[2.4, 1.0])
    strip = figure.add_subplot(grid[1, :])
    low, high = float(array.min()), float(array.max())
    colours = matplotlib.colormaps["Greys"]
    scale = (high - low) or 1.0
    vector = array.reshape(-1)
    map_size = rows * columns
    per_map = min(map_size, SHOWN_CELLS // shown)
    x = 0.0
    for channel in range(shown):
        axes = figure.add_subplot(grid[0, channel])
        part = array[channel, :SHOWN_SIDE, :SHOWN_SIDE]
        # Greys from white to a middle grey only, so that black numbers stay legible on all of them.
        axes.imshow((part - low) / scale * 0.55, cmap=colours, vmin=0, vmax=1)
        _grid(axes, part)
        cut = part.shape != (rows, columns)
        axes.set_title(f"channel {channel}" + (f" (first {part.shape[0]}×{part.shape[1]})" if cut else ""), fontsize=10)
        start = channel * map_size
        for cell in range(per_map):
            number = float(vector[start + cell])
            shade = colours((number - low) / scale * 0.55)
            strip.add_patch(Rectangle((x + cell, 0), 1, 1, facecolor=shade, edgecolor="#57606a", linewidth=0.8))
            strip.text(x + cell + 0.5, 0.5, _short(number), ha="center", va="center", fontsize=7)
            if cell in (0, per_map - 1):
                strip.text(
                    x + cell + 0.5, -0.32, str(start + cell), ha="center", va="center", fontsize=8, color="#57606a"
                )
        joined = ConnectionPatch(
            xyA=((part.shape[1] - 1) / 2, part.shape[0] - 0.4),
            coordsA=axes.transData,
            xyB=(x + per_map / 2, 1.25),
            coordsB=strip.transData,
            shrinkA=2,
            arrowstyle="-|>",
            color="#57606a",
            linewidth=1.2,
        )
        figure.add_artist(joined)
        strip.plot([x + 0.05, x + per_map - 0.05], [1.18, 1.18], color="#57606a", linewidth=2)
        x += per_map
        if map_size > per_map or (channel == shown - 1 and channels > shown):
            strip.text(x + 0.55, 0.5, "…", ha="center", va="center", fontsize=14)
            x += 1.1
        else:
            x += 0.25
    strip.set(xlim=(-0.3, max(x, 1) + 0.1), ylim=(-0.7, 2.0))
    strip.set_aspect("equal")
    strip.axis("off")
    more = f" ({counted(channels - shown, 'more channel')} not drawn)" if channels > shown else ""
    figure.suptitle(
        f"Flattening {channels} × {rows} × {columns} to {channels}·{rows}·{columns} = {vector.size:,} numbers{more}\n"
        f"element [c, i, j] becomes number c·{map_size} + i·{columns} + j",
        fontsize=11,
    )
    return figure


def describe_flatten(maps: Tensor | NDArray[Any]) -> str:
    """Say what the picture shows, for those who cannot see it."""
    channels, rows, columns = _maps(maps).shape
    return (
        f"{channels} feature maps of {rows} by {columns} numbers above one row of {channels * rows * columns:,}: "
        f"channel after channel, each row after row, so that element [c, i, j] becomes number "
        f"c·{rows * columns} + i·{columns} + j."
    )


def _maps(maps: Tensor | NDArray[Any]) -> NDArray[np.float64]:
    array = np.asarray(as_array(maps) if isinstance(maps, Tensor) else maps, dtype=np.float64)
    if array.ndim == 4 and array.shape[0] == 1:
        array = array[0]
    if array.ndim != 3 or not array.size:
        raise UserError(f"flattening was given the shape {list(array.shape)}; expected channels, rows and columns")
    return array


def _grid(axes: Any, part: NDArray[np.float64]) -> None:
    rows, columns = part.shape
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_xticks(np.arange(-0.5, columns), minor=True)
    axes.set_yticks(np.arange(-0.5, rows), minor=True)
    axes.grid(which="minor", color="#57606a", linewidth=0.8)
    axes.tick_params(which="both", length=0, labelbottom=False, labelleft=False)
    size = 10 if max(rows, columns) <= 4 else 7
    if max(rows, columns) <= SHOWN_SIDE:
        for row in range(rows):
            for column in range(columns):
                axes.text(column, row, _short(float(part[row, column])), ha="center", va="center", fontsize=size)


def _short(number: float) -> str:
    text = f"{number:.2g}"
    return text if len(text) <= 5 else f"{number:.0e}"
