"""The images a network gets wrong, the surest mistakes first."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pellucid.ground.errors import UserError, did_you_mean
from pellucid.prediction.chosen_images import ChosenImages
from pellucid.prediction.predictions import Predictions

__all__ = ["Mistake", "Mistakes", "find_mistakes"]


@dataclass(frozen=True)
class Mistake:
    """One image taken for another class."""

    index: int
    """Its row in the table of predictions, from 0."""
    image: str
    """Where it came from, as in the table."""
    path: str | None
    """Its file, if the images are a folder that is still there."""
    true: str
    predicted: str
    confidence: float
    """Probability of the predicted class."""
    true_probability: float
    """Probability that the network gave to the true class."""


@dataclass(frozen=True)
class Mistakes:
    """Mistakes of one kind: the surest of them, and how many there are in all."""

    data: str
    split: str
    images: int
    """Images looked at."""
    true: str | None
    """Only those of this class were asked for."""
    predicted: str | None
    """Only those taken for this class were asked for."""
    count: int
    shown: tuple[Mistake, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON holds it."""
        return asdict(self)

    def heading(self) -> str:
        """Say in a line what is listed."""
        kind = f" of class {self.true}" if self.true else ""
        kind += f" taken for {self.predicted}" if self.predicted else ""
        plural = "s" if self.count != 1 else ""
        text = f"{self.count:,} mistake{plural}{kind} among {self.images:,} {self.split} images of {self.data}"
        return text + (f"; the {len(self.shown)} surest:" if self.count > len(self.shown) else "")

    def __str__(self) -> str:
        """The heading and a line for each mistake."""
        if not self.shown:
            return self.heading()
        names = [one.path or one.image for one in self.shown]
        widths = [max(map(len, column)) for column in (names, [one.true for one in self.shown])]
        rows = [
            f"{name:<{widths[0]}}  {one.true:<{widths[1]}}  taken for {one.predicted} ({one.confidence:.1%}; "
            f"{one.true}: {one.true_probability:.1%})"
            for name, one in zip(names, self.shown, strict=True)
        ]
        return "\n".join([self.heading(), *rows])


def find_mistakes(
    predictions: Predictions,
    chosen: ChosenImages,
    *,
    true: str | None = None,
    predicted: str | None = None,
    most: int = 50,
) -> Mistakes:
    """List the mistakes, the surest first; equally sure ones in the order of the images.

    Args:
        predictions: a table.
        chosen: the images that it is of.
        true: only images of this class.
        predicted: only images taken for this class.
        most: list no more than so many.

    Raises:
        UserError: a class that does not exist (with the nearest that does), the same class twice, `most` below 1.
    """
    problems = []
    for option, name in (("--true", true), ("--predicted", predicted)):
        if name is not None and name not in predictions.classes:
            problems.append(f"{option} is {name!r}; {did_you_mean(name, predictions.classes)}")
    if true is not None and true == predicted:
        problems.append(
            f"--true and --predicted are both {true!r}: that is no mistake; give two classes, or one option"
        )
    if most < 1:
        problems.append(f"--most is {most}; expected at least 1")
    if problems:
        raise UserError.all_of("these mistakes cannot be listed", problems)
    wanted = ~predictions.right
    if true is not None:
        wanted &= predictions.labels == predictions.classes.index(true)
    if predicted is not None:
        wanted &= predictions.predicted == predictions.classes.index(predicted)
    rows = np.flatnonzero(wanted)
    confidence = predictions.confidence
    order = rows[np.argsort(-confidence[rows], kind="stable")]
    shown = tuple(
        Mistake(
            index=int(row),
            image=predictions.sources[row],
            path=chosen.path_of(predictions.sources[row]),
            true=predictions.classes[predictions.labels[row]],
            predicted=predictions.classes[predictions.predicted[row]],
            confidence=float(confidence[row]),
            true_probability=float(predictions.probabilities[row, predictions.labels[row]]),
        )
        for row in order[:most]
    )
    return Mistakes(chosen.images.name, chosen.split, len(predictions), true, predicted, len(rows), shown)
