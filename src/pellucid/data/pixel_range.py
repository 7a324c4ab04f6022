"""Pictures of more than 8 bits: which of their values becomes black and which white.

Such a picture (grey or colours of 16 bits, grey of 32 or 64 bits, or fractions) says nothing of what its values mean,
and a scale of its own for each would make all of them equally bright. So a set has one range for all of them, chosen
from the values that it holds; 8-bit pictures stay as they are.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.ground.errors import UserError

__all__ = [
    "CutOff",
    "DeepValues",
    "PixelRange",
    "count_beyond",
    "fixed_range",
    "measured",
    "range_words",
    "scaled",
    "set_range",
]

PixelRange = tuple[float, float]
"""`(low, high)`: what becomes 0 (black) and what becomes 255 (white); values beyond are cut off."""

VALUES_AT_ONCE = 1 << 22
LEAST_OF_BYTES = 16.0
"""Fractions reaching this far, and no further than 255, count as the values of bytes."""

WHICH = "give the range yourself: --range LOW:HIGH, or pixel_range=(LOW, HIGH)"


@dataclass(frozen=True)
class DeepValues:
    """The range of one deep picture, or of several."""

    low: float
    high: float
    whole: bool
    """Whether whole numbers are stored, not fractions."""


@dataclass(frozen=True)
class CutOff:
    """How much of a set lies beyond its range."""

    images: int
    """How many pictures have values beyond."""

    share: float
    """Of their pixels."""


def set_range(pictures: Iterable[DeepValues]) -> PixelRange:
    """Choose the one range for all deep pictures of a set.

    Whole numbers from 0 on: 0 to the largest number of as many bits as are used, at least 8 (255, ..., 4,095, ...,
    65,535). Fractions from 0 on: 0 to 1, to 255, or to the largest number of as many bits. Where the values would fill
    less than half of that (or are negative), their own smallest and largest, so that as many of the 256 levels are used
    as can be; whole numbers are never drawn apart by more than one level.

    Raises:
        UserError: some pictures hold fractions of 0 to 1 and others whole numbers beyond, which no one range fits.

    >>> set_range([DeepValues(0, 99, True)])
    (0.0, 255.0)
    >>> set_range([DeepValues(12, 3000, True), DeepValues(0, 4095, True)])
    (0.0, 4095.0)
    >>> set_range([DeepValues(50, 50, False), DeepValues(200, 200, False)])
    (0.0, 255.0)
    """
    every = list(pictures)
    kinds = {whole: [values for values in every if values.whole == whole] for whole in (True, False)}
    low, high = min(values.low for values in every), max(values.high for values in every)
    if kinds[True] and kinds[False]:
        fractions, numbers = (max(values.high for values in kinds[whole]) for whole in (False, True))
        if fractions <= 1 < numbers:
            raise UserError(
                f"some pictures hold fractions up to {fractions:g} and others whole numbers up to {numbers:,.10g}, so "
                f"that no one range from black to white fits both; {WHICH}, or store all in one way"
            )
    whole = not kinds[False]
    natural = _natural(low, high, whole)
    if natural is not None and (natural[1] == 255 or 2 * (high - low) >= natural[1] or low == high):
        return natural
    if whole:
        return low, max(high, low + 255)
    return low, high if high > low else low + 1


def fixed_range(values: DeepValues) -> PixelRange:
    """Choose the range for a single picture whose set is not known: by its kind, never stretched.

    Fractions: 0 to 1, else 0 to 255, else 0 to 65,535, whichever holds them. Whole numbers: 8, 12 or 16 bits (0 to 255,
    to 4,095, to 65,535), whichever holds them.

    Raises:
        UserError: it has values beyond.

    >>> fixed_range(DeepValues(0, 200, False))
    (0.0, 255.0)
    """
    tops = (255.0, 4095.0, 65_535.0) if values.whole else (1.0, 255.0, 65_535.0)
    for top in tops:
        if values.low >= 0 and values.high <= top:
            return 0.0, top
    raise UserError(
        f"the picture holds values from {values.low:,.10g} to {values.high:,.10g}, and nothing says which of them is "
        f"black and which white; {WHICH}"
    )


def measured(values: NDArray[np.generic], hidden: NDArray[np.bool_] | None = None) -> DeepValues | None:
    """Measure the range of `[H, W]` or `[H, W, C]` values; None where all are `hidden` (`[H, W]`: transparent).

    Raises:
        ValueError: some are not finite.
    """
    lows, highs = [], []
    for rows in _in_pieces(values):
        kept = values[rows] if hidden is None else values[rows][~hidden[rows]]
        if kept.size:
            lows.append(float(kept.min()))
            highs.append(float(kept.max()))
    if not all(map(math.isfinite, lows + highs)):
        raise ValueError("has values that are not finite numbers")
    return DeepValues(min(lows), max(highs), values.dtype.kind in "iu") if lows else None


def scaled(values: NDArray[np.generic], limits: PixelRange) -> NDArray[np.uint8]:
    """Bring values to bytes: `limits[0]` and below to 0, `limits[1]` and above to 255.

    >>> scaled(np.array([[0, 2048, 4095, 5000]]), (0, 4095)).tolist()
    [[0, 128, 255, 255]]
    """
    low, high = limits
    result = np.empty(values.shape, np.uint8)
    for rows in _in_pieces(values):
        levels = (values[rows].astype(np.float64) - low) * 255 / (high - low)
        result[rows] = np.rint(np.clip(levels, 0, 255))
    return result


def count_beyond(values: NDArray[np.generic], limits: PixelRange, hidden: NDArray[np.bool_] | None = None) -> int:
    """Count the pixels of which a value lies beyond the range, `hidden` ones left aside.

    >>> count_beyond(np.array([[0, 2048, 4095, 5000]]), (0, 4095))
    1
    """
    low, high = limits
    count = 0
    for rows in _in_pieces(values):
        numbers = values[rows].astype(np.float64)
        beyond: NDArray[np.bool_] = (numbers < low) | (numbers > high)
        if beyond.ndim == 3:
            beyond = np.logical_or.reduce(beyond, axis=-1)
        count += int(np.count_nonzero(beyond if hidden is None else beyond & ~hidden[rows]))
    return count


def range_words(limits: PixelRange) -> str:
    """Say a range.

    >>> range_words((0, 4095))
    '0 (black) to 4,095 (white)'
    """
    low, high = (f"{value:,.10g}" for value in limits)
    return f"{low} (black) to {high} (white)"


def _natural(low: float, high: float, whole: bool) -> PixelRange | None:
    """Give the range that values of this size usually mean; None where there is none."""
    if low < 0 or high >= 2**32:
        return None
    if not whole and high <= 1:
        return 0.0, 1.0
    if not whole and high < LEAST_OF_BYTES and low < high:
        return None
    return 0.0, float(2 ** max(8, math.ceil(high).bit_length()) - 1)


def _in_pieces(values: NDArray[np.generic]) -> Iterable[slice]:
    """Cut rows into pieces of which the work needs little memory."""
    at_once = max(1, VALUES_AT_ONCE // max(1, math.prod(values.shape[1:])))
    return (slice(start, start + at_once) for start in range(0, len(values), at_once))
