"""Predicting images into files and folders: what is there already is kept, the rest is added in order."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

from pellucid.prediction.classifier import Answer, Classifier, Refusal
from pellucid.prediction.predicting import PredictedImage, predict_images
from pellucid.prediction.prediction_file import PredictionFile, kept_lines
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

    First come those that all files have an answer for, which are not predicted again. Of several processes the first
    one has the files and folders, and every process gets all answers.

    Raises:
        UserError, OSError: it cannot go on; what was given so far is complete in files and folders, and another call
            goes on from there.
    """
    names = [image.name for image in images]
    kept = [kept_lines(file, names) for file in files]
    answered = [[line is not None and isinstance(line.answer, Answer) for line in lines] for lines in kept]
    waiting = [not files or not all(known[index] for known in answered) for index in range(len(images))]
    if ranks is not None:
        waiting = ranks.agree(waiting)
    done = [index for index, waits in enumerate(waiting) if not waits] if files else []
    for start in range(0, len(done), KEPT_AT_ONCE):
        indices = done[start : start + KEPT_AT_ONCE]
        known = [PredictedImage(images[index], line.answer) for index in indices if (line := kept[0][index])]
        _sort(known, folders)
        yield known
    rest = [index for index, waits in enumerate(waiting) if waits]
    with contextlib.closing(predict_images(classifier, [images[index] for index in rest], ranks)) as batches:
        start = 0
        for batch in batches:
            _sort(batch, folders)
            indices = rest[start : start + len(batch)]
            for file, lines in zip(files, kept, strict=True):
                file.write([image for image, index in zip(batch, indices, strict=True) if lines[index] is None])
                for image, index in zip(batch, indices, strict=True):
                    line = lines[index]
                    if line is not None and isinstance(line.answer, Refusal):
                        file.correct(line, image)
            start += len(batch)
            yield batch


def _sort(images: Sequence[PredictedImage], folders: ClassFolders | None) -> None:
    if folders is not None:
        for image in images:
            folders.copy(image)
