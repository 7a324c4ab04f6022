"""The training loop, top to bottom: rate, batch, forward, loss, backward, step, log.

Everything random in a step comes from a seed derived from the step's number, so that a run resumed there does what
the run never interrupted does, to the last bit.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from pellucid.data.augmentation import Augmentation
from pellucid.data.batches import DeviceImages, epoch_order
from pellucid.data.preprocessing import Preprocessing
from pellucid.ground.devices import seed_device
from pellucid.ground.ranks import Ranks
from pellucid.ground.seeds import derive_seed
from pellucid.recipes import Recipe, learning_rate
from pellucid.training.interruption import Interrupted, StopRequest
from pellucid.training.position import Position
from pellucid.training.quick_step import quick_step
from pellucid.training.recorder import Recorder
from pellucid.training.scoring import score

__all__ = ["Training", "fit"]


@dataclass(kw_only=True)
class Training:
    """Everything the loop works with."""

    recipe: Recipe
    seed: int
    network: nn.Module
    optimizer: torch.optim.Optimizer
    train: DeviceImages
    val: DeviceImages | None
    augmentation: Augmentation | None
    preprocessing: Preprocessing
    classes: int
    device: torch.device
    mixed: bool
    """Whether forward passes run in bfloat16."""
    ranks: Ranks
    position: Position

    @property
    def steps(self) -> int:
        """Steps in all."""
        return math.ceil(len(self.train) / self.recipe.batch_size) * self.recipe.epochs


def fit(t: Training, recorder: Recorder) -> None:
    """Train from `t.position` to the last epoch of the recipe; the recorder keeps metrics, weights and checkpoints.

    Raises:
        UserError: a loss that is not finite, or a full disk; the run keeps its last good state.
        Interrupted: asked to stop, after the step under way and a checkpoint.
    """
    recipe, at, ranks = t.recipe, t.position, t.ranks
    network = nn.parallel.DistributedDataParallel(t.network) if ranks.world > 1 else t.network
    take_step = quick_step(t.optimizer)
    with StopRequest() as stop:
        while at.epoch <= recipe.epochs:
            network.train()
            order = epoch_order(len(t.train), derive_seed(t.seed, "order", at.epoch)).split(recipe.batch_size)
            started = time.monotonic() - at.seconds
            for indices in order[at.batch :]:
                rate = learning_rate(recipe, at.step, t.steps)
                for group in t.optimizer.param_groups:
                    group["lr"] = rate
                seed_device(t.device, derive_seed(t.seed, "step", at.step))
                places = t.augmentation.draw(len(indices), *t.train.image_size) if t.augmentation else None
                pixels, labels = t.train.cut(ranks.share(indices), places and ranks.share_both(places))

                with torch.autocast(t.device.type, torch.bfloat16, enabled=t.mixed):
                    scores = network(t.preprocessing(pixels))
                    loss = F.cross_entropy(scores, labels, label_smoothing=recipe.label_smoothing, reduction="sum")
                correct = (scores.argmax(1) == labels).sum()
                figures = torch.stack((loss.detach().float(), correct, correct.new_tensor(stop.signal or 0)))
                # The CPU waits for the GPU here, and nowhere else in a step: without a finite loss there is no step.
                loss_sum, right, stopping = ranks.sum(figures).tolist()
                if not math.isfinite(loss_sum):
                    raise recorder.not_finite(at, loss_sum)

                t.optimizer.zero_grad()
                (loss * (ranks.world / len(indices))).backward()  # the mean over ranks is taken by the wrapper
                take_step()

                at.advance(loss_sum / len(indices), int(right), len(indices), time.monotonic() - started)
                recorder.after_step(at, rate)
                if stopping:
                    recorder.checkpoint(at)
                    raise Interrupted(stop.signal, recorder.run.directory)
            at.seconds = time.monotonic() - started
            val = score(t.network, t.val, t.preprocessing, t.classes) if t.val and ranks.is_main else None
            recorder.after_epoch(at, val)
