"""What answers for images: a run, or a model that was exported from one. Nothing here needs torch.

Both read an image's file by the code that training read its images by, and answer with calibrated probabilities.

Shape letters: B images, C channels, H rows, W columns, K classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pellucid.data.decode import BrokenImage, PixelFormat, decode_single
from pellucid.data.read_bytes import MachineFault
from pellucid.ground.errors import UserError

__all__ = ["Answer", "Classifier", "Refusal", "answer_contents", "answers_of", "images_at_once"]

MOST_AT_ONCE = 64
VALUES_AT_ONCE = 1 << 20
"""A batch has at most so many pixel values: what a layer gives for it then fits into a processor's cache, which is
nearly twice as fast at 224×224 as batches of four times as many."""


@dataclass(frozen=True)
class Answer:
    """What a classifier says of one image."""

    index: int
    """The number of the most probable class."""

    label: str
    """Its name."""

    confidence: float
    """Its probability, 0 to 1."""

    probabilities: tuple[float, ...]
    """Of every class, at the run's temperature, in the network's order; they add up to 1."""

    unsure: bool
    """Whether the confidence is below the confidence threshold."""


@dataclass(frozen=True)
class Refusal:
    """Why there is no answer for one image."""

    reason: str


class Classifier(Protocol):
    """A run's network, or an exported model."""

    @property
    def name(self) -> str:
        """The network's name, for people."""
        ...

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the K classes."""
        ...

    @property
    def threshold(self) -> float | None:
        """The confidence threshold, 0 to 1; None where every image is given its most probable class."""
        ...

    @property
    def model(self) -> str:
        """What tells this model from any other: 12 hexadecimal digits of a SHA-256 of weights and temperature."""
        ...

    @property
    def target(self) -> PixelFormat:
        """What every image is brought to."""
        ...

    @property
    def side_by_side(self) -> int:
        """How many batches are computed at once at most, by as many threads that call `classify`."""
        ...

    def classify(self, pixels: NDArray[np.uint8]) -> list[Answer | Refusal]:
        """Answer for images `[B, H, W, C]` of the target's size, in order."""
        ...

    def answer(self, contents: Sequence[bytes]) -> list[Answer | Refusal]:
        """Answer for the bytes of whole image files, one each, in order; a bad one is a `Refusal` and no error."""
        ...


def answer_contents(classifier: Classifier, contents: Sequence[bytes]) -> list[Answer | Refusal]:
    """Decode whole image files and let the classifier answer, a batch at a time: what `Classifier.answer` does."""
    target = classifier.target
    decoded = [_decoded(content, target) for content in contents]
    readable = [pixels for pixels in decoded if not isinstance(pixels, Refusal)]
    at_once = images_at_once(target)
    batches = (np.stack(readable[start : start + at_once]) for start in range(0, len(readable), at_once))
    answers = iter([answer for batch in batches for answer in classifier.classify(batch)])
    return [entry if isinstance(entry, Refusal) else next(answers) for entry in decoded]


def images_at_once(target: PixelFormat) -> int:
    """Say how many images of a size a classifier is given at once.

    >>> images_at_once(PixelFormat(224, 224, 3, "stretch"))
    6
    """
    return max(1, min(MOST_AT_ONCE, VALUES_AT_ONCE // (target.height * target.width * target.channels)))


def answers_of(
    classes: tuple[str, ...],
    probabilities: NDArray[np.floating],
    chosen: NDArray[np.int64],
    threshold: float | None,
) -> list[Answer | Refusal]:
    """Make answers of probabilities `[B, K]` and the most probable class of each, `[B]`.

    >>> answers_of(("cat", "dog"), np.array([[0.25, 0.75]]), np.array([1]), 0.8)[0].unsure
    True
    """
    answers: list[Answer | Refusal] = []
    for row, index in zip(probabilities.tolist(), chosen.tolist(), strict=True):
        if not np.isfinite(row).all():
            answers.append(Refusal("the network's output for it is not finite"))
            continue
        confidence = row[index]
        answers.append(Answer(index, classes[index], confidence, tuple(row), confidence < (threshold or 0.0)))
    return answers


def _decoded(content: bytes, target: PixelFormat) -> NDArray[np.uint8] | Refusal:
    try:
        pixels = decode_single(content, target).pixels
    except (BrokenImage, MachineFault, UserError) as error:
        return Refusal(str(error))
    assert pixels is not None
    return pixels
