"""The sections on what the network gets right: classes, the confusion matrix with its images, confidence."""

from __future__ import annotations

import shlex
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.evaluation import Evaluation
from pellucid.figures.confusion import describe_confusion
from pellucid.figures.reliability import describe_reliability
from pellucid.prediction import Predictions
from pellucid.prediction.chosen_images import ChosenImages
from pellucid.reporting.charts import Series, line_chart, reliability_chart
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
    """Give each class's figures and whom it is most often taken for."""
    rows = []
    for index, one in enumerate(evaluation.classes):
        wrong = [(count, other) for other, count in enumerate(evaluation.confusion[index]) if other != index]
        count, other = max(wrong)
        rows.append({"figures": one, "index": index, "taken_for": (other, evaluation.classes[other].name, count)})
    return rows


def confusion_section(source: Source, share: float = 1.0) -> dict[str, Any]:
    """Give the matrix, and for each cell its images.

    In the cells of mistakes the surest come first, on the diagonal the least sure. A cell holds at most 40, fewer
    where there are many cells, and `share` scales how many there are in all.
    """
    evaluation, predictions, chosen = source.evaluation, source.predictions, source.chosen
    assert evaluation is not None
    counts = np.array(evaluation.confusion)
    totals = counts.sum(1, keepdims=True)
    shares = np.divide(counts, totals, out=np.zeros(counts.shape), where=totals > 0)
    names = [one.name for one in evaluation.classes]
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
                    [len(pictures) + place, *_facts(predictions, chosen, row)]
                    for place, row in enumerate(rows.tolist())
                ]
                pictures += [chosen.pixels(int(row)) for row in rows]
            sprites.append(make_sprite(pictures) if pictures else None)
    wrong = counts - np.diag(counts.diagonal())
    order = [divmod(int(at), len(names)) for at in np.argsort(-wrong, axis=None, kind="stable")[:LISTED]]
    return {
        "names": names,
        "counts": counts.tolist(),
        "shares": shares.round(4).tolist(),
        "tints": _tints(shares).round(3).tolist(),
        "as_matrix": len(names) <= MATRIX_UP_TO,
        "largest": [
            (true, predicted, int(wrong[true, predicted])) for true, predicted in order if wrong[true, predicted]
        ],
        "description": describe_confusion(evaluation.confusion, names),
        "sprites": sprites,
        "sprite_sizes": [(sprite.columns, sprite.rows) if sprite else None for sprite in sprites],
        "cells": cells,
        "trace": f"pellucid trace {shlex.quote(str(source.run.directory))}",
    }


def confidence_section(evaluation: Evaluation) -> dict[str, Any]:
    """Give reliability before and after, the accuracy/coverage curve, and images of none of the classes."""
    words = describe_reliability(evaluation.as_trained, evaluation.calibrated)
    rows = [("as trained", evaluation.as_trained)]
    if evaluation.calibrated is not None:
        rows.append(("calibrated", evaluation.calibrated))
    points = [(point.coverage, point.error) for point in evaluation.coverage]
    series = [Series("errors", points, "thin a")]
    asked = evaluation.abstention
    if asked.coverage is not None and asked.error is not None:
        series.append(Series(f"at {asked.threshold:.3f}", [(asked.coverage, asked.error)], "b"))
    return {
        "rows": rows,
        "diagrams": [(name, reliability_chart(figures.reliability, words)) for name, figures in rows],
        "words": words,
        "coverage": line_chart(
            series,
            x_label="share of images answered, the surest first",
            y_label="errors among them",
            description=f"Share of wrong answers against share answered, up to {1 - evaluation.accuracy:.1%}.",
            x_range=(0, 1),
            percent=(True, True),
        ),
        "abstention": asked,
        "unknown": evaluation.unknown,
        "sure": (evaluation.calibrated or evaluation.as_trained).mean_confidence,
    }


def _tints(shares: NDArray[np.float64]) -> NDArray[np.float64]:
    """Give how dark each cell is, 0 to 1: right answers by their share, mistakes against the largest of them."""
    wrong = shares - np.diag(shares.diagonal())
    tints = np.asarray((wrong / (wrong.max() or 1.0)) ** 0.7)
    np.fill_diagonal(tints, shares.diagonal())
    return tints


def _cells_shown(counts: NDArray[np.int64]) -> set[tuple[int, int]]:
    """Choose the cells whose images are kept: all that are not empty, or the largest mistakes of a large matrix."""
    filled = [(int(true), int(predicted)) for true, predicted in np.argwhere(counts > 0)]
    if len(counts) <= MATRIX_UP_TO:
        return set(filled)
    mistakes = [cell for cell in filled if cell[0] != cell[1]]
    return set(sorted(mistakes, key=lambda cell: (-counts[cell], cell))[:LISTED])


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


def _facts(predictions: Predictions, chosen: ChosenImages, row: int) -> list[Any]:
    """Give what is said of an image: its source, the probabilities of the predicted and of the true class."""
    source = predictions.sources[row]
    probabilities = predictions.probabilities[row]
    predicted, true = predictions.predicted[row], predictions.labels[row]
    return [
        chosen.path_of(source) or source,
        round(float(probabilities[predicted]), 4),
        round(float(probabilities[true]), 4),
    ]
