"""Pairs of images that could be the same picture: all pairs are compared, by 64 numbers an image."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.auditing.thumbnails import SIDE, area_weights
from pellucid.ground.progress import progress

__all__ = ["MOST_CANDIDATES", "Candidates", "find_candidates"]

GRID = 8
ALIKE = 0.9
"""Least correlation of the 8 × 8 grids of a candidate; pairs below are never looked at again."""
ALIKE_INSIDE = 0.55
"""The same once each grid's rows and columns have lost their mean, so that a sky above a sea is not enough."""
MOST_CANDIDATES = 100_000
"""Where more pairs are that alike, as among digits, only the most alike are looked at."""
AT_ONCE = 1000
ROWS, COLUMNS = 256, 1024
"""A block of comparisons of this size stays in the processor's cache."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Candidates:
    """Pairs that are alike at coarse resolution."""

    pairs: NDArray[np.int64]
    """`[M, 2]`, positions of the images, the first below the second."""
    flipped: NDArray[np.bool_]
    """`[M]`, whether the second is more alike when flipped horizontally."""
    least: float
    """The correlation from which on all pairs are here."""


def find_candidates(small: NDArray[np.uint8], flip: bool) -> Candidates:
    """Find the pairs of images whose coarse brightness is alike, flipped horizontally or not.

    Each image becomes an 8 × 8 grid of mean brightness, less its mean and scaled to length 1, so that neither
    brightness nor contrast matters and the product of two grids is their correlation. A grid is the sum of an even
    part (equal to itself flipped) and an odd one (its negative): with a = e + o and b = e' + o', a·b is
    e·e' + o·o', and a times flipped b is e·e' - o·o'. So e·e' + |o·o'| is the better of both for the price of one.

    Args:
        small: uint8 `[N, 32, 32]`, the images' brightness.
        flip: whether a flipped copy counts.

    Returns:
        The pairs, at most 100,000 of them, the most alike.
    """
    grids = _grids(small)
    even, odd = _halves(_scaled(grids))
    inside = _scaled(grids - grids.mean(1, keepdims=True) - grids.mean(2, keepdims=True))
    count = len(small)
    least = np.float32(ALIKE)
    blocks: list[NDArray[np.int64]] = []
    similarities: list[Floats] = []
    held = 0
    with progress("comparing all pairs", count) as advance:
        for top in range(0, count, ROWS):
            for left in range(top // COLUMNS * COLUMNS, count, COLUMNS):
                alike = even[top : top + ROWS] @ even[left : left + COLUMNS].T
                odd_product = odd[top : top + ROWS] @ odd[left : left + COLUMNS].T
                alike += np.abs(odd_product, out=odd_product) if flip else odd_product
                flat = np.flatnonzero(alike.ravel() >= least)
                if not len(flat):
                    continue
                first, second = np.divmod(flat, alike.shape[1])
                pairs = np.stack([first + top, second + left], axis=1)
                kept = pairs[:, 0] < pairs[:, 1]
                kept[kept] = _product(inside, pairs[kept], _flipped(odd, pairs[kept], flip)) >= ALIKE_INSIDE
                blocks.append(pairs[kept])
                similarities.append(alike.ravel()[flat[kept]])
                held += int(kept.sum())
            if held > 2 * MOST_CANDIDATES:
                blocks, similarities, least = _most_alike(blocks, similarities)
                held = len(blocks[0])
            advance(min(ROWS, count - top))
    if held > MOST_CANDIDATES:
        blocks, similarities, least = _most_alike(blocks, similarities)
    pairs = np.concatenate(blocks) if blocks else np.zeros((0, 2), np.int64)
    return Candidates(pairs, _flipped(odd, pairs, flip), float(least))


def _flipped(odd: Floats, pairs: NDArray[np.int64], flip: bool) -> NDArray[np.bool_]:
    """Say of which pairs `[M, 2]` the second is more alike when flipped horizontally, `[M]`."""
    if not flip:
        return np.zeros(len(pairs), np.bool_)
    return np.asarray(np.einsum("nd,nd->n", odd[pairs[:, 0]], odd[pairs[:, 1]]) < 0)


def _product(grids: Floats, pairs: NDArray[np.int64], flipped: NDArray[np.bool_]) -> Floats:
    """Multiply the grids of pairs, the second flipped where said: `[M]`."""
    second = grids[pairs[:, 1]]
    second[flipped] = second[flipped, :, ::-1]
    return np.asarray(np.einsum("nrc,nrc->n", grids[pairs[:, 0]], second))


def _grids(small: NDArray[np.uint8]) -> Floats:
    """Give the mean brightness of 8 × 8 cells less that of the whole, `[N, 8, 8]`."""
    weights = area_weights(GRID, SIDE)
    grids = np.empty((len(small), GRID, GRID), np.float32)
    for start in range(0, len(small), AT_ONCE):
        grids[start : start + AT_ONCE] = weights @ small[start : start + AT_ONCE].astype(np.float32) @ weights.T
    return np.asarray(grids - grids.mean((1, 2), keepdims=True))


def _scaled(grids: Floats) -> Floats:
    """Scale grids to length 1; those shorter than 1 hold nothing but rounding and resemble nothing."""
    lengths = np.sqrt((grids**2).sum((1, 2), keepdims=True))
    return np.asarray(grids / np.maximum(lengths, 1.0))


def _halves(grids: Floats) -> tuple[Floats, Floats]:
    """Give the even and the odd parts of grids, `[N, 32]` each: their other 32 numbers say the same again."""
    reverse = grids[:, :, ::-1]
    half = slice(0, GRID // 2)
    even, odd = ((part[:, :, half] / np.sqrt(2)).reshape(len(grids), -1) for part in (grids + reverse, grids - reverse))
    return np.ascontiguousarray(even, np.float32), np.ascontiguousarray(odd, np.float32)


def _most_alike(
    blocks: list[NDArray[np.int64]], similarities: list[Floats]
) -> tuple[list[NDArray[np.int64]], list[Floats], np.float32]:
    """Keep so many of the most alike, and give the correlation of the last of them."""
    pairs, similarity = np.concatenate(blocks), np.concatenate(similarities)
    order = np.argsort(-similarity, kind="stable")[:MOST_CANDIDATES]
    return [pairs[order]], [similarity[order]], np.float32(similarity[order[-1]])
