"""Where the elements that a rearrangement moves come from, without numbering every element where that is avoidable.

A view is a starting point and a step an axis in the memory of its tensor, so its axes tell where each element was. Of
what copies (padding, rolling, repeating) the elements are numbered and looked for once; where each axis moves by
itself, one short table an axis is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from pellucid.arithmetic.arrays import Integers
from pellucid.arithmetic.operation import Operation
from pellucid.arithmetic.positions import Mask, Positions

__all__ = ["moved", "read_through_view"]

_VIEWS: WeakKeyDictionary[Operation, dict[tuple[int, ...], _View | None]] = WeakKeyDictionary()
_FOUND: WeakKeyDictionary[Operation, dict[tuple[int, ...], tuple[Integers, ...] | Integers]] = WeakKeyDictionary()


def read_through_view(
    operation: Operation,
    function: Callable[[Tensor], Tensor],
    shape: tuple[int, ...],
    output: Positions,
    in_order: bool,
) -> Positions | None:
    """Find what a view of a tensor reads; None where the function copies or cannot be followed axis by axis.

    `in_order` says that the elements keep their order in memory, even where they are copied.
    """
    kept = _VIEWS.setdefault(operation, {})
    if shape not in kept:
        kept[shape] = _layout(function, shape, in_order)
    view = kept[shape]
    return None if view is None else view.read(output)


class _View:
    """Where the first element of a view is in its tensor, and where the steps along each of the view's axes lead."""

    def __init__(
        self, shape: tuple[int, ...], start: tuple[int, ...], lengths: tuple[int, ...], steps: tuple[int, ...]
    ) -> None:
        self.shape, self.start = shape, start
        self.walks = [
            None if step == 0 or length == 1 else _walk(shape, length, step)
            for length, step in zip(lengths, steps, strict=True)
        ]

    def read(self, output: Positions) -> Positions | None:
        """Find what is read; None where the steps carry over from one axis to the next."""
        parts: list[list[Mask]] = [[] for _ in self.shape]
        elements, products = 1, True
        for mask, marked, walk in zip(output.axes, output.counts, self.walks, strict=True):
            if walk is None:
                continue
            elements *= marked
            places = walk.along(mask, marked)
            if walk.axis is None:  # along one axis, each position leads to one
                products &= marked == prod(int(np.count_nonzero(along)) for _, along in places)
            for axis, along in places:
                parts[axis].append(along)
        axes = []
        for size, first, along_axis in zip(self.shape, self.start, parts, strict=True):
            read = _summed(size, first, along_axis)
            if read is None:
                return None
            axes.append(read)
        read_of = Positions(tuple(axes))
        return Positions(read_of.axes, output.exact and (products or elements == read_of.count))


@dataclass(eq=False)
class _Walk:
    """Where the positions along one axis of a view lead: every `step`-th of one axis, or all through several axes.

    `axis` and `step` are of the former, None and 0 of the latter; `whole` are axes which all positions together fill,
    each from its start to its end.
    """

    shape: tuple[int, ...]
    length: int
    stride: int
    axis: int | None
    step: int
    whole: range | None
    table: dict[int, Integers] | None = None

    def along(self, mask: Mask, marked: int) -> list[tuple[int, Mask]]:
        """Mark on each axis what is reached from its start."""
        if self.axis is not None:
            if self.step == 1:
                return [(self.axis, mask)]
            read = np.zeros((self.length - 1) * self.step + 1, dtype=bool)
            read[:: self.step] = mask
            return [(self.axis, read)]
        if self.whole is not None and marked == self.length:
            return [(axis, np.ones(self.shape[axis], dtype=bool)) for axis in self.whole]
        if self.table is None:
            places = np.unravel_index(np.arange(self.length) * self.stride, self.shape)
            self.table = {axis: table for axis, table in enumerate(places) if table.any()}
        reached = []
        for axis, table in self.table.items():
            read = np.zeros(self.shape[axis], dtype=bool)
            read[table[mask]] = True
            reached.append((axis, read))
        return reached


