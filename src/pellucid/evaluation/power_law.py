"""How errors fall as training images are added: a power law through a learning curve, and what it forecasts.

error(n) = floor + scale · n^(−power), with nothing below zero (Hestness et al. 2017, arXiv:1712.00409).

Shape letters: R repeats, S sizes, M held-out images.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEVEL", "Forecast", "PowerLaw", "fit_power_law", "forecast"]

POWERS = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4)
"""Between those that were measured on images, and no steeper than an error that falls as 1/n and a little more."""
DRAWS = 400
LEVEL = 0.9
"""The share of intervals that should hold the truth."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PowerLaw:
    """error(n) = floor + scale · n^(−power)."""

    floor: float
    scale: float
    power: float

    def error(self, size: float) -> float:
        """Give the error at a size.

        >>> PowerLaw(0.1, 1.0, 0.5).error(100)
        0.2
        """
        return float(self.floor + self.scale * size**-self.power)


@dataclass(frozen=True)
class Forecast:
    """What more images would bring: the share of held-out images that are classified correctly then and not now."""

    gain: float
    low: float
    high: float
    """The interval that should hold the gain in nine cases of ten, that of a single training included."""

    @property
    def clear(self) -> bool:
        """Whether the whole interval is above zero."""
        return self.low > 0


def fit_power_law(sizes: Floats, errors: Floats) -> PowerLaw:
    """Find the power law with the least squares, where later sizes count more, as the root of the size.

    Args:
        sizes: `[S]`, ascending.
        errors: `[S]`, 0 to 1.

    >>> sizes = np.array([10.0, 20.0, 40.0, 80.0])
    >>> law = fit_power_law(sizes, 0.1 + sizes**-0.5)
    >>> round(law.floor, 6), round(law.scale, 6), law.power
    (0.1, 1.0, 0.5)
    """
    counts = np.sqrt(sizes)
    laws = [law for power in POWERS for law in _candidates(sizes, errors, counts, power)]
    return min(laws, key=lambda law: float(counts @ (law.floor + law.scale * sizes**-law.power - errors) ** 2))


def _candidates(sizes: Floats, errors: Floats, counts: Floats, power: float) -> list[PowerLaw]:
    """Give the best law of a power, or where that has a part below zero, those with one part left out."""
    falling = sizes**-power
    design = np.stack([np.ones_like(falling), falling], axis=1) * np.sqrt(counts)[:, None]
    (floor, scale), *_ = np.linalg.lstsq(design, errors * np.sqrt(counts), rcond=None)
    if floor >= 0 and scale >= 0:
        return [PowerLaw(float(floor), float(scale), power)]
    alone = float((counts * falling) @ errors / ((counts * falling) @ falling))
    return [PowerLaw(float(np.average(errors, weights=counts)), 0.0, power), PowerLaw(0.0, max(0.0, alone), power)]


def forecast(sizes: Floats, correct: Floats, at: float, then: float, seed: int = 0) -> Forecast:
    """Forecast what the errors fall by between two sizes.

    Laws are fitted to the means over two repeats each, of held-out images drawn with replacement (the bootstrap); to
    each gain the difference between two trainings on images drawn by chance is added, as measured at the smaller sizes.

    Args:
        sizes: `[S]`, training images.
        correct: `[R, S, M]`, R at least 2; 1 where a held-out image was classified correctly.
        at, then: the sizes.
        seed: of what is drawn.
    """
    generator = np.random.default_rng(seed)
    repeats, count, images = correct.shape
    means = correct.mean(2)
    smaller = slice(0, max(1, count - 2))  # subsets of these sizes overlap little
    # Each image goes one way or the other by chance, which a few held-out images do not average out and many would.
    single = correct.var(0, ddof=1).mean(1) / images
    by_chance = float(np.sqrt(np.maximum(0, means.var(0, ddof=1) - single)[smaller].mean()))
    gains = np.empty(DRAWS)
    for draw in range(DRAWS):
        rows, columns = generator.integers(0, repeats, 2), generator.integers(0, images, images)
        law = fit_power_law(sizes, 1 - correct[rows].mean(0)[:, columns].mean(1))
        gains[draw] = law.error(at) - law.error(then)
    middle = float(np.median(gains))
    spread = by_chance * np.sqrt(sizes[smaller].mean() / at)
    gains += generator.normal(0, np.sqrt(1 + at / then) * spread, DRAWS)
    low, high = np.quantile(gains, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Forecast(middle, float(low), float(high))
