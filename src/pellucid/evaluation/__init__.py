"""Evaluation: what a trained network gets right, measured on images it has not seen."""

from pellucid.evaluation.evaluate import ClassFigures, Evaluation, evaluate

__all__ = ["ClassFigures", "Evaluation", "evaluate"]
