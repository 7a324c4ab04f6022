"""One unit of a network drawn: the pixels it depends on, the window it reads, the products that are added."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from pellucid.arithmetic import rule_of
from pellucid.figures.cells import cell, frame, grid_axes
from pellucid.figures.page import Page
from pellucid.figures.tokens import FRAME, INK, NEGATIVE, POSITIVE, QUIET, tint
from pellucid.glass import ForwardPass, UnitTrace
from pellucid.glass.showing import check_line, facts_of, trace_sentence
from pellucid.ground.shown import as_figure
from pellucid.ground.writing import number, signed_number

__all__ = ["picture_of", "unit_figure"]

CHANNELS, LARGEST_KERNEL, BARS = 3, 7, 12


@dataclass(frozen=True, eq=False)
class Window:
    """One channel of what a unit reads: values, weights and products `[kernel rows, kernel columns]`."""

    channel: int
    title: str
    values: NDArray[np.float64]
    weights: NDArray[np.float64] | None
    products: NDArray[np.float64] | None
    padding: NDArray[np.bool_]
    largest: tuple[int, int] | None = None


@as_figure.register
def unit_figure(trace: UnitTrace) -> Figure:
    """Draw a unit: on the left the image with the receptive field, on the right the window and its products.

    Of a convolution the channels that contribute most are drawn; a layer without windows shows its strongest terms.

    Returns:
        A figure whose label describes it in words.
    """
    windows, left_out = _windows(trace)
    rows = max(1, len(windows))
    figure = Page(figsize=(11.5, 1.9 + max(3.2, 2.3 * rows)), dpi=110)
    halves: Any = figure.subfigures(1, 2, width_ratios=(1, 1.75))
    left, right = halves
    _draw_image(left.add_axes((0.06, 0.16, 0.88, 0.68)), trace)
    if windows:
        _draw_windows(right, trace, windows, left_out)
    else:
        _draw_bars(right.add_axes((0.3, 0.2, 0.64, 0.62)), trace)
    sentence = trace_sentence(trace)
    figure.suptitle(textwrap.fill(sentence, 100), fontsize=13, color=INK, y=0.975)
    figure.text(0.5, 0.03, _closing(trace), ha="center", fontsize=11, color=INK)
    figure.set_label(f"{sentence} Receptive field: {trace.receptive_field} of the image. {_closing(trace)}.")
    return figure


def picture_of(glass: ForwardPass) -> NDArray[np.float64] | NDArray[np.uint8] | None:
    """Return the image as `imshow` takes it, `[H, W]` or `[H, W, 3]`; None where the input is no image.

    An input that was given as numbers is shown from its smallest (black) to its largest (white).
    """
    if glass.picture.pixels is not None:
        pixels = glass.picture.pixels
        return pixels[..., 0] if pixels.shape[2] == 1 else pixels
    values = glass.picture.input[0].double().cpu().numpy()
    if values.ndim != 3:
        return None
    low, high = float(values.min()), float(values.max())
    shown = (values - low) / ((high - low) or 1.0)
    return np.asarray(shown.transpose(1, 2, 0) if len(shown) == 3 else shown.mean(axis=0))


def _draw_image(axes: Axes, trace: UnitTrace) -> None:
    glass, box = trace.unit.node.glass, trace.receptive_field
    picture = picture_of(glass)
    axes.set(xticks=[], yticks=[])
    if picture is None:
        axes.axis("off")
        axes.text(0.5, 0.5, "the input is no image", ha="center", transform=axes.transAxes, color=QUIET)
        return
    axes.imshow(picture, cmap="gray" if picture.ndim == 2 else None, interpolation="nearest")
    prediction = "" if glass.prediction is None else f"\n{glass.prediction}"
    axes.set_title(f"{glass.picture.source}{prediction}", fontsize=10, color=INK)
    if box is None:
        return
    width, height = box.right - box.left, box.bottom - box.top
    for colour, line in (("white", 4.0), (FRAME, 2.0)):  # visible on dark and on light pixels
        corner = (box.left - 0.5, box.top - 0.5)
        axes.add_patch(Rectangle(corner, width, height, fill=False, edgecolor=colour, linewidth=line))
    axes.set_xlabel(f"receptive field: {box}", fontsize=10, color=INK)


def _windows(unit_trace: UnitTrace) -> tuple[list[Window], int]:
    """Arrange the terms as the windows of the strongest channels; nothing where they are no window."""
    trace = unit_trace.trace
    kernel = None if trace is None else rule_of(trace.operation).window(trace.operation)
    if trace is None or kernel is None:
        return [], 0
    terms = trace.terms
    if len(kernel) != 2 or max(kernel) > LARGEST_KERNEL or len(terms) % (kernel[0] * kernel[1]):
        return [], 0
    if trace.combine == "sum" and (terms.weight_index is None or terms.products is None):
        return [], 0
    shape = (-1, *kernel)
    values, padding = terms.values.reshape(shape), (terms.operand < 0).reshape(shape)
    name = unit_trace.unit.node.inputs[0].name
    # Any term that is not padding tells the channel.
    channels = [
        int(rows[rows[:, 1] >= 0][0, 1]) if (rows[:, 1] >= 0).any() else -1
        for rows in terms.index.reshape(len(values), -1, terms.index.shape[1])
    ]
    titles = ["padding" if channel < 0 else f"{name}[{channel}]" for channel in channels]
    if trace.combine == "maximum":
        largest = divmod(int(trace.details["winner"]), kernel[1])
        return [Window(channels[0], titles[0], values[0], None, None, padding[0], largest)], 0
    assert terms.products is not None
    assert terms.weights is not None
    products, weights = terms.products.reshape(shape), terms.weights.reshape(shape)
    order = np.argsort(-np.abs(products).sum(axis=(1, 2)), kind="stable")[:CHANNELS]
    chosen = [Window(channels[i], titles[i], values[i], weights[i], products[i], padding[i]) for i in order.tolist()]
    return chosen, len(products) - len(chosen)


def _draw_windows(right: SubFigure, trace: UnitTrace, windows: list[Window], left_out: int) -> None:
    signs = ("×", "=")
    headings = ("values", "weights", "products")
    largest = [_largest([getattr(window, part) for window in windows]) for part in headings]
    columns = 3 if windows[0].products is not None else 1
    grid = right.subplots(len(windows), columns, squeeze=False)
    right.subplots_adjust(left=0.02, right=0.98, bottom=0.14, top=0.82, wspace=0.18, hspace=0.3)
    for row, window in enumerate(windows):
        parts = [window.values, window.weights, window.products][:columns]
        for column, part in enumerate(parts):
            assert part is not None
            axes = grid[row][column]
            total = f", sum {_minus(number(float(part.sum())))}" if column == 2 else ""
            title = window.title if column == 0 else f"{headings[column]}{total}"
            grid_axes(axes, part.shape[0], part.shape[1], title)
            _numbers(axes, part, largest[column], window.padding if column == 0 else None)
            if column < columns - 1:
                axes.text(1.09, 0.5, signs[column], transform=axes.transAxes, ha="center", va="center", fontsize=15)
            if window.largest is not None:
                frame(axes, window.largest[1], window.largest[0], 1, 1)
    words = "all channels that it reads"
    if left_out and trace.trace is not None and trace.trace.terms.products is not None:
        shown = sum(float(window.products.sum()) for window in windows if window.products is not None)
        rest = _minus(signed_number(float(trace.trace.terms.products.sum()) - shown))
        words = f"the {len(windows)} channels that contribute most; the other {left_out} add {rest}"
    if windows[0].largest is not None:
        words = "the window; the largest is framed"
    right.text(0.5, 0.9, words, ha="center", fontsize=11, color=QUIET)
    ends = ", ".join(f"{part} {number(size)}" for part, size in zip(headings[:columns], largest, strict=False))
    right.text(0.5, 0.08, f"blue above zero, orange below; deepest: {ends}", ha="center", fontsize=9, color=QUIET)


def _largest(parts: list[NDArray[np.float64] | None]) -> float:
    """Find the largest finite size in all windows, so that one shade means one number in all of them."""
    sizes = [float(np.abs(np.where(np.isfinite(part), part, 0.0)).max()) for part in parts if part is not None]
    return max(sizes, default=0.0) or 1.0


def _numbers(axes: Axes, values: NDArray[np.float64], largest: float, padding: NDArray[np.bool_] | None) -> None:
    digits, size = (4, 13) if values.size <= 4 else (2, 10)
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            value = float(values[row, column])
            outside = padding is not None and bool(padding[row, column])
            text = ("−∞" if np.isinf(value) else "0") if outside else _minus(f"{value or 0.0:.{digits}g}")
            fill = "white" if outside else tint(value / largest)
            cell(axes, column, row, text, fill=fill, quiet=outside, size=size)


def _minus(text: str) -> str:
    """Write a real minus sign, but not in an exponent."""
    return text.replace("-", "−", 1) if text.startswith("-") else text


def _draw_bars(axes: Axes, trace: UnitTrace) -> None:
    terms = trace.strongest(BARS)
    if not terms:
        axes.axis("off")
        facts = [f"{label}: {fact}" for label, fact in facts_of(trace)]
        axes.text(-0.3, 0.6, "\n".join(facts), transform=axes.transAxes, fontsize=11, color=INK, va="top")
        return
    contributions = [term.value if term.product is None else term.product for term in terms]
    colours = [POSITIVE if value >= 0 else NEGATIVE for value in contributions]
    axes.barh(range(len(terms)), contributions, color=colours, height=0.7)
    labels = [
        term.name
        if term.weight is None
        else f"{term.name}  {_minus(f'{term.value:.3g}')} × {_minus(f'{term.weight:.3g}')}"
        for term in terms
    ]
    axes.set_yticks(range(len(terms)), labels, fontsize=9)
    axes.set_ylim(len(terms) - 0.4, -0.6)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    count = 0 if trace.trace is None else len(trace.trace.terms)
    more = f"the {len(terms)} terms that contribute most, of {count:,}" if count > len(terms) else "all its terms"
    axes.set_title(more, fontsize=11, color=QUIET)


def _closing(trace: UnitTrace) -> str:
    if trace.check is None:
        return trace.unit.node.reason or "an input of the network"
    bias = trace.trace.bias if trace.trace is not None else None
    return f"{'' if bias is None else f'bias {_minus(signed_number(bias))};  '}{check_line(trace.check)}"
