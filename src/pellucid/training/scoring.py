"""A network's answers on a whole split: mean loss and who was taken for whom."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.data.batches import DeviceImages
from pellucid.data.preprocessing import Preprocessing
from pellucid.ground.progress import progress

__all__ = ["Scores", "evaluation_batches", "score"]

LARGEST_BATCH = 500
VALUES_AT_ONCE = 2**22
"""A batch has at most so many pixel values, so that large images do not need much memory."""


@dataclass(frozen=True)
class Scores:
    """What a pass over a split found."""

    loss: float
    """Mean cross-entropy in nats, without label smoothing."""
    confusion: NDArray[np.int64]
    """`[K, K]`: row = true class, column = predicted class, entry = number of images."""

    @property
    def images(self) -> int:
        """How many images there were."""
        return int(self.confusion.sum())

    @property
    def correct(self) -> int:
        """How many were classified rightly."""
        return int(np.trace(self.confusion))

    @property
    def accuracy(self) -> float:
        """Share of images classified rightly, 0 to 1."""
        return self.correct / self.images


def evaluation_batches(indices: Tensor, preprocessing: Preprocessing) -> tuple[Tensor, ...]:
    """Cut indices `[N]` into batches that need little memory for images of this size."""
    return tuple(indices.split(max(1, min(LARGEST_BATCH, VALUES_AT_ONCE // preprocessing.values))))


def score(
    network: nn.Module,
    images: DeviceImages,
    preprocessing: Preprocessing,
    classes: int,
    *,
    show_progress: bool = False,
) -> Scores:
    """Run a network in evaluation mode over a split.

    Args:
        network: on the device of `images`; its mode is put back afterwards.
        images: the split, N ≥ 1 images.
        preprocessing: the run's own.
        classes: K, the number of the network's outputs.
        show_progress: a bar on standard error.

    Returns:
        mean loss and `[K, K]` confusion matrix; sums are in float64.
    """
    was_training = network.training
    network.eval()
    confusion = torch.zeros(classes * classes, dtype=torch.int64, device=images.device)
    loss = torch.zeros((), dtype=torch.float32 if images.device.type == "mps" else torch.float64, device=images.device)
    try:
        with torch.inference_mode(), progress("evaluating", len(images) if show_progress else 0) as advance:
            for indices in evaluation_batches(torch.arange(len(images)), preprocessing):
                pixels, labels = images.cut(indices)
                scores = network(preprocessing(pixels)).float()
                loss += F.cross_entropy(scores, labels, reduction="sum")
                confusion += torch.bincount(labels * classes + scores.argmax(1), minlength=classes * classes)
                if show_progress:
                    advance(len(indices))
    finally:
        network.train(was_training)
    return Scores(loss.item() / len(images), confusion.reshape(classes, classes).cpu().numpy())
