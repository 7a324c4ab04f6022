"""Whether the difference between two classifiers on the same images is statistically significant.

Images that both get right, or both wrong, say nothing about which is better; among the others, if the two were equally
good, each would win as often as a coin shows heads (McNemar 1947). The exact two-sided chance of so uneven a split, or
a more uneven one, is the p-value. The interval of the difference comes from resampling the images with replacement
(Efron's bootstrap, 1979).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

__all__ = ["bootstrap_interval", "holm", "mcnemar"]

DRAWS = 10_000
SEED = 0


def mcnemar(only_first: int, only_second: int) -> float:
    """Give the exact two-sided p-value of McNemar's test from the two counts of images that one alone gets right.

    `p = min(1, 2 · P(X ≤ the smaller))` with X binomial of all those images and one half; 1 where there are none.

    >>> mcnemar(1, 9)
    0.021484375
    """
    images, smaller = only_first + only_second, min(only_first, only_second)
    if 2 * smaller >= images:
        return 1.0
    # Chances as ratios of whole numbers would be exact but slow for many images: the logarithms' error is 1e-12.
    largest = math.lgamma(images + 1) - images * math.log(2)
    terms = [
        math.exp(largest - math.lgamma(count + 1) - math.lgamma(images - count + 1)) for count in range(smaller + 1)
    ]
    return min(1.0, 2 * math.fsum(terms))


def bootstrap_interval(only_first: int, only_second: int, images: int) -> tuple[float, float]:
    """Give the 95 % interval of the second's accuracy less the first's, on the same images.

    Args:
        only_first: images that the first alone gets right.
        only_second: images that the second alone gets right.
        images: how many images there are in all.

    >>> bootstrap_interval(0, 0, 50)
    (0.0, 0.0)
    """
    # Resampling N images draws the three kinds of image from a multinomial distribution, which is one draw, not N.
    kinds = np.array([only_first, only_second, images - only_first - only_second]) / images
    draws = np.random.default_rng(SEED).multinomial(images, kinds, size=DRAWS)
    low, high = np.quantile((draws[:, 1] - draws[:, 0]) / images, (0.025, 0.975))
    return float(low), float(high)


def holm(values: Sequence[float]) -> list[float]:
    """Correct p-values for their number (Holm 1979): the smallest counts as often as there are tests, and so on.

    >>> holm([0.01, 0.04])
    [0.02, 0.04]
    """
    adjusted, highest = [0.0] * len(values), 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        highest = max(highest, min(1.0, values[index] * (len(values) - rank)))
        adjusted[index] = highest
    return adjusted
