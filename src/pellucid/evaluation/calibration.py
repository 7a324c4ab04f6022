"""Calibration: one temperature that makes the probabilities mean what they say, and the confidence needed to answer.

The temperature is fitted on validation images only, never on test images. What is found is kept in the run, in
`calibration.json`, and every later prediction uses it unless it is refused:

    format            1
    epoch             whose weights it belongs to; it says nothing of other epochs
    temperature       what the outputs are divided by before the softmax; null where there were no validation images, or
                      none is best on them (all are right: the surer, the better) and the outputs stay as they are
    fitted_on         number of validation images, 0 for none
    before, after     on those images, at temperature 1 and at this one: negative_log_likelihood, brier_score,
                      calibration_error, mean_confidence; null where it was not fitted
    error_rate        the share of wrong answers that was asked for
    threshold         answer only images at least this confident; null where no threshold keeps to the error rate
    coverage, error   share of images answered at that threshold and share of wrong answers; null likewise
    chosen_on         `val`, or `test` where there were no validation images (then the threshold flatters itself)
    chosen_images     how many images that were
    unknown           a list: for each set of images of none of the classes its name, images, mean_confidence,
                      accepted (share at least as confident as the threshold, null without one), auroc
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.evaluation.confidence import CoveragePoint
from pellucid.evaluation.measures import ProbabilityFigures, probability_figures
from pellucid.ground.errors import UserError
from pellucid.ground.files import write_json
from pellucid.prediction.predictions import Predictions, log_softmax
from pellucid.run import Run, RunFile

__all__ = [
    "HIGHEST_TEMPERATURE",
    "LOWEST_TEMPERATURE",
    "Calibration",
    "UnknownFigures",
    "before_and_after",
    "calibration_of",
    "fit_temperature",
    "summary",
]

FORMAT = 1
LOWEST_TEMPERATURE, HIGHEST_TEMPERATURE = 0.05, 20.0
"""Beyond these a temperature says no more than that all answers were right, or that none was any use."""
STEPS = 100
PRECISION = 1e-9
MARGIN = 1e-3


@dataclass(frozen=True)
class UnknownFigures:
    """How sure a network is of images that are none of its classes."""

    name: str
    images: int
    mean_confidence: float
    accepted: float | None
    """Share that reach the threshold and so would be answered; None without a threshold."""
    auroc: float
    """The chance that a known image is more confident than one of these, 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What `calibration.json` holds; the module says what each field means."""

    epoch: int
    temperature: float | None = None
    fitted_on: int = 0
    before: dict[str, float] | None = None
    after: dict[str, float] | None = None
    error_rate: float
    threshold: float | None
    coverage: float | None
    error: float | None
    chosen_on: str
    chosen_images: int
    unknown: tuple[UnknownFigures, ...] = ()

    @classmethod
    def at(cls, threshold: CoveragePoint | None, **fields: Any) -> Calibration:
        """Make one with this threshold and what it does where it was chosen."""
        if threshold is None:
            return cls(threshold=None, coverage=None, error=None, **fields)
        return cls(threshold=threshold.threshold, coverage=threshold.coverage, error=threshold.error, **fields)

    def apply(self, predictions: Predictions) -> Predictions:
        """Bring predictions made at temperature 1 to this temperature; without one they stay."""
        return predictions.at_temperature(self.temperature or 1.0)

    def abstains(self, confidence: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Say which images get no answer, by their confidence `[N]` at this temperature; none without a threshold."""
        return confidence < (self.threshold or 0.0)

    def write(self, run: Run) -> None:
        """Keep it in the run."""
        write_json(run.directory / RunFile.CALIBRATION, {"format": FORMAT, **asdict(self)})


def calibration_of(run: Run, epoch: int) -> Calibration | None:
    """Read the run's calibration; None where there is none, or one for the weights of another epoch.

    Raises:
        UserError: the file is damaged.
    """
    file = run.directory / RunFile.CALIBRATION
    if not file.exists():
        return None
    try:
        fields: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if fields.pop("format") != FORMAT:
            raise UserError(f"{file} is of another pellucid; evaluate anew: pellucid evaluate {run.directory}")
        fields["unknown"] = tuple(UnknownFigures(**one) for one in fields["unknown"])
        calibration = Calibration(**fields)
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise UserError(f"{file} is damaged: evaluate anew: pellucid evaluate {run.directory}") from error
    return calibration if calibration.epoch == epoch else None


def fit_temperature(log_probabilities: NDArray[np.float64], labels: NDArray[np.int64]) -> float | None:
    """Find the temperature with the least negative log-likelihood (Guo et al. 2017, section 4.2).

    In 1/temperature that likelihood is convex, and its slope is the mean of (expected output - output of the true
    class). The slope's zero is found by Newton's method, held between bounds that close in on it.

    Args:
        log_probabilities: `[N, K]` of validation images, at temperature 1.
        labels: `[N]`.

    Returns:
        the temperature, or None where none between 0.05 and 20 is best: where every image is right, a lower one is
        always better, and where they are right no more than by chance, a higher one.

    Four rows at 0.8 of which three are right: 0.75 is the honest confidence, so ln 4 has to become ln 3.

    >>> temperature = fit_temperature(np.log([[0.8, 0.2]] * 4), np.array([0, 0, 0, 1]))
    >>> round(temperature, 6), round(float(np.log(4) / np.log(3)), 6)
    (1.26186, 1.26186)
    """
    rows = np.arange(len(labels))
    # Outputs far below the largest may be minus infinity in a table that was read back; they weigh nothing.
    scores = np.maximum(log_probabilities, -1e4)
    true = scores[rows, labels]
    low, high = 1 / HIGHEST_TEMPERATURE, 1 / LOWEST_TEMPERATURE
    sharpness = 1.0
    for _ in range(STEPS):
        probabilities = np.exp(log_softmax(scores * sharpness))
        expected = (probabilities * scores).sum(1)
        slope = float((expected - true).mean())
        if slope > 0:
            high = sharpness
        else:
            low = sharpness
        curvature = float(((probabilities * scores**2).sum(1) - expected**2).mean())
        step = sharpness - slope / curvature if curvature > 0 else low
        following = step if low < step < high else (low * high) ** 0.5
        if abs(following - sharpness) <= PRECISION * sharpness:
            break
        sharpness = following
    temperature = 1 / sharpness
    within = LOWEST_TEMPERATURE * (1 + MARGIN) < temperature < HIGHEST_TEMPERATURE * (1 - MARGIN)
    return temperature if within else None


def summary(figures: ProbabilityFigures) -> dict[str, float]:
    """Give the figures without the diagram's bins, as `before` and `after` hold them."""
    names = ("negative_log_likelihood", "brier_score", "calibration_error", "mean_confidence")
    return {name: getattr(figures, name) for name in names}


def before_and_after(
    raw: Predictions, calibrated: Predictions, temperature: float
) -> tuple[dict[str, float], dict[str, float]]:
    """Judge the probabilities of validation images at temperature 1 and at the one found."""
    return (
        summary(probability_figures(raw.log_probabilities, raw.labels)),
        summary(probability_figures(calibrated.log_probabilities, calibrated.labels, temperature)),
    )
