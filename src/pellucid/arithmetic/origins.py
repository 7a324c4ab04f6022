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

_VIEWS: WeakKeyDictionary[Operation, dict[tuple[int, ...], tuple[tuple[int, ...], tuple[int, ...]] | None]] = (
    WeakKeyDictionary()
)
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
    layout = kept[shape]
    if layout is None:
        return None
    start, steps = layout
    parts: list[list[Integers]] = [[] for _ in shape]
    farthest, elements, one_axis_each = list(start), 1, True
    for mask, step in zip(output.axes, steps, strict=True):
        if step == 0 or len(mask) == 1:
            continue
        marked = np.flatnonzero(mask)
        elements *= len(marked)
        places = _places(shape, marked, len(mask), step)
        if places is None:
            unravelled = np.unravel_index(marked * step, shape)
            places = {axis: np.unique(along) for axis, along in enumerate(unravelled) if along.any()}
            one_axis_each &= len(places) <= 1
        for axis, along in places.items():
            farthest[axis] += int(along[-1])
            parts[axis].append(along)
    if any(last >= size for last, size in zip(farthest, shape, strict=True)):
        return None  # steps carry over from one axis to the next
    read = Positions.none(shape)
    for mask, first, sums in zip(read.axes, start, parts, strict=True):
        sources = sums[0] + first if sums else np.array([first])
        for more in sums[1:]:
            sources = (sources[:, None] + more[None, :]).ravel()
        mask[sources] = True
    return Positions(read.axes, output.exact and (one_axis_each or elements == read.count))


def _layout(
    function: Callable[[Tensor], Tensor], shape: tuple[int, ...], in_order: bool
) -> tuple[tuple[int, ...], tuple[int, ...]] | None:
    """Return where the first element of a view was, and the steps of the view's axes; None of a copy."""
    if not shape or not all(shape):
        return None
    tensor = torch.empty(shape, device="meta")
    result = function(tensor)
    if in_order:
        return (0,) * len(shape), torch.empty(result.shape, device="meta").stride()
    if not result._is_view() and result is not tensor:
        return None
    start = np.unravel_index(int(result.storage_offset()), shape) if result.numel() else (0,) * len(shape)
    return tuple(int(position) for position in start), result.stride()


def _places(shape: tuple[int, ...], marked: Integers, length: int, step: int) -> dict[int, Integers] | None:
    """Find the positions that the steps of one axis lead to, where they stay on one axis or fill whole axes."""
    own = 1
    for axis in range(len(shape) - 1, -1, -1):
        if step % own == 0 and step < own * shape[axis]:
            along = marked * (step // own)
            if along[-1] < shape[axis]:
                return {axis: along}
            break
        own *= shape[axis]
    whole = _whole_axes(shape, length, step) if len(marked) == length else None
    return None if whole is None else {axis: np.arange(shape[axis]) for axis in whole}


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
