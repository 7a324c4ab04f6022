"""The predictions for a run's images: the table of the last evaluation, where it is still valid, or a new one."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pellucid.evaluation.result import Evaluation, evaluation_folder, read_evaluation
from pellucid.ground.errors import UserError
from pellucid.ground.notices import notice
from pellucid.prediction.calibration import read_calibration
from pellucid.prediction.chosen_images import ChosenImages, choose_images
from pellucid.prediction.predictions import Predictions, read_predictions
from pellucid.prediction.predictor import open_predictor
from pellucid.run import Run

__all__ = ["predictions_of"]


def predictions_of(
    run: Run,
    *,
    data: str | Path | None = None,
    split: str | None = None,
    epoch: int | str | None = None,
    device: str = "auto",
    data_dir: str | Path | None = None,
    shared_classes: bool = False,
    show_progress: bool = False,
) -> tuple[Predictions, ChosenImages, int]:
    """Give a run's predictions, the images they are for, and the epoch of the weights.

    The table of the last evaluation is read where it is of the same epoch and the same images; otherwise the network
    is run, with the run's temperature. Nothing is written. The arguments are those of `pellucid.evaluate`.

    Raises:
        UserError: whatever `pellucid.evaluate` raises.
    """
    chosen = choose_images(run, data, split, data_dir=data_dir, shared_classes=shared_classes)
    folder = evaluation_folder(run.directory, chosen.images.name, chosen.split, chosen.own)
    kept = _kept(run, folder, chosen, run.resolve_epoch(epoch))
    if kept is not None:
        return kept[0], chosen, kept[1].epoch
    predictor = open_predictor(run, epoch, device, show_progress=show_progress)
    predictions = predictor.predict(chosen.parts)
    calibration = read_calibration(run, predictor.epoch)
    return calibration.apply(predictions) if calibration else predictions, chosen, predictor.epoch


def _kept(run: Run, folder: Path, chosen: ChosenImages, epoch: int) -> tuple[Predictions, Evaluation] | None:
    try:
        evaluation = read_evaluation(folder)
        if evaluation is None or evaluation.epoch != epoch or evaluation.weights != run.weights_digest(epoch):
            return None
        table = read_predictions(
            folder / evaluation.predictions.file, evaluation.predictions.sha256, evaluation.predictions.temperature
        )
    except UserError as error:  # damaged, or of an older pellucid
        notice(f"the network is run again, because {error}")
        return None
    if table is None:
        notice(f"the network is run again, because {folder / evaluation.predictions.file} is not as it was written")
        return None
    if list(table.sources) != [source for part in chosen.parts for source in part.sources]:
        return None
    same = np.array_equal(table.labels, np.concatenate([part.labels for part in chosen.parts]))
    return (table, evaluation) if same else None
