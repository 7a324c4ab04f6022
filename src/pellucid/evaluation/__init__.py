"""Evaluation: what a trained network gets right, and whether its confidence is reliable.

`evaluate` writes `evaluation.json` (its fields: `result`), `predictions.csv` (its columns:
`pellucid.prediction.predictions`) and `calibration.json` (its fields: `pellucid.prediction.calibration`); everything
else is computed from the table of predictions.
"""

from pellucid.evaluation import showing_comparison as _  # noqa: F401 -- registers the views, with those of `showing`
from pellucid.evaluation import showing_curve as _curve  # noqa: F401
from pellucid.evaluation.calibration import fit_temperature
from pellucid.evaluation.comparison import RunComparison, compare
from pellucid.evaluation.evaluate import evaluate
from pellucid.evaluation.kept_predictions import predictions_of
from pellucid.evaluation.learning_curve import LearningCurve, learning_curve, read_learning_curve
from pellucid.evaluation.measures import ClassFigures
from pellucid.evaluation.mistakes import Mistakes, mistakes, mistakes_among
from pellucid.evaluation.result import Evaluation, own_evaluation, read_evaluation
from pellucid.evaluation.robustness import Robustness, read_robustness, robustness

__all__ = [
    "ClassFigures",
    "Evaluation",
    "LearningCurve",
    "Mistakes",
    "Robustness",
    "RunComparison",
    "compare",
    "evaluate",
    "fit_temperature",
    "learning_curve",
    "mistakes",
    "mistakes_among",
    "own_evaluation",
    "predictions_of",
    "read_evaluation",
    "read_learning_curve",
    "read_robustness",
    "robustness",
]
