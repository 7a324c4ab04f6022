"""Fitting the calibration: one temperature that makes the probabilities reliable, and the confidence threshold.

The temperature is fitted on validation images only, never on test images. What is fitted is kept in the run
(`pellucid.prediction.calibration`).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.evaluation.confidence import CoveragePoint
from pellucid.evaluation.measures import ProbabilityFigures, probability_figures
from pellucid.prediction.calibration import Calibration
from pellucid.prediction.predictions import Predictions, log_softmax

__all__ = ["HIGHEST_TEMPERATURE", "LOWEST_TEMPERATURE", "before_and_after", "calibration_at", "fit_temperature"]

LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.05, 20.0
"""Beyond these a temperature only says that every prediction was correct, or that none was better than chance."""
STEPS = 100
PRECISION = 1e-9
MARGIN = 1e-3


def calibration_at(threshold: CoveragePoint | None, **fields: Any) -> Calibration:
    """Make a calibration with this confidence threshold and what it does on the images it was chosen on."""
    if threshold is None:
        return Calibration(threshold=None, coverage=None, error=None, **fields)
    return Calibration(threshold=threshold.threshold, coverage=threshold.coverage, error=threshold.error, **fields)


def fit_temperature(log_probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float | None:
    """Find the temperature with the lowest loss, the negative log-likelihood (Guo et al. 2017, section 4.2).

    The loss is convex in 1/temperature, and its slope is the mean of (expected logit - logit of the true class). The
    slope's zero is found by Newton's method, kept between bounds that close in on it.

    Args:
        log_probabilities: `[N, K]` of validation images, at temperature 1.
        labels: `[N]`.

    Returns:
        the temperature, or None where none between 0.05 and 20 is best: where every image is classified correctly,
        a lower one is always better, and where they are correct no more often than by chance, a higher one.

    Four rows at 0.8 of which three are correct: a calibrated confidence is 0.75, so ln 4 has to become ln 3.

    >>> temperature = fit_temperature(np.log([[0.8, 0.2]] * 4), np.array([0, 0, 0, 1]))
    >>> round(temperature, 6), round(float(np.log(4) / np.log(3)), 6)
    (1.26186, 1.26186)
    """
    rows = np.arange(len(labels))
    # Logits far below the largest may be minus infinity in a table that was read back; their weight is zero.
    logits = np.maximum(log_probabilities, -1e4)
    true = logits[rows, labels]
    low, high = 1 / HIGHEST_TEMPERATURE, 1 / LOWEST_TEMPERATURE
    sharpness = 1.0
    for _ in range(STEPS):
        probabilities = np.exp(log_softmax(logits * sharpness))
        expected = (probabilities * logits).sum(1)
        slope = float((expected - true).mean())
        if slope > 0:
            high = sharpness
        else:
            low = sharpness
        curvature = float(((probabilities * logits**2).sum(1) - expected**2).mean())
        step = sharpness - slope / curvature if curvature > 0 else low
        following = step if low < step < high else (low * high) ** 0.5
        if abs(following - sharpness) <= PRECISION * sharpness:
            break
        sharpness = following
    temperature = 1 / sharpness
    within = LOWEST_TEMPERATURE * (1 + MARGIN) < temperature < HIGHEST_TEMPERATURE * (1 - MARGIN)
    return temperature if within else None


def before_and_after(
    raw: Predictions, calibrated: Predictions, temperature: float
) -> tuple[dict[str, float], dict[str, float]]:
    """Measure the probabilities of validation images at temperature 1 and at the one that was fitted."""
    return (
        _summary(probability_figures(raw.log_probabilities, raw.labels)),
        _summary(probability_figures(calibrated.log_probabilities, calibrated.labels, temperature)),
    )


def _summary(figures: ProbabilityFigures) -> dict[str, float]:
    """Give the figures without the diagram's bins, as `before` and `after` hold them."""
    names = ("loss", "brier_score", "calibration_error", "mean_confidence")
    return {name: getattr(figures, name) for name in names}
