"""Softmax and its logarithm; inputs of −∞, as masks set them, take no part.

Shape letters: N images, K classes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.arithmetic.arrays import Floats, Integers, gather, index_row, lattice
from pellucid.arithmetic.operation import Call, Formula, NoArithmetic, Operation, ShapeRule
from pellucid.arithmetic.positions import Positions
from pellucid.arithmetic.reading import for_function, for_module, spellings
from pellucid.arithmetic.rule import (
    Decomposition,
    LocalDerivatives,
    Reach,
    Rule,
    Shapes,
    check_axes,
    input_terms,
    reach_along,
    rule_for,
)

__all__ = ["SoftmaxRule", "softened", "softmax", "softmin"]


def softmax(axis: int | None, logarithm: bool = False, dtype: torch.dtype | None = None) -> Operation:
    """Describe a softmax along an axis, or its logarithm; where a type is given the input is turned into it first."""
    kind = "log_softmax" if logarithm else "softmax"
    return Operation(kind, {"axis": axis} if dtype is None else {"axis": axis, "dtype": dtype})


def softmin(axis: int | None) -> Operation:
    """Describe the softmax of the negated input."""
    return Operation("softmin", {"axis": axis})


def softened(logits: Floats) -> tuple[Floats, float, float, Floats]:
    """Return exponentials (of the differences to the largest), their sum, the largest, and the softmax.

    >>> exponentials, total, largest, shares = softened(np.array([1.0, 1.0]))
    >>> exponentials.tolist(), total, largest, shares.tolist()
    ([1.0, 1.0], 2.0, 1.0, [0.5, 0.5])
    """
    largest = float(logits.max())
    exponentials = np.exp(logits - largest)
    total = float(exponentials.sum())
    return exponentials, total, largest, exponentials / total


def softmax_slack(logits: Floats, largest: float, total: float) -> float:
    """How far rounding takes the logarithm of a softmax, in unit roundoffs: the shift, the exponentials, their sum."""
    logits = logits[np.isfinite(logits)]  # what is masked by −∞ takes no part
    count = len(logits)
    return (
        4 * (float(np.abs(logits).max()) + abs(largest) + abs(math.log(total))) + min(count, 4 * math.sqrt(count)) + 8
    )


@rule_for("softmax", "log_softmax", "softmin")
class SoftmaxRule(Rule):
    """Exponentials divided by their sum."""

    group = "activation"

    def formula(self, operation: Operation) -> Formula:
        """Written with the largest subtracted, as it is computed."""
        if operation.kind == "log_softmax":
            return Formula(
                "y_i = x_i − M − log Σ_j e^(x_j − M), M = max x",
                r"y_i = x_i - M - \log \sum_j e^{x_j - M},\; M = \max x",
            )
        if operation.kind == "softmin":
            return Formula("y_i = e^−x_i / Σ_j e^−x_j", r"y_i = \frac{e^{-x_i}}{\sum_j e^{-x_j}}")
        return Formula(
            "y_i = e^(x_i − M) / Σ_j e^(x_j − M), M = max x",
            r"y_i = \frac{e^{x_i - M}}{\sum_j e^{x_j - M}},\; M = \max x",
        )

    def shape(self, operation: Operation, shapes: Shapes) -> ShapeRule:
        """The input's."""
        if operation.settings["axis"] is not None:
            check_axes(operation, shapes[0], operation.settings["axis"])
        return ShapeRule(shapes[0], "the input's shape")

    def compute(self, operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        """Let PyTorch do it."""
        axis = _axis(operation, inputs[0].dim())
        function = torch.log_softmax if operation.kind == "log_softmax" else torch.softmax
        x = -inputs[0] if operation.kind == "softmin" else inputs[0]
        return function(x, axis, dtype=operation.settings.get("dtype"))

    def decompose(self, operation: Operation, inputs: Sequence[Tensor], index: tuple[int, ...]) -> Decomposition:
        """All inputs along the axis; the products are their exponentials."""
        x = inputs[0]
        line, own = _line(operation, x, index)
        values = gather(x, line, "the input", masked=operation.kind != "softmin")
        logits = -values if operation.kind == "softmin" else values
        exponentials, total, largest, shares = softened(logits)
        details = {"own": own, "largest": largest, "exponentials": exponentials, "exponential_sum": total}
        terms = input_terms(x.shape, line, values, products=exponentials)
        slack = softmax_slack(logits, largest, total)
        if operation.kind == "log_softmax":
            value = float(logits[own]) - largest - math.log(total)
            return Decomposition(terms, value, slack, combine="function", details=details)
        value = float(shares[own])
        # The exponential's relative error is its argument's absolute one.
        return Decomposition(terms, value, value * slack, combine="function", details=details)

    def local_derivatives(
        self, operation: Operation, inputs: Sequence[Tensor], of: str, operand: int, index: tuple[int, ...]
    ) -> LocalDerivatives:
        """An input moves every output along the axis."""
        x = inputs[0]
        line, own = _line(operation, x, index)
        sign = -1.0 if operation.kind == "softmin" else 1.0
        logits = sign * gather(x, line, "the input", masked=operation.kind != "softmin")
        _, total, largest, shares = softened(logits)
        here = np.arange(len(line)) == own
        slack = softmax_slack(logits, largest, total)
        if operation.kind == "log_softmax":
            formula = Formula(
                "∂L/∂x_i = Σ_j ∂L/∂y_j · (δ_ij − softmax_i)", r"\partial_{x_i} L = \sum_j g_j (\delta_{ij} - p_i)"
            )
            return LocalDerivatives(line, here - shares[own], formula, floor=slack * shares[own] + 2 * here)
        formula = Formula(
            "∂L/∂x_i = Σ_j ∂L/∂y_j · y_j (δ_ij − y_i)", r"\partial_{x_i} L = \sum_j g_j\, y_j (\delta_{ij} - y_i)"
        )
        if operation.kind == "softmin":
            formula = Formula(
                "∂L/∂x_i = Σ_j ∂L/∂y_j · y_j (y_i − δ_ij)", r"\partial_{x_i} L = \sum_j g_j\, y_j (y_i - \delta_{ij})"
            )
        # PyTorch sums g·y first and subtracts it from g_i, so that what cancels here rounds there.
        floor = (slack + 4) * (shares * shares[own] + here * shares[own])
        return LocalDerivatives(line, sign * shares * (here - shares[own]), formula, floor=floor)

    def reads(self, operation: Operation, shapes: Shapes, output: Positions) -> tuple[Positions | None, ...]:
        """The whole axis; of one element alone the result does not change with it."""
        if not shapes[0]:
            return (output.inexact(),)
        axis = _axis(operation, len(shapes[0]))
        read = output.whole(axis)
        return (read if shapes[0][axis] > 1 else read.inexact(),)

    def reach(self, operation: Operation, shapes: Shapes) -> tuple[Reach, ...] | str:
        """The same position of all channels, or no window."""
        return reach_along(len(shapes[0]), _axis(operation, len(shapes[0])))


def _axis(operation: Operation, rank: int) -> int:
    axis = operation.settings["axis"]
    if axis is None:  # what PyTorch chooses, with a warning, when no axis is given
        axis = 0 if rank in (0, 1, 3) else 1
    return int(axis) % max(rank, 1)


def _line(operation: Operation, x: Tensor, index: tuple[int, ...]) -> tuple[Integers, int]:
    if not index:
        return index_row(index), 0
    axis = _axis(operation, x.dim())
    axes: list[Any] = [[position] for position in index]
    axes[axis] = np.arange(x.shape[axis])
    return lattice(*axes), index[axis]


@for_module(nn.Softmax)
def _from_softmax(module: Any) -> Operation:
    return softmax(module.dim)


@for_module(nn.LogSoftmax)
def _from_log_softmax(module: Any) -> Operation:
    return softmax(module.dim, logarithm=True)


@for_module(nn.Softmax2d)
def _from_softmax_of_channels(module: Any) -> Operation:
    return softmax(-3)


@for_module(nn.Softmin)
def _from_softmin(module: Any) -> Operation:
    return softmin(module.dim)


@for_function(*spellings("softmax"))
def _from_softmax_call(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Call:
    return Call(softmax(dim, dtype=dtype), (input,))


@for_function(*spellings("log_softmax"))
def _from_log_softmax_call(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Call:
    return Call(softmax(dim, logarithm=True, dtype=dtype), (input,))


@for_function(F.softmin)
def _from_softmin_call(input: Tensor, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Call:
    if dtype not in (None, input.dtype):
        raise NoArithmetic("no arithmetic for this operation: softmin with a change of type")
    return Call(softmin(dim), (input,))
