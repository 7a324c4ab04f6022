"""The sliding filter in one dimension: signal, filter, products and the growing result, step by step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pellucid.convolution import Convolution
from pellucid.figures.cells import FILTER, FRAME, INK, PRODUCT, QUIET, RESULT, SIGNAL, cell, frame
from pellucid.figures.page import Page
from pellucid.figures.saving import save_animation
from pellucid.figures.sliding_2d import sliding_2d_figure
from pellucid.ground.errors import UserError
from pellucid.ground.writing import exact_number

__all__ = ["describe_sliding", "save_sliding", "sliding_figure"]

MOST_COLUMNS = 24
MOST_FRAMES = 60
LONGEST_SUM = 96


def sliding_figure(convolution: Convolution, step: int | tuple[int, ...]) -> Figure:
    """Draw one step of a convolution: what overlaps, the products, their sum, and the result so far.

    One-dimensional convolutions without channels are drawn as rows of squares, all others as `sliding_2d_figure`
    draws them. The figure's label is its description in words.

    Raises:
        UserError: no such step.
    """
    try:
        convolution.steps[step]
    except IndexError as error:
        raise UserError(str(error)) from None
    if len(convolution.axes) == 1 and convolution.plain:
        return _one_dimension(convolution, int(step) if not isinstance(step, tuple) else step[0])
    return sliding_2d_figure(convolution, step)


def save_sliding(
    convolution: Convolution, path: Path, *, seconds: float = 1.0, most: int = MOST_FRAMES, force: bool = False
) -> int:
    """Write the sliding filter as an animated GIF; return the number of frames.

    Of more than `most` steps, evenly spread ones are drawn; the result grows by all that lie between.

    Raises:
        UserError: the file exists and `force` is not given, or does not end in .gif.
    """
    steps = len(convolution.steps)
    chosen = range(steps) if steps <= most else sorted({round(k * (steps - 1) / (most - 1)) for k in range(most)})

    def figures() -> Iterator[Figure]:
        return (sliding_figure(convolution, k) for k in chosen)

    return save_animation(figures(), path, describe_sliding(convolution), seconds=seconds, force=force)


def describe_sliding(convolution: Convolution) -> str:
    """Say in words what the animation shows."""
    sizes = ["×".join(str(n) for n in array.shape) for array in (convolution.signal, convolution.kernel)]
    orientation = "as it is" if convolution.is_correlation else "flipped"
    text = f"A filter of {sizes[1]} numbers, {orientation}, slides over a signal of {sizes[0]}."
    if len(convolution.axes) == 1 and convolution.plain and convolution.shape[0] <= 12:
        text += f" The result is {', '.join(exact_number(value) for value in convolution.result)}."
    return text


def _one_dimension(convolution: Convolution, k: int) -> Figure:
    axis, steps = convolution.axes[0], convolution.steps
    k %= len(steps)
    step = steps[k]
    begin, middle = axis.first + k * axis.stride, (axis.reach - 1) / 2
    end = axis.first + (axis.count - 1) * axis.stride + axis.reach
    columns = range(min(0, axis.first), max(axis.padded, end))
    if len(columns) > MOST_COLUMNS:
        low = min(max(columns.start, begin - (MOST_COLUMNS - axis.reach) // 2), columns.stop - MOST_COLUMNS)
        columns = range(low, low + MOST_COLUMNS)
    inches = 0.62
    figure = Page(figsize=(max(7.0, (len(columns) + 4.2) * inches), 5.6 * inches + 0.9), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    width = figure.get_figwidth() / inches
    left = columns.start - 3.4 - max(0.0, (width - len(columns) - 4.2) / 2)
    axes.set(xlim=(left, left + width), ylim=(6.3, -0.75), aspect="equal")
    axes.axis("off")
    met, low, count = axis.overlap(k)
    overlap = [met + j * axis.dilation for j in range(count)]
    for row, label in ((1, "signal"), (2, _filter_label(convolution)), (3.3, "products"), (5.2, "result")):
        axes.text(columns.start - 0.9, row, label, ha="right", va="center", fontsize=12, color=INK)
    for p in columns:
        if 0 <= p < axis.padded:
            padding = not axis.before <= p < axis.before + axis.size
            text = exact_number(convolution.padded[0, p])
            cell(axes, p, 1, text, fill="white" if padding else SIGNAL, quiet=padding, bold=p in overlap)
    for j, weight in enumerate(convolution.aligned):
        p = begin + j * axis.dilation
        if p in columns:
            cell(axes, p, 2, exact_number(weight), fill=FILTER, quiet=p not in overlap, bold=p in overlap)
    products = step.products
    for p, product in zip(overlap, products, strict=True):
        if p in columns:
            cell(axes, p, 3.3, exact_number(product), fill=PRODUCT)
            axes.plot([p, p], [2.58, 2.76], color=QUIET, linewidth=1)
    _windows(overlap, axis.dilation, axes)
    for other in range(axis.count):
        position = axis.first + other * axis.stride + middle
        if columns.start <= position <= columns[-1]:
            known = exact_number(convolution.result[other]) if other <= k else ""
            cell(axes, position, 5.2, known, fill=RESULT if other <= k else "white", quiet=other > k, bold=other == k)
            if other == k:
                frame(axes, position, 5.2, 1, 1)
    position = begin + middle
    axes.annotate(
        "",
        xy=(position, 4.62),
        xytext=(sum(overlap) / len(overlap) if overlap else position, 3.92),
        arrowprops={"arrowstyle": "-|>", "color": FRAME, "linewidth": 1.6},
    )
    sign = "=" if len(str(step)) <= LONGEST_SUM else "…"
    title = str(step) if sign == "=" else f"sum of {products.size:,} products = {exact_number(step.value)}"
    axes.text(left + width / 2, -0.25, title.replace("*", "·"), ha="center", va="center", fontsize=15, color=INK)
    figure.text(
        0.985, 0.02, f"step {k} (of 0 to {len(steps) - 1:,})", ha="right", va="bottom", fontsize=9, color="#555555"
    )
    figure.set_label(f"Step {k} of a sliding filter: {title}. {describe_sliding(convolution)}")
    return figure


def _filter_label(convolution: Convolution) -> str:
    return "filter" if convolution.is_correlation else "filter, flipped"


def _windows(overlap: list[int], dilation: int, axes: Axes) -> None:
    """Frame the pairs that overlap: one frame around neighbours, one for each where the filter is dilated."""
    if dilation == 1 and overlap:
        frame(axes, overlap[0], 1, len(overlap), 2)
        return
    for p in overlap:
        frame(axes, p, 1, 1, 2)
