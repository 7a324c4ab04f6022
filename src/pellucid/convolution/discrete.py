"""Discrete convolution and cross-correlation in one and two dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict, Unpack

from numpy.typing import ArrayLike

from pellucid.convolution.geometry import (
    MODES,
    PADDING_MODES,
    choose,
    padding_per_axis,
    per_axis,
    plan_axis,
    whole_number,
)
from pellucid.convolution.result import Convolution
from pellucid.convolution.values import Array, as_numbers
from pellucid.ground.errors import UserError
from pellucid.ground.writing import counted

__all__ = ["convolve", "convolve2d", "correlate", "correlate2d"]

PerAxis = int | Sequence[int]
Padding = int | Sequence[int] | Sequence[Sequence[int]] | None


class Settings(TypedDict, total=False):
    """How a filter slides: the keywords that `correlate` and `correlate2d` hand on, as `convolve` explains them."""

    mode: str | None
    stride: PerAxis
    padding: Padding
    padding_mode: str
    dilation: PerAxis
    groups: int


def convolve(
    signal: ArrayLike,
    kernel: ArrayLike,
    *,
    mode: str | None = None,
    stride: PerAxis = 1,
    padding: Padding = None,
    padding_mode: str = "zeros",
    dilation: PerAxis = 1,
    groups: int = 1,
    correlate: bool = False,
) -> Convolution:
    """Flip the filter, slide it along the signal, multiply what overlaps and add up: `g[n] = Σ f[k]·h[n − k]`.

    Args:
        signal: `[N]` numbers, or `[C, N]` with channels.
        kernel: the filter, `[M]`, or `[O, C/groups, M]` for a signal with channels.
        mode: "full" takes every position with an overlap, `N + M − 1` of them; "same" the middle `max(N, M)`;
            "valid" those of complete overlap. These are the modes of `numpy.convolve`. If not given it is "full",
            or "valid" where `padding` is given, as in a convolution layer.
        stride: distance between positions.
        padding: elements put at both ends, or `(before, after)`. If not given, positions beyond the ends count
            as zero, or are filled as `padding_mode` says.
        padding_mode: "zeros", "reflect" (without repeating the edge), "replicate" (the edge), "circular".
        dilation: distance between neighbouring filter elements as they lie on the signal.
        groups: channels in and out fall into so many groups that do not mix.
        correlate: do not flip; see `correlate`.

    Returns:
        A `Convolution` with `result`, `steps`, `flipped`. Integers give int64, or Python integers where int64
        could overflow; floats and complex numbers NumPy's common type.

    Raises:
        UserError: no numbers, NaN, ragged or empty lists, channels that do not fit, a stride of 0, a filter
            longer than the padded signal.

    >>> convolve([3, 2, 1, 0], [1, 0, -1]).result
    array([ 3,  2, -2, -2, -1,  0])
    >>> str(convolve([3, 2, 1, 0], [1, 0, -1]).steps[1])
    '3*0 + 2*1 = 2'
    >>> convolve([1, 2, 3, 4], [1, 1, 1], padding=1, stride=2).result
    array([3, 9])
    """
    return _prepare(signal, kernel, 1, mode, stride, padding, padding_mode, dilation, groups, correlate)


def correlate(signal: ArrayLike, kernel: ArrayLike, **settings: Unpack[Settings]) -> Convolution:
    """Slide the filter without flipping it: `g[n] = Σ f[n + k]·h[k]`, what a convolution layer computes.

    Arguments and errors are those of `convolve`. A complex filter is conjugated, as in `numpy.correlate`
    (torch's layers do not conjugate). Unlike `numpy.correlate`, "full" is the default.

    >>> correlate([3, 2, 1, 0], [1, 0, -1], mode="valid").result
    array([2, 2])
    """
    return convolve(signal, kernel, correlate=True, **settings)


def convolve2d(
    image: ArrayLike,
    kernel: ArrayLike,
    *,
    mode: str | None = None,
    stride: PerAxis = 1,
    padding: Padding = None,
    padding_mode: str = "zeros",
    dilation: PerAxis = 1,
    groups: int = 1,
    correlate: bool = False,
) -> Convolution:
    """Flip the filter both ways, slide it over the image, multiply and add up.

    Args:
        image: `[H, W]`, or `[C, H, W]` with channels.
        kernel: `[h, w]`, or `[O, C/groups, h, w]` for an image with channels.
        mode: "full" gives `[H + h − 1, W + w − 1]`, "same" `[H, W]`, "valid" the complete overlaps: the modes of
            `scipy.signal.convolve2d`. If not given it is "full", or "valid" where `padding` is given.
        stride: one number, or one for rows and one for columns.
        padding: one number, one for rows and one for columns, or `((top, bottom), (left, right))`.
        padding_mode: as for `convolve`.
        dilation: one number, or one for rows and one for columns.
        groups: channels in and out fall into so many groups that do not mix.
        correlate: do not flip; see `correlate2d`.

    Returns:
        A `Convolution`; its steps are asked for as `steps[row, column]` or `steps[channel, row, column]`.

    Raises:
        UserError: as for `convolve`.

    >>> convolve2d([[1, 2], [3, 4]], [[1, 0], [0, -1]], mode="valid").result
    array([[3]])
    """
    return _prepare(image, kernel, 2, mode, stride, padding, padding_mode, dilation, groups, correlate)


def correlate2d(image: ArrayLike, kernel: ArrayLike, **settings: Unpack[Settings]) -> Convolution:
    """Slide the filter over the image without flipping it, as a convolution layer does.

    Arguments and errors are those of `convolve2d`. A complex filter is conjugated, as in
    `scipy.signal.correlate2d`.

    >>> str(correlate2d([[1, 2], [3, 4]], [[1, 0], [0, -1]], mode="valid").steps[0, 0])
    '1*1 + 2*0 + 3*0 + 4*(-1) = -3'
    """
    return convolve2d(image, kernel, correlate=True, **settings)


def _prepare(
    signal: ArrayLike,
    kernel: ArrayLike,
    dimensions: int,
    mode: str | None,
    stride: PerAxis,
    padding: Padding,
    padding_mode: str,
    dilation: PerAxis,
    groups: int,
    correlate: bool,
) -> Convolution:
    what = "the signal" if dimensions == 1 else "the image"
    numbers = as_numbers(signal, what, (dimensions, dimensions + 1))
    weights = as_numbers(kernel, "the filter", (dimensions, dimensions + 2), finite=True)
    groups = whole_number(groups, "groups", 1)
    plain = numbers.ndim == dimensions
    _check_channels(numbers, weights, dimensions, groups, what)
    sides = padding_per_axis(padding, dimensions)
    chosen = choose(mode or ("full" if sides is None else "valid"), MODES, "mode")
    choose(padding_mode, PADDING_MODES, "padding mode")
    strides = per_axis(stride, "stride", dimensions)
    dilations = per_axis(dilation, "dilation", dimensions)
    if dimensions == 2 and plain and sides is None and chosen == "valid":
        _check_one_holds_the_other(numbers, weights, dilations)
    labels = ("the length of the signal",) if dimensions == 1 else ("the height of the image", "the width of the image")
    axes = tuple(
        plan_axis(
            numbers.shape[numbers.ndim - dimensions + number],
            weights.shape[weights.ndim - dimensions + number],
            mode=chosen,
            stride=strides[number],
            dilation=dilations[number],
            # layers with channels have no exchanged roles: a filter that is too long is a mistake there
            padding=sides[number] if sides else (None if plain or chosen != "valid" else (0, 0)),
            padding_mode=padding_mode,
            same_as_longer=dimensions == 1,
            correlate=correlate,
            label=labels[number],
        )
        for number in range(dimensions)
    )
    return Convolution(numbers, weights, chosen, padding_mode, axes, groups, correlate)


def _check_channels(signal: Array, kernel: Array, dimensions: int, groups: int, what: str) -> None:
    spatial = ("M",) if dimensions == 1 else ("h", "w")
    if signal.ndim == dimensions:
        if kernel.ndim != dimensions:
            raise UserError(
                f"{what} has no channels, shape {signal.shape}, but the filter has the shape {kernel.shape}; "
                f"expected [{', '.join(spatial)}]"
            )
        if groups != 1:
            raise UserError(f"groups is {groups}, but {what} has no channels; expected 1")
        return
    expected = f"[out channels, in channels/groups, {', '.join(spatial)}]"
    if kernel.ndim == dimensions:
        raise UserError(
            f"{what} has {len(signal)} channels, shape {signal.shape}, but the filter has the shape "
            f"{kernel.shape}; expected {expected}"
        )
    if len(signal) % groups or len(kernel) % groups:
        raise UserError(
            f"groups is {groups}, with {len(signal)} channels in and {len(kernel)} out; "
            "expected a number that divides both"
        )
    if kernel.shape[1] * groups != len(signal):
        raise UserError(
            f"the channels do not match: {what} has {len(signal)}, and the filter {kernel.shape} takes "
            f"{kernel.shape[1]} for each of {counted(groups, 'group')}; "
            f"expected {expected} = […, {len(signal) // groups}, …]"
        )


def _check_one_holds_the_other(image: Array, kernel: Array, dilations: tuple[int, ...]) -> None:
    reach = tuple(dilations[i] * (kernel.shape[i] - 1) + 1 for i in range(2))
    larger = [kernel_size > size for kernel_size, size in zip(reach, image.shape, strict=True)]
    if larger[0] != larger[1] and any(kernel_size < size for kernel_size, size in zip(reach, image.shape, strict=True)):
        raise UserError(
            f"the filter spans {reach[0]}×{reach[1]} and the image is {image.shape[0]}×{image.shape[1]}: neither "
            "fits into the other, so no overlap is complete; expected a smaller filter, or mode 'same' or 'full'"
        )
