"""Fitting pictures to a network's size as tensor operations: the same bytes as `pellucid.data.decode` gives.

That asks Pillow, which resizes in two passes, one for each axis. Every output position is a weighted mean of
neighbouring pixels; the weights are a triangle that reaches to each side as far as an output pixel is wide, at least 1.
They are rounded to 22 binary digits, the sums are whole numbers, and each pass rounds to bytes
(`src/libImaging/Resample.c` of Pillow). All of that is repeated here, in the same order and with the same precision, so
that no bit differs.

Shape letters: B images, H rows, W columns, C channels; h, w the network's size; n the length of an axis, o of the
result's, k how many pixels one output position is made from, m the other axes together.
"""

from __future__ import annotations

from dataclasses import dataclass

import PIL
import torch
from torch import Tensor, nn

__all__ = ["Fitting"]

BITS = 22
"""Binary digits of a weight."""

CHOOSES_ITS_ORDER = 13
"""The Pillow that resizes rows before columns in high pictures; older ones always resize columns first."""


@dataclass(frozen=True)
class Span:
    """Which part of an axis of the picture becomes which part of an axis of the result; numbers as 0-d tensors."""

    low: Tensor
    high: Tensor
    """float32, as Pillow keeps a box: from where to where in the picture."""

    start: Tensor
    length: Tensor
    """int64: the first position in the result, and how many; the others stay black."""


class Fitting(nn.Module):
    """Bring uint8 `[B, H, W, C]` of any size to uint8 `[B, h, w, C]`, as `pellucid.data.decode.fit_pixels` does.

    It can be exported with `B`, `H` and `W` left open.

    >>> Fitting(1, 2, "stretch")(torch.tensor([[[[0]], [[200]]]], dtype=torch.uint8)).flatten().tolist()
    [100, 100]
    """

    def __init__(self, height: int, width: int, fit: str) -> None:
        super().__init__()
        self.height, self.width, self.fit = height, width, fit
        self.chooses_order = int(PIL.__version__.split(".")[0]) >= CHOOSES_ITS_ORDER

    def forward(self, images: Tensor) -> Tensor:
        """Fit the images of one batch, all of one size."""
        rows, columns = images.shape[1], images.shape[2]
        spans = {"stretch": self._stretched, "crop": self._cropped, "pad": self._padded}[self.fit]
        down, across = spans(_whole(rows), _whole(columns))
        if self.fit == "pad":
            # An axis that shrinks to less than half a pixel still gets one.
            most = torch.sym_max(_parts(3 * rows, 2 * self.height), _parts(3 * columns, 2 * self.width))
            taps = torch.sym_min(rows, most) * 2 + 1, torch.sym_min(columns, most) * 2 + 1
        else:
            taps = _parts(rows, self.height) * 2 + 1, _parts(columns, self.width) * 2 + 1
        first, row_weights = _weights(rows, down, self.height, taps[0])
        left, column_weights = _weights(columns, across, self.width, taps[1])
        weights = (first, row_weights, left, column_weights)
        if not self.chooses_order:
            return _columns_first(images, *weights)
        high = (down.length < rows) & (rows - down.length > 2 * (columns - across.length))
        if not torch.compiler.is_compiling():  # outside of an export, `torch.cond` compiles first
            return _rows_first(images, *weights) if high else _columns_first(images, *weights)
        return torch.cond(high, _rows_first, _columns_first, (images, *weights))  # type: ignore[no-any-return]

    def _stretched(self, rows: Tensor, columns: Tensor) -> tuple[Span, Span]:
        return _all_of(rows, self.height), _all_of(columns, self.width)

    def _cropped(self, rows: Tensor, columns: Tensor) -> tuple[Span, Span]:
        """Cut as `PIL.ImageOps.fit` does: what is too wide left and right, what is too high above and below."""
        ratio = _whole(self.width) / _whole(self.height)  # a Python number would be rounded to float32 in an ONNX file
        own_ratio = columns / rows
        wide, same = own_ratio > ratio, own_ratio == ratio
        width = torch.where(wide, ratio * rows, columns)
        height = torch.where(wide | same, rows, columns / ratio)
        return _middle(rows, height, self.height), _middle(columns, width, self.width)

    def _padded(self, rows: Tensor, columns: Tensor) -> tuple[Span, Span]:
        scale = torch.minimum(self.width / columns, self.height / rows)
        return _centred(rows, scale, self.height), _centred(columns, scale, self.width)


