"""Duplicates: the same picture twice, to the byte or nearly so."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.auditing.candidates import find_candidates
from pellucid.auditing.thumbnails import SIDE
from pellucid.data import Split
from pellucid.ground.progress import progress

__all__ = ["DETAIL", "Duplicate", "Search", "find_duplicates", "groups_of"]

DETAIL = 0.6
"""Least correlation of the fine detail of a pair. Judged by eye on CIFAR-10, all but about 10 of the 310 test images
that so have a partner among the training images do show the same picture; between 0.5 and 0.6 one in five does not."""
OVERALL = 0.75
"""Least correlation of the brightness of a pair, once one image has been moved onto the other."""
FARTHEST = 3
"""Images may be moved against each other by so many of 32 pixels, in rows and in columns."""
BLUR = 5
"""Detail is what remains of an image without its mean over squares of this side."""
NOISE = 1.0
"""Detail of this standard deviation, in grey levels, may come from rounding and weighs nothing."""
AT_ONCE = 256


@dataclass(frozen=True)
class Duplicate:
    """A pair of images that show the same; each is given by its position in all splits, one after the other."""

    first: int
    second: int
    exact: bool
    """All bytes are the same."""
    similarity: float
    """Correlation of the fine detail, 1 for exact copies."""
    flipped: bool
    """Horizontally."""
    shift: tuple[int, int]
    """By how many 32nds of a side (rows, columns) the second was moved onto the first."""


@dataclass(frozen=True)
class Search:
    """What a search for duplicates found."""

    pairs: tuple[Duplicate, ...]
    """Exact ones first, then the most alike. Of k identical images the first is paired with each of the others."""
    compared: int
    """How many pairs were alike at coarse resolution and compared in detail."""
    least_alike: float
    """The correlation of coarse brightness from which on pairs were compared."""


def find_duplicates(splits: Sequence[Split], small: NDArray[np.uint8], *, flip: bool, detail: float = DETAIL) -> Search:
    """Find the pairs of images that show the same picture.

    Exact copies have the same bytes. Near ones are looked for among all pairs, by coarse brightness (`candidates`).
    For those that pass, the shift at which their fine detail agrees best is found by Fourier transform; there the
    brightness must correlate by at least 0.75 and the fine detail by at least `detail`. Rows and columns lose their
    mean first: a horizon, which any two ships share, is no evidence. Changes of brightness, contrast and colour, shifts
    of a pixel or two, horizontal flips, recompression and small captions do not hide a copy; other crops do.

    Args:
        splits: all images, in order.
        small: uint8 `[N, 32, 32]`, their thumbnails.
        flip: whether a horizontally flipped copy counts; not for digits and letters.
        detail: least correlation of the fine detail, 0 to 1.
    """
    candidates = find_candidates(small, flip)
    copies, group = _exact_copies(splits)
    pairs, flipped = candidates.pairs, candidates.flipped
    other = group[pairs[:, 0]] != group[pairs[:, 1]]
    pairs, flipped = pairs[other], flipped[other]
    near = []
    with progress("comparing in detail", len(pairs), "pairs") as advance:
        for start in range(0, len(pairs), AT_ONCE):
            part, flips = pairs[start : start + AT_ONCE], flipped[start : start + AT_ONCE]
            second = small[part[:, 1]]
            second[flips] = second[flips, :, ::-1]
            overall, similarity, shifts = _agreement(small[part[:, 0]], second)
            for at in np.flatnonzero((overall >= OVERALL) & (similarity >= detail)):
                near.append(
                    Duplicate(
                        int(part[at, 0]),
                        int(part[at, 1]),
                        False,
                        min(1.0, float(similarity[at])),
                        bool(flips[at]),
                        (int(shifts[at, 0]), int(shifts[at, 1])),
                    )
                )
            advance(len(part))
    near.sort(key=lambda pair: (-pair.similarity, pair.first, pair.second))
    return Search((*copies, *near), len(candidates.pairs), candidates.least)


def groups_of(pairs: Sequence[Duplicate]) -> list[tuple[int, ...]]:
    """Join pairs that share an image into groups, each sorted, the largest first.

    >>> pair = lambda first, second: Duplicate(first, second, True, 1.0, False, (0, 0))
    >>> groups_of([pair(0, 1), pair(4, 5), pair(1, 2)])
    [(0, 1, 2), (4, 5)]
    """
    parent: dict[int, int] = {}

    def root(image: int) -> int:
        while parent.setdefault(image, image) != image:
            parent[image] = parent[parent[image]]
            image = parent[image]
        return image

    for pair in pairs:
        parent[root(pair.second)] = root(pair.first)
    members: dict[int, list[int]] = {}
    for image in sorted(parent):
        members.setdefault(root(image), []).append(image)
    return sorted((tuple(group) for group in members.values()), key=lambda group: (-len(group), group))


def _exact_copies(splits: Sequence[Split]) -> tuple[list[Duplicate], NDArray[np.int64]]:
    """Pair each image with the first that has the same bytes, and give that first one's position for each, `[N]`."""
    first_of: dict[bytes, int] = {}
    group = np.empty(sum(map(len, splits)), np.int64)
    copies = []
    position = 0
    for split in splits:
        for image in split.images:
            key = hashlib.blake2b(image.tobytes(), digest_size=16).digest()
            first = first_of.setdefault(key, position)
            group[position] = first
            if first != position:
                copies.append(Duplicate(first, position, True, 1.0, False, (0, 0)))
            position += 1
    return copies, group


