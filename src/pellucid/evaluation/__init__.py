"""Evaluation: what a trained network gets right, and whether its confidence is reliable.

`evaluate` writes `evaluation.json` (its fields: `result`), `predictions.csv` (its columns:
`pellucid.prediction.predictions`) and `calibration.json` (its fields: `pellucid.prediction.calibration`); everything
else is computed from the table of predictions.
"""

from pellucid.evaluation import showing_comparison as _  # noqa: F401 -- registers the views, with those of `showing`
from pellucid.evaluation.calibration import fit_temperature
from pellucid.evaluation.comparison import RunComparison, compare
from pellucid.evaluation.evaluate import evaluate
from pellucid.evaluation.kept_predictions import predictions_of
from pellucid.evaluation.measures import ClassFigures
from pellucid.evaluation.mistakes import Mistakes, mistakes, mistakes_among
from pellucid.evaluation.result import Evaluation, own_evaluation, read_evaluation
from pellucid.evaluation.robustness import Robustness, read_robustness, robustness

__all__ = [
    "ClassFigures",
    "Evaluation",
    "Mistakes",
    "Robustness",
    "RunComparison",
    "compare",
    "evaluate",
    "fit_temperature",
    "mistakes",
    "mistakes_among",
    "own_evaluation",
    "predictions_of",
    "read_evaluation",
    "read_robustness",
    "robustness",
]
