"""Which elements of operands of several shapes meet at a position of the result: PyTorch's broadcasting."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pellucid.arithmetic.arrays import Integers, lattice
from pellucid.arithmetic.operation import ShapeRule
from pellucid.ground.errors import UserError

__all__ = ["broadcast", "narrowed", "spread"]


def broadcast(kind: str, shapes: Sequence[Sequence[int]]) -> ShapeRule:
    """Return the shape of a result; `UserError` where the operands do not fit together."""
    try:
        shape = tuple(np.broadcast_shapes(*(tuple(shape) for shape in shapes)))
    except ValueError as error:
        listed = " and ".join(str(list(shape)) for shape in shapes)
        raise UserError(
            f"{kind} was given shapes {listed}; expected equal sizes or 1 on each axis, from the last"
        ) from error
    return ShapeRule(shape, "the operands' shape, axes of size 1 repeated" if len(shapes) > 1 else "the input's shape")


def narrowed(shape: Sequence[int], positions: Integers) -> Integers:
    """Find, for positions in the result, the elements of an operand of this shape that were read there.

    >>> narrowed((3, 1), np.array([[0, 2, 4]])).tolist()
    [[2, 0]]
    """
    own = positions[:, positions.shape[1] - len(shape) :]
    return np.where(np.asarray(shape, dtype=np.int64) == 1, 0, own).astype(np.int64)


def spread(shape: Sequence[int], result: Sequence[int], index: Sequence[int]) -> Integers:
    """List the positions in the result that an element of an operand of this shape was read at.

    >>> spread((3, 1), (3, 2), (2, 0)).tolist()
    [[2, 0], [2, 1]]
    """
    missing = len(result) - len(shape)
    axes: list[Sequence[int] | Integers] = [np.arange(size) for size in result[:missing]]
    for size, out, position in zip(shape, result[missing:], index, strict=True):
        axes.append(np.arange(out) if size == 1 else [position])
    return lattice(*axes)