def _agreement(
    first: NDArray[np.uint8], second: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """Compare pairs `[n, 32, 32]` at the shift where their detail agrees best.

    Returns:
        correlation of brightness `[n]` and of detail `[n]`, and the shift `[n, 2]` (rows, columns) of the second.
    """
    bright = first.astype(np.float32), second.astype(np.float32)
    fine = _detail(bright[0]), _detail(bright[1])
    products = np.fft.rfft2(fine[0]) * np.fft.rfft2(fine[1]).conj()
    reach = np.r_[0 : FARTHEST + 1, -FARTHEST:0]
    agreement = np.fft.irfft2(products, s=(SIDE, SIDE))[:, reach[:, None], reach[None, :]]
    best = agreement.reshape(len(first), -1).argmax(1)
    shifts = np.stack([reach[best // len(reach)], reach[best % len(reach)]], axis=1)
    overall, similarity = np.empty(len(first), np.float32), np.empty(len(first), np.float32)
    for choice in np.unique(best):
        at = np.flatnonzero(best == choice)
        here, there = _overlap(*shifts[at[0]])
        overall[at] = _correlation(*(image[at][where] for image, where in zip(bright, (here, there), strict=True)))
        similarity[at] = _correlation(
            *(_centred(image[at][where]) for image, where in zip(fine, (here, there), strict=True))
        )
    return overall, similarity, shifts


def _overlap(down: int, right: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Give the part of the first images, and of the second, that overlap when the second are moved so far."""
    here = tuple(slice(max(0, by), SIDE + min(0, by)) for by in (down, right))
    there = tuple(slice(max(0, -by), SIDE + min(0, -by)) for by in (down, right))
    return (slice(None), *here), (slice(None), *there)


def _detail(bright: NDArray[np.float32]) -> NDArray[np.float32]:
    """Take from images `[n, 32, 32]` their mean over squares, and from the rest each row's and column's mean."""
    reach = BLUR // 2
    padded = np.pad(bright, ((0, 0), (reach, reach), (reach, reach)), mode="edge")
    lines = padded[:, :SIDE, :].copy()
    for row in range(1, BLUR):
        lines += padded[:, row : row + SIDE, :]
    blurred = lines[:, :, :SIDE].copy()
    for column in range(1, BLUR):
        blurred += lines[:, :, column : column + SIDE]
    return _centred(np.asarray(bright - blurred / BLUR**2, np.float32))


def _centred(images: NDArray[np.float32]) -> NDArray[np.float32]:
    less_columns = images - images.mean(1, keepdims=True)
    return np.asarray(less_columns - less_columns.mean(2, keepdims=True), np.float32)


def _correlation(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    count = first.shape[1] * first.shape[2]
    first = first - first.mean((1, 2), keepdims=True)
    second = second - second.mean((1, 2), keepdims=True)
    floor = np.float32(count * NOISE**2)
    lengths = ((first**2).sum((1, 2)) + floor) * ((second**2).sum((1, 2)) + floor)
    return np.asarray((first * second).sum((1, 2)) / np.sqrt(lengths), np.float32)
