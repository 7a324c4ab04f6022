"""A run's training, repeated step by step from the nearest record, and compared with what the run wrote down.

Everything random in a step follows from the run's seed and the step's number, so any step can be had again.
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
from pellucid.recipes import Recipe, learning_rate
from pellucid.run import Run
from pellucid.training.checkpoint import load_checkpoint
from pellucid.training.optimizer import make_optimizer
from pellucid.training.position import Position
from pellucid.training.preparation import prepare

__all__ = ["Batch", "Comparison", "Repetition", "Result", "repeating"]


@dataclass(frozen=True, eq=False)
class Batch:
    """The images of one step: their numbers among those that train, names, bytes `[B, H, W, C]`, labels `[B]`."""

    indices: Tensor
    sources: tuple[str, ...]
    pixels: Tensor
    labels: Tensor
    varied: bool
    """Whether they were mirrored or shifted at random."""


@dataclass(frozen=True, eq=False)
class Result:
    """What PyTorch computed before it moved the weights: scores `[B, K]`, the gradient there, and the mean loss.

    The weights' own gradients are in the network.
    """

    images: int
    scores: Tensor
    score_gradient: Tensor
    loss: float


@dataclass(frozen=True)
class Comparison:
    """Something that the run wrote down, beside the same repeated here."""

    step: int
    what: str
    equal: bool
    difference: float

    def __str__(self) -> str:
        verdict = "the same to the last bit" if self.equal else f"different by up to {self.difference:.1e}"
        return f"{self.what} (step {self.step:,}): {verdict}"


class Repetition:
    """A training under repetition; use it inside `repeating`, which sets threads and random numbers.

    Attributes:
        start: how many steps were done where it began: 0 for the seed, or those of a checkpoint.
        comparisons: what the run's records said on the way.
        notes: why the numbers may not be the run's own to the last bit.
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
        self.comparisons: list[Comparison] = []
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
        names = tuple(self._split.sources[int(each)] for each in chosen)
        return Batch(indices, names, pixels, labels, places is not None)

    def step(self) -> None:
        """Take the step to come, as the training loop does, and compare with what the run wrote down after it."""
        self.finish(self.begin())

    def begin(self) -> Result:
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
        return Result(len(batch.labels), scores.detach(), scores.grad.detach(), total / len(batch.labels))

    def finish(self, result: Result) -> None:
        """Let the optimizer move the weights: the second half."""
        self.optimizer.step()
        self.at.advance(result.loss, 0, result.images, 0.0)
        self._compare()
        if self.at.batch == self.steps_an_epoch:
            self.at.begin_next_epoch()

    def next_record(self) -> int | None:
        """Find the next step after this one at which the run wrote something down; None where there is none."""
        found = {int(line["step"]) for line in self.run.metrics("batch")}
        found |= {epoch * self.steps_an_epoch for epoch in self.run.epochs()}
        return min((step for step in found if step > self.at.step), default=None)

    def _compare(self) -> None:
        at = self.at
        if at.batch % self.recipe.log_every == 0:
            mean, at.recent_loss_sum = at.recent_loss_sum / self.recipe.log_every, 0.0
            for line in self.run.metrics("batch"):
                if line["step"] == at.step:
                    what = (
                        f"mean loss of batches {at.batch - self.recipe.log_every + 1} to {at.batch} of epoch {at.epoch}"
                    )
                    difference = abs(line["loss"] - mean)
                    self.comparisons.append(Comparison(at.step, what, line["loss"] == mean, difference))
        if at.batch == self.steps_an_epoch and at.epoch in self.run.epochs():
            kept, here = self.run.weights(at.epoch), self.network.state_dict()
            equal = all(torch.equal(here[name], value) for name, value in kept.items())
            difference = max(float((here[name].double() - value.double()).abs().max()) for name, value in kept.items())
            self.comparisons.append(Comparison(at.step, f"all weights after epoch {at.epoch}", equal, difference))


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
        notes.append(f"the run was trained on {device}; here it is repeated {precision}, which rounds otherwise")
    there, here = run.record.versions.get("torch"), torch.__version__
    if there != here:
        notes.append(f"the run was trained with torch {there}, this is torch {here}, which may round otherwise")
    processor = torch.backends.cpu.get_cpu_capability()
    if run.record.versions.get("processor", processor) != processor:
        notes.append(f"the run's processor had {run.record.versions['processor']}, this one has {processor}")
    return notes
