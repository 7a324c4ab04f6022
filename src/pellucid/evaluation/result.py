"""The result of an evaluation, and `evaluation.json`, which holds it.

Beside `evaluation.json` lies `predictions.csv` (see `predictions`), from which all of its figures come. Every share is
from 0 to 1; null means undefined (its formula divides by zero) or, where said, not measured.

    format                 1
    run                    the run's directory, as it was given
    data, split, own_data  name of the image set, its split (`all`: a set without splits), whether it is the run's own
    epoch                  whose weights were used; epochs count from 1
    images, correct        how many, and how many of them classified rightly
    accuracy               correct / images
    accuracy_interval      [low, high], 95 %, Wilson's
    loss                   mean cross-entropy in nats at temperature 1, which is what training minimises
    top_k                  {"1": ..., "3": ..., "5": ...}, for those k below the number of classes
    balanced_accuracy      mean recall of the classes that have images
    macro_f1               mean F1 of the classes for which it is defined
    classes                a list, in the network's order: name, images (support), predicted (how many were taken for
                           it), correct, accuracy, precision, recall (the same as accuracy), f1
    confusion              [true][predicted], numbers of images
    as_trained             the probabilities at temperature 1: temperature, negative_log_likelihood, brier_score,
                           calibration_error, mean_confidence, reliability (15 bins, each low, high, images,
                           confidence, accuracy; the last two null in an empty bin)
    calibrated             the same at the run's temperature; null without validation images, or if refused
    coverage               the accuracy/coverage curve, surest images first: a list of threshold, coverage, error
    abstention             error_rate (asked for), threshold, chosen_on (`val` or `test`), chosen_images, and what it
                           does here: coverage, error (null where nothing is answered). threshold null: none keeps to it
    unknown                images of none of the classes: a list of name, images, mean_confidence, accepted, auroc
    left_out               images that could not be read: a list of source, reason
    predictions            {"file": "predictions.csv", "sha256": ..., "temperature": of its probabilities}
    notes                  sentences that a reader of the figures must know; [] for none
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from pellucid.evaluation.calibration import UnknownFigures
from pellucid.evaluation.confidence import CoveragePoint
from pellucid.evaluation.measures import ClassFigures, ProbabilityFigures, ReliabilityBin
from pellucid.ground.errors import UserError
from pellucid.run import RunFile

__all__ = ["Abstention", "Evaluation", "PredictionsFile", "evaluation_folder", "read_evaluation"]

FORMAT = 1


@dataclass(frozen=True)
class Abstention:
    """What answering only the surest images does."""

    error_rate: float
    threshold: float | None
    chosen_on: str
    chosen_images: int
    coverage: float | None
    error: float | None


@dataclass(frozen=True)
class PredictionsFile:
    """The table that the figures come from."""

    file: str
    sha256: str
    temperature: float


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The figures of one pass over a split, with the weights of one epoch; the module says what each field means."""

    run: str
    data: str
    split: str
    own_data: bool
    epoch: int
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
        return {"format": FORMAT, **asdict(self), "classes": [one.to_dict() for one in self.classes]}

    @classmethod
    def from_dict(cls, document: dict[str, Any]) -> Evaluation:
        """Read what `to_dict` gave.

        Raises:
            KeyError, TypeError: it is something else.
        """
        document = {item.name: document[item.name] for item in fields(cls)}
        counts = ("name", "images", "predicted", "correct")
        calibrated = document["calibrated"]
        changes: dict[str, Any] = {
            "accuracy_interval": tuple(document["accuracy_interval"]),
            "classes": tuple(ClassFigures(*(one[name] for name in counts)) for one in document["classes"]),
            "confusion": tuple(map(tuple, document["confusion"])),
            "as_trained": _probability_figures(document["as_trained"]),
            "calibrated": None if calibrated is None else _probability_figures(calibrated),
            "coverage": tuple(CoveragePoint(**one) for one in document["coverage"]),
            "abstention": Abstention(**document["abstention"]),
            "unknown": tuple(UnknownFigures(**one) for one in document["unknown"]),
            "left_out": tuple(document["left_out"]),
            "predictions": PredictionsFile(**document["predictions"]),
            "notes": tuple(document["notes"]),
        }
        return cls(**{**document, **changes})

    def headline(self) -> str:
        """The line a person looks for first."""
        return (
            f"{self.split.capitalize()} Accuracy: {self.accuracy:.2%} ({self.correct:,} of {self.images:,} images), "
            f"Loss: {self.loss:.3f}"
        )

    def __str__(self) -> str:
        """The headline, each class with whom it is most often taken for, and how far confidence can be trusted."""
        low, high = self.accuracy_interval
        top = "".join(f", top-{k} {share:.2%}" for k, share in self.top_k.items() if k != "1")
        return "\n".join(
            [
                self.headline(),
                f"95 % interval {low:.2%} to {high:.2%}{top}, balanced accuracy {_share(self.balanced_accuracy)}, "
                f"macro F1 {_share(self.macro_f1)}",
                "",
                *self._class_lines(),
                "",
                *self._probability_lines(),
                *self._confidence_lines(),
                *(f"Left out: {one['source']} ({one['reason']})" for one in self.left_out),
                *(f"Note: {note}" for note in self.notes),
            ]
        )

    def _class_lines(self) -> list[str]:
        width = max(len("class"), *(len(one.name) for one in self.classes))
        lines = [f"{'class':<{width}}  images   accuracy  precision         F1  most often taken for"]
        for index, one in enumerate(self.classes):
            wrong = [(count, other) for other, count in enumerate(self.confusion[index]) if other != index]
            count, other = max(wrong, key=lambda pair: pair[0])
            taken_for = f"{self.classes[other].name} ({count:,})" if count else "-"
            shares = "".join(f"{_share(figure):>11}" for figure in (one.accuracy, one.precision, one.f1))
            lines.append(f"{one.name:<{width}}  {one.images:6,}{shares}  {taken_for}")
        return lines

    def _probability_lines(self) -> list[str]:
        rows = [("as trained", self.as_trained)] + ([("calibrated", self.calibrated)] if self.calibrated else [])
        return [
            f"Probabilities {name} (temperature {one.temperature:.3f}): negative log-likelihood "
            f"{one.negative_log_likelihood:.3f}, Brier score {one.brier_score:.3f}, calibration error "
            f"{one.calibration_error:.2%}"
            for name, one in rows
        ]

    def _confidence_lines(self) -> list[str]:
        asked = self.abstention
        if asked.threshold is None:
            line = f"No confidence keeps errors to {asked.error_rate:.2%} (looked for on {asked.chosen_on} images)"
        elif asked.coverage is None or asked.error is None:
            line = f"None of these images is answered at confidence {asked.threshold:.3f} or more"
        else:
            line = (
                f"Answering only at confidence {asked.threshold:.3f} or more, chosen on {asked.chosen_images:,} "
                f"{asked.chosen_on} images for {asked.error_rate:.2%} errors: {asked.coverage:.2%} answered, "
                f"{asked.error:.2%} of them wrongly"
            )
        lines = [line]
        sure = (self.calibrated or self.as_trained).mean_confidence
        for one in self.unknown:
            accepted = "" if one.accepted is None else f", {one.accepted:.2%} would be answered"
            lines.append(
                f"None of the classes: {one.name} ({one.images:,} images): mean confidence {one.mean_confidence:.3f}, "
                f"against {sure:.3f} here; AUROC {one.auroc:.3f}{accepted}"
            )
        return lines


def evaluation_folder(run: Path, data: str, split: str, own_data: bool) -> Path:
    """Give the folder of an evaluation: the run itself for its own test images, one below it for any others."""
    return run if own_data and split == "test" else run / RunFile.EVALUATIONS / f"{data}-{split}"


def read_evaluation(path: str | Path) -> Evaluation | None:
    """Read an `evaluation.json`; None where there is none.

    Raises:
        UserError: it is damaged, or of another pellucid.
    """
    file = Path(path)
    if not file.exists():
        return None
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        if document["format"] == FORMAT:
            return Evaluation.from_dict(document)
    except (KeyError, TypeError, AttributeError, json.JSONDecodeError) as error:
        raise UserError(f"{file} is damaged or old ({type(error).__name__}: {error}); evaluate anew") from error
    raise UserError(f"{file} has format {document['format']}, expected {FORMAT}; evaluate anew with this pellucid")


def _probability_figures(document: dict[str, Any]) -> ProbabilityFigures:
    bins = tuple(ReliabilityBin(**one) for one in document["reliability"])
    return ProbabilityFigures(**{**document, "reliability": bins})


def _share(figure: float | None) -> str:
    return "undefined" if figure is None else f"{figure:.2%}"
