"""Along one axis: which output position reads which input position, and with which tap of the window.

One table of such triples answers the three questions a trace asks: what does an output read (forward), whom does an
input feed (gradient of the input), where is a tap used (gradient of a weight). A transposed convolution is the same
table filled the other way round, and pooling is the table without weights.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from weakref import WeakKeyDictionary

import numpy as np

from pellucid.arithmetic.arrays import Integers
from pellucid.arithmetic.operation import Operation
from pellucid.arithmetic.positions import Mask

__all__ = ["WindowAxis", "adaptive_axis", "kept_axes", "transposed_axis", "window_axis"]

MOST_KEPT = 500_000
"""Triples of an operation that are kept for the next time."""

PADDINGS = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


@dataclass(frozen=True, eq=False)
class WindowAxis:
    """Triples (output position, input position, tap); an input position of -1 is padding and has no source.

    `length` is the input's.
    """

    output: Integers
    source: Integers
    tap: Integers
    length: int

    @cached_property
    def is_identity(self) -> bool:
        """Whether each output position reads the input position of the same number, and no other."""
        own = np.arange(self.length)
        return np.array_equal(self.output, own) and np.array_equal(self.source, own)

    def reading(self, output: int) -> Integers:
        """Find the triples that one output position reads."""
        return np.flatnonzero(self.output == output)

    def read_by(self, outputs: Mask) -> Mask:
        """Mark the input positions that some output positions read, padding left out."""
        if self.is_identity:
            return outputs
        sources = self.source[outputs[self.output]]
        read = np.zeros(self.length, dtype=bool)
        read[sources[sources >= 0]] = True
        return read

    def fed_by(self, source: int) -> Integers:
        """Find the triples that one input position feeds."""
        return np.flatnonzero(self.source == source)

    def using(self, tap: int) -> Integers:
        """Find the triples that use one tap on a real input position; on padding of zeros it adds nothing."""
        return np.flatnonzero((self.tap == tap) & (self.source >= 0))


_KEPT: WeakKeyDictionary[Operation, dict[tuple[int, ...], list[WindowAxis]]] = WeakKeyDictionary()


def kept_axes(operation: Operation, shape: Sequence[int], make: Callable[[], list[WindowAxis]]) -> list[WindowAxis]:
    """Return the axes of an operation for an input of this shape, made once unless they are very long."""
    kept = _KEPT.setdefault(operation, {})
    axes = kept.get(tuple(shape))
    if axes is None:
        axes = make()
        if sum(len(axis.output) for axis in axes) <= MOST_KEPT:
            kept[tuple(shape)] = axes
    return axes


def window_axis(
    length: int,
    outputs: int,
    kernel: int,
    stride: int,
    dilation: int,
    padding: tuple[int, int],
    mode: str = "zeros",
    counted_beyond: bool = True,
) -> WindowAxis:
    """A window of `kernel` taps, `dilation` apart, moved by `stride` over the padded axis (convolution, pooling).

    With `counted_beyond` false, taps past the far padding are left out: a last window that `ceil_mode` let in.

    >>> axis = window_axis(4, 4, 3, 1, 1, (1, 1))
    >>> axis.source[axis.reading(0)].tolist()
    [-1, 0, 1]
    """
    before, after = padding
    positions = np.arange(length, dtype=np.int64)
    start = np.arange(outputs, dtype=np.int64)[:, None] * stride
    taps = np.arange(kernel, dtype=np.int64)[None, :]
    padded = (start + taps * dilation).ravel()
    if mode == "zeros":
        source = padded - before
        source = np.where((source >= 0) & (source < length), source, -1)
    else:
        source = np.pad(positions, (before, after), mode=PADDINGS[mode])[padded]  # type: ignore[call-overload]
    output = np.repeat(np.arange(outputs, dtype=np.int64), kernel)
    tap = np.tile(taps[0], outputs)
    if not counted_beyond:
        inside = padded < before + length + after
        return WindowAxis(output[inside], source[inside], tap[inside], length)
    return WindowAxis(output, source, tap, length)


def transposed_axis(length: int, outputs: int, kernel: int, stride: int, dilation: int, padding: int) -> WindowAxis:
    """Every input position writes `kernel` taps into the output, `stride` apart from the next one's.

    >>> axis = transposed_axis(2, 5, 3, 2, 1, 0)
    >>> axis.source[axis.reading(2)].tolist(), axis.tap[axis.reading(2)].tolist()
    ([0, 1], [2, 0])
    """
    source = np.repeat(np.arange(length, dtype=np.int64), kernel)
    tap = np.tile(np.arange(kernel, dtype=np.int64), length)
    output = source * stride + tap * dilation - padding
    inside = (output >= 0) & (output < outputs)
    return WindowAxis(output[inside], source[inside], tap[inside], length)


def adaptive_axis(length: int, outputs: int) -> WindowAxis:
    """Windows of adaptive pooling: output i reads from ⌊i·L/O⌋ up to ⌈(i+1)·L/O⌉ - 1.

    >>> adaptive_axis(5, 2).source.tolist()
    [0, 1, 2, 2, 3, 4]
    """
    starts = [i * length // outputs for i in range(outputs)]
    ends = [-((-(i + 1) * length) // outputs) for i in range(outputs)]
    output = np.concatenate([np.full(end - start, i) for i, (start, end) in enumerate(zip(starts, ends, strict=True))])
    source = np.concatenate([np.arange(start, end) for start, end in zip(starts, ends, strict=True)])
    tap = np.concatenate([np.arange(end - start) for start, end in zip(starts, ends, strict=True)])
    return WindowAxis(output.astype(np.int64), source.astype(np.int64), tap.astype(np.int64), length)
