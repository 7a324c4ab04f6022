"""The sums themselves. Letters: C channels in, O channels out, g groups, * the positions along each axis."""

from __future__ import annotations

import math

import numpy as np

from pellucid.convolution.geometry import SlidingAxis, surround
from pellucid.convolution.values import Array
from pellucid.ground.errors import UserError

__all__ = ["common_type", "slide"]

BLOCK_ELEMENTS = 24_576
"""Results computed at a time: about what stays in a core's second cache with its operands."""

FEW_RESULTS = 4_096
"""Below this many results, one product with all windows laid out is faster than a pass for each weight."""


def common_type(signal: Array, kernel: Array) -> tuple[Array, Array]:
    """Give both in the type that the sums are computed in, so that integers stay exact.

    Two integer arrays stay int64 where no sum of products can leave int64, else both become Python integers.

    Args:
        signal: `[C, *]`.
        kernel: `[O, C/g, *]`.
    """
    kinds = {signal.dtype.kind, kernel.dtype.kind}
    if kinds == {"i"}:
        largest = max(int(signal.max()), -int(signal.min()))
        if _largest_weight_sum(kernel) * largest < 2**63:
            return signal, kernel
        return signal.astype(object), kernel.astype(object)
    if kinds <= {"i", "O"}:
        return signal.astype(object), kernel.astype(object)
    if "O" in kinds:
        try:
            if signal.dtype.kind == "O":
                return signal.astype(np.float64), kernel
            return signal, kernel.astype(np.float64)
        except OverflowError:
            raise UserError(
                "an integer too large for a float meets floats; expected integers only, or smaller ones"
            ) from None
    return signal, kernel


def _largest_weight_sum(kernel: Array) -> int:
    """Bound the sum of absolute weights of any output channel, in Python integers, from above."""
    weights = kernel.reshape(len(kernel), -1)
    estimate = np.abs(weights.astype(np.float64)).sum(axis=1).max()
    return math.ceil(float(estimate) * (1 + 1e-9))  # the margin covers the rounding of the estimate


def slide(padded: Array, aligned: Array, axes: tuple[SlidingAxis, ...], groups: int) -> Array:
    """Compute every output: the sum of products of the filter with what lies beneath it.

    Args:
        padded: `[C, *]`, the signal with its padding.
        aligned: `[O, C/g, *]`, the filter as it lies on the signal (already flipped for a convolution).
        axes: one for each position axis.
        groups: number of groups that channels fall into.

    Returns:
        `[O, *]`, in the common type of both.
    """
    single = padded.shape[0] == aligned.shape[0] == 1
    undilated = all(axis.dilation == 1 for axis in axes)
    if single and undilated and len(axes) == 1:
        return _one_dimension(padded[0], aligned[0, 0], axes[0])[np.newaxis]
    if single and undilated and aligned.size > padded.size:
        # convolution commutes: a pass for each element of the smaller one
        exchanged = tuple(_exchange(axis) for axis in axes)
        spatial = tuple(range(1, padded.ndim))
        return _pass_for_each_weight(np.flip(aligned[0], spatial), np.flip(padded, spatial)[np.newaxis], exchanged, 1)
    return _pass_for_each_weight(padded, aligned, axes, groups)


