"""A run's training, repeated step by step from the nearest checkpoint, and checked against the run's own record.

Everything random in a step follows from the run's seed and the step's number, so any step can be repeated.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.data.batches import epoch_order
from pellucid.glass.glass import random_numbers_kept
from pellucid.ground.devices import seed_device
from pellucid.ground.errors import UserError
from pellucid.ground.seeds import derive_seed
from pellucid.ground.shown import Shown
from pellucid.recipes import Recipe, learning_rate
from pellucid.run import Run
from pellucid.training.checkpoint import load_checkpoint
from pellucid.training.optimizer import make_optimizer
from pellucid.training.position import Position
from pellucid.training.preparation import prepare

__all__ = ["BackwardPass", "Batch", "RecordCheck", "Repetition", "repeating"]


@dataclass(frozen=True, eq=False)
class Batch:
    """The images of one step.

    Attributes:
        indices: `[B]` int64, which of the training images.
        sources: their names.
        pixels: `[B, H, W, C]` uint8.
        labels: `[B]` int64.
        augmented: whether they were flipped or shifted at random.
    """

    indices: Tensor
    sources: tuple[str, ...]
    pixels: Tensor
    labels: Tensor
    augmented: bool


@dataclass(frozen=True, eq=False)
class BackwardPass:
    """What PyTorch computed before it moved the weights; the weights' own gradients are in the network.

    Attributes:
        images: how many there were, B.
        logits: `[B, K]` float32.
        logit_gradient: `[B, K]` float32, of the mean loss.
        loss: the mean over the images.
    """

    images: int
    logits: Tensor
    logit_gradient: Tensor
    loss: float


@dataclass(frozen=True)
class RecordCheck(Shown):
    """Something the run recorded, checked against the same repeated here.

    Attributes:
        step: after which step it was recorded.
        what: a loss or weights, in words.
        equal: whether the two are the same to the last bit.
        difference: the largest by size.
    """

    step: int
    what: str
    equal: bool
    difference: float


class Repetition:
    """A training that is repeated; use it inside `repeating`, which sets threads and random numbers.

    Attributes:
        start: how many steps had been done where it began: 0 from the seed, or those of a checkpoint.
        record_checks: the run's records on the way, checked.
        notes: why the numbers may differ from the run's in the last bits.
    """

    def __init__(self, run: Run, up_to: int) -> None:
        """Begin at the newest checkpoint that had done no more than `up_to` steps, or at the seed."""
        self.run, self.recipe = run, Recipe.from_dict(run.record.recipe)
        self.device = torch.device("cpu")
        prepared = prepare(run.open_images(), self.recipe, run.record.seed)
        self.preprocessing = prepared.preprocessing
        self._augmentation, self._split = prepared.augmentation, prepared.train
        self._subset = prepared.train_subset
        self._train = prepared.train_on(self.device)
        torch.manual_seed(run.record.seed)
        self.network = run.build_network()
        self.optimizer = make_optimizer(self.network, self.recipe, self.device)
        self.at = load_checkpoint(run, self.network, self.optimizer, self.device, up_to=up_to) or Position()
        self.start = self.at.step
        self.network.train()
        self.record_checks: list[RecordCheck] = []
        self.notes = _notes(run, self.recipe)

    @property
    def steps_an_epoch(self) -> int:
        """How many steps an epoch has."""
        return math.ceil(len(self._train) / self.recipe.batch_size)

    @property
    def steps(self) -> int:
        """Steps in all."""
        return self.steps_an_epoch * self.recipe.epochs

    @property
    def rate(self) -> float:
        """The learning rate of the step to come."""
        return learning_rate(self.recipe, self.at.step, self.steps)

    def batch(self) -> Batch:
        """Cut the batch of the step to come, and leave the generators as the network will find them."""
        order = epoch_order(len(self._train), derive_seed(self.run.record.seed, "order", self.at.epoch))
        indices = order.split(self.recipe.batch_size)[self.at.batch]
        seed_device(self.device, derive_seed(self.run.record.seed, "step", self.at.step))
        places = self._augmentation.draw(len(indices), *self._train.image_size) if self._augmentation else None
        pixels, labels = self._train.cut(indices, places)
        chosen = indices if self._subset is None else torch.from_numpy(self._subset)[indices]
        names = tuple(self._split.sources[int(image)] for image in chosen)
        return Batch(indices, names, pixels, labels, places is not None)

    def step(self) -> None:
        """Take the step to come, as the training loop does, and check what the run recorded after it."""
        self.finish(self.begin())

    def begin(self) -> BackwardPass:
        """Go forward and backward: the first half of a step, after which the weights are still the old ones."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate
        batch = self.batch()
        scores = self.network(self.preprocessing(batch.pixels))
        scores.retain_grad()
        loss = F.cross_entropy(scores, batch.labels, label_smoothing=self.recipe.label_smoothing, reduction="sum")
        total = float(loss.detach().float())
        self.optimizer.zero_grad()
        (loss * (1 / len(batch.labels))).backward()
        assert scores.grad is not None
        return BackwardPass(len(batch.labels), scores.detach(), scores.grad.detach(), total / len(batch.labels))

    def finish(self, result: BackwardPass) -> None:
        """Let the optimizer move the weights: the second half."""
        self.optimizer.step()
        self.at.advance(result.loss, 0, result.images, 0.0)
        self._check_record()
        if self.at.batch == self.steps_an_epoch:
            self.at.begin_next_epoch()

    def next_record(self) -> int | None:
        """Find the next step after this one at which the run recorded something; None where there is none."""
        recorded = {int(line["step"]) for line in self.run.metrics("batch")}
        recorded |= {epoch * self.steps_an_epoch for epoch in self.run.epochs()}
        return min((step for step in recorded if step > self.at.step), default=None)

    def _check_record(self) -> None:
        at = self.at
        if at.batch % self.recipe.log_every == 0:
            mean, at.recent_loss_sum = at.recent_loss_sum / self.recipe.log_every, 0.0
            for line in self.run.metrics("batch"):
                if line["step"] == at.step:
                    what = (
                        f"mean loss of batches {at.batch - self.recipe.log_every + 1} to {at.batch} of epoch {at.epoch}"
                    )
                    difference = abs(line["loss"] - mean)
                    self.record_checks.append(RecordCheck(at.step, what, line["loss"] == mean, difference))
        if at.batch == self.steps_an_epoch and at.epoch in self.run.epochs():
            kept, here = self.run.weights(at.epoch), self.network.state_dict()
            equal = all(torch.equal(here[name], value) for name, value in kept.items())
            difference = max(float((here[name].double() - value.double()).abs().max()) for name, value in kept.items())
            self.record_checks.append(RecordCheck(at.step, f"all weights after epoch {at.epoch}", equal, difference))


