"""The sliding filter over an image: the window, the filter, the products, and the growing output."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.patheffects import Normal, Stroke
from numpy.typing import NDArray

from pellucid.convolution import Convolution, WindowStep
from pellucid.figures.cells import FILTER, FRAME, INK, PRODUCT, RESULT, SIGNAL, cell, frame, grid, grid_axes
from pellucid.figures.page import Page
from pellucid.ground.writing import counted, exact_number

__all__ = ["sliding_2d_figure"]

MOST_CHANNELS = 3
"""Channels drawn; of the others the number is told."""

LARGEST_NUMBERED = 9
"""Up to so many rows and columns are drawn as squares with numbers, larger ones in shades of grey."""

BRIGHT: dict[str, Any] = {
    "edgecolor": "#f0a500",
    "path_effects": [Stroke(linewidth=5.5, foreground="#1c1c1c"), Normal()],
}
"""A frame that shows on black and on white."""


def sliding_2d_figure(convolution: Convolution, position: int | tuple[int, ...]) -> Figure:
    """Draw one step: image with the window framed, window × filter = products, and the output so far.

    Args:
        convolution: 2-D, or any with channels; up to three channels are drawn, one below the other.
        position: an element of the result, counted through or as (channel, row, column).

    Returns:
        A figure whose label describes it in words.
    """
    step = convolution.steps[position]
    assert isinstance(step.position, tuple)
    signal, first = _channels(convolution, step)
    shown = min(len(signal), MOST_CHANNELS)
    figure = Page(figsize=(12.6, 0.8 + 3.0 * shown if shown > 1 else 4.4), dpi=90)
    layout = figure.add_gridspec(
        shown,
        6,
        width_ratios=(3.4, 1.5, 1.5, 1.5, 0.7, 3.2),
        left=0.015,
        right=0.985,
        top=0.84,
        bottom=0.06,
        wspace=0.12,
    )
    below = step.signal_values.reshape(len(signal), *_sizes(step))
    above = step.kernel_values.reshape(below.shape)
    for channel in range(shown):
        axes = [figure.add_subplot(layout[channel, column]) for column in range(4)]
        name = f", channel {first + channel}" if len(signal) > 1 else ""
        _image(axes[0], signal[channel], f"image{name}", convolution)
        _window(axes[0], convolution, step, bright=max(signal.shape[1:]) > LARGEST_NUMBERED)
        _small(axes[1], below[channel], "window", SIGNAL)
        _small(axes[2], above[channel], "filter" if convolution.is_correlation else "filter, flipped", FILTER)
        _small(axes[3], below[channel] * above[channel], "products", PRODUCT)
        total = "Σ →" if len(signal) == 1 else f"Σ = {exact_number((below[channel] * above[channel]).sum())}"
        for left, sign, at in ((axes[1], "×", 1.11), (axes[2], "=", 1.11), (axes[3], total, 1.07)):
            side = "left" if left is axes[3] else "center"
            size = 17 if len(sign) < 4 else 12
            left.annotate(sign, (at, 0.5), xycoords="axes fraction", fontsize=size, ha=side, va="center", color=INK)
    _output(figure.add_subplot(layout[:, 5]), convolution, step)
    count = int(np.prod(step.signal_values.shape))
    figure.suptitle(_arithmetic(step, below * above), fontsize=14, color=INK, y=0.985)
    if len(signal) > shown:
        figure.text(0.015, 0.01, f"… and {counted(len(signal) - shown, 'more channel')} of the image", fontsize=9)
    element = ", ".join(str(part) for part in step.position)
    figure.set_label(
        f"A filter lies on an image; the sum of {count} products, {exact_number(step.value)}, "
        f"becomes element {element} of the output."
    )
    return figure


def _sizes(step: WindowStep) -> tuple[int, int]:
    sizes = [len(indices) for indices in step.axis_indices]
    return (1, sizes[0]) if len(sizes) == 1 else (sizes[0], sizes[1])


def _arithmetic(step: WindowStep, products: NDArray[Any]) -> str:
    """Write the sum: every product, or one partial sum for each channel, or the total alone."""
    if len(products) > 1:
        partial = [exact_number(channel.sum()) for channel in products]
        text = f"{' + '.join(f'({part})' if part[0] == '-' else part for part in partial)} = {exact_number(step.value)}"
        if len(text) < 60:
            return f"{text}    (one sum of products for each channel)"
    else:
        text = str(step).replace("*", "·")
    return text if len(text) < 100 else f"sum of {products.size:,} products = {exact_number(step.value)}"


def _channels(convolution: Convolution, step: WindowStep) -> tuple[NDArray[Any], int]:
    """Give the padded channels that the step looks at, `[C/groups, H, W]`, and the number of the first."""
    assert isinstance(step.position, tuple)
    signal, first = convolution.padded, 0
    if not convolution.plain:
        count = convolution.kernel.shape[1]
        first = step.position[0] // (len(convolution.kernel) // convolution.groups) * count
        signal = signal[first : first + count]
    return (signal[:, np.newaxis] if len(convolution.axes) == 1 else signal), first


def _image(axes: Axes, values: NDArray[Any], title: str, convolution: Convolution) -> None:
    rows, columns = values.shape
    if max(rows, columns) > LARGEST_NUMBERED:
        _grey(axes, values, title)
        return
    grid_axes(axes, rows, columns, title)
    lines = convolution.axes if len(convolution.axes) == 2 else (None, convolution.axes[0])
    for row in range(rows):
        for column in range(columns):
            padding = any(
                axis is not None and not axis.before <= at < axis.before + axis.size
                for axis, at in zip(lines, (row, column), strict=True)
            )
            text = exact_number(values[row, column])
            cell(axes, column, row, text, fill="white" if padding else SIGNAL, quiet=padding, size=_size(columns))


def _window(axes: Axes, convolution: Convolution, step: WindowStep, *, bright: bool) -> None:
    """Frame the window on the image; where the filter is dilated, each of its elements."""
    lines = convolution.axes
    positions = []
    for axis, start in zip(lines, step.starts, strict=True):
        begin = start + axis.before
        positions.append([p for j in range(axis.kernel) if 0 <= (p := begin + j * axis.dilation) < axis.padded])
    rows, columns = positions if len(lines) == 2 else ([0], positions[0])
    if not rows or not columns:
        return
    if all(axis.dilation == 1 for axis in lines):
        frame(axes, columns[0], rows[0], len(columns), len(rows), **(BRIGHT if bright else {}))
        return
    for row in rows:
        for column in columns:
            frame(axes, column, row, 1, 1, **(BRIGHT if bright else {}), linewidth=2.0)


def _small(axes: Axes, values: NDArray[Any], title: str, fill: str) -> None:
    rows, columns = values.shape
    if not values.size:
        axes.axis("off")
        axes.set_title(title, fontsize=11)
        return
    if max(rows, columns) > LARGEST_NUMBERED:
        _grey(axes, values, title)
        return
    grid_axes(axes, rows, columns, title)
    grid(axes, values, fill, size=_size(columns + 2))


def _output(axes: Axes, convolution: Convolution, step: WindowStep) -> None:
    """Draw the elements up to this one; those to come are empty."""
    assert isinstance(step.position, tuple)
    result, position = convolution.result, step.position
    title = "output"
    if not convolution.plain:
        result, position, title = result[position[0]], position[1:], f"output, channel {position[0]}"
    if result.ndim == 1:
        result, position = result[np.newaxis], (0, *position)
    rows, columns = result.shape
    known = np.arange(result.size).reshape(result.shape) <= position[0] * columns + position[1]
    if max(rows, columns) > LARGEST_NUMBERED:
        axes.add_patch(Rectangle((-0.5, -0.5), columns, rows, facecolor="white", edgecolor="#c9c9c9", hatch="///"))
        limits = float(np.min(result.real)), float(np.max(result.real))
        _grey(axes, np.ma.masked_array(result.real.astype(float), ~known), title, limits)
    else:
        grid_axes(axes, rows, columns, title)
        for row in range(rows):
            for column in range(columns):
                is_known = bool(known[row, column])
                text = exact_number(result[row, column]) if is_known else ""
                cell(
                    axes,
                    column,
                    row,
                    text,
                    fill=RESULT if is_known else "white",
                    quiet=not is_known,
                    size=_size(columns),
                )
    frame(axes, position[1], position[0], 1, 1, **(BRIGHT if max(rows, columns) > LARGEST_NUMBERED else {}))


def _grey(axes: Axes, values: Any, title: str, limits: tuple[float, float] | None = None) -> None:
    low, high = limits or (None, None)
    axes.imshow(np.real(values).astype(float) if limits is None else values, cmap="gray", vmin=low, vmax=high, zorder=2)
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set(color=FRAME, linewidth=0.6)
    axes.set_title(title, fontsize=11, color=INK, pad=8)


def _size(columns: int) -> float:
    return 14.0 if columns <= 5 else 11.0 if columns <= 7 else 9.0
