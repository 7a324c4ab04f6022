"""A fully connected layer: its inputs, its outputs, and every weight between them as a line."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.arithmetic.arrays import as_array
from pellucid.figures.page import Page
from pellucid.ground.errors import UserError
from pellucid.ground.writing import counted

__all__ = ["dense_figure", "describe_dense"]

POSITIVE, NEGATIVE, NEUTRAL = "#1f5fa8", "#c4501b", "#57606a"
SHOWN_INPUTS, SHOWN_OUTPUTS = 12, 10


def dense_figure(layer: nn.Linear, x: Tensor | None = None, *, output: int | None = None) -> Figure:
    """Draw a fully connected layer as circles and lines; thick lines are large weights, dashed ones negative.

    Of a layer too large to draw, the inputs are shown that matter most (the largest products with `x`, or without it
    the largest weights), in their order, and a note says how many are left out.

    Args:
        layer: weights `(outputs, inputs)`.
        x: one input, `(inputs,)` or `(1, inputs)`; its numbers and the sums are written in the circles.
        output: draw only this output's weights strongly; the others stay as a hint.

    Raises:
        UserError: `x` has another size, or there is no such output.
    """
    weights, values, sums = _numbers(layer, x)
    chosen_in, chosen_out = _chosen(weights, values, output)
    figure = Page(figsize=(8, 0.52 * max(len(chosen_in), len(chosen_out), 5) + 1.3), dpi=120, layout="constrained")
    axes = figure.subplots()
    left = _heights(len(chosen_in))
    right = _heights(len(chosen_out))
    largest = float(np.abs(weights[np.ix_(chosen_out, chosen_in)]).max(initial=0.0)) or 1.0
    few = len(chosen_in) * len(chosen_out) <= 12
    for row, o in enumerate(chosen_out):
        for column, i in enumerate(chosen_in):
            weight = float(weights[o, i])
            strong = output is None or o == output
            axes.plot(
                [0, 1],
                [left[column], right[row]],
                color=NEGATIVE if weight < 0 else POSITIVE,
                linestyle=(0, (4, 2)) if weight < 0 else "-",
                linewidth=0.3 + 3.2 * abs(weight) / largest,
                alpha=0.85 if strong else 0.12,
                zorder=1,
            )
            if (few or output is not None) and strong:
                # Labels stand near the inputs, where the lines to one output are apart from each other.
                at = 0.3 if output is not None else 0.22 + 0.12 * row
                axes.text(
                    at,
                    left[column] + (right[row] - left[column]) * at,
                    f"{weight:.2g}",
                    fontsize=8,
                    ha="center",
                    va="center",
                    zorder=2,
                    bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
                )
    _units(axes, 0.0, left, chosen_in, values, "x", POSITIVE, "right")
    _units(axes, 1.0, right, chosen_out, sums, "y", NEGATIVE, "left")
    bottom = min(left.min(), right.min()) - 0.95
    hidden = weights.shape[1] - len(chosen_in), weights.shape[0] - len(chosen_out)
    for position, count, what in ((0.0, hidden[0], "more input"), (1.0, hidden[1], "more output")):
        if count:
            axes.text(
                position, bottom, f"and {counted(count, what)}", ha="center", va="center", fontsize=9, color=NEUTRAL
            )
    axes.set(xlim=(-0.42, 1.42), ylim=(bottom - 0.4, max(left.max(), right.max()) + 0.75))
    axes.axis("off")
    axes.set_title(_title(layer), fontsize=11)
    handles = [
        axes.plot([], [], color=POSITIVE, linewidth=2, label="weight above 0")[0],
        axes.plot([], [], color=NEGATIVE, linewidth=2, linestyle=(0, (4, 2)), label="weight below 0")[0],
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, frameon=False, fontsize=9)
    return figure


def describe_dense(layer: nn.Linear, x: Tensor | None = None, *, output: int | None = None) -> str:
    """Say what the picture shows, for those who cannot see it."""
    weights, values, sums = _numbers(layer, x)
    chosen_in, _ = _chosen(weights, values, output)
    text = (
        f"A fully connected layer: {weights.shape[1]:,} inputs at the left, {weights.shape[0]:,} outputs at the right, "
        f"a line for each weight between {len(chosen_in)} of the inputs and the outputs, "
        f"weights from {weights.min():.3g} to {weights.max():.3g}."
    )
    if sums is not None and output is not None:
        text += f" Output {output} is {sums[output]:.4g}."
    elif sums is not None:
        text += f" The largest output is number {int(np.argmax(sums))} with {sums.max():.4g}."
    return text


def _numbers(
    layer: nn.Linear, x: Tensor | None
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None, NDArray[np.float64] | None]:
    weights = as_array(layer.weight).astype(np.float64)
    if x is None:
        return weights, None, None
    values = as_array(x).astype(np.float64).reshape(-1)
    if values.size != weights.shape[1]:
        raise UserError(f"the input has the shape {list(x.shape)}; expected one image's {weights.shape[1]} numbers")
    bias = 0.0 if layer.bias is None else as_array(layer.bias).astype(np.float64)
    return weights, values, weights @ values + bias


def _chosen(weights: NDArray[np.float64], values: NDArray[np.float64] | None, output: int | None) -> tuple[Any, Any]:
    """Choose which inputs and outputs are drawn: the strongest, in their order."""
    outputs = weights.shape[0]
    if output is not None and not 0 <= output < outputs:
        raise UserError(f"output {output} was asked for; the layer has {outputs}, expected 0 to {outputs - 1}")
    size = np.abs(weights if values is None else weights * values)
    strength = size.sum(axis=0) if output is None else size[output]
    chosen_in = np.sort(np.argsort(-strength, kind="stable")[:SHOWN_INPUTS])
    importance = size.sum(axis=1)
    if output is not None:
        importance[output] = np.inf
    chosen_out = np.sort(np.argsort(-importance, kind="stable")[:SHOWN_OUTPUTS])
    return chosen_in, chosen_out


def _heights(count: int) -> NDArray[np.float64]:
    return (count - 1) / 2 - np.arange(count, dtype=np.float64)


def _units(
    axes: Any,
    position: float,
    heights: NDArray[np.float64],
    chosen: Any,
    numbers: NDArray[np.float64] | None,
    letter: str,
    color: str,
    side: str,
) -> None:
    axes.scatter([position] * len(heights), heights, s=300, color="white", edgecolor=color, linewidth=1.8, zorder=3)
    shift = -0.06 if side == "right" else 0.06
    inside = all(unit < 100 for unit in chosen)  # longer names do not fit in the circles
    for height, unit in zip(heights, chosen, strict=True):
        name = f"{letter}{unit}"
        value = "" if numbers is None else f"{numbers[unit]:.3g}"
        if inside:
            axes.text(position, height, name, ha="center", va="center", fontsize=8, zorder=4)
        words = value if inside else " = ".join(filter(None, (name, value)))
        axes.text(position + shift, height, words, ha=side, va="center", fontsize=9)


def _title(layer: nn.Linear) -> str:
    count = sum(parameter.numel() for parameter in layer.parameters())
    bias = "" if layer.bias is None else f" + {layer.out_features:,}"
    return (
        f"Fully connected: {layer.in_features:,} inputs, {layer.out_features:,} outputs, "
        f"{layer.in_features:,}·{layer.out_features:,}{bias} = {count:,} parameters"
    )
