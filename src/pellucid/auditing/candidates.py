"""Pairs of images that could be the same picture: all pairs are compared, in two ways.

By brightness, at coarse resolution; and by the strength of each spatial frequency, which a shift does not change.

In both ways an image is a vector, and the product of two vectors is how alike the images are. A vector is the sum of an
even part (equal to itself flipped) and an odd one (its negative): with a = e + o and b = e' + o', a·b is e·e' + o·o',
and a times flipped b is e·e' - o·o'. So e·e' + |o·o'| is the better of both for the price of one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pellucid.auditing.thumbnails import SIDE, area_weights, without_surroundings
from pellucid.ground.progress import progress

__all__ = ["MOST_CANDIDATES", "Candidates", "find_candidates"]

COARSE, FINE = 8, 16
"""Cells a side of the two grids that an image is reduced to."""
ALIKE = 1.3
"""Least sum of two correlations of the 8 × 8 grids of a candidate, each at most 1: of their brightness, and of what
remains once each row and column has lost its mean, so that a sky above a sea is not enough. Chosen on CIFAR-10: of the
651 pairs that meet the rule of `duplicates` when everything is compared at nine shifts, 644 are above it."""
ALIKE_IN_DETAIL = 0.65
"""The same of the 16 × 16 grids: of what remains without the means of rows and columns, and without the mean of each
cell's neighbours; only pairs above the first limit are compared so."""
NEIGHBOURS = 5
FREQUENCIES = 10
"""Spatial frequencies up to so many waves a side are compared; higher ones suffer from rounding and recompression."""
SPECTRA_ALIKE = 0.7
"""Least correlation of the spectra of a candidate. One in 10,000 pairs of CIFAR-10 has more; of copies moved by 2
pixels all have, of those moved by 3 all but one in twenty."""
MOST_CANDIDATES = 500_000
"""Where more pairs are that alike in one way, as among digits, only the most alike are looked at."""
SAMPLE = 256
"""So many images, against all, tell how many pairs are alike."""
AT_ONCE = 1000
ROWS, COLUMNS = 256, 1024
"""A block of comparisons of this size stays in the processor's cache."""

Floats = NDArray[np.float32]
Pairs = NDArray[np.int64]


@dataclass(frozen=True)
class Candidates:
    """Pairs that could be the same picture."""

    pairs: Pairs
    """`[M, 2]`, positions of the images, the first below the second."""
    flipped: NDArray[np.bool_]
    """`[M]`, whether the second is more alike when flipped horizontally."""
    complete: bool
    """Whether all pairs above the limits are here, and not only the most alike."""


@dataclass(frozen=True)
class _Halves:
    """The even and the odd parts of all images' vectors, `[N, D]` each."""

    even: Floats
    odd: Floats

    def flipped(self, pairs: Pairs, flip: bool) -> NDArray[np.bool_]:
        """Say of which pairs `[M, 2]` the second is more alike when flipped horizontally, `[M]`."""
        if not flip:
            return np.zeros(len(pairs), np.bool_)
        return np.asarray(np.einsum("nd,nd->n", self.odd[pairs[:, 0]], self.odd[pairs[:, 1]]) < 0)


def find_candidates(small: NDArray[np.uint8], flip: bool) -> Candidates:
    """Find the pairs of images that are alike in one of the two ways, flipped horizontally or not.

    Args:
        small: uint8 `[N, 32, 32]`, the images' brightness.
        flip: whether a flipped copy counts.

    Returns:
        The pairs, at most half a million of each way, the most alike.
    """
    coarse, fine = _coarse(small), _fine(small)

    def also_in_detail(pairs: Pairs) -> NDArray[np.bool_]:
        return np.asarray(_product(fine, pairs, coarse.flipped(pairs, flip)) >= ALIKE_IN_DETAIL)

    by_brightness, all_here = _alike(coarse, ALIKE, flip, "comparing all pairs", also_in_detail)
    spectra = _spectra(small)
    by_spectrum, all_there = _alike(spectra, SPECTRA_ALIKE, flip, "comparing all spectra")
    # A pair that is found both ways counts once, flipped as its brightness says.
    numbers = [pairs[:, 0] * len(small) + pairs[:, 1] for pairs in (by_brightness, by_spectrum)]
    by_spectrum = by_spectrum[~np.isin(numbers[1], numbers[0])]
    flipped = [coarse.flipped(by_brightness, flip), spectra.flipped(by_spectrum, flip)]
    return Candidates(np.concatenate([by_brightness, by_spectrum]), np.concatenate(flipped), all_here and all_there)


