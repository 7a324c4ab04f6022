"""Photos that show nearly the same, such as a burst or one picture in two sizes, kept in one part of a split.

Otherwise a network is tested on pictures that it learned by heart. Pairs are looked for within a class, where they lie
as they are; `pellucid audit` looks further (flipped, shifted, across classes) and takes longer.

Shape letters: N images, H rows, W columns, C channels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pellucid.ground.writing import counted

__all__ = ["NearCopies", "keep_together", "near_copies_words", "near_copy_groups"]

SIDE = 32
BLUR = 5
"""Detail is what remains of a thumbnail without its mean over squares of this side."""
OVERALL, DETAIL = 0.9, 0.7
"""Least correlations of brightness and of detail of a pair."""
NOISE = 1.0
"""Detail of this standard deviation, in grey levels, may come from rounding and weighs nothing."""
AT_ONCE = 512
PIXELS_AT_ONCE = 4_000_000
MOST_OF_A_CLASS = 10_000
"""Larger classes are not looked through: the time grows with the square."""

Parts = NDArray[np.int64]


@dataclass(frozen=True)
class NearCopies:
    """What was found, and done about it."""

    images: int = 0
    """Images that show nearly the same as another one of their class."""
    groups: int = 0
    moved: int = 0
    """Images that are in another part than the seed drew."""
    torn: int = 0
    """Groups that lie in several parts, since a part would have no image of the class otherwise."""


def near_copies_words(found: NearCopies) -> str | None:
    """Say what was done; None where there are no near copies.

    >>> near_copies_words(NearCopies(5, 2, 1, 0))
    '5 images are near-copies of another (2 groups); each group is on one side of the split, 1 image moved for it'
    """
    if not found.groups:
        return None
    verb = "is a near-copy" if found.images == 1 else "are near-copies"
    groups, moved = counted(found.groups, "group"), counted(found.moved, "image")
    words = f"{counted(found.images, 'image')} {verb} of another ({groups}); each group is on one side of the split"
    words += f", {moved} moved for it" if found.moved else ""
    if found.torn:
        words += f" (but for {found.torn:,}, without which a part would have no image of the class)"
    return words


def keep_together(
    images: Sequence[NDArray[np.uint8]], labels: NDArray[np.int64], parts: Parts
) -> tuple[Parts, NearCopies]:
    """Move near copies into one part of a split: that in which most of a group are, the first of equal ones.

    Where that would leave a part without an image of the class, it is the next; where any would, the group stays.

    Args:
        images: arrays `[N, H, W, C]` uint8 that together are all images.
        labels: `[N]` int64.
        parts: `[N]` int64, the part of each image, as a seed drew it; part 0 is that which is learned from.

    Returns:
        The parts, `[N]` int64, and what was found. A part keeps at least one image of each class that it had.
    """
    parts = parts.copy()
    found = moved = torn = 0
    groups = near_copy_groups(images, labels)
    for rows in groups:
        found += len(rows)
        there = np.bincount(parts[rows])
        if np.count_nonzero(there) == 1:
            continue
        # Most of the group's part, or else the next in which it leaves no part without an image of the class.
        members = np.flatnonzero(labels == labels[rows[0]])
        rest = np.bincount(parts[np.setdiff1d(members, rows)], minlength=len(there))[: len(there)]
        targets = [int(part) for part in np.argsort(-there, kind="stable") if there[part]]
        target = next((part for part in targets if not np.delete(there * (rest == 0), part).any()), None)
        if target is None:
            torn += 1
            continue
        moved += int((parts[rows] != target).sum())
        parts[rows] = target
    return parts, NearCopies(found, len(groups), moved, torn)


def near_copy_groups(images: Sequence[NDArray[np.uint8]], labels: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Find the groups of near copies, class by class: the indices of each group's images, ascending.

    Args:
        images: arrays `[N, H, W, C]` uint8 that together are all images.
        labels: `[N]` int64.

    >>> picture = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 1), np.uint8)
    >>> picture[2] = picture[0]
    >>> near_copy_groups([picture], np.zeros(3, np.int64))
    [array([0, 2])]
    """
    small = np.concatenate([_thumbnails(array) for array in images]) if images else np.empty((0, 1, 1), np.float32)
    groups = []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        if 2 <= len(members) <= MOST_OF_A_CLASS:
            groups += [members[group] for group in _groups(small[members])]
    return groups


def _groups(small: NDArray[np.float32]) -> list[NDArray[np.int64]]:
    """Find the groups among thumbnails `[n, h, w]` in which each is a near copy of another of its group."""
    parent = np.arange(len(small))

    def root(image: int) -> int:
        while parent[image] != image:
            parent[image] = parent[parent[image]]
            image = int(parent[image])
        return image

    for first, second in _pairs(small):
        parent[root(second)] = root(first)
    roots = np.array([root(image) for image in range(len(small))])
    values, counts = np.unique(roots, return_counts=True)
    return [np.flatnonzero(roots == value) for value in values[counts > 1]]


def _pairs(small: NDArray[np.float32]) -> Iterator[tuple[int, int]]:
    bright, fine = _normalised(small), _normalised(_detail(small))
    for start in range(0, len(small), AT_ONCE):
        part = slice(start, start + AT_ONCE)
        alike = (bright[part] @ bright.T >= OVERALL) & (fine[part] @ fine.T >= DETAIL)
        for first, second in np.argwhere(alike):
            if start + first < second:
                yield int(start + first), int(second)


def _thumbnails(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Give the mean brightness over blocks, `[N, min(H, 32), min(W, 32)]`."""
    height, width = images.shape[1:3]
    rows, columns = (np.arange(min(size, SIDE)) * size // min(size, SIDE) for size in (height, width))
    areas = np.diff(rows, append=height)[:, None] * np.diff(columns, append=width)
    small = np.empty((len(images), len(rows), len(columns)), np.float32)
    at_once = max(1, PIXELS_AT_ONCE // (height * width))
    for start in range(0, len(images), at_once):
        grey = images[start : start + at_once].mean(axis=3, dtype=np.float32)
        sums = np.add.reduceat(np.add.reduceat(grey, rows, axis=1), columns, axis=2)
        small[start : start + at_once] = sums / areas
    return small


def _detail(small: NDArray[np.float32]) -> NDArray[np.float32]:
    fine = np.empty_like(small)
    edge = BLUR // 2
    for start in range(0, len(small), AT_ONCE):
        part = small[start : start + AT_ONCE]
        around = sliding_window_view(np.pad(part, ((0, 0), (edge, edge), (edge, edge)), "edge"), (BLUR, BLUR), (1, 2))
        fine[start : start + AT_ONCE] = part - around.mean(axis=(3, 4))
    return fine


def _normalised(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Give vectors `[n, h · w]` whose products are correlations; those of hardly any contrast are short."""
    flat = images.reshape(len(images), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    return np.asarray(flat / np.sqrt((flat**2).sum(axis=1, keepdims=True) + flat.shape[1] * NOISE**2), np.float32)
