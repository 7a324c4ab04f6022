"""Contact sheets of an audit: pairs of images that show the same, and images whose label is doubted."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pellucid.auditing import Audit, DuplicatePair
from pellucid.auditing.composition import ImageAt
from pellucid.data import ImageSet
from pellucid.figures.contact_sheet import contact_sheet
from pellucid.ground.writing import counted

__all__ = ["doubts_sheet", "duplicates_sheet"]

GAP = 0.04
"""White between the two images of a pair, as a share of their height."""


def duplicates_sheet(audited: Audit, images: ImageSet) -> Figure:
    """Draw pairs of duplicates, one above the other: different labels first, then those across splits, then the rest.

    Within each kind they are spread evenly from the most to the least alike, so that the threshold can be judged. A
    flipped second image is drawn flipped back, and marked ↔.
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
        similarity = "exact" if pair.kind == "exact" else f"{pair.similarity:.2f}{' ↔' if pair.flipped else ''}"
        captions.append((labels, f"{pair.first.split}–{pair.second.split}, {similarity}"))
    total = audited.duplicates.exact + audited.duplicates.near
    title = f"{audited.name}: {len(chosen)} of {counted(total, 'pair')} that show the same picture"
    words = [f"{pair.first.source} and {pair.second.source}" for pair in chosen[:5]]
    return contact_sheet(
        [_stacked(images, pair) for pair in chosen], captions, title, f"Contact sheet: {title}: {'; '.join(words)} …"
    )


def doubts_sheet(audited: Audit, images: ImageSet) -> Figure:
    """Draw the images whose labels the network doubts most; below each its label and the network's prediction.

    Raises:
        ValueError: the audit was made without a run.
    """
    if audited.doubts is None:
        raise ValueError("the audit has no doubts; expected one made with a run")
    most = audited.doubts.most
    title = f"{audited.name}: the labels doubted most"
    captions = [(f"{doubt.image.label}?", f"{doubt.instead} {doubt.probability:.0%}") for doubt in most]
    words = [f"{doubt.image.source}, labelled {doubt.image.label}, rather {doubt.instead}" for doubt in most[:5]]
    return contact_sheet(
        [_pixels(images, doubt.image) for doubt in most],
        captions,
        title,
        f"Contact sheet: {title}: {'; '.join(words)} …",
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
    return np.concatenate([first, white, second[:, ::-1] if pair.flipped else second])