def _alike(
    halves: _Halves,
    limit: float,
    flip: bool,
    description: str,
    check: Callable[[Pairs], NDArray[np.bool_]] | None = None,
) -> tuple[Pairs, bool]:
    """Find the pairs `[M, 2]` whose product is at least `limit` and that pass the check; say whether these are all."""
    even, odd = halves.even, halves.odd
    count = len(even)
    least = max(np.float32(limit), _limit_for_many(halves, flip))
    blocks: list[Pairs] = []
    similarities: list[Floats] = []
    held = 0
    with progress(description, count) as advance:
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
                if check is not None:
                    kept[kept] = check(pairs[kept])
                blocks.append(pairs[kept])
                similarities.append(alike.ravel()[flat[kept]])
                held += int(kept.sum())
            if held > 2 * MOST_CANDIDATES:
                blocks, similarities, least = _most_alike(blocks, similarities)
                held = len(blocks[0])
            advance(min(ROWS, count - top))
    if held > MOST_CANDIDATES:
        blocks, similarities, least = _most_alike(blocks, similarities)
    return np.concatenate(blocks) if blocks else np.zeros((0, 2), np.int64), bool(least == np.float32(limit))


def _product(grids: Floats, pairs: NDArray[np.int64], flipped: NDArray[np.bool_]) -> Floats:
    """Multiply the grids `[N, G, rows, columns]` of pairs, the second flipped where said, and add up: `[M]`."""
    products = np.empty(len(pairs), np.float32)
    for start in range(0, len(pairs), AT_ONCE):
        part, flips = pairs[start : start + AT_ONCE], flipped[start : start + AT_ONCE]
        second = grids[part[:, 1]]
        second[flips] = second[flips, :, :, ::-1]
        first = grids[part[:, 0]]
        products[start : start + AT_ONCE] = np.einsum(
            "nd,nd->n", first.reshape(len(part), -1), second.reshape(len(part), -1)
        )
    return products


def _coarse(small: NDArray[np.uint8]) -> _Halves:
    """Give the two kinds of 8 × 8 grids, side by side: 64 numbers an image in either half."""
    grids = _grids(small, COARSE)
    halves = [_halves(_scaled(grids)), _halves(_scaled(_centred(grids)))]
    even, odd = (np.concatenate(parts, axis=1) for parts in zip(*halves, strict=True))
    return _Halves(even, odd)


def _spectra(small: NDArray[np.uint8]) -> _Halves:
    """Give how strong each spatial frequency is, as its square root, evened out over the frequencies.

    Photographs have amplitudes that fall with the frequency, so each is multiplied by it. A window that falls to zero
    at the edges keeps what comes in and goes out at a shift from mattering.
    """
    window = np.hanning(SIDE + 2)[1:-1].astype(np.float32)
    window = window[:, None] * window[None]
    down, right = np.r_[-FREQUENCIES : FREQUENCIES + 1], np.arange(FREQUENCIES + 1)
    frequency = np.hypot(down[:, None], right[None]).astype(np.float32)
    compared = frequency >= 1
    middle = FREQUENCIES  # the row of frequency zero
    even = np.empty((len(small), (middle + 1) * len(right)), np.float32)
    odd = np.empty((len(small), middle * len(right)), np.float32)
    for start in range(0, len(small), AT_ONCE):
        images = small[start : start + AT_ONCE].astype(np.float32)
        images -= (images * window).sum((1, 2), keepdims=True) / window.sum()
        transforms = torch.fft.rfft2(torch.from_numpy(images * window)).numpy()
        spectra = np.sqrt(np.abs(transforms[:, down][:, :, right])) * frequency
        spectra -= spectra.sum((1, 2), keepdims=True) / compared.sum() * compared
        spectra = _scaled(spectra)
        # Flipping an image turns the frequencies' rows upside down.
        above, below = spectra[:, middle::-1], spectra[:, middle:]
        both, difference = (above + below) / np.sqrt(2), (above - below) / np.sqrt(2)
        both[:, 0] = spectra[:, middle]
        even[start : start + AT_ONCE] = both.reshape(len(images), -1)
        odd[start : start + AT_ONCE] = difference[:, 1:].reshape(len(images), -1)
    return _Halves(even, odd)


