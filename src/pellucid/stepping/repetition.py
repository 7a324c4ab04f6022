"""A run's training, repeated step by step from the nearest checkpoint, and checked against the run's own record.

Everything random in a step follows from the run's seed and the step's number, so any step can be repeated.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.glass.glass import random_numbers_kept
from pellucid.ground.devices import computes_in_bfloat16, usable_threads
from pellucid.ground.errors import UserError
from pellucid.ground.shown import Shown
from pellucid.run import Computation, Run
from pellucid.stepping.weights import check_has_steps
from pellucid.training.session import open_session
from pellucid.training.step import forward_backward, update

__all__ = ["BackwardPass", "Batch", "RecordCheck", "Repetition", "repeating"]


@dataclass(frozen=True, eq=False)
class Batch:
    """The images of one step.

    Attributes:
        indices: `[B]` int64, which of the training images.
        sources: their names.
        pixels: `[B, H, W, C]` uint8.
        labels: `[B]` int64; of a mixed image that of its larger part.
        targets: the labels, or of mixed images the shares of the classes, `[B, K]` float32.
        augmented: what was done to them at random, such as `flipped` and `shifted`.
    """

    indices: Tensor
    sources: tuple[str, ...]
    pixels: Tensor
    labels: Tensor
    targets: Tensor
    augmented: tuple[str, ...]


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
        notes: why the numbers may differ from the run's in the last bits, and what else is to be said.
        causes: those of them that explain a difference in the last bits.
    """

    def __init__(self, run: Run, up_to: int) -> None:
        """Begin at the newest checkpoint that had done no more than `up_to` steps, or at the seed."""
        check_has_steps(run)
        self.run = run
        computation = run.computation_of(up_to + 1)
        self._mixed = computation is not None and computation.precision == "bfloat16"
        self._left_the_run = False
        device = torch.device("cpu")
        self.session = open_session(run, run.open_images(), device, mixed=self._mixed, up_to=up_to)
        self.recipe, self.at = self.session.recipe, self.session.position
        self.network, self.optimizer = self.session.network, self.session.optimizer
        self.preprocessing = self.session.preparation.preprocessing
        self.start = self.at.step
        self.network.train()
        self.record_checks: list[RecordCheck] = []
        self.notes = _notes(run, computation)
        self.causes = tuple(self.notes)

    @property
    def steps_an_epoch(self) -> int:
        """How many steps an epoch has."""
        return self.session.steps_per_epoch

    @property
    def steps(self) -> int:
        """Steps in all."""
        return self.session.steps

    @property
    def rate(self) -> float:
        """The learning rate of the step to come."""
        return self.session.rate

    def batch(self) -> Batch:
        """Cut the batch of the step to come, and leave the generators as the network will find them."""
        indices = self._indices()
        cut = self.session.cut(indices)
        augmentation, pixels = self.session.preparation.augmentation, self.session.preparation.pixel_augmentation
        done = {"flipped": augmentation and augmentation.flip, "shifted": augmentation and augmentation.shift}
        augmented = (*(name for name, is_done in done.items() if is_done), *(pixels.words if pixels else ()))
        sources = self.session.train.sources(indices)
        if cut.partners is not None and cut.shares is not None:
            others = self.session.train.sources(cut.partners)
            sources = tuple(
                f"{share:.0%} {source} + {1 - share:.0%} {other}"
                for source, other, share in zip(sources, others, cut.shares.tolist(), strict=True)
            )
        return Batch(indices, sources, cut.pixels, cut.labels, cut.targets, augmented)

    def step(self) -> None:
        """Take the step to come as the training did, and compare with what the run wrote down after it."""
        self.finish(self._half())

    def begin(self) -> BackwardPass:
        """Go forward and backward in float32: the first half of a step, after which the weights are still the old ones.

        Where the run computed in bfloat16, this step and those after it are no longer the run's own.
        """
        if self._mixed and not self._left_the_run:
            self.session.mixed, self._left_the_run = False, True
            self.notes.append(
                "the run computed this step in bfloat16; the steps before it were repeated so, and here its arithmetic "
                "is shown in float32, from the same weights"
            )
        return self._half()

    def _half(self) -> BackwardPass:
        indices = self._indices()
        gradients = forward_backward(self.session, indices, keep_logit_gradient=True)
        assert gradients.logits.grad is not None
        return BackwardPass(
            len(indices),
            gradients.logits.detach(),
            gradients.logits.grad.detach(),
            float(gradients.loss_sum) / len(indices),
        )

    def _indices(self) -> Tensor:
        return self.session.batches()[self.at.batch]

    def finish(self, result: BackwardPass) -> None:
        """Let the optimizer move the weights: the second half."""
        update(self.session)
        self.at.advance(result.loss, 0, result.images, 0.0)
        self._check_record()
        if self.at.batch == self.steps_an_epoch:
            self.at.begin_next_epoch()

    def next_record(self) -> int | None:
        """Find the next step after this one at which the run wrote something down; None where there is none."""
        if self._left_the_run:
            return None
        recorded = {int(line["step"]) for line in self.run.metrics("batch")}
        recorded |= {epoch * self.steps_an_epoch for epoch in self.run.epochs()}
        return min((step for step in recorded if step > self.at.step), default=None)

    def _check_record(self) -> None:
        if self._left_the_run:
            return
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
            torch.set_num_threads(usable_threads(_threads(run, up_to)))
            yield Repetition(run, up_to)
        finally:
            torch.set_num_threads(threads)


def _threads(run: Run, up_to: int) -> int:
    """Give how many threads computed the step after `up_to`: fewer than the run began with where it was moved."""
    computation = run.computation_of(up_to + 1)
    return (computation.threads if computation is not None else 0) or run.record.threads


def _notes(run: Run, computation: Computation | None) -> list[str]:
    """List what is known to round differently here than in the run."""
    notes = []
    if run.record.processes > 1:
        raise UserError(
            f"{run.directory} was trained by {run.record.processes} processes, whose steps one process cannot repeat "
            "exactly; expected a run of one process"
        )
    if computation is not None and computation.device != "cpu":
        notes.append(
            f"the run was trained on {computation.name}; here it is repeated on the CPU, which rounds differently"
        )
    before, now = _threads(run, computation.step if computation is not None else 0), torch.get_num_threads()
    if before != now:
        notes.append(f"the run computed with {before} threads, and there are cores for {now}")
    if len({(entry.device, entry.precision, entry.threads) for entry in run.computations}) > 1:
        notes.append("the run was resumed on another device or with other threads, and is repeated on one")
    in_bfloat16 = computation is not None and computation.precision == "bfloat16"
    if in_bfloat16 and not computes_in_bfloat16(torch.device("cpu")):
        notes.append("the run computed in bfloat16, which this processor only imitates")
    there, here = run.record.versions.get("torch"), torch.__version__
    if there != here:
        notes.append(f"the run was trained with torch {there}, this is torch {here}, which may round differently")
    processor = torch.backends.cpu.get_cpu_capability()
    if run.record.versions.get("processor", processor) != processor:
        notes.append(f"the run's processor had {run.record.versions['processor']}, this one has {processor}")
    return notes
