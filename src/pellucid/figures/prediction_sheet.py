"""A contact sheet of predictions: each image as the network got it, below it the answer and its file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pellucid.data.decode import BrokenImage, decode
from pellucid.figures.contact_sheet import contact_sheet
from pellucid.ground.errors import UserError
from pellucid.prediction.classifier import Classifier, Refusal
from pellucid.prediction.predicting import PredictedImage
from pellucid.prediction.showing import Tally

__all__ = ["prediction_sheet"]

EMPTY_LEVEL = 224
"""How bright the place of an image is that cannot be read, 0 to 255."""


def prediction_sheet(images: Sequence[PredictedImage], classifier: Classifier, tally: Tally) -> Figure:
    """Draw predicted images in their order; their files are read again."""
    pictures = [_pixels(image, classifier) for image in images]
    captions = [(_words(image), PurePosixPath(image.source.name).name) for image in images]
    sentence = tally.sentence(classifier.threshold)
    described = "; ".join(f"{image.source.name}: {words}" for image, (words, _) in zip(images, captions, strict=True))
    return contact_sheet(pictures, captions, sentence, f"{sentence} {described}", of=tally.total)


def _words(image: PredictedImage) -> str:
    answer = image.answer
    if isinstance(answer, Refusal):
        return "unreadable"
    return (
        f"unsure: {answer.label} {answer.confidence:.0%}"
        if answer.unsure
        else f"{answer.label} {answer.confidence:.0%}"
    )


def _pixels(image: PredictedImage, classifier: Classifier) -> NDArray[np.uint8]:
    target = classifier.target
    if not isinstance(image.answer, Refusal):
        try:
            return decode(image.source.path, target)[0]
        except (BrokenImage, UserError):  # it was changed meanwhile
            pass
    return np.full((target.height, target.width, target.channels), EMPTY_LEVEL, np.uint8)
