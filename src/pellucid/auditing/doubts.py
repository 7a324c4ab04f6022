"""The labels that a network doubts: after several epochs, the probability it gave to each image's own label.

A label that stays improbable while the others are learned is wrong more often than others, or the image is hard
(Swayamdipta et al. 2020, "Dataset Cartography"). These are the images to look at first, not a verdict.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pellucid.auditing.composition import ImageAt, image_at
from pellucid.data import ImageSet, Split
from pellucid.data.batches import DeviceImages
from pellucid.ground.devices import full_float32, pick_device
from pellucid.ground.errors import UserError
from pellucid.ground.progress import progress
from pellucid.run import Run
from pellucid.training.scoring import evaluation_batches

__all__ = ["Doubt", "Doubts", "find_doubts"]

EPOCHS = 5
MOST = 100


@dataclass(frozen=True)
class Doubt:
    """An image whose label the network doubts."""

    image: ImageAt
    given: float
    """Mean probability of the given label over the epochs, 0 to 1."""
    instead: str
    """The class with the highest mean probability."""
    probability: float
    """That class's."""
    agreed: int
    """After how many of the epochs the given label was the top class."""


@dataclass(frozen=True)
class Doubts:
    """What a run's network doubts most."""

    run: str
    epochs: tuple[int, ...]
    """Whose weights were used: at most 5, evenly spread over those that are kept."""
    most: tuple[Doubt, ...]
    """Up to 100 images, the least probable labels first."""
    never: dict[str, int]
    """By split, of how many images the given label was the top class after none of the epochs."""


def find_doubts(run: Run, images: ImageSet, device: str = "auto") -> Doubts:
    """Compute, with the weights of several epochs, the probability of each image's own label.

    Args:
        run: the run; `images` must have its classes.
        images: opened at the size of the run's input.
        device: `auto`, `cpu`, `cuda`, `mps`.

    Raises:
        UserError: no weights are kept yet, or an output is not finite.
    """
    kept = run.epochs() or [run.resolve_epoch()]
    chosen = sorted({kept[round(at)] for at in np.linspace(0, len(kept) - 1, min(EPOCHS, len(kept)))})
    total = len(chosen) * sum(map(len, images.splits.values()))
    sums = {name: np.zeros((len(split), len(run.classes))) for name, split in images.splits.items()}
    agreed = {name: np.zeros(len(split), np.int64) for name, split in images.splits.items()}
    with progress("classifying the images", total) as advance:
        for epoch in chosen:
            network = run.network(epoch).to(pick_device(device))
            for name, split in images.splits.items():
                probabilities = _probabilities(run, network, split, device)
                if not np.isfinite(probabilities).all():
                    raise UserError(
                        f"the network of {run.directory} after epoch {epoch} gives outputs that are not finite; train "
                        "again with a lower --learning-rate"
                    )
                sums[name] += probabilities
                agreed[name] += probabilities.argmax(1) == split.labels
                advance(len(split))
    doubts = []
    for name, split in images.splits.items():
        means = sums[name] / len(chosen)
        given = means[np.arange(len(split)), split.labels]
        top = means.argmax(1)
        for index in np.argsort(given, kind="stable")[:MOST]:
            if top[index] != split.labels[index]:
                doubts.append(
                    Doubt(
                        image_at(images, name, int(index)),
                        float(given[index]),
                        run.classes[top[index]],
                        float(means[index].max()),
                        int(agreed[name][index]),
                    )
                )
    doubts.sort(key=lambda doubt: doubt.given)
    never = {name: int((counts == 0).sum()) for name, counts in agreed.items()}
    return Doubts(str(run.directory), tuple(chosen), tuple(doubts[:MOST]), never)


@full_float32()
def _probabilities(run: Run, network: torch.nn.Module, split: Split, device: str) -> NDArray[np.float32]:
    preprocessing = run.preprocessing
    on_device = DeviceImages(split, pick_device(device))
    with torch.inference_mode():
        parts = [
            network(preprocessing(on_device.cut(indices)[0])).float().softmax(1)
            for indices in evaluation_batches(torch.arange(len(split)), preprocessing)
        ]
    result: NDArray[np.float32] = torch.cat(parts).cpu().numpy()
    return result
