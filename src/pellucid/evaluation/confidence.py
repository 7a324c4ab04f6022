"""How well confidence separates correct from wrong predictions: a confidence threshold, and out-of-class images."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["CoveragePoint", "auroc", "coverage_curve", "threshold_for"]

POINTS = 100

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class CoveragePoint:
    """What happens if only images at least this confident are predicted."""

    threshold: float
    coverage: float
    """Share of the images that are predicted, above 0 to 1."""
    error: float
    """Share of those predictions that are wrong, 0 to 1."""


def coverage_curve(confidence: Floats, right: NDArray[np.bool_], points: int | None = POINTS) -> list[CoveragePoint]:
    """Give error against coverage, from the most confident images to all of them.

    Args:
        confidence: `[N]`, the probability of the predicted class.
        right: `[N]`, whether the prediction is right.
        points: about so many, evenly spread over the coverage; None gives one for each different confidence.

    >>> for point in coverage_curve(np.array([0.9, 0.6, 0.8]), np.array([True, False, True])):
    ...     print(point.threshold, round(point.coverage, 2), round(point.error, 2))
    0.9 0.33 0.0
    0.8 0.67 0.0
    0.6 1.0 0.33
    """
    threshold, answered, wrong = _steps(confidence, right)
    chosen = np.arange(len(threshold))
    if points is not None and len(chosen) > points:
        wanted = len(confidence) * np.arange(1, points + 1) / points
        chosen = np.unique(np.searchsorted(answered, wanted).clip(max=len(threshold) - 1))
    return [
        CoveragePoint(float(threshold[at]), float(answered[at] / len(confidence)), float(wrong[at] / answered[at]))
        for at in chosen
    ]


def threshold_for(error_rate: float, confidence: Floats, right: NDArray[np.bool_]) -> CoveragePoint | None:
    """Find the confidence threshold that predicts as many images as possible with at most this share of errors.

    None where even the most confident images are wrong more often.

    >>> threshold_for(0.0, np.array([0.9, 0.6, 0.8]), np.array([True, False, True])).threshold
    0.8
    """
    threshold, answered, wrong = _steps(confidence, right)
    allowed = np.flatnonzero(wrong <= error_rate * answered)
    if not len(allowed):
        return None
    at = allowed[-1]
    return CoveragePoint(float(threshold[at]), float(answered[at] / len(confidence)), float(wrong[at] / answered[at]))


def auroc(known: Floats, unknown: Floats) -> float:
    """Give the chance that a known image is more confident than an unknown one; equal confidence counts a half.

    This is the area under the receiver operating characteristic: 0.5 separates nothing, 1 everything.

    >>> auroc(np.array([0.9, 0.8]), np.array([0.8, 0.1]))
    0.875
    """
    ordered = np.sort(known)
    below = np.searchsorted(ordered, unknown, side="left")
    up_to = np.searchsorted(ordered, unknown, side="right")
    return float(1 - ((below + up_to) / (2 * len(known))).mean())


def _steps(confidence: Floats, right: NDArray[np.bool_]) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    """Give each different confidence, in descending order, how many images reach it and how many of those are wrong."""
    order = np.argsort(-confidence, kind="stable")
    ordered = confidence[order]
    last = np.flatnonzero(
        np.append(ordered[1:] != ordered[:-1], True)
    )  # images of equal confidence are predicted together
    wrong = np.cumsum(~right[order], dtype=np.int64)
    return ordered[last], last.astype(np.int64) + 1, wrong[last]