def _fine(small: NDArray[np.uint8]) -> Floats:
    """Give the two kinds of 16 × 16 grids, `[N, 2, 16, 16]`."""
    fine = np.empty((len(small), 2, FINE, FINE), np.float32)
    for start in range(0, len(small), AT_ONCE):
        grids = _grids(small[start : start + AT_ONCE], FINE)
        fine[start : start + AT_ONCE, 0] = _scaled(_centred(grids))
        fine[start : start + AT_ONCE, 1] = _scaled(_centred(without_surroundings(grids, NEIGHBOURS)))
    return fine


def _grids(small: NDArray[np.uint8], side: int) -> Floats:
    """Give the mean brightness of cells less that of the whole, `[N, side, side]`."""
    weights = area_weights(side, SIDE)
    grids = np.empty((len(small), side, side), np.float32)
    for start in range(0, len(small), AT_ONCE):
        grids[start : start + AT_ONCE] = weights @ small[start : start + AT_ONCE].astype(np.float32) @ weights.T
    return np.asarray(grids - grids.mean((1, 2), keepdims=True))


def _centred(grids: Floats) -> Floats:
    less_columns = grids - grids.mean(1, keepdims=True)
    return np.asarray(less_columns - less_columns.mean(2, keepdims=True), np.float32)


def _scaled(grids: Floats) -> Floats:
    """Scale grids to length 1; those shorter than 1 hold nothing but rounding and resemble nothing."""
    lengths = np.sqrt((grids**2).sum((1, 2), keepdims=True))
    return np.asarray(grids / np.maximum(lengths, 1.0))


def _halves(grids: Floats) -> tuple[Floats, Floats]:
    """Give the even and the odd parts of grids, `[N, 32]` each: their other 32 numbers say the same again."""
    reverse = grids[:, :, ::-1]
    half = slice(0, COARSE // 2)
    even, odd = ((part[:, :, half] / np.sqrt(2)).reshape(len(grids), -1) for part in (grids + reverse, grids - reverse))
    return np.ascontiguousarray(even, np.float32), np.ascontiguousarray(odd, np.float32)


def _limit_for_many(halves: _Halves, flip: bool) -> np.float32:
    """Estimate, from some images against all, the product that about twice as many pairs have as are kept.

    Among digits far more pairs are alike than can be looked at; with this limit most are never listed.
    """
    count = len(halves.even)
    some = np.linspace(0, count - 1, min(count, SAMPLE)).round().astype(np.int64)
    products = halves.even[some] @ halves.even.T
    odd_products = halves.odd[some] @ halves.odd.T
    products += np.abs(odd_products, out=odd_products) if flip else odd_products
    pairs = count * (count - 1) / 2
    share = 1 - 2 * MOST_CANDIDATES / max(pairs, 1)
    return np.float32(np.quantile(products, share)) if share > 0 else np.float32(-np.inf)


def _most_alike(
    blocks: list[NDArray[np.int64]], similarities: list[Floats]
) -> tuple[list[NDArray[np.int64]], list[Floats], np.float32]:
    """Keep so many of the most alike, and give the correlation of the last of them."""
    pairs, similarity = np.concatenate(blocks), np.concatenate(similarities)
    order = np.argsort(-similarity, kind="stable")[:MOST_CANDIDATES]
    return [pairs[order]], [similarity[order]], np.float32(similarity[order[-1]])
