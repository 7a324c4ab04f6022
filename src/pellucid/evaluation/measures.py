"""The figures of a classifier, each computed from the true labels and a table of probabilities.

Shape letters: N images, K classes. A figure whose formula divides by zero is None, which means undefined.

They are written out here and not taken from a metrics library: importing torchmetrics costs more processor time
(1.6 s, with the SciPy and Matplotlib it loads) than the whole evaluation of a small network, and it calls an
undefined figure 0. The tests compare each with scikit-learn.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BINS",
    "ClassFigures",
    "ProbabilityFigures",
    "ReliabilityBin",
    "balanced_accuracy",
    "class_figures",
    "confused_with",
    "confusion_matrix",
    "confusion_tints",
    "macro_f1",
    "most_frequent_mistakes",
    "probability_figures",
    "reliability",
    "shares_of_rows",
    "top_k_accuracy",
    "wilson_interval",
]

BINS = 15
"""Of the reliability diagram, as in Guo et al. 2017."""

NORMAL_975 = 1.959963984540054
"""The normal distribution's 97.5 % quantile."""

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class ClassFigures:
    """How well one class is predicted."""

    name: str
    images: int
    """Images of this class: its support."""
    predicted: int
    """Images predicted as this class, correctly or not."""
    correct: int

    @property
    def recall(self) -> float | None:
        """Share of its images that are predicted as it, 0 to 1; None where there was no image of it."""
        return self.correct / self.images if self.images else None

    @property
    def recall_interval(self) -> tuple[float, float] | None:
        """Wilson's 95 % interval of the recall; None where there was no image of it."""
        return wilson_interval(self.correct, self.images) if self.images else None

    @property
    def precision(self) -> float | None:
        """Share of the images predicted as it that are of it, 0 to 1; None where none was predicted as it."""
        return self.correct / self.predicted if self.predicted else None

    @property
    def f1(self) -> float | None:
        """`2 · correct / (images + predicted)`, 0 to 1; None for a class neither seen nor predicted."""
        both = self.images + self.predicted
        return 2 * self.correct / both if both else None

    def to_dict(self) -> dict[str, Any]:
        """Give the counts and the figures as JSON holds them."""
        return {
            "name": self.name,
            "images": self.images,
            "predicted": self.predicted,
            "correct": self.correct,
            "precision": self.precision,
            "recall": self.recall,
            "recall_interval": None if self.recall_interval is None else list(self.recall_interval),
            "f1": self.f1,
        }


@dataclass(frozen=True)
class ReliabilityBin:
    """The images whose confidence lies above `low` and at most at `high`; confidence 0 belongs to the first bin."""

    low: float
    high: float
    images: int
    confidence: float | None
    """Mean probability of the predicted class; None in an empty bin."""
    accuracy: float | None


@dataclass(frozen=True)
class ProbabilityFigures:
    """How reliable the probabilities are, at one temperature."""

    temperature: float
    loss: float
    """Mean negative log-likelihood, -ln of the true class's probability, in nats: the cross-entropy of training."""
    brier_score: float
    """Mean over images of the sum over classes of (probability - 1 for the true class, else 0)²: 0 is best, 2 worst."""
    calibration_error: float
    """Expected calibration error, 0 to 1: the gap between accuracy and confidence, averaged over bins by images."""
    mean_confidence: float
    reliability: tuple[ReliabilityBin, ...]


def confusion_matrix(labels: Integers, predicted: Integers, classes: int) -> Integers:
    """Count the confusion matrix `[K, K]`: row = true class, column = predicted class.

    >>> confusion_matrix(np.array([0, 1, 1]), np.array([0, 0, 1]), 2).tolist()
    [[1, 0], [1, 1]]
    """
    return np.bincount(labels * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def wilson_interval(correct: int, images: int) -> tuple[float, float]:
    """Give the 95 % interval of a share by the score method (Wilson 1927), which stays within 0 to 1.

    >>> low, high = wilson_interval(7, 10)
    >>> round(low, 3), round(high, 3)
    (0.397, 0.892)
    """
    square, share = NORMAL_975**2, correct / images
    middle = (share + square / (2 * images)) / (1 + square / images)
    half = NORMAL_975 / (1 + square / images) * math.sqrt(share * (1 - share) / images + square / (4 * images**2))
    # At 0 and at 1 the formula gives exactly these bounds; rounding could go beyond them.
    return (0.0 if correct == 0 else middle - half), (1.0 if correct == images else middle + half)


def most_frequent_mistakes(
    confusion: Sequence[Sequence[int]] | Integers, most: int | None = None
) -> list[tuple[int, int, int]]:
    """List the mistakes of a confusion matrix `[K, K]` as (true class, predicted class, images), most frequent first.

    >>> most_frequent_mistakes([[5, 0, 2], [0, 7, 0], [1, 0, 4]])
    [(0, 2, 2), (2, 0, 1)]
    """
    counts = np.asarray(confusion)
    wrong = counts - np.diag(counts.diagonal())
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    cells = [divmod(int(index), len(counts)) for index in order]
    return [(true, predicted, int(wrong[true, predicted])) for true, predicted in cells if wrong[true, predicted]]


def confused_with(confusion: Sequence[Sequence[int]], true: int) -> tuple[int, int]:
    """Give the class that images of class `true` are most often predicted as by mistake, and how many are.

    >>> confused_with([[5, 0, 2], [0, 7, 0], [1, 0, 4]], 0)
    (2, 2)
    """
    wrong = [(count, -predicted) for predicted, count in enumerate(confusion[true]) if predicted != true]
    count, predicted = max(wrong)
    return -predicted, count


def shares_of_rows(confusion: Sequence[Sequence[int]] | Integers) -> Floats:
    """Divide a confusion matrix `[K, K]` by the images of each true class, so that rare classes are as visible."""
    counts = np.asarray(confusion)
    totals = counts.sum(1, keepdims=True)
    return np.asarray(np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0))


