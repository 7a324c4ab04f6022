"""The files of a run: each one's name, once, and what it holds.

    directory / RunFile.EVALUATION

A file is read in one place: the record, the data, the splits and the metrics in this room, every other one in the room
that writes it.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Self

__all__ = ["RunFile", "checkpoint_file", "weights_file"]


class RunFile(StrEnum):
    """A file or folder of a run: its name below the run's directory, and its meaning.

    >>> Path("runs/a") / RunFile.RECORD == Path("runs/a/run.json")
    True
    >>> RunFile.CURVES.meaning
    'loss and accuracy over the epochs, as a picture'
    """

    meaning: str

    RECORD = "run.json", "what was asked for and what was used: network, data, recipe, seed, device, versions"
    NETWORK = "network.py", "the file of a person's own network, as it was when training began"
    DATA = "data.json", "the image set: counts, classes, left-out images"
    SPLITS = "splits.json", "the images of each split, where a seed made the split"
    METRICS = "metrics.jsonl", "a line for each logging event"
    WEIGHTS = "weights", "the weights of every epoch that is kept: epoch-001.safetensors …"
    CHECKPOINTS = "checkpoints", "what an exact resume needs: the newest two, each with its manifest"
    LOCK = ".lock", "held by the process that trains the run"
    CURVES = "curves.png", "loss and accuracy over the epochs, as a picture"
    EVALUATION = "evaluation.json", "what `pellucid evaluate` measured (pellucid/evaluation/result.py)"
    PREDICTIONS = "predictions.csv", "the network's probabilities for each test image"
    CALIBRATION = "calibration.json", "the temperature of its probabilities, and the confidence threshold"
    ROBUSTNESS = "robustness.json", "its accuracy on changed images"
    ROBUSTNESS_PICTURE = "robustness.png", "the same as a picture"
    AUDIT = "audit.json", "what `pellucid audit` found in its images (pellucid/auditing/result.py)"
    DUPLICATES = "duplicates.csv", "the pairs of images that show the same"
    DUPLICATES_PICTURE = "duplicates.png", "the same as a picture"
    REPORT = "report.html", "everything above to look at"
    EVALUATIONS = "evaluations", "the same figures and tables for other images and splits"

    def __new__(cls, name: str, meaning: str) -> Self:
        """Make a member that is its name as a string and knows its meaning."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.meaning = meaning
        return member


def weights_file(directory: Path, epoch: int) -> Path:
    """Give the file of an epoch's weights in a run's directory.

    >>> weights_file(Path("run"), 3).name
    'epoch-003.safetensors'
    """
    return directory / RunFile.WEIGHTS / f"epoch-{epoch:03d}.safetensors"


def checkpoint_file(directory: Path, step: int) -> Path:
    """Give the manifest of the checkpoint after `step` steps; its tensors lie beside it, as .safetensors.

    >>> checkpoint_file(Path("run"), 1563).name
    'step-00001563.json'
    """
    return directory / RunFile.CHECKPOINTS / f"step-{step:08d}.json"
