"""The mean over whole axes: global average pooling written as `x.mean((2, 3))`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.arithmetic.arrays import Integers, gather, lattice
from pellucid.arithmetic.operation import Call, Formula, Operation, ShapeRule
from pellucid.arithmetic.rule import (
    EVERYTHING,
    Local,
    Parts,
    Reach,
    Rule,
    Shapes,
    for_function,
    no_gradient,
    register_rule,
    single,
)
from pellucid.ground.errors import UserError

__all__ = ["MeanRule", "mean"]


def mean(axes: int | Sequence[int] | None = None, keepdim: bool = False) -> Operation:
    """Describe a mean over some axes, or over all."""
    chosen = None if axes is None else ((axes,) if isinstance(axes, int) else tuple(axes))
    return Operation("mean", {"axes": chosen or None, "keepdim": keepdim})


class MeanRule(Rule):
    """The sum of the parts divided by their number."""

    def formula(self, operation: Operation) -> Formula:
        """Over the axes."""
        return Formula("y = (1/m) Σ over the axes of x", r"y = \frac1m \sum_{j} x_j")

    def shape(self, operation: Operation, shapes: Shapes) -> ShapeRule:
        """Without the axes, or with a size of 1 in their place."""
        shape, over = shapes[0], _over(operation, len(shapes[0]))
        kept = [1 if axis in over else size for axis, size in enumerate(shape) if operation.settings["keepdim"]]
        left = [size for axis, size in enumerate(shape) if axis not in over]
        result = tuple(kept if operation.settings["keepdim"] else left)
        return ShapeRule(result, "the axes of the mean fall away")

    def compute(self, operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        """Let PyTorch do it."""
        return inputs[0].mean(_over(operation, inputs[0].dim()), keepdim=operation.settings["keepdim"])

    def parts(self, operation: Operation, inputs: Sequence[Tensor], index: tuple[int, ...]) -> Parts:
        """Each element and its share."""
        x = inputs[0]
        sources = self._members(operation, tuple(x.shape), index)
        values = gather(x, sources, "the input")
        weights = np.full(len(values), 1 / len(values))
        products = values * weights
        # A mean of equal numbers rounds the same way every time, so the worst case is what is allowed here.
        slack = (len(values) + 2) * float(np.abs(products).sum())
        terms = single(x.shape, sources, values, weights=weights, products=products)
        return Parts(terms, float(products.sum()), slack, details={"divisor": len(values)})

    def local(
        self, operation: Operation, inputs: Sequence[Tensor], of: str, operand: int, index: tuple[int, ...]
    ) -> Local:
        """One output, with the element's share."""
        if of != "input":
            raise no_gradient(operation, of)
        shape = tuple(inputs[0].shape)
        over = _over(operation, len(shape))
        kept = operation.settings["keepdim"]
        place = [0 if axis in over else at for axis, at in enumerate(index) if kept or axis not in over]
        count = int(np.prod([shape[axis] for axis in over], dtype=np.int64))
        places = np.asarray([place], dtype=np.int64).reshape(1, len(place))
        return Local(places, np.array([1 / count]), Formula("∂L/∂x = ∂L/∂y / m", r"\partial_x L = g / m"))

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


register_rule(MeanRule(), "mean")


@for_function(torch.mean, Tensor.mean)
def _from_call(input: Tensor, dim: Any = None, keepdim: bool = False, *, axis: Any = None) -> Call:
    return Call(mean(dim if axis is None else axis, keepdim), (input,))
