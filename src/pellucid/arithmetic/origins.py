"""Where the elements that a rearrangement moves come from, without numbering every element where that is avoidable.

A view is a starting point and a step an axis in the memory of its tensor, so its axes tell where each element was. Of
what copies (padding, rolling, repeating) the elements are numbered and looked for once; where each axis moves by
itself, one short table an axis is kept.
"""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from pellucid.arithmetic.arrays import Integers
from pellucid.arithmetic.operation import Operation
from pellucid.arithmetic.positions import Positions

__all__ = ["moved", "read_through_view"]

_FOUND: WeakKeyDictionary[Operation, dict[tuple[int, ...], tuple[Integers, ...] | Integers]] = WeakKeyDictionary()


def read_through_view(
    function: Callable[[Tensor], Tensor], shape: tuple[int, ...], output: Positions, in_order: bool
) -> Positions | None:
    """Find what a view of a tensor reads; None where the function copies or cannot be followed axis by axis.

    `in_order` says that the elements keep their order in memory, even where they are copied.
    """
    tensor = torch.empty(shape, device="meta")
    result = function(tensor)
    if in_order:
        result, start = torch.empty(result.shape, device="meta"), 0
    elif result._is_view() or result is tensor:
        start = int(result.storage_offset())
    else:
        return None
    rank = len(shape)
    if not rank or not all(shape):
        return None
    origin = np.array(np.unravel_index(start, shape), dtype=np.int64)
    parts: list[list[Integers]] = [[] for _ in range(rank)]
    farthest, elements, one_axis_each = origin.copy(), 1, True
    for mask, step in zip(output.axes, result.stride(), strict=True):
        if step == 0 or len(mask) == 1:
            continue
        offsets = np.flatnonzero(mask) * step
        elements *= len(offsets)
        whole = _whole_axes(shape, len(mask), step) if len(offsets) == len(mask) else None
        if whole is not None:
            places = [np.arange(size) if axis in whole else np.zeros(1, np.int64) for axis, size in enumerate(shape)]
        else:
            places = [np.unique(coordinates) for coordinates in np.unravel_index(offsets, shape)]
            touched = sum(len(coordinates) > 1 or bool(coordinates[0]) for coordinates in places)
            one_axis_each &= touched <= 1
        for axis, coordinates in enumerate(places):
            farthest[axis] += coordinates[-1]
            if len(coordinates) > 1 or coordinates[0]:
                parts[axis].append(coordinates)
    if (farthest >= np.array(shape)).any():
        return None  # steps carry over from one axis to the next
    read = Positions.none(shape)
    for axis, sums in enumerate(parts):
        sources = origin[axis : axis + 1]
        for more in sums:
            sources = np.unique(sources[:, None] + more[None, :])
        read.axes[axis][sources] = True
    return Positions(read.axes, output.exact and (one_axis_each or elements == read.count))


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
