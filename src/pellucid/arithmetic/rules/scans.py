"""Running sums and products along an axis: each output takes in all inputs as far as its own position."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.arithmetic.arrays import Floats, gather, lattice
from pellucid.arithmetic.operation import Call, Formula, Operation, ShapeRule
from pellucid.arithmetic.positions import Positions
from pellucid.arithmetic.reading import for_function, spellings
from pellucid.arithmetic.reducing import refuse_type
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

__all__ = ["RunningProductRule", "RunningSumRule"]


@rule_for("running_sum")
class RunningSumRule(Rule):
    """The sum of the elements up to here."""

    def formula(self, operation: Operation) -> Formula:
        """Along the axis."""
        return Formula("y_i = Σ_{j ≤ i} x_j", r"y_i = \sum_{j \le i} x_j")

    def shape(self, operation: Operation, shapes: Shapes) -> ShapeRule:
        """The input's."""
        check_axes(operation, shapes[0], operation.settings["axis"])
        return ShapeRule(shapes[0], "the input's shape")

    def compute(self, operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        """Let PyTorch add."""
        return torch.cumsum(inputs[0], operation.settings["axis"])

    def decompose(self, operation: Operation, inputs: Sequence[Tensor], index: tuple[int, ...]) -> Decomposition:
        """All elements up to here."""
        x = inputs[0]
        sources = _line(operation, index, lambda at: np.arange(at + 1))
        values = gather(x, sources, "the input")
        terms = input_terms(x.shape, sources, values, weights=np.ones(len(values)), products=values.copy())
        return Decomposition(terms, float(values.sum()), (len(values) + 1) * float(np.abs(values).sum()))

    def local_derivatives(
        self, operation: Operation, inputs: Sequence[Tensor], of: str, operand: int, index: tuple[int, ...]
    ) -> LocalDerivatives:
        """All outputs from here on."""
        size = inputs[0].shape[operation.settings["axis"]] if index else 1
        positions = _line(operation, index, lambda at: np.arange(at, size))
        formula = Formula("∂L/∂x_j = Σ_{i ≥ j} ∂L/∂y_i", r"\partial_{x_j} L = \sum_{i \ge j} g_i")
        # Autograd sums backwards from the end, or subtracts from the whole sum.
        return LocalDerivatives(positions, np.ones(len(positions)), formula, slack=len(positions) + 2.0)

    def reads(self, operation: Operation, shapes: Shapes, output: Positions) -> tuple[Positions | None, ...]:
        """Everything along the axis up to the last position."""
        if not shapes[0]:
            return (output,)
        axis = operation.settings["axis"] % len(shapes[0])
        last = int(np.flatnonzero(output.axes[axis])[-1])
        return (output.with_axis(axis, np.arange(shapes[0][axis]) <= last),)

    def reach(self, operation: Operation, shapes: Shapes) -> tuple[Reach, ...] | str:
        """The same position of the channels before, or no window."""
        return reach_along(len(shapes[0]), operation.settings["axis"])


@rule_for("running_product")
class RunningProductRule(RunningSumRule):
    """The product of the elements up to here."""

    def formula(self, operation: Operation) -> Formula:
        """Along the axis."""
        return Formula("y_i = Π_{j ≤ i} x_j", r"y_i = \prod_{j \le i} x_j")

    def compute(self, operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        """Let PyTorch multiply."""
        return torch.cumprod(inputs[0], operation.settings["axis"])

    def decompose(self, operation: Operation, inputs: Sequence[Tensor], index: tuple[int, ...]) -> Decomposition:
        """All elements up to here."""
        x = inputs[0]
        sources = _line(operation, index, lambda at: np.arange(at + 1))
        values = gather(x, sources, "the input")
        value = float(np.prod(values))
        return Decomposition(
            input_terms(x.shape, sources, values), value, (len(values) + 2) * abs(value), None, "product"
        )

    def local_derivatives(
        self, operation: Operation, inputs: Sequence[Tensor], of: str, operand: int, index: tuple[int, ...]
    ) -> LocalDerivatives:
        """All outputs from here on, each with the product of the others."""
        x = inputs[0]
        size = x.shape[operation.settings["axis"]] if index else 1
        values = gather(x, _line(operation, index, lambda _: np.arange(size)), "the input")
        at = index[operation.settings["axis"] % len(index)] if index else 0
        values[at] = 1.0
        others: Floats = np.cumprod(values)[at:].astype(np.float64)
        positions = _line(operation, index, lambda at: np.arange(at, size))
        formula = Formula(
            "∂L/∂x_j = Σ_{i ≥ j} ∂L/∂y_i · the product of the others",
            r"\partial_{x_j} L = \sum_{i \ge j} g_i \prod_{k \le i, k \ne j} x_k",
        )
        # Autograd divides the product by the element and sums backwards from the end.
        floor = (4 * size + 8) * float(np.abs(others).sum())
        return LocalDerivatives(positions, others, formula, slack=size + 8.0, floor=floor)


def _line(operation: Operation, index: tuple[int, ...], along: Any) -> Any:
    axes: list[Any] = [[position] for position in index]
    if axes:
        axis = operation.settings["axis"] % len(axes)
        axes[axis] = along(index[axis])
    return lattice(*axes)


@for_function(*spellings("cumsum"))
def _from_call(input: Tensor, dim: Any = None, *, axis: Any = None, dtype: Any = None, out: None = None) -> Call:
    refuse_type("cumsum", None if dtype == input.dtype else dtype)
    return Call(Operation("running_sum", {"axis": int(dim if axis is None else axis)}), (input,))


@for_function(*spellings("cumprod"))
def _from_product_call(
    input: Tensor, dim: Any = None, *, axis: Any = None, dtype: Any = None, out: None = None
) -> Call:
    refuse_type("cumprod", None if dtype == input.dtype else dtype)
    return Call(Operation("running_product", {"axis": int(dim if axis is None else axis)}), (input,))
