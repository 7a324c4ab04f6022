"""Joining tensors along an axis: each output is one element of one operand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.arithmetic.arrays import gather, index_row
from pellucid.arithmetic.operation import Call, Formula, Operation, ShapeRule
from pellucid.arithmetic.positions import Positions
from pellucid.arithmetic.reading import for_function
from pellucid.arithmetic.result import Terms
from pellucid.arithmetic.rule import (
    Decomposition,
    LocalDerivatives,
    Reach,
    Rule,
    Shapes,
    reach_along,
    rule_for,
)
from pellucid.ground.errors import UserError

__all__ = ["ConcatenationRule", "concatenation"]


def concatenation(axis: int = 0) -> Operation:
    """Describe a concatenation along an axis."""
    return Operation("concatenate", {"axis": axis})


@rule_for("concatenate")
class ConcatenationRule(Rule):
    """A copy; what matters is from where."""

    group = "joining"

    def noun(self, operation: Operation) -> str:
        """Concatenation."""
        return "concatenation"

    def formula(self, operation: Operation) -> Formula:
        """Side by side."""
        return Formula("y = x0 followed by x1, …", r"y = [x_0 \,\Vert\, x_1 \,\Vert\, \dots]")

    def shape(self, operation: Operation, shapes: Shapes) -> ShapeRule:
        """Sizes add along the axis and are equal elsewhere."""
        axis, rank = operation.settings["axis"], len(shapes[0])
        at = axis % rank
        rest = {(*shape[:at], *shape[at + 1 :]) for shape in shapes}
        if len(rest) > 1 or any(len(shape) != rank for shape in shapes):
            listed = " and ".join(str(list(shape)) for shape in shapes)
            raise UserError(f"concatenate along axis {axis} was given shapes {listed}; expected equal sizes elsewhere")
        total = sum(shape[at] for shape in shapes)
        added = " + ".join(str(shape[at]) for shape in shapes)
        return ShapeRule(
            (*shapes[0][:at], total, *shapes[0][at + 1 :]),
            "sizes add along the axis",
            (f"axis {at}: {added} = {total}",),
        )

    def compute(self, operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        """Let PyTorch join."""
        return torch.cat(list(inputs), dim=operation.settings["axis"])

    def decompose(self, operation: Operation, inputs: Sequence[Tensor], index: tuple[int, ...]) -> Decomposition:
        """One term."""
        axis = operation.settings["axis"] % len(index)
        ends = np.cumsum([x.shape[axis] for x in inputs])
        operand = int(np.searchsorted(ends, index[axis], side="right"))
        own = list(index)
        own[axis] -= int(ends[operand]) - inputs[operand].shape[axis]
        source = index_row(own)
        values = gather(inputs[operand], source, f"operand {operand}")
        terms = Terms(
            values=values,
            operand=np.array([operand], dtype=np.int64),
            index=source,
            ranks=tuple(x.dim() for x in inputs),
            weights=np.ones(1),
            products=values.copy(),
        )
        return Decomposition(terms, float(values[0]), 0.0)

    def reads(self, operation: Operation, shapes: Shapes, output: Positions) -> tuple[Positions | None, ...]:
        """Each operand its own stretch of the axis."""
        axis = operation.settings["axis"] % len(output.axes)
        ends = np.cumsum([shape[axis] for shape in shapes])[:-1]
        return tuple(output.with_axis(axis, mask) for mask in np.split(output.axes[axis], ends))

    def reach(self, operation: Operation, shapes: Shapes) -> tuple[Reach, ...] | str:
        """The same position of all channels, or no window."""
        return reach_along(len(shapes[0]), operation.settings["axis"])

    def local_derivatives(
        self, operation: Operation, inputs: Sequence[Tensor], of: str, operand: int, index: tuple[int, ...]
    ) -> LocalDerivatives:
        """The position it was copied to."""
        axis = operation.settings["axis"] % len(index)
        position = list(index)
        position[axis] += sum(x.shape[axis] for x in inputs[:operand])
        return LocalDerivatives(index_row(position), np.ones(1), Formula("∂L/∂x = ∂L/∂y", r"\partial_x L = g"))


@for_function(torch.cat, torch.concat, torch.concatenate)
def _from_call(tensors: Sequence[Tensor], dim: Any = 0, *, axis: Any = None) -> Call:
    return Call(concatenation(int(dim if axis is None else axis)), tuple(tensors))
