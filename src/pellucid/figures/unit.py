"""One unit of a network drawn: the pixels it sees, the window it read, the products that made it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from pellucid.arithmetic import rule_of
from pellucid.figures.cells import FRAME, INK, QUIET, cell, frame, grid_axes
from pellucid.glass import ForwardPass, UnitTrace
from pellucid.glass.showing import check_line
from pellucid.ground.writing import number

__all__ = ["picture_of", "unit_figure"]

POSITIVE, NEGATIVE = "#7fb3dd", "#f0b06a"
"""Fills of the largest positive and negative number; smaller ones are paler, and the sign is written anyway."""

CHANNELS, LARGEST_KERNEL, BARS = 3, 7, 12


@dataclass(frozen=True, eq=False)
class Window:
    """One channel of what a unit read: values, weights and products `[kernel rows, kernel columns]`."""

    channel: int
    title: str
    values: NDArray[np.float64]
    weights: NDArray[np.float64] | None
    products: NDArray[np.float64] | None
    padding: NDArray[np.bool_]
    winner: tuple[int, int] | None = None


def unit_figure(found: UnitTrace) -> Figure:
    """Draw a unit: on the left the image with the receptive field, on the right the window and its products.

    Of a convolution the channels that bring most are drawn; a layer without a window shows its strongest terms as bars.

    Returns:
        A figure whose label describes it in words.
    """
    windows, left_out = _windows(found)
    rows = max(1, len(windows))
    figure = Figure(figsize=(11.5, 1.9 + max(3.2, 2.3 * rows)), dpi=110)
    halves: Any = figure.subfigures(1, 2, width_ratios=(1, 1.75))
    left, right = halves
    _draw_image(left.add_axes((0.06, 0.16, 0.88, 0.68)), found)
    if windows:
        _draw_windows(right, found, windows, left_out)
    else:
        _draw_bars(right.add_axes((0.3, 0.2, 0.64, 0.64)), found)
    figure.suptitle(f"{found.unit.name} = {number(found.value)}", fontsize=15, color=INK, y=0.975)
    figure.text(0.5, 0.03, _closing(found), ha="center", fontsize=11, color=INK)
    figure.set_label(f"{found} It sees {found.receptive_field} of the image.")
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


def _draw_image(axes: Axes, found: UnitTrace) -> None:
    glass, box = found.unit.node.glass, found.receptive_field
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
    for colour, line in (("white", 4.0), (FRAME, 2.0)):  # seen on dark and on light pixels
        corner = (box.left - 0.5, box.top - 0.5)
        axes.add_patch(Rectangle(corner, width, height, fill=False, edgecolor=colour, linewidth=line))
    axes.set_xlabel(f"sees {box}", fontsize=10, color=INK)


def _windows(found: UnitTrace) -> tuple[list[Window], int]:
    """Arrange the terms as the windows of the strongest channels; nothing where they are no window."""
    trace = found.trace
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
    name = found.unit.node.inputs[0].name
    # A channel's place can be read off any of its terms that is no padding.
    channels = [
        int(rows[rows[:, 1] >= 0][0, 1]) if (rows[:, 1] >= 0).any() else -1
        for rows in terms.index.reshape(len(values), -1, terms.index.shape[1])
    ]
    titles = ["padding" if channel < 0 else f"{name}[{channel}]" for channel in channels]
    if trace.combine == "maximum":
        winner = divmod(int(trace.details["winner"]), kernel[1])
        return [Window(channels[0], titles[0], values[0], None, None, padding[0], winner)], 0
    assert terms.products is not None
    assert terms.weights is not None
    products, weights = terms.products.reshape(shape), terms.weights.reshape(shape)
    order = np.argsort(-np.abs(products).sum(axis=(1, 2)), kind="stable")[:CHANNELS]
    chosen = [
        Window(channels[i], titles[i], values[i], weights[i], products[i], padding[i])
        for i in (int(one) for one in order)
    ]
    return chosen, len(products) - len(chosen)


def _draw_windows(right: SubFigure, found: UnitTrace, windows: list[Window], left_out: int) -> None:
    signs = ("×", "=")
    headings = ("read", "weights", "products")
    columns = 3 if windows[0].products is not None else 1
    grid = right.subplots(len(windows), columns, squeeze=False)
    right.subplots_adjust(left=0.02, right=0.98, bottom=0.14, top=0.82, wspace=0.18, hspace=0.3)
    for row, window in enumerate(windows):
        parts = [window.values, window.weights, window.products][:columns]
        for column, part in enumerate(parts):
            assert part is not None
            axes = grid[row][column]
            total = f", sum {float(part.sum()):.4g}" if column == 2 else ""
            title = window.title if column == 0 else f"{headings[column]}{total}"
            grid_axes(axes, part.shape[0], part.shape[1], title)
            _numbers(axes, part, window.padding if column == 0 else None)
            if column < columns - 1:
                axes.text(1.09, 0.5, signs[column], transform=axes.transAxes, ha="center", va="center", fontsize=15)
            if window.winner is not None:
                frame(axes, window.winner[1], window.winner[0], 1, 1)
    words = "all that it read"
    if left_out and found.trace is not None and found.trace.terms.products is not None:
        shown = sum(float(window.products.sum()) for window in windows if window.products is not None)
        rest = float(found.trace.terms.products.sum()) - shown
        words = f"the {len(windows)} channels that bring most; the other {left_out} bring {rest:+.4g} together"
    if windows[0].winner is not None:
        words = "the window; the largest is framed"
    right.text(0.5, 0.9, words, ha="center", fontsize=11, color=QUIET)


def _numbers(axes: Axes, values: NDArray[np.float64], padding: NDArray[np.bool_] | None) -> None:
    largest = float(np.abs(np.where(np.isfinite(values), values, 0.0)).max()) or 1.0
    digits, size = (4, 13) if values.size <= 4 else (2, 10)
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            value = float(values[row, column])
            outside = padding is not None and bool(padding[row, column])
            text = ("−∞" if np.isinf(value) else "0") if outside else f"{value or 0.0:.{digits}g}"
            fill = "white" if outside else _tint(value / largest)
            cell(axes, column, row, text, fill=fill, quiet=outside, size=size)


def _tint(strength: float) -> str:
    """Mix white with the sign's colour."""
    red, green, blue = to_rgb(POSITIVE if strength >= 0 else NEGATIVE)
    share = min(1.0, abs(strength))
    return str(to_hex((1 - share * (1 - red), 1 - share * (1 - green), 1 - share * (1 - blue))))


