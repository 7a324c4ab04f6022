"""Evaluation: what a trained network gets right, and how far its confidence can be believed.

`evaluate` writes `evaluation.json` (its fields: `result`), `predictions.csv` (its columns: `predictions`) and
`calibration.json` (its fields: `calibration`); everything else is computed from the table of predictions.
"""

from pellucid.evaluation.calibration import Calibration, calibration_of, fit_temperature
from pellucid.evaluation.evaluate import evaluate
from pellucid.evaluation.measures import ClassFigures
from pellucid.evaluation.predictions import Predictions, read_predictions
from pellucid.evaluation.result import Evaluation, read_evaluation

__all__ = [
    "Calibration",
    "ClassFigures",
    "Evaluation",
    "Predictions",
    "calibration_of",
    "evaluate",
    "fit_temperature",
    "read_evaluation",
    "read_predictions",
]
