"""Contact sheets of an audit: pairs of images that show the same, and images whose label is doubted."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pellucid.auditing import Audit, DuplicatePair
from pellucid.auditing.composition import ImageAt
from pellucid.data import ImageSet
from pellucid.figures.contact_sheet import contact_sheet

__all__ = ["doubts_sheet", "duplicates_sheet"]

GAP = 0.04
"""White between the two images of a pair, as a share of their height."""


def duplicates_sheet(audited: Audit, images: ImageSet) -> Figure:
    """Draw pairs of duplicates, one above the other: different labels first, then those across splits, then the rest.

    Within each kind they are spread evenly from the most to the least alike, so that the threshold can be judged. A
    mirrored second image is drawn mirrored back, and marked ↔.
    """
    kinds = (
        [pair for pair in audited.duplicates.pairs if pair.first.label != pair.second.label],
        [pair for pair in audited.duplicates.pairs if pair.first.label == pair.second.label and pair.crosses],
        [pair for pair in audited.duplicates.pairs if pair.first.label == pair.second.label and not pair.crosses],
    )
    chosen = _spread(kinds[0], 24) + _spread(kinds[1], 72) + _spread(kinds[2], 24)
    captions = []
    for pair in chosen:
        labels = " / ".join(dict.fromkeys((pair.first.label, pair.second.label)))
        how = "exact" if pair.kind == "exact" else f"{pair.similarity:.2f}{' ↔' if pair.mirrored else ''}"
        captions.append((labels, f"{pair.first.split}–{pair.second.split}, {how}"))
    found = audited.duplicates
    title = f"{audited.name}: {len(chosen)} of {found.exact + found.near:,} pairs that show the same"
    words = [f"{pair.first.source} and {pair.second.source}" for pair in chosen[:5]]
    return contact_sheet(
        [_stacked(images, pair) for pair in chosen], captions, title, f"Contact sheet: {title}: {'; '.join(words)} …"
    )


def doubts_sheet(audited: Audit, images: ImageSet) -> Figure:
    """Draw the images whose labels the network doubts most; below each its label and what the network says instead.

    Raises:
        ValueError: the audit asked no network.
    """
    if audited.doubts is None:
        raise ValueError("the audit asked no network; expected one made with a run")
    most = audited.doubts.most
    title = f"{audited.name}: the labels most doubted"
    captions = [(f"{one.image.label}?", f"{one.instead} {one.probability:.0%}") for one in most]
    words = [f"{one.image.source}, labelled {one.image.label}, rather {one.instead}" for one in most[:5]]
    return contact_sheet(
        [_pixels(images, one.image) for one in most], captions, title, f"Contact sheet: {title}: {'; '.join(words)} …"
    )


def _spread(pairs: list[DuplicatePair], most: int) -> list[DuplicatePair]:
    if len(pairs) <= most:
        return pairs
    return [pairs[round(at)] for at in np.linspace(0, len(pairs) - 1, most)]


def _pixels(images: ImageSet, image: ImageAt) -> NDArray[np.uint8]:
    return np.asarray(images.splits[image.split].images[image.index])


def _stacked(images: ImageSet, pair: DuplicatePair) -> NDArray[np.uint8]:
    first, second = _pixels(images, pair.first), _pixels(images, pair.second)
    white = np.full((max(1, round(GAP * len(first))), *first.shape[1:]), 255, np.uint8)
    return np.concatenate([first, white, second[:, ::-1] if pair.mirrored else second])
