"""Maximum and average pooling side by side on one small matrix."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import ArrayLike, NDArray

from pellucid.convolution import as_numbers
from pellucid.convolution.geometry import whole_number
from pellucid.figures.cells import FRAME, INK, cell, frame, grid_axes
from pellucid.figures.page import Page
from pellucid.ground.errors import UserError
from pellucid.ground.writing import exact_number

__all__ = ["pooling_figure"]

EXAMPLE = ((7, 3, 5, 2), (8, 7, 1, 6), (4, 9, 3, 7), (0, 8, 1, 5))
BLOCKS = ("#dcebf7", "#fbdfa6", "#e9d3e6", "#bfe3d0")
"""Fills of the blocks, in turn; the blocks are also set apart by space, for those who see them in grey."""

GAP = 0.28
"""Space between blocks, in squares."""


def pooling_figure(values: ArrayLike = EXAMPLE, size: int = 2) -> Figure:
    """Draw how blocks of `size` × `size` become their maximum (above) and their mean (below).

    Args:
        values: `[H, W]`, both divisible by `size`, at most 12.
        size: rows and columns of a block, and the stride.

    Returns:
        A figure whose label describes it in words.

    Raises:
        UserError: no matrix of numbers, or one that does not divide into blocks.
    """
    matrix = as_numbers(values, "the matrix", (2,), finite=True)
    size = whole_number(size, "size", 1)
    rows, columns = matrix.shape
    if rows % size or columns % size or max(rows, columns) > 12:
        raise UserError(
            f"the matrix is {rows}×{columns} and the block {size}×{size}; "
            "expected sides that the block divides, of at most 12"
        )
    blocks = matrix.reshape(rows // size, size, columns // size, size)
    maxima, means = blocks.max(axis=(1, 3)), blocks.mean(axis=(1, 3))
    figure = Page(figsize=(9.6, 5.4), dpi=110)
    left = figure.add_axes((0.03, 0.1, 0.42, 0.78))
    _blocks(left, matrix, size, mark=True)
    left.set_title(f"{rows}×{columns} input, blocks of {size}×{size}", fontsize=12, color=INK, pad=10)
    for bottom, pooled, name, sign in (
        (0.535, maxima, "max pooling", "largest of each block"),
        (0.06, means, "average pooling", "mean of each block"),
    ):
        axes = figure.add_axes((0.66, bottom, 0.3, 0.36))
        _blocks(axes, pooled, 1)
        axes.set_title(f"{name}: {sign}", fontsize=12, color=INK, pad=8)
        middle = bottom + 0.18
        left.annotate(
            "",
            xy=(0.69, middle),
            xytext=(0.475, 0.5 + (middle - 0.5) * 0.45),
            xycoords="figure fraction",
            textcoords="figure fraction",
            arrowprops={"arrowstyle": "-|>", "color": FRAME, "linewidth": 2.0},
        )
    figure.set_label(
        f"A {rows}×{columns} matrix is cut into blocks of {size}×{size}. Max pooling keeps the largest of each block, "
        f"row by row {_words(maxima)}; average pooling keeps the mean, {_words(means)}."
    )
    return figure


def _words(values: NDArray[Any]) -> str:
    return "; ".join(", ".join(exact_number(number) for number in row) for row in values)


def _blocks(axes: Axes, values: NDArray[Any], size: int, *, mark: bool = False) -> None:
    """Draw squares with a gap between blocks; mark the largest of each block by a thick edge."""
    rows, columns = values.shape
    height, width = rows + GAP * (rows // size - 1), columns + GAP * (columns // size - 1)
    grid_axes(axes, 1, 1)
    axes.set(xlim=(-0.6, width - 0.4), ylim=(height - 0.4, -0.6))
    for row in range(rows):
        for column in range(columns):
            number = (row // size) * (columns // size) + column // size
            x, y = column + GAP * (column // size), row + GAP * (row // size)
            block = values[row // size * size :, column // size * size :][:size, :size]
            won = mark and (row % size) * size + column % size == int(block.argmax())
            text = exact_number(values[row, column])
            cell(axes, x, y, text, fill=BLOCKS[number % len(BLOCKS)], size=17 if columns < 7 else 11, bold=won)
            if won:
                axes.add_patch(Rectangle((x - 0.42, y - 0.42), 0.84, 0.84, fill=False, edgecolor=INK, linewidth=1.6))
    if mark:
        for top in range(rows // size):
            for side in range(columns // size):
                step = size + GAP
                frame(axes, side * step, top * step, size, size, linewidth=1.8)
