"""The pair of classes that an image was, or could have been, confused about, and other images of the same mistake.

What is known of other images is what `pellucid evaluate` wrote into the run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.evaluation import Evaluation, own_evaluation
from pellucid.evaluation.result import evaluation_folder
from pellucid.glass.glass import Glass
from pellucid.ground.errors import UserError
from pellucid.ground.shown import Shown
from pellucid.prediction import open_picture, read_predictions
from pellucid.run import Run

__all__ = ["ConfusedImage", "ConfusedPair", "find_pair"]


@dataclass(frozen=True)
class ConfusedImage:
    """An image whose true label is one class of the pair, predicted as the other, and with how much confidence."""

    run: Run
    image: str
    confidence: float

    @property
    def pixels(self) -> NDArray[np.uint8]:
        """Its bytes, `[H, W, C]`."""
        pixels = open_picture(self.image, self.run.preprocessing, self.run).pixels
        assert pixels is not None  # it is one of the run's images
        return pixels

    def to_dict(self) -> dict[str, Any]:
        """The name and the confidence."""
        return {"image": self.image, "confidence": self.confidence}


@dataclass(frozen=True)
class ConfusedPair(Shown):
    """Two classes: what the network predicts for an image, and what it was, or might have been, confused with.

    Attributes:
        predicted: the most probable class.
        other: the true label of an image that is predicted wrong; otherwise the second most probable class.
        wrong: whether the prediction is wrong; None where the true label is not known.
        count, total: how many images of the class `other` are predicted as `predicted`, of how many; None where
            it is not measured.
        back: how many of `predicted` are predicted as `other`.
        images: those that are counted, the most confident first, without the image itself.
        notes: what a reader should know of these figures.
    """

    predicted: str
    other: str
    wrong: bool | None
    count: int | None
    total: int | None
    back: int | None
    images: tuple[ConfusedImage, ...]
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[ConfusedImage]:
        return iter(self.images)

    def to_dict(self) -> dict[str, Any]:
        """Everything as words and numbers."""
        return {
            "predicted": self.predicted,
            "other": self.other,
            "wrong": self.wrong,
            "count": self.count,
            "total": self.total,
            "back": self.back,
            "images": [image.to_dict() for image in self.images],
            "notes": list(self.notes),
        }


def find_pair(glass: Glass, top: int = 8) -> ConfusedPair:
    """Find the pair of classes that an image is about, and up to `top` other images of the same mistake.

    Raises:
        UserError: the network has no classes; the run's evaluation is damaged.
    """
    prediction = glass.prediction
    if prediction is None:
        raise UserError(f"the network's output has the shape {list(glass.output.shape)}, so it has no classes")
    predicted, true = prediction.name, prediction.true_label
    wrong = None if true is None else true != predicted
    other = true if true is not None and wrong else prediction.top(2)[1][0]
    pair = ConfusedPair(predicted, other, wrong, None, None, None, ())
    if glass.run is None:
        return pair
    directory = glass.run.directory
    evaluation = own_evaluation(glass.run)
    if evaluation is None:
        note = f"how often they are confused is not measured: pellucid evaluate {directory}"
        return ConfusedPair(predicted, other, wrong, None, None, None, (), (note,))
    names = [figures.name for figures in evaluation.classes]
    if not {predicted, other} <= set(names):
        raise UserError(
            f"the evaluation of {directory} is of other classes ({', '.join(names)}); repeat it with "
            f"pellucid evaluate {directory}"
        )
    row, column = names.index(other), names.index(predicted)
    images = _images(glass.run, evaluation, other, predicted)
    notes = []
    if evaluation.epoch != glass.epoch:
        notes.append(f"the counts are those of epoch {evaluation.epoch}, not of epoch {glass.epoch}")
    if images is None:
        notes.append(f"which images they are is not recorded: pellucid evaluate {directory}")
    others = [image for image in images or () if image.image != glass.picture.source]
    return ConfusedPair(
        predicted,
        other,
        wrong,
        count=evaluation.confusion[row][column],
        total=sum(evaluation.confusion[row]),
        back=evaluation.confusion[column][row],
        images=tuple(others[:top]),
        notes=tuple(notes),
    )


def _images(run: Run, evaluation: Evaluation, true: str, predicted: str) -> list[ConfusedImage] | None:
    """List the images of one class that are predicted as another, the most confident first; None: not recorded."""
    folder = evaluation_folder(run.directory, evaluation.data, evaluation.split, evaluation.own_data)
    table = read_predictions(folder / evaluation.predictions.file, evaluation.predictions.sha256)
    if table is None:
        return None
    labels = table.labels == table.classes.index(true)
    rows = np.flatnonzero(labels & (table.predicted == table.classes.index(predicted)))
    confidence = table.confidence
    order = rows[np.argsort(-confidence[rows], kind="stable")]
    return [ConfusedImage(run, table.sources[row], float(confidence[row])) for row in order]
