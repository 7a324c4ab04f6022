"""Duplicates: the same picture twice, to the byte or nearly so."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pellucid.auditing.candidates import find_candidates
from pellucid.auditing.thumbnails import SIDE, without_surroundings
from pellucid.data import Split
from pellucid.ground.progress import progress

__all__ = ["DETAIL", "OVERALL", "Duplicate", "Search", "agreement_of", "find_duplicates", "groups_of"]

DETAIL = 0.6
"""Least correlation of the fine detail of a pair. Judged by eye on CIFAR-10, 378 of the 415 test images that so have a
partner among the training images do show the same picture; between 0.5 and 0.6 many more do not."""
OVERALL = 0.75
"""Least correlation of the brightness of a pair, once one image has been moved onto the other."""
FARTHEST = 3
"""Images may be moved against each other by so many of 32 pixels, in rows and in columns."""
BLUR = 5
"""Detail is what remains of an image without its mean over squares of this side."""
NOISE = 1.0
"""Detail of this standard deviation, in grey levels, may come from rounding and weighs nothing."""
ROUGH = 0.3
"""How far what is measured on images shifted in a circle may lie from what their common part gives."""
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
    complete: bool
    """Whether all such pairs were compared, and not only the most alike of very many."""


def find_duplicates(splits: Sequence[Split], small: NDArray[np.uint8], *, flip: bool, detail: float = DETAIL) -> Search:
    """Find the pairs of images that show the same picture.

    Exact copies have the same bytes. Near ones are looked for among all pairs, by coarse brightness (`candidates`).
    For those that pass, the shift at which their fine detail agrees best is found by Fourier transform; there the
    brightness must correlate by at least 0.75 and the fine detail by at least `detail`. Rows and columns lose their
    mean first: a horizon, which any two ships share, is no evidence. Changes of brightness, contrast and colour, shifts
    of up to 3 of 32 pixels, horizontal flips, recompression and crops to 95 % do not hide a copy; a caption over 3 % of
    the image hides one in five, one over 6 % nearly all, and tighter crops, quarter turns and vertical flips all
    (`benchmarks/auditing.py`).

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
    fine = _all_details(small)
    near = []
    with progress("comparing in detail", len(pairs), "pairs") as advance:
        for start in range(0, len(pairs), AT_ONCE):
            part, flips = pairs[start : start + AT_ONCE], flipped[start : start + AT_ONCE]
            bright = [small[part[:, side]].astype(np.float32) for side in (0, 1)]
            details = [fine[part[:, side]].astype(np.float32) for side in (0, 1)]
            for images in (bright[1], details[1]):
                images[flips] = images[flips, :, ::-1]
            overall, similarity, shifts = _agreement(bright, details, detail)
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
    return Search((*copies, *near), len(candidates.pairs), candidates.complete)


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


def agreement_of(
    first: NDArray[np.uint8], second: NDArray[np.uint8]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """Compare thumbnails `[n, 32, 32]` pair by pair at the shift where their detail agrees best.

    Returns:
        correlation of brightness `[n]` and of detail `[n]`, and the shift `[n, 2]` (rows, columns) of the second.
    """
    bright = [images.astype(np.float32) for images in (first, second)]
    return _agreement(bright, [_detail(images) for images in bright], least=-np.inf)


def _all_details(small: NDArray[np.uint8]) -> NDArray[np.float16]:
    """Give the detail of all images, `[N, 32, 32]`; its grey levels need no more than 16 bits."""
    fine = np.empty(small.shape, np.float16)
    for start in range(0, len(small), AT_ONCE):
        fine[start : start + AT_ONCE] = _detail(small[start : start + AT_ONCE].astype(np.float32))
    return fine


def _agreement(
    bright: Sequence[NDArray[np.float32]], details: Sequence[NDArray[np.float32]], least: float
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int64]]:
    """Compare pairs `[n, 32, 32]` at the shift where their detail agrees best.

    Pairs whose detail agrees far less than `least` are not measured exactly: both correlations stay -1.

    Args:
        bright: the first images and the second ones.
        details: the same of their detail.
        least: correlation of the detail that matters.

    Returns:
        correlation of brightness `[n]` and of detail `[n]`, and the shift `[n, 2]` (rows, columns) of the second.
    """
    count = len(bright[0])
    # torch's transforms stay in float32 and use all threads.
    first, second = (torch.fft.rfft2(torch.from_numpy(images)) for images in details)
    reach = np.r_[0 : FARTHEST + 1, -FARTHEST:0]
    around = torch.fft.irfft2(first * second.conj(), s=(SIDE, SIDE)).numpy()[:, reach[:, None], reach[None, :]]
    agreement = around.reshape(count, -1)
    best = agreement.argmax(1)
    shifts = np.stack([reach[best // len(reach)], reach[best % len(reach)]], axis=1)
    lengths = np.sqrt(np.prod([(images**2).sum((1, 2)) + np.float32(SIDE**2) for images in details], axis=0))
    roughly = agreement[np.arange(count), best] / lengths
    overall, similarity = np.full(count, -1, np.float32), np.full(count, -1, np.float32)
    close = roughly >= least - ROUGH
    for choice in np.unique(best[close]):
        at = np.flatnonzero(close & (best == choice))
        where = _overlap(*shifts[at[0]])
        overall[at] = _correlation(*(images[at][part] for images, part in zip(bright, where, strict=True)))
        similarity[at] = _correlation(
            *(_centred(images[at][part]) for images, part in zip(details, where, strict=True))
        )
    return overall, similarity, shifts


def _overlap(down: int, right: int) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Give the part of the first images, and of the second, that overlap when the second are moved so far."""
    here = tuple(slice(max(0, by), SIDE + min(0, by)) for by in (down, right))
    there = tuple(slice(max(0, -by), SIDE + min(0, -by)) for by in (down, right))
    return (slice(None), *here), (slice(None), *there)


def _detail(bright: NDArray[np.float32]) -> NDArray[np.float32]:
    """Take from images `[n, 32, 32]` their mean over squares, and from the rest each row's and column's mean."""
    return _centred(without_surroundings(bright, BLUR))


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
