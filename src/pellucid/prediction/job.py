"""Predicting images into files and folders: what is there already is kept, the rest is added in order."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

from pellucid.prediction.classifier import Answer, Classifier, Refusal
from pellucid.prediction.predicting import PredictedImage, predict_images
from pellucid.prediction.prediction_file import PredictionFile, kept_predictions
from pellucid.prediction.sorting import ClassFolders
from pellucid.prediction.sources import ImageSource

if TYPE_CHECKING:
    from pellucid.ground.ranks import Ranks

__all__ = ["predict_into"]

KEPT_AT_ONCE = 1000


def predict_into(
    classifier: Classifier,
    images: Sequence[ImageSource],
    files: Sequence[PredictionFile] = (),
    folders: ClassFolders | None = None,
    ranks: Ranks | None = None,
) -> Generator[list[PredictedImage], None, None]:
    """Predict images, add them to files, copy them into folders; give them afterwards, a batch at a time.

    First come those that all files hold already, which are not predicted again. Of several processes the first one
    has the files and folders, and every process gets all answers.

    Raises:
        UserError, OSError: it cannot go on; what was given so far is complete in files and folders, and another call
            goes on from there.
    """
    names = [image.name for image in images]
    kept = [kept_predictions(file, names) for file in files]
    waiting = [not kept or any(answers[index] is None for answers in kept) for index in range(len(images))]
    if ranks is not None:
        waiting = ranks.agree(waiting)
    done = [index for index in range(len(images)) if not waiting[index]] if kept else []
    for start in range(0, len(done), KEPT_AT_ONCE):
        known = [PredictedImage(images[index], _there(kept[0][index])) for index in done[start : start + KEPT_AT_ONCE]]
        _sort(known, folders)
        yield known
    rest = [index for index in range(len(images)) if waiting[index]]
    with contextlib.closing(predict_images(classifier, [images[index] for index in rest], ranks)) as batches:
        start = 0
        for batch in batches:
            _sort(batch, folders)
            for file, answers in zip(files, kept, strict=True):
                indices = rest[start : start + len(batch)]
                file.write([image for image, index in zip(batch, indices, strict=True) if answers[index] is None])
            start += len(batch)
            yield batch


def _there(answer: Answer | Refusal | None) -> Answer | Refusal:
    assert answer is not None
    return answer


def _sort(images: Sequence[PredictedImage], folders: ClassFolders | None) -> None:
    if folders is not None:
        for image in images:
            folders.copy(image)