def _one_dimension(padded: Array, aligned: Array, axis: SlidingAxis) -> Array:
    """Let NumPy do it, in the narrowest of its modes that holds all positions wanted."""
    shorter, longer = sorted((axis.padded, axis.kernel))
    start = axis.first + axis.kernel - 1
    stop = start + (axis.count - 1) * axis.stride + 1
    at, mode = 0, "full"
    for begin, count, name in ((shorter - 1, longer - shorter + 1, "valid"), ((shorter - 1) // 2, longer, "same")):
        if begin <= start and stop <= begin + count:
            at, mode = begin, name
            break
    result: Array = np.convolve(padded, aligned[::-1], mode)  # type: ignore[call-overload]
    return result[start - at : stop - at : axis.stride]


def _exchange(axis: SlidingAxis) -> SlidingAxis:
    """Describe the same positions with signal and filter exchanged."""
    first = axis.first + axis.kernel - axis.padded
    return SlidingAxis(axis.kernel, 0, 0, axis.padded, 1, axis.stride, first, axis.count)


def _pass_for_each_weight(padded: Array, aligned: Array, axes: tuple[SlidingAxis, ...], groups: int) -> Array:
    """Add up one shifted copy of the signal for each weight position, a block of result rows at a time."""
    reached = [axis.first + (axis.count - 1) * axis.stride + axis.reach for axis in axes]
    outside = [(max(0, -axis.first), max(0, end - axis.padded)) for axis, end in zip(axes, reached, strict=True)]
    if any(before or after for before, after in outside):
        padded = surround(padded, outside)
    starts = [max(0, axis.first) for axis in axes]
    counts = [axis.count for axis in axes]
    signal = padded.reshape(groups, -1, *padded.shape[1:])  # [g, C/g, *]
    weights = aligned.reshape(groups, -1, *aligned.shape[1:])  # [g, O/g, C/g, *]
    result = np.zeros((*weights.shape[:2], *counts), np.result_type(padded, aligned))
    if math.prod(counts) <= FEW_RESULTS and math.prod(aligned.shape[2:]) > 9:
        _all_windows(signal, weights, axes, starts, result)
    else:
        in_a_row = max(1, result.size // counts[0])
        block = max(1, BLOCK_ELEMENTS // in_a_row)
        for row in range(0, counts[0], block):
            _one_block(signal, weights, axes, starts, result, row, min(block, counts[0] - row))
    return result.reshape(len(aligned), *counts)


def _one_block(
    signal: Array, weights: Array, axes: tuple[SlidingAxis, ...], starts: list[int], result: Array, row: int, rows: int
) -> None:
    target = result[:, :, row : row + rows]
    one_channel = weights.shape[2] == 1
    for position in np.ndindex(weights.shape[3:]):
        slices = []
        for number, (axis, start, element) in enumerate(zip(axes, starts, position, strict=True)):
            skipped, count = (row, rows) if number == 0 else (0, axis.count)
            begin = start + skipped * axis.stride + element * axis.dilation
            slices.append(slice(begin, begin + (count - 1) * axis.stride + 1, axis.stride))
        below = signal[(slice(None), slice(None), *slices)]  # [g, C/g, *]
        weight = weights[(..., *position)]  # [g, O/g, C/g]
        if one_channel:
            target += weight.reshape(*weight.shape[:2], *[1] * len(axes)) * below
        else:
            products = weight @ below.reshape(*below.shape[:2], -1)
            target += products.reshape(target.shape)


def _all_windows(
    signal: Array, weights: Array, axes: tuple[SlidingAxis, ...], starts: list[int], result: Array
) -> None:
    spatial = tuple(range(2, signal.ndim))
    windows = np.lib.stride_tricks.sliding_window_view(signal, tuple(axis.reach for axis in axes), axis=spatial)
    chosen = [
        slice(start, start + (axis.count - 1) * axis.stride + 1, axis.stride)
        for axis, start in zip(axes, starts, strict=True)
    ]
    windows = windows[(slice(None), slice(None), *chosen, *[slice(None, None, axis.dilation) for axis in axes])]
    # [g, C/g, *, kernel] -> [g, *, C/g, kernel] -> [g, results, products]
    windows = np.moveaxis(windows, 1, 1 + len(axes))
    laid_out = windows.reshape(len(signal), math.prod(result.shape[2:]), -1)
    products = laid_out @ weights.reshape(*weights.shape[:2], -1).transpose(0, 2, 1)  # [g, results, O/g]
    result[...] = products.transpose(0, 2, 1).reshape(result.shape)