def _parts(size: int, length: int) -> int:
    """Divide and round up; of positive numbers only, as ONNX rounds towards zero and Python down."""
    return (size + length - 1) // length


def _whole(size: int) -> Tensor:
    return torch.scalar_tensor(size, dtype=torch.float64)


def _all_of(size: Tensor, length: int) -> Span:
    return Span(torch.zeros(()), size.float(), *_integers(0, length))


def _middle(size: Tensor, kept: Tensor, length: int) -> Span:
    low = (size - kept) * 0.5
    return Span(low.float(), (low + kept).float(), *_integers(0, length))


def _centred(size: Tensor, scale: Tensor, length: int) -> Span:
    inner = torch.clamp(torch.round(size * scale), min=1).long()
    return Span(torch.zeros(()), size.float(), torch.div(length - inner, 2, rounding_mode="floor"), inner)


def _integers(*values: int) -> tuple[Tensor, ...]:
    return tuple(torch.scalar_tensor(value, dtype=torch.int64) for value in values)


def _weights(size: int, span: Span, length: int, taps: int) -> tuple[Tensor, Tensor]:
    """Give which pixels every output position is made from, `[o k]` int64, and their weights, `[o, 1, k]` int32."""
    scale = (span.high - span.low).double() / span.length
    width = torch.clamp(scale, min=1.0)
    position = torch.arange(length) - span.start
    centre = span.low.double() + (position.double() + 0.5) * scale
    first = torch.clamp((centre - width + 0.5).long(), min=0)
    last = torch.clamp((centre + width + 0.5).long(), max=size)
    pixel = first[:, None] + torch.arange(taps)
    weights = torch.clamp(1 - ((pixel - centre[:, None] + 0.5) * (1 / width)).abs(), min=0)
    weights = torch.where(pixel < last[:, None], weights, 0)
    whole = weights.sum(1, keepdim=True)
    rounded = (0.5 + weights / torch.where(whole == 0, 1, whole) * 2**BITS).int()
    inside = (position >= 0) & (position < span.length)
    return torch.clamp(pixel, 0, size - 1).flatten(), torch.where(inside[:, None], rounded, 0)[:, None]


def _rows_first(images: Tensor, first: Tensor, down: Tensor, left: Tensor, across: Tensor) -> Tensor:
    return _along_columns(
        _along_rows(images, first, down), left, across
    ).contiguous()  # `cond` wants one layout of both


def _columns_first(images: Tensor, first: Tensor, down: Tensor, left: Tensor, across: Tensor) -> Tensor:
    return _along_rows(_along_columns(images, left, across), first, down)


def _along_columns(images: Tensor, pixels: Tensor, weights: Tensor) -> Tensor:
    return _along_rows(images.transpose(1, 2), pixels, weights).transpose(1, 2)


def _along_rows(images: Tensor, pixels: Tensor, weights: Tensor) -> Tensor:
    """One pass: uint8 `[B, n, W, C]` to uint8 `[B, o, W, C]`."""
    batch, _, others, channels = images.shape
    length, _, taps = weights.shape
    near = images.flatten(2).index_select(1, pixels).unflatten(1, (length, taps))
    sums = torch.matmul(weights, near.int())  # [o, 1, k] times [B, o, k, m]
    rounded = torch.clamp(torch.floor(sums.double() * 0.5**BITS + 0.5), 0, 255)
    return rounded.to(torch.uint8).reshape(batch, length, others, channels)
