"""The result of an evaluation, and `evaluation.json`, which holds it.

Beside `evaluation.json` lies `predictions.csv` (see `predictions`), from which all of its figures come. Every share is
from 0 to 1; null means undefined (its formula divides by zero) or, where said, not measured.

    format                 4
    run                    the run's directory, as it was given
    data, split, own_data  name of the image set, its split (`all`: a set without splits), whether it is the run's own
    epoch                  whose weights were used; epochs count from 1
    weights                SHA-256 that the file of these weights states
    images, correct        how many, and how many of them are classified correctly
    accuracy               correct / images
    accuracy_interval      [low, high], 95 %, Wilson's
    loss                   mean negative log-likelihood (cross-entropy) in nats at temperature 1, as in training
    top_k                  {"1": ..., "3": ..., "5": ...}, for those k below the number of classes
    balanced_accuracy      mean recall of the classes that have images
    macro_f1               mean F1 of the classes for which it is defined
    classes                a list, in the network's order: name, images (support), predicted (how many images were
                           predicted as it), correct, precision, recall,
                           recall_interval ([low, high], 95 %, Wilson's), f1
    confusion              [true][predicted], numbers of images
    as_trained             the probabilities at temperature 1: temperature, loss, brier_score, calibration_error,
                           mean_confidence, reliability (15 bins, each low, high, images,
                           confidence, accuracy; the last two null in an empty bin)
    calibrated             the same at the run's temperature; null without validation images, or if refused
    coverage               the error/coverage curve, most confident images first: a list of threshold, coverage, error
    abstention             the confidence threshold: error_rate (asked for), threshold, chosen_on (`val` or `test`),
                           chosen_images, and what it does here: coverage, error (null where no image reaches it).
                           threshold null: none keeps to the error rate
    unknown                out-of-class images: a list of name, images, mean_confidence, accepted, auroc
    left_out               images that could not be read: a list of source, reason
    predictions            {"file": "predictions.csv", "sha256": ..., "temperature": of its probabilities}
    notes                  sentences that a reader of the figures must know; [] for none
    sha256                 of everything else in the file: what was changed since is not believed
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pellucid.evaluation.confidence import CoveragePoint
from pellucid.evaluation.measures import ClassFigures, ProbabilityFigures
from pellucid.ground.documents import read_as
from pellucid.ground.errors import UserError
from pellucid.ground.shown import Shown
from pellucid.prediction.calibration import UnknownFigures
from pellucid.run import Run
from pellucid.run.files import RunFile

__all__ = [
    "SPLITS",
    "Abstention",
    "Evaluation",
    "PredictionsFile",
    "evaluation_folder",
    "own_evaluation",
    "read_evaluation",
]

SPLITS = {"val": "validation", "train": "training", "all": ""}
"""What the images of a split are called."""

FORMAT = 4


@dataclass(frozen=True)
class Abstention:
    """What predicting only the images above a confidence threshold does."""

    error_rate: float
    threshold: float | None
    chosen_on: str
    chosen_images: int
    coverage: float | None
    error: float | None


@dataclass(frozen=True)
class PredictionsFile:
    """Which table the figures come from."""

    file: str
    sha256: str
    temperature: float


@dataclass(frozen=True, kw_only=True)
class Evaluation(Shown):
    """The figures of one pass over a split, with the weights of one epoch; the module says what each field means."""

    run: str
    data: str
    split: str
    own_data: bool
    epoch: int
    weights: str
    images: int
    correct: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    loss: float
    top_k: dict[str, float]
    balanced_accuracy: float | None
    macro_f1: float | None
    classes: tuple[ClassFigures, ...]
    confusion: tuple[tuple[int, ...], ...]
    as_trained: ProbabilityFigures
    calibrated: ProbabilityFigures | None
    coverage: tuple[CoveragePoint, ...]
    abstention: Abstention
    unknown: tuple[UnknownFigures, ...]
    left_out: tuple[dict[str, str], ...]
    predictions: PredictionsFile
    notes: tuple[str, ...]

    @property
    def directory(self) -> Path:
        """Where `evaluation.json` and `predictions.csv` are: in the run, or in a folder of it for other images."""
        return evaluation_folder(Path(self.run), self.data, self.split, self.own_data)

    def to_dict(self) -> dict[str, Any]:
        """Give the figures as `evaluation.json` holds them."""
        return {"format": FORMAT, **asdict(self), "classes": [figures.to_dict() for figures in self.classes]}

    def headline(self) -> str:
        """The line a person looks for first."""
        split = SPLITS.get(self.split, self.split).capitalize()
        return (
            f"{split} Accuracy: {self.accuracy:.2%} ({self.correct:,} of {self.images:,} images), Loss: {self.loss:.3f}"
        )


def evaluation_folder(run: Path, data: str, split: str, own_data: bool) -> Path:
    """Give the folder of an evaluation: the run itself for its own test images, one below it for any others."""
    return run if own_data and split == "test" else run / RunFile.EVALUATIONS / f"{data}-{split}"


def own_evaluation(run: Run) -> Evaluation | None:
    """Read what a run's `measured_split` gave; None where it was not measured.

    Raises:
        UserError: the file is damaged, or of another pellucid.
    """
    split = run.measured_split
    return read_evaluation(evaluation_folder(run.directory, run.data["name"], split, True)) if split else None


def read_evaluation(folder: str | Path) -> Evaluation | None:
    """Read the `evaluation.json` of a run, or of a folder of other images below it; None where there is none.

    Raises:
        UserError: it is damaged, or of another pellucid.
    """
    file, remedy = Path(folder) / RunFile.EVALUATION, "evaluate again: pellucid evaluate RUN"
    evaluation = read_as(Evaluation, file, FORMAT, remedy)
    if evaluation is not None:
        size = len(evaluation.classes)
        if len(evaluation.confusion) != size or any(len(row) != size for row in evaluation.confusion):
            raise UserError(f"{file} is damaged: its confusion matrix is not {size} by {size}; {remedy}")
        measured = [evaluation.as_trained, *([evaluation.calibrated] if evaluation.calibrated else [])]
        if not evaluation.coverage or not all(any(part.images for part in figures.reliability) for figures in measured):
            raise UserError(f"{file} is damaged: its coverage or its reliability holds no image; {remedy}")
    return evaluation