def _draw_bars(axes: Axes, found: UnitTrace) -> None:
    terms = found.strongest(BARS)
    if not terms:
        axes.axis("off")
        facts = [line.strip() for line in str(found).splitlines()[1:] if not line.strip().startswith("sum by hand")]
        axes.text(-0.3, 0.6, "\n".join(facts), transform=axes.transAxes, fontsize=11, color=INK, va="top")
        return
    brings = [term.value if term.product is None else term.product for term in terms]
    colours = [POSITIVE if value >= 0 else NEGATIVE for value in brings]
    axes.barh(range(len(terms)), brings, color=colours, edgecolor=INK, linewidth=0.6)
    labels = [
        term.name if term.weight is None else f"{term.name}  {number(term.value)} × {term.weight:.3g}" for term in terms
    ]
    axes.set_yticks(range(len(terms)), labels, fontsize=9)
    axes.set_ylim(len(terms) - 0.4, -0.6)
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    count = 0 if found.trace is None else len(found.trace.terms)
    more = f"the {len(terms)} terms that bring most, of {count:,}" if count > len(terms) else "all its terms"
    axes.set_title(more, fontsize=11, color=QUIET)


def _closing(found: UnitTrace) -> str:
    if found.check is None:
        return found.unit.node.reason or "a number that was there before the network began"
    bias = "" if found.trace is None or found.trace.bias is None else f"bias {found.trace.bias:+.4g};  "
    return f"{bias}{check_line(found.check)}"
