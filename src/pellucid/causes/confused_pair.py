"""The pair of classes that an image was, or could have been, confused about, and other images of the same mistake.

What is known of other images is read from the run: `evaluation.json` and `predictions.csv`, which `pellucid evaluate`
writes.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.glass.glass import Glass
from pellucid.ground.errors import UserError
from pellucid.ground.shown import Shown
from pellucid.ground.tables import text_table
from pellucid.prediction.picture import open_picture
from pellucid.run import Run, RunFile

__all__ = ["ConfusedImage", "ConfusedPair", "find_pair"]

HEADINGS = ("image", "is", "taken for", "with")


@dataclass(frozen=True)
class ConfusedImage:
    """An image of the same mistake: its name, and how sure the network was of its wrong answer."""

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
    """Two classes: what an image is, or might have been, and what it was taken for.

    Attributes:
        true: the true class of an image that was got wrong; otherwise the second likeliest.
        predicted: the likeliest class.
        wrong: whether the image was got wrong; None where its true class is not known.
        count, total: how many images of the class `true` were taken for `predicted`, of how many; None: not measured.
        back: how many of `predicted` were taken for `true`.
        images: those that were taken so, the surest first, without the image itself.
        notes: what a reader should know of these figures.
    """

    true: str
    predicted: str
    wrong: bool | None
    count: int | None
    total: int | None
    back: int | None
    images: tuple[ConfusedImage, ...]
    notes: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[ConfusedImage]:
        return iter(self.images)

    @property
    def title(self) -> str:
        """The pair and how often it is confused."""
        if self.wrong:
            first = f"it is {self.true} and was taken for {self.predicted}"
        elif self.wrong is None:
            first = f"taken for {self.predicted}, with {self.true} the second likeliest"
        else:
            first = f"it is {self.predicted}, with {self.true} the second likeliest"
        if self.count is None:
            return first
        return (
            f"{first}; {self.count:,} of {self.total:,} images of {self.true} were taken for {self.predicted}, and "
            f"{self.back:,} the other way round"
        )

    def __str__(self) -> str:
        lines = [self.title]
        if self.images:
            lines += [f"  {line}" for line in text_table(HEADINGS, self.rows(), right=(3,))]
        return "\n".join([*lines, *(f"  {note}" for note in self.notes)])

    def to_dict(self) -> dict[str, Any]:
        """Everything as words and numbers."""
        return {
            "true": self.true,
            "predicted": self.predicted,
            "wrong": self.wrong,
            "count": self.count,
            "total": self.total,
            "back": self.back,
            "images": [each.to_dict() for each in self.images],
            "notes": list(self.notes),
        }

    def rows(self) -> list[tuple[str, ...]]:
        """Write the rows of the table, each cell as text."""
        return [(each.image, self.true, self.predicted, f"{each.confidence:.1%}") for each in self.images]


def find_pair(glass: Glass, most: int = 8) -> ConfusedPair:
    """Find the pair of classes that an image is about, and up to `most` other images of the same mistake.

    Raises:
        UserError: the network has no classes; the run's evaluation is damaged.
    """
    prediction = glass.prediction
    if prediction is None:
        raise UserError(f"the network's output has the shape {list(glass.output.shape)}, so it has no classes")
    predicted, truth = prediction.name, prediction.true_label
    wrong = None if truth is None else truth != predicted
    true = truth if truth is not None and wrong else prediction.top(2)[1][0]
    if glass.run is None:
        return ConfusedPair(true, predicted, wrong, None, None, None, ())
    try:
        count, total, back, notes = _counts(glass.run, glass.epoch, true, predicted)
        images = _images(glass.run, true, predicted, glass.picture.source)[:most] if count is not None else ()
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise UserError(
            f"the evaluation of {glass.run.directory} is damaged ({type(error).__name__}: {error}); write it anew with "
            f"pellucid evaluate {glass.run.directory}"
        ) from error
    return ConfusedPair(true, predicted, wrong, count, total, back, images, notes)


def _counts(
    run: Run, epoch: int | None, true: str, predicted: str
) -> tuple[int | None, int | None, int | None, tuple[str, ...]]:
    path = run.directory / RunFile.EVALUATION
    if not path.is_file():
        return None, None, None, (f"how often they are confused is not measured: pellucid evaluate {run.directory}",)
    document = json.loads(path.read_text(encoding="utf-8"))
    names = [each["name"] for each in document["classes"]]
    row, column = names.index(true), names.index(predicted)
    confusion = document["confusion"]
    notes: tuple[str, ...] = ()
    if document["epoch"] != epoch:
        notes += (f"the counts are those of epoch {document['epoch']}, not of epoch {epoch}",)
    if not (run.directory / RunFile.PREDICTIONS).is_file():
        notes += (f"which images they were is not written down: pellucid evaluate {run.directory}",)
    return int(confusion[row][column]), int(sum(confusion[row])), int(confusion[column][row]), notes


def _images(run: Run, true: str, predicted: str, itself: str) -> tuple[ConfusedImage, ...]:
    path: Path = run.directory / RunFile.PREDICTIONS
    if not path.is_file():
        return ()
    found = []
    with open(path, encoding="utf-8", errors="surrogateescape", newline="") as file:
        for line in csv.DictReader(file):
            if line["true"] == true and line["predicted"] == predicted and line["image"] != itself:
                found.append(ConfusedImage(run, line["image"], float(line["confidence"])))
    return tuple(sorted(found, key=lambda each: -each.confidence))