def confusion_tints(confusion: Sequence[Sequence[int]] | Integers) -> Floats:
    """Give the colour of each cell `[K, K]`: 0 to 1 (blue) on the diagonal by its share, 0 to -1 (orange) for mistakes.

    Mistakes are shaded against the most frequent of them, so that they can be seen even where there are few.

    >>> confusion_tints([[9, 1], [0, 10]]).tolist()
    [[0.9, -1.0], [0.0, 1.0]]
    """
    shares = shares_of_rows(confusion)
    wrong = shares - np.diag(shares.diagonal())
    tints = np.asarray(0.0 - (wrong / (wrong.max() or 1.0)) ** 0.7)
    np.fill_diagonal(tints, shares.diagonal())
    return tints


def class_figures(names: tuple[str, ...], confusion: Integers) -> tuple[ClassFigures, ...]:
    """Read each class's counts off the confusion matrix `[K, K]`."""
    seen, predicted, correct = confusion.sum(1).tolist(), confusion.sum(0).tolist(), confusion.diagonal().tolist()
    return tuple(ClassFigures(*row) for row in zip(names, seen, predicted, correct, strict=True))


def balanced_accuracy(classes: tuple[ClassFigures, ...]) -> float | None:
    """Average the recall over the classes that have images, so that a rare class counts as much as a common one."""
    return _mean([figures.recall for figures in classes])


def macro_f1(classes: tuple[ClassFigures, ...]) -> float | None:
    """Average F1 over the classes for which it is defined."""
    return _mean([figures.f1 for figures in classes])


def top_k_accuracy(probabilities: Floats, labels: Integers, k: int) -> float:
    """Give the share of images whose true class is among the k most probable; of equal ones the first goes first.

    >>> top_k_accuracy(np.array([[0.2, 0.5, 0.3], [0.6, 0.3, 0.1]]), np.array([2, 2]), 2)
    0.5
    """
    true = np.take_along_axis(probabilities, labels[:, None], 1)
    earlier = np.arange(probabilities.shape[1]) < labels[:, None]
    rank = (probabilities > true).sum(1) + ((probabilities == true) & earlier).sum(1)
    return float((rank < k).mean())


def reliability(confidence: Floats, right: NDArray[np.bool_], bins: int = BINS) -> tuple[ReliabilityBin, ...]:
    """Sort images into bins of equal width by confidence, and give each bin's accuracy and mean confidence.

    Args:
        confidence: `[N]`, the probability of the predicted class.
        right: `[N]`, whether the prediction is the true label.
        bins: how many, from 0 to 1.
    """
    edges = np.linspace(0, 1, bins + 1)
    index_of_bin = np.clip(np.searchsorted(edges, confidence, side="left") - 1, 0, bins - 1)
    counts = np.bincount(index_of_bin, minlength=bins)
    confidences = np.bincount(index_of_bin, confidence, minlength=bins)
    rights = np.bincount(index_of_bin, right, minlength=bins)
    return tuple(
        ReliabilityBin(
            float(edges[index]),
            float(edges[index + 1]),
            int(count),
            float(confidences[index] / count) if count else None,
            float(rights[index] / count) if count else None,
        )
        for index, count in enumerate(counts)
    )


def probability_figures(log_probabilities: Floats, labels: Integers, temperature: float = 1.0) -> ProbabilityFigures:
    """Measure a table of probabilities `[N, K]`, given as natural logarithms; `temperature` is only recorded.

    Sources: Brier 1950 for the score; Guo et al., On Calibration of Modern Neural Networks, 2017, for the rest.

    >>> figures = probability_figures(np.log([[0.8, 0.2], [0.6, 0.4]]), np.array([0, 1]))
    >>> round(figures.brier_score, 3), round(figures.calibration_error, 3)
    (0.4, 0.4)
    """
    probabilities = np.exp(log_probabilities)
    rows = np.arange(len(labels))
    predicted = log_probabilities.argmax(1)
    confidence = probabilities[rows, predicted]
    bins = reliability(confidence, predicted == labels)
    gaps = [
        group.images * abs(group.accuracy - group.confidence)
        for group in bins
        if group.accuracy is not None and group.confidence is not None
    ]
    # Σ(p - y)² = Σp² - 2·p(true) + 1
    brier = (probabilities**2).sum(1) - 2 * probabilities[rows, labels] + 1
    return ProbabilityFigures(
        temperature=temperature,
        loss=max(0.0, -float(log_probabilities[rows, labels].mean())),  # never -0.0
        brier_score=float(brier.mean()),
        calibration_error=sum(gaps) / len(labels),
        mean_confidence=float(confidence.mean()),
        reliability=bins,
    )


def _mean(figures: list[float | None]) -> float | None:
    defined = [figure for figure in figures if figure is not None]
    return sum(defined) / len(defined) if defined else None
