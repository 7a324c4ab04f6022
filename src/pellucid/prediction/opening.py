"""Opening a run's directory or an exported model as a classifier; torch is loaded for a run alone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from pellucid.ground.errors import UserError
from pellucid.prediction.classifier import Classifier

if TYPE_CHECKING:
    from pellucid.run import Run

__all__ = ["is_model_file", "open_classifier"]


def is_model_file(path: str | Path) -> bool:
    """Tell an exported model from a run's directory, by its name.

    >>> is_model_file("pets.onnx"), is_model_file("runs/pets")
    (True, False)
    """
    return os.fspath(path).lower().endswith(".onnx") and not os.path.isdir(path)


def open_classifier(
    path: Run | str | Path,
    epoch: int | str | None = None,
    device: str = "auto",
    threshold: float | None = None,
    trust: bool = False,
    *,
    for_many: bool = False,
) -> Classifier:
    """Open what answers for images.

    Args:
        path: a run or its directory, or an `.onnx` file that `pellucid export` wrote.
        epoch: whose weights of a run: `last`, `best` or a number; None is the best on validation images, else
            the last. A file has its own.
        device: `auto`, `cpu`, `cuda`, `cuda:1`, `mps`.
        threshold: the confidence, 0 to 1, below which an answer is unsure; None is the run's own, where there is one.
        trust: run the network's file in a run although it was made elsewhere.
        for_many: on a CPU, compute several batches side by side, by few threads each, rather than one as quickly as
            can be; for the whole process, where torch computes.

    Raises:
        UserError: there is no such run or file, or it cannot be used here.
    """
    if threshold is not None and not 0 <= threshold <= 1:
        raise UserError(f"the confidence threshold is {threshold}; expected a number from 0 to 1, such as 0.8")
    path = path if isinstance(path, str | Path) else path.directory
    if is_model_file(path):
        from pellucid.prediction.onnx_classifier import open_onnx_classifier

        return open_onnx_classifier(Path(path), device, threshold, for_many)
    from pellucid.prediction.run_classifier import open_run_classifier

    return open_run_classifier(os.fspath(path), epoch, device, threshold, trust, for_many)
