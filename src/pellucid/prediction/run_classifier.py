"""A run as a classifier: its network, its preprocessing, its calibration."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pellucid.data.decode import PixelFormat
from pellucid.ground.cores import divided_cores
from pellucid.ground.devices import usable_threads
from pellucid.prediction.calibration import read_calibration
from pellucid.prediction.classifier import Answer, Refusal, answer_contents, answers_of
from pellucid.prediction.predictions import log_softmax
from pellucid.prediction.predictor import Predictor, open_predictor
from pellucid.run import open_run

__all__ = ["RunClassifier", "open_run_classifier"]


@dataclass(frozen=True)
class RunClassifier:
    """A run's network with the weights of one epoch, at its temperature."""

    predictor: Predictor
    temperature: float
    threshold: float | None
    model: str
    target: PixelFormat
    side_by_side: int

    @property
    def name(self) -> str:
        """The network's name."""
        return self.predictor.run.record.network

    @property
    def classes(self) -> tuple[str, ...]:
        """The run's classes."""
        return self.predictor.run.classes

    def classify(self, pixels: NDArray[np.uint8]) -> list[Answer | Refusal]:
        """Answer as `evaluate` does for the images of a split: the same logits, softmax and temperature."""
        logits = self.predictor.logits_of(pixels)
        with np.errstate(all="ignore"):  # of logits that are not finite
            logarithms = log_softmax(log_softmax(logits.astype(np.float64)) / self.temperature)
        return answers_of(self.classes, np.exp(logarithms), logits.argmax(1).astype(np.int64), self.threshold)

    def answer(self, contents: Sequence[bytes]) -> list[Answer | Refusal]:
        """Answer for the bytes of whole image files, one each, in order; a bad one is a `Refusal` and no error."""
        return answer_contents(self, contents)


def open_run_classifier(
    path: str,
    epoch: int | str = "last",
    device: str = "auto",
    threshold: float | None = None,
    trust: bool = False,
    for_many: bool = False,
) -> RunClassifier:
    """Open a run as a classifier; without `threshold` with its own, where `evaluate` found one.

    `for_many` is explained by `open_classifier`.

    Raises:
        UserError: there is no run, or no such epoch or device; its calibration is damaged.
    """
    run = open_run(path, trust=trust)
    predictor = open_predictor(run, epoch, device)
    calibration = read_calibration(run, predictor.epoch)
    temperature = (calibration and calibration.temperature) or 1.0
    if threshold is None and calibration is not None:
        threshold = calibration.threshold
    side_by_side = 1
    if for_many and predictor.device.type == "cpu":
        side_by_side, threads = divided_cores()
        torch.set_num_threads(usable_threads(threads))
    shape = predictor.preprocessing
    identity = [run.weights_digest(predictor.epoch), temperature, run.classes, shape.to_dict()]
    return RunClassifier(
        predictor,
        temperature,
        threshold,
        hashlib.sha256(json.dumps(identity).encode()).hexdigest()[:12],
        PixelFormat(shape.height, shape.width, shape.channels, shape.fit, shape.pixel_range),
        side_by_side,
    )
