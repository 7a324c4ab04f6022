"""The images that a network classifies wrongly, the most confident mistakes first."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pellucid.evaluation.kept_predictions import predictions_of
from pellucid.ground.errors import UserError, did_you_mean
from pellucid.ground.shown import Shown
from pellucid.prediction.chosen_images import ChosenImages
from pellucid.prediction.predictions import Predictions
from pellucid.run import Run

__all__ = ["Mistake", "Mistakes", "mistakes", "mistakes_among"]


@dataclass(frozen=True)
class Mistake:
    """One image predicted as another class."""

    index: int
    """Its row in the table of predictions, from 0."""
    image: str
    """Where it came from, as in the table; `look` and `pellucid trace` find it by this name."""
    path: str | None
    """Its file, if the images are a folder that is still there."""
    true: str
    predicted: str
    confidence: float
    """Probability of the predicted class."""
    true_probability: float
    """Probability of the true class."""


@dataclass(frozen=True)
class Mistakes(Shown):
    """Mistakes of one kind: the most confident of them, and how many there are in all."""

    data: str
    split: str
    images: int
    """Images that were classified."""
    true: str | None
    """Only images of this class were asked for."""
    predicted: str | None
    """Only images predicted as this class were asked for."""
    count: int
    shown: tuple[Mistake, ...]
    notes: tuple[str, ...] = ()
    """What a reader must know about the choice of images."""

    def to_dict(self) -> dict[str, Any]:
        """Give it as JSON holds it."""
        return asdict(self)


def mistakes(
    run: Run,
    *,
    true: str | None = None,
    predicted: str | None = None,
    top: int = 50,
    data: str | Path | None = None,
    split: str | None = None,
    epoch: int | str | None = None,
    device: str = "auto",
) -> Mistakes:
    """List the images that a run classifies wrongly, the most confident mistakes first.

    Args:
        run: opened with `pellucid.open_run`.
        true: only images of this class.
        predicted: only images predicted as this class.
        top: list at most this many.
        data: another named set, folder or archive; None is the run's own data.
        split: `test` (the default), `val`, `train`.
        epoch: `last`, `best` or a number; None is the best on validation images, else the last.
        device: `auto`, `cpu`, `cuda`, `mps`.

    Raises:
        UserError: whatever `mistakes_among` and `pellucid.evaluate` raise.

    A call looks like `print(pellucid.mistakes(run, true="cat", predicted="dog"))`.
    """
    predictions, chosen, _ = predictions_of(run, data=data, split=split, epoch=epoch, device=device)
    return mistakes_among(predictions, chosen, true=true, predicted=predicted, top=top)


def mistakes_among(
    predictions: Predictions,
    chosen: ChosenImages,
    *,
    true: str | None = None,
    predicted: str | None = None,
    top: int = 50,
) -> Mistakes:
    """List the mistakes in a table of predictions, the most confident first; equal ones in the order of the images.

    Args:
        predictions: the table.
        chosen: the images that it is for.
        true: only images of this class.
        predicted: only images predicted as this class.
        top: list at most this many.

    Raises:
        UserError: a class that does not exist (with the nearest that does), the same class twice, `top` below 1.
    """
    problems = []
    for option, name in (("--true", true), ("--predicted", predicted)):
        if name is not None and name not in predictions.classes:
            problems.append(f"{option} is {name!r}; {did_you_mean(name, predictions.classes)}")
    if true is not None and true == predicted:
        problems.append(f"--true and --predicted are both {true!r}: that is not a mistake; give two different classes")
    if top < 1:
        problems.append(f"--top is {top}; expected at least 1")
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
        for row in order[:top]
    )
    return Mistakes(chosen.images.name, chosen.split, len(predictions), true, predicted, len(rows), shown, chosen.notes)
