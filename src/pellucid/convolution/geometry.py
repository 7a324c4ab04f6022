"""Where a filter stands: how far each axis is padded, which positions the filter takes, how many there are."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.convolution.values import Array
from pellucid.ground.errors import UserError, did_you_mean

__all__ = [
    "MODES",
    "PADDING_MODES",
    "SlidingAxis",
    "choose",
    "output_length",
    "pad",
    "padding_per_axis",
    "per_axis",
    "plan_axis",
    "source_indices",
    "surround",
    "whole_number",
]

MODES = ("full", "same", "valid")
PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


@dataclass(frozen=True, slots=True)
class SlidingAxis:
    """One axis of a sliding filter.

    Output number `k` looks at the padded positions `first + k * stride + j * dilation`, `j` from 0 to
    `kernel - 1`; those below 0 or from `padded` on lie outside, where everything counts as zero.
    """

    size: int
    """Elements of the signal."""
    before: int
    """Elements of padding before the signal."""
    after: int
    """Elements of padding after the signal."""
    kernel: int
    """Elements of the filter."""
    dilation: int
    """Distance between neighbouring filter elements."""
    stride: int
    """Distance between neighbouring positions of the filter."""
    first: int
    """Where the first filter element stands for output 0, counted in the padded signal; may be negative."""
    count: int
    """How many positions the filter takes."""

    @property
    def padded(self) -> int:
        """Length of the signal with its padding."""
        return self.before + self.size + self.after

    @property
    def reach(self) -> int:
        """Elements that the dilated filter spans."""
        return self.dilation * (self.kernel - 1) + 1

    def overlap(self, k: int) -> tuple[int, int, int]:
        """Give the first padded position met by output `k`, the filter element there, and how many are met."""
        begin = self.first + k * self.stride
        low = max(0, -(begin // self.dilation))
        high = min(self.kernel, (self.padded - 1 - begin) // self.dilation + 1)
        return begin + low * self.dilation, low, max(0, high - low)


def output_length(
    size: int,
    kernel: int,
    *,
    stride: int = 1,
    padding: int = 0,
    dilation: int = 1,
    name: str = "the length of the input",
) -> int:
    """Give how many positions a filter takes: `⌊(size + 2·padding − dilation·(kernel − 1) − 1)/stride⌋ + 1`.

    Raises:
        UserError: the filter spans more than the padded input.

    >>> output_length(32, 3, padding=1), output_length(32, 5, stride=2)
    (32, 14)
    """
    reach = dilation * (kernel - 1) + 1
    if reach > size + 2 * padding:
        raise UserError(
            f"a filter of {kernel} with dilation {dilation} spans {reach} elements, but {name} is {size}, "
            f"or {size + 2 * padding} with padding; expected a smaller filter or more padding"
        )
    return (size + 2 * padding - reach) // stride + 1


def plan_axis(
    size: int,
    kernel: int,
    *,
    mode: str,
    stride: int,
    dilation: int,
    padding: tuple[int, int] | None,
    padding_mode: str,
    same_as_longer: bool,
    correlate: bool,
    label: str,
) -> SlidingAxis:
    """Work out one axis.

    Args:
        size: elements of the signal along this axis.
        kernel: elements of the filter along this axis.
        mode: one of `MODES`: every position with an overlap, as many as the signal has, or complete overlaps.
        stride: distance between positions.
        dilation: distance between filter elements.
        padding: elements put before and after, or None for what the mode implies: outside counts as zero, or
            is filled as `padding_mode` says.
        padding_mode: one of `PADDING_MODES`.
        same_as_longer: "same" counts the longer of signal and filter (`numpy.convolve`); otherwise the signal
            (`scipy.signal.convolve2d`).
        correlate: the filter is not flipped; decides on which side "same" leaves one position more where the
            number to leave is odd, as NumPy and SciPy decide it.
        label: what messages call the axis, such as "the length of the signal".

    Raises:
        UserError: the filter does not fit, or the padding mode cannot fill so many elements.
    """
    before, after = padding or (0, 0)
    if padding_mode != "zeros":
        _check_fill(before, after, size, padding_mode, label)
    padded, reach = before + size + after, dilation * (kernel - 1) + 1
    shorter, longer = min(padded, reach), max(padded, reach)
    if mode == "full":
        last_met, positions = 0, padded + reach - 1
    elif mode == "same" and same_as_longer:
        last_met = shorter // 2 if correlate and reach > padded else (shorter - 1) // 2
        positions = longer
    elif mode == "same":
        last_met, positions = (reach // 2 if correlate else (reach - 1) // 2), padded
    elif padding is not None and reach > padded:
        raise UserError(
            f"a filter of {kernel} with dilation {dilation} spans {reach} elements, but {label} is {size}, "
            f"or {padded} with padding; expected a smaller filter or more padding"
        )
    else:
        last_met, positions = shorter - 1, longer - shorter + 1
    if padding is None and padding_mode != "zeros":
        # fill as far as the filter reaches, so that no position looks at anything unfilled
        before = max(0, reach - 1 - last_met)
        after = max(0, last_met + positions - size)
        _check_fill(before, after, size, padding_mode, label)
        last_met += before
    first = last_met - reach + 1
    return SlidingAxis(size, before, after, kernel, dilation, stride, first, (positions - 1) // stride + 1)


def _check_fill(before: int, after: int, size: int, padding_mode: str, label: str) -> None:
    most = {"reflect": size - 1, "circular": size}.get(padding_mode)
    if most is not None and max(before, after) > most:
        raise UserError(
            f"{padding_mode} padding of {max(before, after)} was asked for, but {label} is {size}; "
            f"expected at most {most} (zeros and replicate take any number)"
        )


def pad(array: Array, axes: tuple[SlidingAxis, ...], padding_mode: str) -> Array:
    """Pad the last axes of `array`; without padding the array itself is returned, not a copy."""
    widths = [(axis.before, axis.after) for axis in axes]
    if not any(before or after for before, after in widths):
        return array
    if padding_mode == "zeros":
        return surround(array, widths)
    everything = [(0, 0)] * (array.ndim - len(axes)) + widths
    how: Any = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}[padding_mode]
    return np.pad(array, everything, mode=how)


def surround(array: Array, widths: list[tuple[int, int]]) -> Array:
    """Put zeros around the last axes. (`numpy.pad` would put NumPy's int64 among Python's exact integers.)"""
    leading = array.ndim - len(widths)
    sizes = zip(widths, array.shape[leading:], strict=True)
    shape = [before + size + after for (before, after), size in sizes]
    wide = np.zeros((*array.shape[:leading], *shape), array.dtype)
    inner = zip(widths, array.shape[leading:], strict=True)
    position: Any = (..., *[slice(before, before + size) for (before, _), size in inner])
    wide[position] = array
    return wide


def source_indices(axis: SlidingAxis, padded_positions: NDArray[np.int64], padding_mode: str) -> NDArray[np.int64]:
    """Tell which element of the signal each padded position holds; -1 for a padded zero."""
    index = padded_positions - axis.before
    if padding_mode == "replicate":
        return np.clip(index, 0, axis.size - 1)
    if padding_mode == "circular":
        return index % axis.size
    if padding_mode == "reflect":
        index = np.abs(index)
        return np.where(index >= axis.size, 2 * (axis.size - 1) - index, index)
    return np.where((index >= 0) & (index < axis.size), index, -1)


def whole_number(value: Any, name: str, least: int) -> int:
    """Check a whole number of at least `least`."""
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, (bool, np.bool_)):
        raise UserError(f"{name} is {value!r}; expected a whole number of at least {least}")
    if number < least:
        raise UserError(f"{name} is {number}; expected a whole number of at least {least}")
    return number


def per_axis(value: Any, name: str, axes: int, least: int = 1) -> tuple[int, ...]:
    """Read one whole number for all axes, or one for each."""
    if not isinstance(value, (tuple, list)):
        return (whole_number(value, name, least),) * axes
    if len(value) != axes:
        raise UserError(f"{name} is {value!r}; expected one whole number or {axes}, one for each axis")
    return tuple(whole_number(part, name, least) for part in value)


def padding_per_axis(value: Any, axes: int) -> tuple[tuple[int, int], ...] | None:
    """Read padding: None; one number for all sides; for each axis a number or `(before, after)`.

    With a single axis `(before, after)` may be given directly.
    """
    if value is None:
        return None
    if not isinstance(value, (tuple, list)):
        number = whole_number(value, "padding", 0)
        return ((number, number),) * axes
    if axes == 1 and len(value) == 2:
        value = (value,)
    if len(value) != axes:
        raise UserError(f"padding is {value!r}; expected one whole number, or one or two for each of {axes} axes")
    sides = []
    for part in value:
        pair = tuple(part) if isinstance(part, (tuple, list)) else (part, part)
        if len(pair) != 2:
            raise UserError(f"padding is {value!r}; expected for each axis one number or (before, after)")
        sides.append((whole_number(pair[0], "padding", 0), whole_number(pair[1], "padding", 0)))
    return tuple(sides)


def choose(given: str, valid: tuple[str, ...], name: str) -> str:
    """Check a name against the valid ones."""
    if given not in valid:
        raise UserError(f"{name} is {given!r}; {did_you_mean(str(given), valid)}")
    return given
