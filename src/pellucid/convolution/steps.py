"""The steps of a sliding filter: for each position what overlaps, each product, and their sum."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from pellucid.convolution.geometry import SlidingAxis, source_indices
from pellucid.convolution.values import Array, plain_number, plain_numbers, product_sum_text

__all__ = ["WindowStep", "WindowSteps"]


@dataclass(frozen=True, eq=False)
class WindowStep:
    """One position of the filter.

    `str(step)` writes the arithmetic: `3*0 + 2*1 = 2`.
    """

    position: int | tuple[int, ...]
    """Which element of the result this is: a number for a plain 1-D convolution, else one for each dimension."""

    starts: tuple[int, ...]
    """For each axis, where the first filter element stands, counted in the signal; negative before its start."""

    axis_indices: tuple[NDArray[np.int64], ...]
    """For each axis, which signal elements are met, in the order of the products; -1 is a padded zero."""

    kernel_axis_indices: tuple[NDArray[np.int64], ...]
    """For each axis, which elements of the filter as given (unflipped) meet them."""

    signal_values: Array
    """What lies beneath the filter: `[n]`, `[rows, columns]`, with channels in front where there are any."""

    kernel_values: Array
    """The filter elements above them, of the same shape."""

    @property
    def signal_indices(self) -> Any:
        """The signal elements met: an array `[n]` for one axis, else a tuple with an array for each axis."""
        return self.axis_indices[0] if len(self.axis_indices) == 1 else self.axis_indices

    @property
    def kernel_indices(self) -> Any:
        """The filter elements that meet them, counted in the filter as given."""
        return self.kernel_axis_indices[0] if len(self.axis_indices) == 1 else self.kernel_axis_indices

    @property
    def products(self) -> Array:
        """Each product, in the shape of the overlap."""
        with np.errstate(over="ignore", invalid="ignore"):  # what is too large shows itself as infinity
            products: Array = self.signal_values * self.kernel_values
        return products

    @property
    def value(self) -> Any:
        """The sum of the products: 0 where nothing overlaps."""
        with np.errstate(over="ignore", invalid="ignore"):
            total = self.products.sum()
        return total.item() if isinstance(total, np.generic) else total

    def __str__(self) -> str:
        return product_sum_text(self.signal_values, self.kernel_values, self.value)

    def to_dict(self) -> dict[str, Any]:
        """Give the step as JSON has it, under the names of the attributes."""

        def indices(arrays: tuple[NDArray[np.int64], ...]) -> Any:
            return arrays[0].tolist() if len(arrays) == 1 else [array.tolist() for array in arrays]

        return {
            "position": self.position if isinstance(self.position, int) else list(self.position),
            "signal_indices": indices(self.axis_indices),
            "signal_values": plain_numbers(self.signal_values.tolist()),
            "kernel_indices": indices(self.kernel_axis_indices),
            "kernel_values": plain_numbers(self.kernel_values.tolist()),
            "products": plain_numbers(self.products.tolist()),
            "value": plain_number(self.value),
        }


@dataclass(frozen=True, eq=False)
class WindowSteps(Sequence[WindowStep]):
    """All steps, each made when it is asked for; the numbers in it are views of the (padded) signal.

    `steps[k]` counts through the result in its order; `steps[row, column]` names an element of the result,
    with the output channel in front where there are channels.
    """

    padded: Array
    """`[C, *]`, the signal with its padding; without padding the signal itself, not a copy."""

    aligned: Array
    """`[O, C/g, *]`, the filter as it lies on the signal."""

    axes: tuple[SlidingAxis, ...]
    groups: int
    padding_mode: str
    flipped: bool
    plain: bool
    """The signal has no channels."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the result."""
        counts = tuple(axis.count for axis in self.axes)
        return counts if self.plain else (len(self.aligned), *counts)

    def __len__(self) -> int:
        return math.prod(self.shape)

    def __iter__(self) -> Iterator[WindowStep]:
        return (self[k] for k in range(len(self)))

    @overload
    def __getitem__(self, index: int | tuple[int, ...]) -> WindowStep: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[WindowStep]: ...
    def __getitem__(self, index: int | tuple[int, ...] | slice) -> WindowStep | Sequence[WindowStep]:
        if isinstance(index, slice):
            return [self[k] for k in range(*index.indices(len(self)))]
        if isinstance(index, tuple):
            if len(index) != len(self.shape):
                raise IndexError(f"step {index} was asked for; the result has the shape {self.shape}")
            wrapped = [self._wrap(part, count) for part, count in zip(index, self.shape, strict=True)]
            return self._step(tuple(wrapped))
        k = self._wrap(index, len(self))
        return self._step(tuple(int(part) for part in np.unravel_index(k, self.shape)))

    def _wrap(self, index: int, count: int) -> int:
        number = operator.index(index)
        if not -count <= number < count:
            raise IndexError(f"step {number} was asked for; there are {count}, from 0 to {count - 1}")
        return number % count

    def _step(self, position: tuple[int, ...]) -> WindowStep:
        channel, positions = (0, position) if self.plain else (position[0], position[1:])
        channels = self.aligned.shape[1]
        first_channel = channel // (len(self.aligned) // self.groups) * channels
        over: list[slice] = []
        weights: list[slice] = []
        sources, kernel_sources, starts = [], [], []
        for axis, at in zip(self.axes, positions, strict=True):
            begin, low, count = axis.overlap(at)
            starts.append(axis.first + at * axis.stride - axis.before)
            over.append(slice(begin, begin + (count - 1) * axis.dilation + 1 if count else begin, axis.dilation))
            weights.append(slice(low, low + count))
            met = begin + axis.dilation * np.arange(count)
            sources.append(source_indices(axis, met, self.padding_mode))
            along = low + np.arange(count)
            kernel_sources.append(axis.kernel - 1 - along if self.flipped else along)
        below = self.padded[(slice(first_channel, first_channel + channels), *over)]
        above = self.aligned[channel][(slice(None), *weights)]
        return WindowStep(
            position[0] if self.plain and len(self.axes) == 1 else position,
            tuple(starts),
            tuple(sources),
            tuple(kernel_sources),
            below[0] if self.plain else below,
            above[0] if self.plain else above,
        )
