"""Evaluation: what a trained network gets right, and how far its confidence can be believed.

`evaluate` writes `evaluation.json` (its fields: `result`), `predictions.csv` (its columns: `predictions`) and
`calibration.json` (its fields: `calibration`); everything else is computed from the table of predictions.
"""

from pellucid.evaluation.calibration import Calibration, calibration_of, fit_temperature
from pellucid.evaluation.comparison import Comparison, compare
from pellucid.evaluation.evaluate import evaluate
from pellucid.evaluation.kept_predictions import table_of
from pellucid.evaluation.measures import ClassFigures
from pellucid.evaluation.mistakes import Mistakes, find_mistakes
from pellucid.evaluation.result import Evaluation, read_evaluation
from pellucid.evaluation.robustness import Robustness, measure_robustness
from pellucid.prediction.predictions import Predictions, read_predictions

__all__ = [
    "Calibration",
    "ClassFigures",
    "Comparison",
    "Evaluation",
    "Mistakes",
    "Predictions",
    "Robustness",
    "calibration_of",
    "compare",
    "evaluate",
    "find_mistakes",
    "fit_temperature",
    "measure_robustness",
    "read_evaluation",
    "read_predictions",
    "table_of",
]
