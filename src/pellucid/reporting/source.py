"""What a report is made from: the run's files, and its images where they can still be opened."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from pellucid.auditing import Audit, read_audit
from pellucid.evaluation import (
    Evaluation,
    LearningCurve,
    Robustness,
    evaluate,
    read_evaluation,
    read_learning_curve,
    read_robustness,
)
from pellucid.evaluation.result import evaluation_folder
from pellucid.ground.errors import UserError
from pellucid.ground.notices import notice
from pellucid.prediction import Predictions, read_predictions
from pellucid.prediction.chosen_images import ChosenImages, choose_images
from pellucid.run import Run, RunFile

__all__ = ["Source", "open_source"]


Document = TypeVar("Document", Audit, LearningCurve, Robustness)


@dataclass(frozen=True)
class Source:
    """Everything that the sections of a report read."""

    run: Run
    epoch: int
    """Whose weights the network has."""
    evaluation: Evaluation | None
    """None where the data have no split to measure on."""
    predictions: Predictions | None
    chosen: ChosenImages | None
    """The images that were measured; None without an evaluation, or where they are gone."""
    robustness: Robustness | None
    audit: Audit | None
    curve: LearningCurve | None
    missing: tuple[str, ...]
    """Why something that should be here is not, in sentences."""

    @property
    def name(self) -> str:
        """The name of the run's folder; the page names no path outside of it."""
        return self.run.directory.resolve().name

    @property
    def network_name(self) -> str:
        """The network's name; of a person's own file without its folder."""
        return self.run.record.network.replace("\\", "/").rpartition("/")[2]


def open_source(run: Run, epoch: int | str | None = None, device: str = "auto", show_progress: bool = False) -> Source:
    """Read what was measured of a run; measure it first where that was not done, or where its file is no longer valid.

    Args:
        run: the run.
        epoch: `last`, `best` or a number; None takes the evaluation that is there, else the best
            on validation images, else the last.
        device: where the network runs if it has to.
        show_progress: a bar on standard error.

    Raises:
        UserError: the run has no weights yet, or no such epoch.
    """
    run.resolve_epoch(epoch)
    missing: list[str] = []
    split = run.measured_split
    chosen = None
    try:
        run.open_images()
    except UserError as error:
        missing.append(f"The images could not be opened, so none is shown: {error}")
        opened = False
    else:
        opened = True
    evaluation, predictions = _kept(run, split, epoch)
    if evaluation is None and opened and split is not None:
        evaluation = evaluate(run, split=split, epoch=epoch, device=device, show_progress=show_progress)
        evaluation, predictions = _kept(run, split, evaluation.epoch)
    if evaluation is not None and opened:
        chosen = choose_images(run, None, evaluation.split)
    if split is None:
        missing.append("The data have neither test nor validation images: how good the network is was not measured.")
    shown = evaluation.epoch if evaluation else run.resolve_epoch(epoch)
    if evaluation is not None and shown != run.resolve_epoch():
        missing.append(f"The figures belong to {run.epoch_words(shown)}.")
    robustness = _read(read_robustness, run, RunFile.ROBUSTNESS, missing)
    if robustness is not None and robustness.epoch != shown:
        missing.append(f"{RunFile.ROBUSTNESS} belongs to epoch {robustness.epoch} and is left out.")
        robustness = None
    audit = _read(read_audit, run, RunFile.AUDIT, missing)
    if audit is not None and audit.fingerprint != run.record.fingerprint:
        missing.append(f"{RunFile.AUDIT} belongs to other images and is left out.")
        audit = None
    curve = _read(read_learning_curve, run, RunFile.CURVE, missing)
    if curve is not None and curve.weights != run.weights_digest(shown):
        missing.append(f"{RunFile.CURVE} belongs to other weights and is left out.")
        curve = None
    return Source(run, shown, evaluation, predictions, chosen, robustness, audit, curve, tuple(missing))


def _kept(run: Run, split: str | None, epoch: int | str | None) -> tuple[Evaluation | None, Predictions | None]:
    """Read the evaluation of a split and its table, if both are whole and of the epoch that is asked for."""
    if split is None:
        return None, None
    folder = evaluation_folder(run.directory, run.data["name"], split, True)
    try:
        evaluation = read_evaluation(folder)
        if evaluation is None or evaluation.epoch not in run.epochs():
            return None, None
        if evaluation.weights != run.weights_digest(evaluation.epoch):
            return None, None
        if epoch is not None and evaluation.epoch != run.resolve_epoch(epoch):
            return None, None
        predictions = read_predictions(folder / evaluation.predictions.file, evaluation.predictions.sha256)
    except UserError as error:  # damaged, or of an older pellucid
        notice(f"the run is evaluated again, because {error}")
        return None, None
    if predictions is None:
        notice(f"the run is evaluated again, because {folder / evaluation.predictions.file} is not as it was written")
        return None, None
    return evaluation, predictions


def _read(reader: Callable[[Path], Document | None], run: Run, file: RunFile, missing: list[str]) -> Document | None:
    """Read a file of the run; one that is damaged or of another pellucid is left out, and that is said."""
    try:
        return reader(run.directory)
    except UserError:
        missing.append(f"{file} is damaged or of another pellucid and is left out.")
        return None
