"""Index arrays and the values they point at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.ground.errors import UserError
from pellucid.ground.writing import shape_text

__all__ = ["Floats", "Integers", "as_array", "check_index", "gather", "index_row", "lattice"]

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


def as_array(tensor: Tensor) -> NDArray[Any]:
    """View a tensor as a NumPy array, without a copy where it lies in the CPU's memory in a type NumPy knows."""
    # Autograd may hand out a tensor of zeros without memory, which NumPy gets by force alone.
    return (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy(force=True)


def lattice(*axes: Sequence[int] | Integers) -> Integers:
    """List all combinations, the last axis fastest: `(number of combinations, number of axes)` of int64.

    >>> lattice([0, 1], [5, 6]).tolist()
    [[0, 5], [0, 6], [1, 5], [1, 6]]
    """
    if not axes:
        return np.zeros((1, 0), dtype=np.int64)
    sizes = tuple(len(axis) for axis in axes)
    rows = np.empty((*sizes, len(axes)), dtype=np.int64)
    for column, axis in enumerate(axes):
        shape = [1] * len(axes)
        shape[column] = -1
        rows[..., column] = np.asarray(axis, dtype=np.int64).reshape(shape)
    return rows.reshape(-1, len(axes))


def index_row(index: Sequence[int]) -> Integers:
    """Make an index array of one row, `(1, rank)`."""
    return np.asarray([index], dtype=np.int64).reshape(1, len(index))


def gather(tensor: Tensor, index: Integers, what: str, padding: float = 0.0, masked: bool = False) -> Floats:
    """Read the elements that the rows of `index` name, as float64; a row of -1 reads `padding`.

    Raises `UserError` when one of them is NaN or infinite: no sum could be checked with it. Where elements may be
    `masked`, −∞ is one that takes no part.
    """
    array = as_array(tensor)
    if index.shape[1] == 0:
        values = np.full(len(index), float(array), dtype=np.float64)
        outside = np.zeros(len(index), dtype=bool)
    else:
        outside = np.asarray((index < 0).any(axis=1))
        values = array[tuple(index.T)].astype(np.float64)
    bad = ~np.isfinite(values) & ~outside
    if masked:
        bad &= values != -np.inf
    if bad.any():
        first = int(np.argmax(bad))
        raise UserError(
            f"{what} is {values[first]} at {index[first].tolist()}; expected finite numbers: "
            "look for where it arose (a learning rate too high, a division by zero, an image read wrongly)"
        )
    values[outside] = padding
    return values


def check_index(index: Sequence[int], shape: Sequence[int], what: str) -> tuple[int, ...]:
    """Return the index as plain integers; `UserError` says the shape when it does not point into it."""
    plain = tuple(int(position) for position in index)
    if len(plain) != len(shape):
        hint = "; the first is for the image in the batch" if len(plain) == len(shape) - 1 else ""
        raise UserError(
            f"{what} has the shape {shape_text(shape)}; the index {list(plain)} has {len(plain)} numbers, "
            f"expected {len(shape)}{hint}"
        )
    for axis, (position, size) in enumerate(zip(plain, shape, strict=True)):
        if not 0 <= position < size:
            raise UserError(
                f"{what} has the shape {shape_text(shape)}; the index {list(plain)} has {position} on axis {axis}, "
                f"expected 0 to {size - 1}; the nearest is {min(max(position, 0), max(size - 1, 0))}"
            )
    return plain
