"""Splitting by class: every class gives the same share, chosen by a seed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["stratified_split"]


def stratified_split(
    labels: NDArray[np.int64], fraction: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Hold out `fraction` of each class; return the indices kept and the indices held out, both ascending.

    Args:
        labels: `[N]` int64.
        fraction: between 0 and 1; each class gives the nearest whole number of its images, at least one
            where it has two or more and `fraction` is above 0, and always keeps at least one.
        seed: the same seed, labels and fraction give the same split on every machine.

    Raises:
        ValueError: `fraction` is not within 0 (included) to 1 (excluded).

    >>> kept, held = stratified_split(np.array([0, 0, 0, 0, 1, 1, 1, 1]), 0.25, seed=0)
    >>> len(kept), len(held)
    (6, 2)
    """
    if not 0 <= fraction < 1:
        raise ValueError(f"the fraction to hold out is {fraction}; expected 0 or more, and less than 1")
    generator = np.random.default_rng(seed)
    held_parts = []
    for label in np.unique(labels):
        members = generator.permutation(np.flatnonzero(labels == label))
        count = round(fraction * len(members))
        if fraction > 0:
            count = min(max(count, 1), len(members) - 1)
        held_parts.append(members[:count])
    held = np.sort(np.concatenate(held_parts)) if held_parts else np.empty(0, np.int64)
    kept = np.setdiff1d(np.arange(len(labels)), held, assume_unique=True)
    return kept.astype(np.int64), held.astype(np.int64)
