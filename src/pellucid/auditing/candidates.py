"""Pairs of images that could be the same picture: all pairs are compared, each by 64 numbers."""

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
    """Pairs that are alike when seen from afar."""

    pairs: NDArray[np.int64]
    """`[M, 2]`, positions of the images, the first below the second."""
    mirrored: NDArray[np.bool_]
    """`[M]`, whether the second is alike only when mirrored."""
    least: float
    """The correlation from which on all pairs are here."""


def find_candidates(small: NDArray[np.uint8], mirror: bool) -> Candidates:
    """Find the pairs of images whose coarse brightness is alike, mirrored or not.

    Each image becomes an 8 × 8 grid of mean brightness, less its mean and scaled to length 1, so that neither
    brightness nor contrast matters and the product of two grids is their correlation. A grid is the sum of an even
    part (equal to its mirror image) and an odd one (its negative): with a = e + o and b = e' + o', a·b is
    e·e' + o·o', and a times mirrored b is e·e' - o·o'. So e·e' + |o·o'| is the better of both for the price of one.

    Args:
        small: `[N, 32, 32]`.
        mirror: whether a mirrored copy counts.
    """
    grids = _grids(small)
    even, odd = _halves(_scaled(grids))
    inside = _scaled(grids - grids.mean(1, keepdims=True) - grids.mean(2, keepdims=True))
    count = len(small)
    least = np.float32(ALIKE)
    found: list[NDArray[np.int64]] = []
    likeness: list[Floats] = []
    held = 0
    with progress("comparing all pairs", count) as advance:
        for top in range(0, count, ROWS):
            for left in range(top // COLUMNS * COLUMNS, count, COLUMNS):
                alike = even[top : top + ROWS] @ even[left : left + COLUMNS].T
                turned = odd[top : top + ROWS] @ odd[left : left + COLUMNS].T
                alike += np.abs(turned, out=turned) if mirror else turned
                flat = np.flatnonzero(alike.ravel() >= least)
                if not len(flat):
                    continue
                first, second = np.divmod(flat, alike.shape[1])
                pairs = np.stack([first + top, second + left], axis=1)
                kept = pairs[:, 0] < pairs[:, 1]
                kept[kept] = _product(inside, pairs[kept], _mirrored(odd, pairs[kept], mirror)) >= ALIKE_INSIDE
                found.append(pairs[kept])
                likeness.append(alike.ravel()[flat[kept]])
                held += int(kept.sum())
            if held > 2 * MOST_CANDIDATES:
                found, likeness, least = _most_alike(found, likeness)
                held = len(found[0])
            advance(min(ROWS, count - top))
    if held > MOST_CANDIDATES:
        found, likeness, least = _most_alike(found, likeness)
    pairs = np.concatenate(found) if found else np.zeros((0, 2), np.int64)
    return Candidates(pairs, _mirrored(odd, pairs, mirror), float(least))


def _mirrored(odd: Floats, pairs: NDArray[np.int64], mirror: bool) -> NDArray[np.bool_]:
    """Say of which pairs `[M, 2]` the second is more alike when mirrored, `[M]`."""
    if not mirror:
        return np.zeros(len(pairs), np.bool_)
    return np.asarray(np.einsum("nd,nd->n", odd[pairs[:, 0]], odd[pairs[:, 1]]) < 0)


def _product(grids: Floats, pairs: NDArray[np.int64], mirrored: NDArray[np.bool_]) -> Floats:
    """Multiply the grids of pairs, mirrored where said: `[M]`."""
    second = grids[pairs[:, 1]]
    second[mirrored] = second[mirrored, :, ::-1]
    return np.asarray(np.einsum("nrc,nrc->n", grids[pairs[:, 0]], second))


def _grids(small: NDArray[np.uint8]) -> Floats:
    """Give the mean brightness of 8 × 8 cells less that of the whole, `[N, 8, 8]`."""
    weights = area_weights(GRID, SIDE)
    grids = np.empty((len(small), GRID, GRID), np.float32)
    for start in range(0, len(small), AT_ONCE):
        grids[start : start + AT_ONCE] = weights @ small[start : start + AT_ONCE].astype(np.float32) @ weights.T
    return np.asarray(grids - grids.mean((1, 2), keepdims=True))


def _scaled(grids: Floats) -> Floats:
    """Scale grids to length 1; those shorter than 1 hold nothing but rounding and stay like nothing."""
    lengths = np.sqrt((grids**2).sum((1, 2), keepdims=True))
    return np.asarray(grids / np.maximum(lengths, 1.0))


def _halves(grids: Floats) -> tuple[Floats, Floats]:
    """Give the even and the odd parts of grids, `[N, 32]` each: their other 32 numbers say the same again."""
    flipped = grids[:, :, ::-1]
    half = slice(0, GRID // 2)
    even, odd = ((part[:, :, half] / np.sqrt(2)).reshape(len(grids), -1) for part in (grids + flipped, grids - flipped))
    return np.ascontiguousarray(even, np.float32), np.ascontiguousarray(odd, np.float32)


def _most_alike(
    found: list[NDArray[np.int64]], likeness: list[Floats]
) -> tuple[list[NDArray[np.int64]], list[Floats], np.float32]:
    """Keep so many of the most alike, and give the correlation of the last of them."""
    every, alike = np.concatenate(found), np.concatenate(likeness)
    order = np.argsort(-alike, kind="stable")[:MOST_CANDIDATES]
    return [every[order]], [alike[order]], np.float32(alike[order[-1]])
