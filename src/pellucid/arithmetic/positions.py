"""Positions in a tensor: which elements are read, as one mask an axis.

What windows, slices and broadcasting read is a product of what they read along each axis, so that a set of millions of
elements is a few rows of booleans. Sets that are no product are put in the smallest product around them, which then
calls itself not exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from math import prod

import numpy as np
from numpy.typing import NDArray

__all__ = ["Mask", "Positions"]

Mask = NDArray[np.bool_]
"""Of one axis: which positions along it, `(length,)` booleans."""


@dataclass(frozen=True, eq=False)
class Positions:
    """The elements whose position is marked on every axis, the batch's axis among them.

    Attributes:
        axes: a mask for each axis of the tensor.
        exact: false where the product of the masks may hold elements that are not read.
    """

    axes: tuple[Mask, ...]
    exact: bool = True

    @classmethod
    def all(cls, shape: Sequence[int], exact: bool = True) -> Positions:
        """Mark every element.

        >>> Positions.all((2, 3)).axes[1].tolist()
        [True, True, True]
        """
        return cls(tuple(np.ones(size, dtype=bool) for size in shape), exact)

    @classmethod
    def none(cls, shape: Sequence[int]) -> Positions:
        """Mark no element."""
        return cls(tuple(np.zeros(size, dtype=bool) for size in shape))

    @classmethod
    def at(cls, index: Sequence[int], shape: Sequence[int]) -> Positions:
        """Mark one element."""
        positions = cls.none(shape)
        for mask, position in zip(positions.axes, index, strict=True):
            mask[position] = True
        return positions

    @classmethod
    def around(cls, numbers: NDArray[np.int64], shape: Sequence[int], exact: bool = True) -> Positions:
        """Mark the smallest product around elements, given by their numbers in memory order; exact if it is them.

        >>> around = Positions.around(np.array([0, 3]), (2, 2))
        >>> [mask.tolist() for mask in around.axes], around.exact
        ([[True, True], [True, True]], False)
        """
        numbers = np.unique(numbers)
        positions = cls.none(shape)
        if len(numbers) and len(shape):
            for mask, places in zip(positions.axes, np.unravel_index(numbers, tuple(shape)), strict=True):
                mask[places] = True
        return cls(positions.axes, exact and positions.count == len(numbers))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the tensor."""
        return tuple(len(mask) for mask in self.axes)

    @property
    def counts(self) -> tuple[int, ...]:
        """How many positions are marked on each axis, counted once."""
        counts: tuple[int, ...] | None = self.__dict__.get("_counts")
        if counts is None:
            counts = tuple([int(np.count_nonzero(mask)) for mask in self.axes])
            self.__dict__["_counts"] = counts
        return counts

    @property
    def count(self) -> int:
        """How many elements are marked."""
        return prod(self.counts)

    @property
    def is_empty(self) -> bool:
        """Whether no element is marked: no position on at least one axis."""
        return 0 in self.counts

    def union(self, other: Positions) -> Positions:
        """Mark what either marks; the smallest product around both, which is exact if it is no more than both."""
        if self.is_empty or other.is_empty:
            return other if self.is_empty else self
        axes, common, counts = [], 1, []
        for mine, others, here, there in zip(self.axes, other.axes, self.counts, other.counts, strict=True):
            both = here if mine is others else int(np.count_nonzero(mine & others))
            axes.append(others if both == here else mine if both == there else mine | others)
            common *= both
            counts.append(here + there - both)
        exact = self.exact and other.exact and prod(counts) == self.count + other.count - common
        return Positions(tuple(axes), exact)

    def contains(self, other: Positions) -> bool:
        """Whether every element of other positions is marked."""
        if other.is_empty:
            return True
        if any(here < there for here, there in zip(self.counts, other.counts, strict=True)):
            return False
        return all(
            mine is others or here == len(mine) or np.count_nonzero(mine & others) == there
            for mine, others, here, there in zip(self.axes, other.axes, self.counts, other.counts, strict=True)
        )

    def with_axis(self, axis: int, mask: Mask) -> Positions:
        """Replace the mask of one axis."""
        axis %= len(self.axes)
        return Positions((*self.axes[:axis], mask, *self.axes[axis + 1 :]), self.exact)

    def whole(self, *axes: int) -> Positions:
        """Mark all positions along some axes, where any element is marked."""
        if self.is_empty:
            return self
        positions = self
        for axis in axes:
            positions = positions.with_axis(axis, np.ones(len(self.axes[axis]), dtype=bool))
        return positions

    def inexact(self) -> Positions:
        """Return the same, not exact."""
        return Positions(self.axes, False)

    def broadcast_from(self, shape: Sequence[int]) -> Positions:
        """Return what is read of an operand of this shape that was broadcast to these positions' shape.

        >>> [mask.tolist() for mask in Positions.at((0, 2), (2, 3)).broadcast_from((2, 1)).axes]
        [[True, False], [True]]
        """
        if self.is_empty:
            return Positions.none(shape)
        axes = [
            mask if mask is not None and len(mask) == size else np.ones(size, dtype=bool)
            for size, mask in zip_longest(reversed(shape), reversed(self.axes))
            if size is not None
        ]
        return Positions(tuple(reversed(axes)), self.exact)
