"""The files of a run: each one's name, once, and what it holds.

    directory / RunFile.EVALUATION

A file is read in one place: the record, the data, the splits, the metrics and the weights in this room, every other
one in the room that writes it. Each is a file: links are refused, for reading as for writing.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Self

from pellucid.ground.errors import FULL, UserError, system_error
from pellucid.ground.files import PARTIAL

__all__ = ["RunFile", "checkpoint_file", "refuse_links", "remove_leftovers", "weights_file", "writing_into"]


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
    CURVE = "curve.json", "its accuracy with fewer training images, and what more would bring"
    ROBUSTNESS = "robustness.json", "its accuracy on changed images"
    ROBUSTNESS_PICTURE = "robustness.png", "the same as a picture"
    AUDIT = "audit.json", "what `pellucid audit` found in its images (pellucid/auditing/result.py)"
    DUPLICATES = "duplicates.csv", "the pairs of images that show the same"
    DUPLICATES_PICTURE = "duplicates.png", "the same as a picture"
    REPORT = "report.html", "everything above to look at"
    ONNX = "model.onnx", "the network with everything before and after it, for ONNX Runtime"
    PAGE = "page.html", "a page in which the network itself runs, for a browser"
    TORCH = "model.pt2", "the same for torch, which then needs no code of the network"
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


def refuse_links(directory: Path) -> None:
    """Refuse a run in which one of its files or folders is a link: it would be read, or written, somewhere else.

    The run's directory itself may be one. Files that are none of a run's are not looked at.

    Raises:
        UserError: there is a link; the message has its path and where it leads.
    """
    for file in RunFile:
        _refuse_link(directory / file)
    for folder in (RunFile.WEIGHTS, RunFile.CHECKPOINTS, RunFile.EVALUATIONS):
        for place, folders, files in os.walk(directory / folder):  # does not follow links
            for name in (*folders, *files):
                _refuse_link(Path(place) / name)


def _refuse_link(path: Path) -> None:
    if path.is_symlink() or getattr(path, "is_junction", bool)():
        raise UserError(
            f"{path} is a link to {os.readlink(path)}; a file inside a run is a file, and links are not followed: "
            "put the file itself there, or remove the link"
        )


def remove_leftovers(directory: Path) -> None:
    """Remove what a process that was killed while writing left in a run; the caller holds the run's lock."""
    for leftover in directory.rglob(f".*{PARTIAL}"):
        if not leftover.is_dir():
            with contextlib.suppress(OSError):
                leftover.unlink(missing_ok=True)


@contextlib.contextmanager
def writing_into(directory: Path) -> Iterator[None]:
    """Turn what goes wrong while a training writes into a message that says what is safe and what to do.

    Raises:
        UserError: the run is no longer there, so that nothing may be made in its place; the disk is full, or fails.
    """
    record = directory / RunFile.RECORD
    if not record.is_file():
        raise _removed(directory)
    try:
        yield
    except OSError as error:
        if not record.is_file():
            raise _removed(directory) from error
        safe, goes_on = "the last complete checkpoint is untouched", f"then: pellucid resume {directory}"
        if error.errno in FULL:
            raise UserError(f"the disk of {directory} is full; {safe}. Make room, {goes_on}") from error
        raise UserError(
            f"{directory} cannot be written: {system_error(error)}; {safe}. Mend that, {goes_on}"
        ) from error


def _removed(directory: Path) -> UserError:
    return UserError(
        f"the run {directory} was removed or moved while it was trained ({RunFile.RECORD} is no longer there); "
        "training stopped, and what it had not written yet is lost. If it was moved, resume it where it is now"
    )
