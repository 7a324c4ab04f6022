"""Whether the difference between two classifiers on the same images is statistically significant.

Images that both get right, or both wrong, say nothing about which is better; among the others, if the two were equally
good, each would win as often as a coin shows heads (McNemar 1947). The exact two-sided chance of so uneven a split, or
a more uneven one, is the p-value. The interval of the difference is Bonett and Price's (2012).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["difference_interval", "holm", "mcnemar"]

QUANTILE = 1.959963984540054
"""Of the standard normal distribution, at 97.5 %."""


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


def difference_interval(only_first: int, only_second: int, images: int) -> tuple[float, float]:
    """Give the 95 % interval of the second's accuracy less the first's, on the same images.

    One image more is counted for each of the two (the shares `p = (n + 1) / (N + 2)`, their difference `d`):
    `d ± 1.96 · √((p₁ + p₂ − d²) / (N + 2))`. So few disagreements, or none, still leave room for a difference; drawing
    the images again (the bootstrap) would see none there, and its interval of no width holds the truth far too rarely.
    Source: Bonett & Price, Journal of Educational and Behavioral Statistics 37 (2012) 479.

    Args:
        only_first: images that the first alone gets right.
        only_second: images that the second alone gets right.
        images: how many images there are in all, at least 1.

    >>> [round(end, 3) for end in difference_interval(0, 0, 50)]
    [-0.053, 0.053]
    """
    first, second = (only_first + 1) / (images + 2), (only_second + 1) / (images + 2)
    difference = second - first
    reach = QUANTILE * math.sqrt((first + second - difference**2) / (images + 2))
    return max(-1.0, difference - reach), min(1.0, difference + reach)


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