def _walk(shape: tuple[int, ...], length: int, stride: int) -> _Walk:
    own = 1
    for axis in range(len(shape) - 1, -1, -1):
        if stride % own == 0 and stride < own * shape[axis]:
            step = stride // own
            if (length - 1) * step < shape[axis]:
                return _Walk(shape, length, stride, axis, step, None)
            break
        own *= shape[axis]
    return _Walk(shape, length, stride, None, 0, _whole_axes(shape, length, stride))


def _summed(size: int, first: int, parts: list[Mask]) -> Mask | None:
    """Mark the sums of a first position and one marked of each part; None where one lies beyond the axis."""
    if len(parts) == 1 and first == 0 and len(parts[0]) == size:
        return parts[0]
    if not parts:
        read = np.zeros(size, dtype=bool)
        read[first] = True
        return read
    if len(parts) == 1 and first + len(parts[0]) <= size:
        read = np.zeros(size, dtype=bool)
        read[first : first + len(parts[0])] = parts[0]
        return read
    places = np.array([first])
    for part in parts:
        places = (places[:, None] + np.flatnonzero(part)[None, :]).ravel()
    if len(places) and places.max() >= size:
        return None
    read = np.zeros(size, dtype=bool)
    read[places] = True
    return read


def _layout(function: Callable[[Tensor], Tensor], shape: tuple[int, ...], in_order: bool) -> _View | None:
    """Return where the elements of a view were; None of a copy."""
    if not shape or not all(shape):
        return None
    tensor = torch.empty(shape, device="meta")
    result = function(tensor)
    if not in_order and result._base is not tensor and result is not tensor:
        return None
    start = (0,) * len(shape)
    steps = torch.empty(result.shape, device="meta").stride() if in_order else result.stride()
    if not in_order and result.numel():
        start = tuple(int(position) for position in np.unravel_index(int(result.storage_offset()), shape))
    return _View(shape, start, tuple(result.shape), steps)


def _whole_axes(shape: tuple[int, ...], length: int, step: int) -> range | None:
    """Find the neighbouring axes that all steps of one axis run through, each from its start to its end."""
    block = 1
    for last in range(len(shape) - 1, -1, -1):
        if block == step:
            covered = 1
            for first in range(last, -1, -1):
                covered *= shape[first]
                if covered == length:
                    return range(first, last + 1)
        block *= shape[last]
    return None


def moved(
    operation: Operation, origins: Callable[[], Integers], shape: tuple[int, ...], output: Positions
) -> Positions:
    """Find what a rearrangement that copies reads; `origins` numbers each output's input, −1 where there is none."""
    kept = _FOUND.setdefault(operation, {})
    if shape not in kept:
        numbers = origins()
        tables = _tables(numbers, shape)
        kept[shape] = numbers if tables is None else tables
    found = kept[shape]
    if isinstance(found, np.ndarray):
        numbers = found[np.ix_(*output.axes)].ravel()
        return Positions.around(numbers[numbers >= 0], shape, output.exact)
    read = Positions.none(shape)
    for mask, marked, table in zip(read.axes, output.axes, found, strict=True):
        places = table[marked]
        mask[places[places >= 0]] = True
    return Positions(read.axes, output.exact)


def _tables(numbers: Integers, shape: tuple[int, ...]) -> tuple[Integers, ...] | None:
    """Find one table an axis, from output position to input position; None where the axes do not move by themselves."""
    if numbers.ndim != len(shape) or not (numbers >= 0).any():
        return None
    middle = np.unravel_index(int((numbers >= 0).argmax()), numbers.shape)
    steps = [int(np.prod(shape[axis + 1 :], dtype=np.int64)) for axis in range(len(shape))]
    tables = []
    expected = np.zeros((1,) * len(shape), dtype=np.int64)
    outside = np.zeros((1,) * len(shape), dtype=bool)
    for axis, (size, step) in enumerate(zip(shape, steps, strict=True)):
        line = numbers[tuple(slice(None) if other == axis else at for other, at in enumerate(middle))]
        table = np.where(line >= 0, line // step % size, -1)
        tables.append(table)
        along = [1] * len(shape)
        along[axis] = len(table)
        expected = expected + np.maximum(table, 0).reshape(along) * step
        outside = outside | (table < 0).reshape(along)
    return tuple(tables) if np.array_equal(np.where(outside, -1, expected), numbers) else None
