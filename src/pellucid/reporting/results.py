"""The sections on what the network gets right: each class, the confusion matrix with its images, calibration."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.evaluation import Evaluation
from pellucid.evaluation.charts import coverage_chart, describe_reliability, reliability_chart
from pellucid.evaluation.measures import confused_with, confusion_tints, most_frequent_mistakes
from pellucid.evaluation.result import SPLITS
from pellucid.evaluation.showing import threshold_sentence
from pellucid.figures.confusion import describe_confusion
from pellucid.prediction import Predictions
from pellucid.prediction.chosen_images import ChosenImages
from pellucid.reporting.charts import chart_svg
from pellucid.reporting.pictures import SMALL, make_sprite
from pellucid.reporting.source import Source

__all__ = ["classes_section", "confidence_section", "confusion_section"]

MATRIX_UP_TO = 30
"""Matrices of more classes are given as a list of their largest cells."""
LISTED = 60
IN_A_CELL = 40
PIXELS = 2_400_000
"""So many pixels of small pictures make about two and a half megabytes."""


def classes_section(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Give each class's figures and the class it is most often confused with."""
    rows = []
    for index, figures in enumerate(evaluation.classes):
        other, count = confused_with(evaluation.confusion, index)
        confused = (other, evaluation.classes[other].name, count)
        rows.append({"figures": figures, "index": index, "confused_with": confused})
    return rows


def confusion_section(source: Source, share: float = 1.0) -> dict[str, Any]:
    """Give the matrix, and for each cell its images.

    In the cells of mistakes the most confident come first, on the diagonal the least confident. A cell holds at most
    40, fewer where there are many cells, and `share` scales how many there are in all.
    """
    evaluation, predictions, chosen = source.evaluation, source.predictions, source.chosen
    assert evaluation is not None
    counts = np.array(evaluation.confusion)
    names = [figures.name for figures in evaluation.classes]
    as_matrix = len(names) <= MATRIX_UP_TO
    cells: dict[str, Any] = {}
    sprites = []
    if predictions is not None and chosen is not None:
        shown = _cells_shown(counts)
        most = _most_in_a_cell([counts[cell] for cell in shown], chosen, share)
        for true in range(len(names)):
            pictures: list[NDArray[np.uint8]] = []
            for predicted in range(len(names)):
                if (true, predicted) not in shown:
                    continue
                rows = _rows(predictions, true, predicted)[:most]
                cells[f"{true}-{predicted}"] = [
                    [len(pictures) + position, *_facts(predictions, row)] for position, row in enumerate(rows.tolist())
                ]
                pictures += [chosen.pixels(int(row)) for row in rows]
            sprites.append(make_sprite(pictures) if pictures else None)
    return {
        "names": names,
        "counts": counts.tolist() if as_matrix else [],
        "filled": {f"{true}-{predicted}": int(counts[true, predicted]) for true, predicted in np.argwhere(counts)},
        "tints": np.abs(confusion_tints(counts)).round(3).tolist() if as_matrix else [],
        "as_matrix": as_matrix,
        "largest": most_frequent_mistakes(counts, LISTED),
        "description": describe_confusion(evaluation.confusion, names),
        "sprites": sprites,
        "sprite_sizes": [(sprite.columns, sprite.rows) if sprite else None for sprite in sprites],
        "cells": cells,
        "trace": "pellucid trace .",
    }


def confidence_section(evaluation: Evaluation) -> dict[str, Any]:
    """Give reliability before and after calibration, the confidence threshold, and out-of-class images."""
    rows = [("as trained", evaluation.as_trained)]
    if evaluation.calibrated is not None:
        rows.append(("calibrated", evaluation.calibrated))
    charts = [reliability_chart(figures, name) for name, figures in rows]
    charts.append(coverage_chart(evaluation.coverage, evaluation.abstention))
    return {
        "rows": rows,
        "words": describe_reliability(evaluation.as_trained, evaluation.calibrated),
        "charts": [(chart.title, chart_svg(chart)) for chart in charts],
        "threshold": threshold_sentence(evaluation),
        "unknown": evaluation.unknown,
        "split": SPLITS.get(evaluation.split, evaluation.split),
        "mean_confidence": (evaluation.calibrated or evaluation.as_trained).mean_confidence,
    }


def _cells_shown(counts: NDArray[np.int64]) -> set[tuple[int, int]]:
    """Choose the cells whose images are kept: all that are not empty, or the largest mistakes of a large matrix."""
    filled = [(int(true), int(predicted)) for true, predicted in np.argwhere(counts > 0)]
    if len(counts) <= MATRIX_UP_TO:
        return set(filled)
    return {(true, predicted) for true, predicted, _ in most_frequent_mistakes(counts, LISTED)}


def _most_in_a_cell(sizes: list[int], chosen: ChosenImages, share: float) -> int:
    height, width = chosen.images.shape[1:]
    scale = min(1.0, SMALL / max(height, width))
    budget = share * PIXELS / (height * width * scale**2)
    most = IN_A_CELL
    while most > 1 and sum(min(size, most) for size in sizes) > budget:
        most -= 1
    return most


def _rows(predictions: Predictions, true: int, predicted: int) -> NDArray[np.int64]:
    rows = np.flatnonzero((predictions.labels == true) & (predictions.predicted == predicted))
    sign = 1 if true == predicted else -1
    return rows[np.argsort(sign * predictions.confidence[rows], kind="stable")]


def _facts(predictions: Predictions, row: int) -> list[Any]:
    """Give what is said about an image: its source, the probabilities of the predicted and of the true class."""
    probabilities = predictions.probabilities[row]
    predicted, true = predictions.predicted[row], predictions.labels[row]
    return [
        predictions.sources[row],
        round(float(probabilities[predicted]), 6),
        round(float(probabilities[true]), 6),
    ]