@contextmanager
def repeating(run: Run, up_to: int) -> Iterator[Repetition]:
    """Repeat a run's training with as many threads as it had; threads and random numbers are put back afterwards."""
    threads = torch.get_num_threads()
    with random_numbers_kept():
        try:
            torch.set_num_threads(run.record.threads)
            yield Repetition(run, up_to)
        finally:
            torch.set_num_threads(threads)


def _notes(run: Run, recipe: Recipe) -> list[str]:
    notes = []
    device = run.record.device
    if run.record.processes > 1:
        raise UserError(
            f"{run.directory} was trained by {run.record.processes} processes, whose steps one process cannot repeat "
            "exactly; expected a run of one process"
        )
    if device != "auto" and not device.startswith("cpu"):
        precision = "in float32 on the CPU" if recipe.precision != "float32" else "on the CPU"
        notes.append(f"the run was trained on {device}; here it is repeated {precision}, which rounds differently")
    there, here = run.record.versions.get("torch"), torch.__version__
    if there != here:
        notes.append(f"the run was trained with torch {there}, this is torch {here}, which may round differently")
    processor = torch.backends.cpu.get_cpu_capability()
    if run.record.versions.get("processor", processor) != processor:
        notes.append(f"the run's processor had {run.record.versions['processor']}, this one has {processor}")
    return notes
