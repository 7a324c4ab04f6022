"""Measuring a run: one pass over each set of images, then every figure from the table of predictions."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from pellucid.evaluation.calibration import (
    HIGHEST_TEMPERATURE,
    LOWEST_TEMPERATURE,
    before_and_after,
    calibration_at,
    fit_temperature,
)
from pellucid.evaluation.confidence import auroc, coverage_curve, threshold_for
from pellucid.evaluation.measures import (
    balanced_accuracy,
    class_figures,
    confusion_matrix,
    macro_f1,
    probability_figures,
    top_k_accuracy,
    wilson_interval,
)
from pellucid.evaluation.result import Abstention, Evaluation, PredictionsFile
from pellucid.evaluation.unknown import GENERATED, unknown_images
from pellucid.ground.documents import write_document
from pellucid.ground.errors import UserError
from pellucid.ground.files import write_bytes
from pellucid.ground.ranks import Ranks
from pellucid.ground.writing import counted
from pellucid.prediction.calibration import Calibration, UnknownFigures, read_calibration
from pellucid.prediction.chosen_images import ChosenImages, SplitPart, choose_images, validation_part
from pellucid.prediction.predictions import Predictions, log_softmax, predictions_csv
from pellucid.prediction.predictor import Predictor, open_predictor
from pellucid.run import Run, RunFile

__all__ = ["ERROR_RATE", "evaluate", "run_notes"]

ERROR_RATE = 0.05
TOP = (1, 3, 5)


def evaluate(
    run: Run,
    *,
    data: str | Path | None = None,
    split: str | None = None,
    epoch: int | str | None = None,
    device: str = "auto",
    data_dir: str | Path | None = None,
    shared_classes: bool = False,
    calibrate: bool = True,
    error_rate: float = ERROR_RATE,
    unknown: Sequence[str] = GENERATED,
    ranks: Ranks | None = None,
    show_progress: bool = False,
) -> Evaluation:
    """Measure a run's network and write `evaluation.json`, `predictions.csv` and `calibration.json`.

    The first two go into the run for its own test images, and into `RUN/evaluations/DATA-SPLIT/` for any others. The
    temperature and the confidence threshold come from the run's validation images.

    Args:
        run: opened with `pellucid.open_run`.
        data: another named set, folder or archive; None is the run's own data.
        split: `test` (the default), `val`, `train`; other data without splits of their own are used whole.
        epoch: `last` (the last complete one), `best` (by validation accuracy) or a number; None is the best where
            there are validation images, and the last elsewhere.
        device: `auto`, `cpu`, `cuda`, `mps`.
        data_dir: where named sets are stored; None is where the run found its own.
        shared_classes: measure other data only on the images whose classes the network knows.
        calibrate: False refuses the temperature: probabilities stay as trained, and the run keeps the calibration it
            has.
        error_rate: the share of wrong predictions allowed above the confidence threshold, 0 to below 1.
        unknown: sets of out-of-class images: `noise`, `blank`, named sets, folders, archives.
        ranks: the processes that share the work; None is this one alone. The first one writes.
        show_progress: a bar on standard error.

    Raises:
        UserError: the run has no weights yet, its data no such split, or they are not what they were; other data have
            classes the network does not know; the error rate is out of range; a logit is not finite.
    """
    if not 0 <= error_rate < 1:
        raise UserError(f"the error rate is {error_rate:g}; expected a share from 0 to below 1, such as 0.05")
    ranks = ranks or Ranks()
    predictor = open_predictor(run, epoch, device, ranks=ranks, show_progress=show_progress)
    chosen = choose_images(run, data, split, data_dir=data_dir, shared_classes=shared_classes)
    unknown_parts = {name: unknown_images(run, name, data_dir) for name in unknown}

    raw = predictor.predict(chosen.parts)
    calibration = _calibration(predictor, chosen, raw, calibrate, error_rate)
    predictions = calibration.apply(raw)
    calibration = replace(
        calibration,
        unknown=tuple(
            _unknown_figures(predictor, name, parts, predictions, calibration) for name, parts in unknown_parts.items()
        ),
    )
    table = predictions_csv(predictions)
    evaluation = _figures(run, chosen, raw, predictions, calibration, hashlib.sha256(table).hexdigest(), calibrate)
    if ranks.is_main:
        if calibrate and chosen.own and (calibration.chosen_on == "val" or chosen.split == "test"):
            calibration.write(run)
        # The table first, then the file that holds its SHA-256.
        write_bytes(evaluation.directory / RunFile.PREDICTIONS, table)
        write_document(evaluation.directory / RunFile.EVALUATION, evaluation.to_dict())
    return evaluation


def run_notes(run: Run, epoch: int) -> list[str]:
    """Say what a reader must know of how a run was trained, of its epoch, and whether it is finished."""
    asked, notes = run.record.recipe["epochs"], []
    if run.record.recipe["class_weights"] != "none":
        notes.append(
            f"Trained with class weights ({run.record.recipe['class_weights']}): images of rare classes counted more. "
            "That tends to raise the recall of rare classes and to lower that of frequent ones and the accuracy; "
            "`pellucid compare` with a run without them shows what it did here."
        )
    if run.metrics("end"):
        words = run.epoch_words(epoch)
        return [*notes, *([f"The weights are those of {words}."] if "validation" in words else [])]
    if run.is_being_trained():
        return [
            *notes,
            f"{run.directory} is being trained at this moment: these are the figures of epoch {epoch} of {asked}, "
            "whose weights are complete.",
        ]
    return [*notes, f"{run.directory} was stopped before its end: these are the figures of epoch {epoch} of {asked}."]


def _calibration(
    predictor: Predictor, chosen: ChosenImages, raw: Predictions, calibrate: bool, error_rate: float
) -> Calibration:
    """Find the temperature and the confidence threshold, on validation images where there are any."""
    run, epoch = predictor.run, predictor.epoch
    if not chosen.own and calibrate:
        kept = read_calibration(run, epoch)
        if kept is not None and kept.error_rate == error_rate:
            return kept
    if chosen.own and chosen.split == "val":
        validation: Predictions | None = raw
    else:
        part = validation_part(run, chosen.images if chosen.own else run.open_images())
        validation = predictor.predict((part,)) if part else None
    if validation is None:
        threshold = threshold_for(error_rate, raw.confidence, raw.right)
        return calibration_at(
            threshold,
            epoch=epoch,
            weights=run.weights_digest(epoch),
            error_rate=error_rate,
            chosen_on=chosen.split,
            chosen_images=len(raw),
        )
    judged, temperature, before, after = validation, None, None, None
    if calibrate:
        temperature = fit_temperature(validation.log_probabilities, validation.labels)
    if temperature is not None:
        judged = validation.at_temperature(temperature)
        before, after = before_and_after(validation, judged, temperature)
    return calibration_at(
        threshold_for(error_rate, judged.confidence, judged.right),
        epoch=epoch,
        weights=run.weights_digest(epoch),
        temperature=temperature,
        fitted_on=len(validation) if calibrate else 0,
        before=before,
        after=after,
        error_rate=error_rate,
        chosen_on="val",
        chosen_images=len(judged),
    )


def _unknown_figures(
    predictor: Predictor, name: str, parts: tuple[SplitPart, ...], known: Predictions, calibration: Calibration
) -> UnknownFigures:
    logits = np.concatenate([predictor.logits(part.split, part.subset) for part in parts]).astype(np.float64)
    confidence = np.exp(log_softmax(logits / (calibration.temperature or 1.0)).max(1))
    accepted = None if calibration.threshold is None else float((~calibration.abstains(confidence)).mean())
    return UnknownFigures(name, len(logits), float(confidence.mean()), accepted, auroc(known.confidence, confidence))


def _figures(
    run: Run,
    chosen: ChosenImages,
    raw: Predictions,
    predictions: Predictions,
    calibration: Calibration,
    sha256: str,
    calibrate: bool,
) -> Evaluation:
    """Compute every figure from the table."""
    labels = raw.labels
    confusion = confusion_matrix(labels, raw.predicted, len(run.classes))
    classes = class_figures(run.classes, confusion)
    correct = int(raw.right.sum())
    as_trained = probability_figures(raw.log_probabilities, labels)
    temperature = calibration.temperature
    calibrated = None
    if temperature is not None:
        calibrated = probability_figures(predictions.log_probabilities, labels, temperature)
    notes = [*run_notes(run, calibration.epoch), *chosen.notes]
    if any(computation.precision != "float32" for computation in run.computations):
        notes.append("The network was trained with forward passes in bfloat16; it is evaluated in float32.")
    if not calibrate:
        notes.append("Calibration was switched off: all probabilities are as trained.")
    elif temperature is None and calibration.fitted_on:
        notes.append(
            f"No temperature was fitted: none from {LOWEST_TEMPERATURE:g} to {HIGHEST_TEMPERATURE:g} is best on the "
            f"{counted(calibration.fitted_on, 'validation image')}, because all are classified correctly or hardly "
            "more than by chance; probabilities are as trained."
        )
    elif temperature is None:
        notes.append(
            "No temperature was fitted: there are no validation images (the recipe holds none out), and test images "
            "must not be used for fitting."
        )
    if calibration.chosen_on != "val":
        notes.append(
            f"The confidence threshold was chosen on {calibration.chosen_on} images, because there are no validation "
            "images: what it does on these is optimistic."
        )
    return Evaluation(
        run=str(run.directory),
        data=chosen.images.name,
        split=chosen.split,
        own_data=chosen.own,
        epoch=calibration.epoch,
        weights=calibration.weights,
        images=len(raw),
        correct=correct,
        accuracy=correct / len(raw),
        accuracy_interval=wilson_interval(correct, len(raw)),
        loss=as_trained.loss,
        top_k={str(k): top_k_accuracy(raw.log_probabilities, labels, k) for k in TOP if k < len(run.classes)},
        balanced_accuracy=balanced_accuracy(classes),
        macro_f1=macro_f1(classes),
        classes=classes,
        confusion=tuple(map(tuple, confusion.tolist())),
        as_trained=as_trained,
        calibrated=calibrated,
        coverage=tuple(coverage_curve(predictions.confidence, predictions.right)),
        abstention=_abstention(calibration, predictions),
        unknown=calibration.unknown,
        left_out=tuple({"source": image.source, "reason": image.reason} for image in chosen.left_out),
        predictions=PredictionsFile(RunFile.PREDICTIONS.value, sha256, temperature or 1.0),
        notes=tuple(notes),
    )


def _abstention(calibration: Calibration, predictions: Predictions) -> Abstention:
    coverage = error = None
    if calibration.threshold is not None:
        answered = ~calibration.abstains(predictions.confidence)
        coverage = float(answered.mean())
        error = float((~predictions.right[answered]).mean()) if answered.any() else None
    return Abstention(
        calibration.error_rate, calibration.threshold, calibration.chosen_on, calibration.chosen_images, coverage, error
    )
