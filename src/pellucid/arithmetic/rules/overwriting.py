"""A change in place as an operation: some elements keep what they were, the others are read from what was written."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from pellucid.arithmetic.arrays import as_array, gather, index_row
from pellucid.arithmetic.memory import FILLED, KEPT
from pellucid.arithmetic.operation import Formula, Operation, ShapeRule
from pellucid.arithmetic.positions import Positions
from pellucid.arithmetic.result import Terms
from pellucid.arithmetic.rule import UNKNOWN, Decomposition, LocalDerivatives, Reach, Rule, Shapes, rule_for

__all__ = ["OverwritingRule"]


@rule_for("overwrite")
class OverwritingRule(Rule):
    """`origin`, in the output's shape, holds where in the second operand (flattened) each element was read."""

    group = "joining"

    def noun(self, operation: Operation) -> str:
        """Overwriting."""
        return "overwriting"

    def formula(self, operation: Operation) -> Formula:
        """Either of two values, or a number."""
        return Formula("y = what was written there, else the old x0", r"y = x_1 \text{ where written, else } x_0")

    def shape(self, operation: Operation, shapes: Shapes) -> ShapeRule:
        """The changed tensor's."""
        return ShapeRule(shapes[0], "the changed tensor's shape")

    def compute(self, operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        """Let PyTorch put them together."""
        origin = operation.tensor("origin").to(inputs[0].device)
        result = inputs[0]
        fill = operation.tensors.get("fill")
        if fill is not None:
            result = torch.where(origin == FILLED, fill.to(result), result)
        if len(inputs) > 1 and inputs[1].numel():
            written = inputs[1].reshape(-1)[origin.clamp(min=0)]
            result = torch.where(origin >= 0, written.to(result.dtype), result)
        return result

    def decompose(self, operation: Operation, inputs: Sequence[Tensor], index: tuple[int, ...]) -> Decomposition:
        """One term, or a number that comes from nowhere."""
        origin = int(as_array(operation.tensor("origin"))[index])
        ranks = tuple(x.dim() for x in inputs)
        rows = np.full((1, max(ranks)), -1, dtype=np.int64)
        operand = -1
        if origin == FILLED:
            values = np.array([float(as_array(operation.tensor("fill"))[index])])
        else:
            operand = 0 if origin == KEPT else 1
            shape = tuple(inputs[operand].shape)
            source = index if origin == KEPT else tuple(int(at) for at in np.unravel_index(origin, shape))
            rows[0, : len(source)] = source
            values = gather(inputs[operand], index_row(source), f"operand {operand}")
        terms = Terms(
            values=values,
            operand=np.array([operand], dtype=np.int64),
            index=rows,
            ranks=ranks,
            weights=np.ones(1),
            products=values.copy(),
        )
        return Decomposition(terms, float(values[0]), 1.0 * abs(float(values[0])))

    def reads(self, operation: Operation, shapes: Shapes, output: Positions) -> tuple[Positions | None, ...]:
        """What was kept, and where the written elements came from."""
        origin = as_array(operation.tensor("origin"))[np.ix_(*output.axes)]
        kept: Positions | None = None
        if (origin == KEPT).any():
            places = np.argwhere(origin == KEPT)
            axes = []
            for mask, along in zip(output.axes, places.T, strict=True):
                axes.append(np.zeros(len(mask), dtype=bool))
                axes[-1][np.flatnonzero(mask)[along]] = True
            around = Positions(tuple(axes), output.exact)
            kept = around if around.count == len(places) else around.inexact()
        if len(shapes) == 1:
            return (kept,)
        written = origin[origin >= 0].ravel()
        return (kept, Positions.around(written, shapes[1], output.exact) if len(written) else None)

    def local_derivatives(
        self, operation: Operation, inputs: Sequence[Tensor], of: str, operand: int, index: tuple[int, ...]
    ) -> LocalDerivatives:
        """One at each position that reads the element."""
        origin = as_array(operation.tensor("origin"))
        formula = Formula("∂L/∂x = Σ of ∂L/∂y where x is read", r"\partial_x L = \sum_i g_i")
        if operand == 0:
            positions = index_row(index) if int(origin[index]) == KEPT else np.zeros((0, origin.ndim), dtype=np.int64)
        else:
            shape = tuple(inputs[1].shape)
            flat = int(np.ravel_multi_index(index, shape)) if shape else 0
            positions = np.argwhere(origin == flat).astype(np.int64)
        return LocalDerivatives(positions, np.ones(len(positions)), formula)

    def reach(self, operation: Operation, shapes: Shapes) -> tuple[Reach, ...] | str:
        """What was written may have come from anywhere."""
        return UNKNOWN
