"""The mean over whole axes: global average pooling written as `x.mean((2, 3))`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.arithmetic.arrays import Integers, gather, lattice
from pellucid.arithmetic.operation import Call, Formula, Operation, ShapeRule
from pellucid.arithmetic.positions import Positions
from pellucid.arithmetic.reading import for_function
from pellucid.arithmetic.rule import (
    EVERYTHING,
    Decomposition,
    LocalDerivatives,
    Reach,
    Rule,
    Shapes,
    input_terms,
    rule_for,
)
from pellucid.ground.errors import UserError

__all__ = ["MeanRule", "mean"]


def mean(axes: int | Sequence[int] | None = None, keepdim: bool = False) -> Operation:
    """Describe a mean over some axes, or over all."""
    chosen = None if axes is None else ((axes,) if isinstance(axes, int) else tuple(axes))
    return Operation("mean", {"axes": chosen or None, "keepdim": keepdim})


@rule_for("mean")
class MeanRule(Rule):
    """The sum of elements divided by their count."""

    group = "pooling"

    def formula(self, operation: Operation) -> Formula:
        """Over the axes."""
        return Formula("y = (1/m) Σ over the axes of x", r"y = \frac1m \sum_{j} x_j")

    def shape(self, operation: Operation, shapes: Shapes) -> ShapeRule:
        """Without the axes, or with a size of 1 in their place."""
        shape, over = shapes[0], _over(operation, len(shapes[0]))
        kept = [1 if axis in over else size for axis, size in enumerate(shape) if operation.settings["keepdim"]]
        left = [size for axis, size in enumerate(shape) if axis not in over]
        result = tuple(kept if operation.settings["keepdim"] else left)
        return ShapeRule(result, "the axes of the mean are dropped")

    def compute(self, operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        """Let PyTorch do it."""
        return inputs[0].mean(_over(operation, inputs[0].dim()), keepdim=operation.settings["keepdim"])

    def decompose(self, operation: Operation, inputs: Sequence[Tensor], index: tuple[int, ...]) -> Decomposition:
        """Each element and its share."""
        x = inputs[0]
        sources = self._members(operation, tuple(x.shape), index)
        values = gather(x, sources, "the input")
        weights = np.full(len(values), 1 / len(values))
        products = values * weights
        # A mean of equal numbers rounds the same way every time, so the worst case is what is allowed here.
        slack = (len(values) + 2) * float(np.abs(products).sum())
        terms = input_terms(x.shape, sources, values, weights=weights, products=products)
        return Decomposition(terms, float(products.sum()), slack, details={"divisor": len(values)})

    def local_derivatives(
        self, operation: Operation, inputs: Sequence[Tensor], of: str, operand: int, index: tuple[int, ...]
    ) -> LocalDerivatives:
        """One output, with the element's share."""
        shape = tuple(inputs[0].shape)
        over = _over(operation, len(shape))
        kept = operation.settings["keepdim"]
        position = [0 if axis in over else at for axis, at in enumerate(index) if kept or axis not in over]
        count = int(np.prod([shape[axis] for axis in over], dtype=np.int64))
        positions = np.asarray([position], dtype=np.int64).reshape(1, len(position))
        return LocalDerivatives(positions, np.array([1 / count]), Formula("∂L/∂x = ∂L/∂y / m", r"\partial_x L = g / m"))

    def reads(self, operation: Operation, shapes: Shapes, output: Positions) -> tuple[Positions | None, ...]:
        """All positions along the axes of the mean."""
        shape, masks = shapes[0], iter(output.axes)
        over, kept = _over(operation, len(shape)), operation.settings["keepdim"]
        axes = []
        for axis, size in enumerate(shape):
            mask = next(masks) if kept or axis not in over else None
            axes.append(np.ones(size, dtype=bool) if mask is None or axis in over else mask)
        return (Positions(tuple(axes), output.exact),)

    def reach(self, operation: Operation, shapes: Shapes) -> tuple[Reach, ...] | str:
        """All, when the image's axes are among them."""
        rank = len(shapes[0])
        return EVERYTHING if set(_over(operation, rank)) & set(range(2, rank)) else ()

    def _members(self, operation: Operation, shape: tuple[int, ...], index: Sequence[int]) -> Integers:
        over, given = _over(operation, len(shape)), iter(index)
        axes: list[Sequence[int] | Integers] = []
        for axis, size in enumerate(shape):
            if axis in over:
                axes.append(np.arange(size))
                if operation.settings["keepdim"]:
                    next(given)
            else:
                axes.append([next(given)])
        return lattice(*axes)


def _over(operation: Operation, rank: int) -> tuple[int, ...]:
    axes = operation.settings["axes"]
    if axes is None:
        return tuple(range(rank))
    for axis in axes:
        if not -rank <= axis < rank:
            raise UserError(f"mean over axis {axis} was given an input of {rank} axes; expected {-rank} to {rank - 1}")
    return tuple(sorted({axis % rank for axis in axes}))


@for_function(torch.mean, Tensor.mean)
def _from_call(input: Tensor, dim: Any = None, keepdim: bool = False, *, axis: Any = None) -> Call:
    return Call(mean(dim if axis is None else axis, keepdim), (input,))
