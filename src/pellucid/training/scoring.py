"""A network's predictions on a whole split: mean loss and confusion matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from pellucid.data.preprocessing import Preprocessing
from pellucid.networks import as_logits
from pellucid.training.session import Session

__all__ = ["Scores", "evaluation_batches", "score"]

LARGEST_BATCH = 500
VALUES_AT_ONCE = 2**22
"""A batch has at most so many pixel values, so that large images do not need much memory."""


@dataclass(frozen=True)
class Scores:
    """What a pass over the validation images gave."""

    loss: float
    """Mean cross-entropy in nats, without label smoothing."""
    confusion: NDArray[np.int64]
    """`[K, K]`: row = true label, column = predicted class, entry = number of images."""

    @property
    def images(self) -> int:
        """How many images there were."""
        return int(self.confusion.sum())

    @property
    def correct(self) -> int:
        """How many were classified correctly."""
        return int(np.trace(self.confusion))

    @property
    def accuracy(self) -> float:
        """Share of images classified correctly, 0 to 1."""
        return self.correct / self.images

    def weighted_accuracy(self, class_weights: Sequence[float]) -> float:
        """Give the accuracy where each image counts as much as its class; balanced weights give the mean recall.

        >>> Scores(1.0, np.array([[90, 0], [6, 4]])).weighted_accuracy((1.0, 9.0))
        0.7
        """
        weights = np.array(class_weights)
        return float(weights @ self.confusion.diagonal() / (weights @ self.confusion.sum(axis=1)))


def evaluation_batches(indices: Tensor, preprocessing: Preprocessing) -> tuple[Tensor, ...]:
    """Cut indices `[N]` into batches that need little memory for images of this size."""
    return tuple(indices.split(max(1, min(LARGEST_BATCH, VALUES_AT_ONCE // preprocessing.values))))


def score(session: Session) -> Scores:
    """Run the network under training over its validation images, N ≥ 1, in evaluation mode and in float32.

    Its mode is put back afterwards; the sums are in float64.
    """
    network, images, classes = session.network, session.val, session.classes
    preprocessing = session.preparation.preprocessing
    assert images is not None
    was_training = network.training
    network.eval()
    confusion = torch.zeros(classes * classes, dtype=torch.int64, device=images.device)
    loss = torch.zeros((), dtype=torch.float32 if images.device.type == "mps" else torch.float64, device=images.device)
    try:
        with torch.inference_mode():
            for indices in evaluation_batches(torch.arange(len(images)), preprocessing):
                pixels, labels = images.cut(indices)
                logits = as_logits(network(preprocessing(pixels)).float(), session.head)
                loss += F.cross_entropy(logits, labels, reduction="sum")
                confusion += torch.bincount(labels * classes + logits.argmax(1), minlength=classes * classes)
    finally:
        network.train(was_training)
    return Scores(loss.item() / len(images), confusion.reshape(classes, classes).cpu().numpy())
