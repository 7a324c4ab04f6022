"""Running a run's network over images: the one pass that gives the table of predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pellucid.data import Split
from pellucid.data.batches import DeviceImages
from pellucid.data.preprocessing import Preprocessing
from pellucid.ground.devices import full_float32, pick_device
from pellucid.ground.errors import UserError
from pellucid.ground.progress import progress
from pellucid.ground.ranks import Ranks
from pellucid.networks import as_logits, place
from pellucid.prediction.chosen_images import SplitPart
from pellucid.prediction.predictions import Predictions
from pellucid.run import Run
from pellucid.training.scoring import evaluation_batches

__all__ = ["Predictor", "open_predictor"]

ATTEMPTS = 3


@dataclass(frozen=True)
class Predictor:
    """A run's network with the weights of one epoch, ready on a device."""

    run: Run
    epoch: int
    network: nn.Module
    preprocessing: Preprocessing
    device: torch.device
    ranks: Ranks
    show_progress: bool

    def predict(self, parts: tuple[SplitPart, ...]) -> Predictions:
        """Predict every image of the parts, one part after the other, at temperature 1.

        Of several processes each computes its share; all get the whole table.

        Raises:
            UserError: an output of the network is not finite.
        """
        logits = [self.logits(part.split, part.subset) for part in parts]
        labels = np.concatenate([part.labels for part in parts])
        sources = [source for part in parts for source in part.sources]
        return Predictions.from_logits(self.run.classes, sources, labels, np.concatenate(logits))

    @full_float32()
    def logits(self, split: Split, subset: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """Give the network's logits, `[N, K]`, for the images of a split or a subset of it."""
        images = DeviceImages(split, self.device, subset)
        share = self.ranks.share(torch.arange(len(images)))
        parts = [torch.empty((0, len(self.run.classes)), device=self.device)]
        shown = len(share) if self.show_progress and self.ranks.is_main else 0
        with torch.inference_mode(), progress("evaluating", shown) as advance:
            for indices in evaluation_batches(share, self.preprocessing):
                parts.append(self._logits_of(images.cut(indices)[0]))
                if shown:
                    advance(len(indices))
            gathered = self.ranks.gather(torch.cat(parts), len(images))
        logits: NDArray[np.float32] = gathered.cpu().numpy()  # the one place where the CPU waits for a GPU
        self.require_finite(int((~np.isfinite(logits)).any(1).sum()), len(logits))
        return logits

    def require_finite(self, broken: int, images: int) -> None:
        """Refuse outputs that are not finite for `broken` of some images.

        Raises:
            UserError: there are any.
        """
        if broken:
            raise UserError(
                f"the network of {self.run.directory} after epoch {self.epoch} gives logits that are not finite for "
                f"{broken:,} of {images:,} images; evaluate another epoch, or train with a lower --learning-rate"
            )

    @full_float32()
    def logits_of(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Give the network's logits, `[B, K]`, for images `[B, H, W, C]` of its input size; they may not be finite."""
        with torch.inference_mode():
            logits: NDArray[np.float32] = self._logits_of(torch.from_numpy(pixels).to(self.device)).cpu().numpy()
        return logits

    def _logits_of(self, pixels: torch.Tensor) -> torch.Tensor:
        return as_logits(self.network(self.preprocessing(pixels)).float(), self.run.head)


def open_predictor(
    run: Run,
    epoch: int | str | None = None,
    device: str = "auto",
    *,
    ranks: Ranks | None = None,
    show_progress: bool = False,
) -> Predictor:
    """Load a run's network with the weights of an epoch: `last` (the last complete one), `best` or a number.

    None is the best where there are validation images, and the last elsewhere.

    Raises:
        UserError: there are no such weights, or the machine has no such device.
    """
    ranks = ranks or Ranks()
    torch_device = pick_device(device)
    if not run.epochs() and run.is_being_trained():
        raise UserError(f"{run.directory} is being trained, and its first epoch is not complete yet; wait for it")
    for attempt in range(ATTEMPTS):
        resolved = run.resolve_epoch(epoch)
        try:
            network = run.network(resolved)
            break
        except (FileNotFoundError, UserError):
            # A training at this moment removes old epochs; another look finds the newer one.
            if run.weights_path(resolved).exists() or attempt == ATTEMPTS - 1:
                raise
    return Predictor(run, resolved, place(network, torch_device), run.preprocessing, torch_device, ranks, show_progress)
