"""Calibration: the temperature and the confidence threshold that a run's predictions use, kept in `calibration.json`.

`pellucid evaluate` finds both (see `pellucid.evaluation.calibration`); every later prediction applies them unless they
are refused. The file holds:

    format            3
    epoch             whose weights it belongs to; it says nothing about other epochs
    weights           SHA-256 that the file of these weights states
    temperature       what the logits are divided by before the softmax; null where there were no validation images, or
                      none is best on them (all are classified correctly, so a lower temperature is always better):
                      then the logits stay as they are
    fitted_on         number of validation images, 0 for none
    before, after     on those images, at temperature 1 and at this one: loss, brier_score, calibration_error,
                      mean_confidence; null where no temperature was fitted
    error_rate        the share of wrong predictions that was asked for
    threshold         the confidence threshold: predict only images at least this confident; null where no threshold
                      keeps to the error rate
    coverage, error   share of images predicted at that threshold, and share of wrong predictions; null likewise
    chosen_on         `val`, or `test` where there were no validation images (then the threshold is optimistic)
    chosen_images     how many images that were
    unknown           out-of-class images, a list: for each set its name, images, mean_confidence, accepted (share at
                      least as confident as the threshold, null without one), auroc
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.ground.documents import read_as, write_document
from pellucid.ground.errors import UserError
from pellucid.prediction.predictions import Predictions
from pellucid.run import Run, RunFile

__all__ = ["Calibration", "UnknownFigures", "read_calibration"]

FORMAT = 3


@dataclass(frozen=True)
class UnknownFigures:
    """How confident a network is on images of none of its classes."""

    name: str
    images: int
    mean_confidence: float
    accepted: float | None
    """Share that reach the confidence threshold and so would be given a class; None without a threshold."""
    auroc: float
    """The chance that an image of a known class is more confident than one of these, 0 to 1."""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What `calibration.json` holds; the module says what each field means."""

    epoch: int
    weights: str
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

    def apply(self, predictions: Predictions) -> Predictions:
        """Bring predictions made at temperature 1 to this temperature; without one they stay."""
        return predictions.at_temperature(self.temperature or 1.0)

    def abstains(self, confidence: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Say which images are left without a class, by their confidence `[N]`; none without a threshold."""
        return confidence < (self.threshold or 0.0)

    def to_dict(self) -> dict[str, Any]:
        """Give it as `calibration.json` holds it."""
        return {"format": FORMAT, **asdict(self)}

    def write(self, run: Run) -> None:
        """Keep it in the run."""
        write_document(run.directory / RunFile.CALIBRATION, self.to_dict())


def read_calibration(run: Run, epoch: int) -> Calibration | None:
    """Read the run's calibration; None where there is none, or one for other weights than that epoch's.

    Raises:
        UserError: the file is damaged, or of another pellucid.
    """
    file, remedy = run.directory / RunFile.CALIBRATION, f"evaluate again: pellucid evaluate {run.directory}"
    calibration = read_as(Calibration, file, FORMAT, remedy)
    if calibration is None or calibration.epoch != epoch or calibration.weights != run.weights_digest(epoch):
        return None
    temperature, threshold = calibration.temperature, calibration.threshold
    if (temperature is not None and temperature <= 0) or (threshold is not None and not 0 <= threshold <= 1):
        raise UserError(f"{file} is damaged: temperature {temperature}, threshold {threshold}; {remedy}")
    return calibration
