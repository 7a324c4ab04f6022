"""One training step of a run by hand: loss, gradient at the scores, the chain back to one weight, the optimizer."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.arithmetic import Check, Trace, TraceMismatch, record, trace
from pellucid.arithmetic.arrays import Floats
from pellucid.arithmetic.rules.cross_entropy import cross_entropy
from pellucid.glass.gradients import gradients
from pellucid.glass.units import check_index, parse_unit, unit_text
from pellucid.ground.errors import UserError, did_you_mean
from pellucid.ground.progress import progress
from pellucid.ground.shown import Shown
from pellucid.run import Run, open_run
from pellucid.stepping.backpropagation import (
    ChainLink,
    WeightGradient,
    follow_back,
    strongest_place,
    weight_gradient,
)
from pellucid.stepping.repetition import Batch, Comparison, Repetition, repeating
from pellucid.stepping.update import Update, update_by_hand

__all__ = ["TrainingStep", "take_step"]


IN_JSON = 20
"""So many of the strongest terms of a gradient go into JSON."""


@dataclass(frozen=True, eq=False)
class TrainingStep(Shown):
    """One step of a run, by hand and by PyTorch.

    Shape letters: B images in the batch, K classes.

    Attributes:
        run: whose step.
        step: its number, counted from 1; `epoch` and `batch` say the same.
        weight: the weight's name, like `conv1.weight[0,0,1,1]`.
        rate: the learning rate of this step.
        images: the batch, with names and labels.
        loss: the mean cross-entropy, taken apart; `loss_check` sets it beside the training loop's own number.
        probabilities, targets, score_gradient: `[B, K]`; the last is (softmax − target) / B, by hand.
        score_check: the element of `score_gradient` that is furthest from autograd's.
        chain: from the place where the weight's gradient gets most, up to the score.
        gradient: the weight's gradient as its sum.
        update: the optimizer's arithmetic; `update_check` sets the new weight beside torch.optim's.
        comparisons: what the run wrote down before, at and after this step, beside the repetition.
        repeated: the steps that were repeated to come here, from the seed (0) or a checkpoint.
        remarks: what keeps the repetition from being the run's own step, or from being known to be it.
    """

    run: Run
    step: int
    steps: int
    epoch: int
    batch: int
    weight: str
    rate: float
    images: Batch
    loss: Trace
    loss_check: Check
    probabilities: Floats
    targets: Floats
    score_gradient: Floats
    score_check: Check
    chain: tuple[ChainLink, ...]
    gradient: WeightGradient
    update: Update
    update_check: Check
    comparisons: tuple[Comparison, ...]
    started_at: int
    remarks: tuple[str, ...]

    @property
    def before(self) -> float:
        """The weight before the step."""
        return self.update.before

    @property
    def after(self) -> float:
        """The weight after the step, as torch.optim computed it."""
        return self.update_check.pytorch

    @property
    def confirmed(self) -> bool:
        """Whether the run's records show that this is what it did: all that were compared agree, one of them after."""
        later = any(each.step >= self.step for each in self.comparisons)
        return later and all(each.equal for each in self.comparisons)

    @property
    def checks(self) -> dict[str, Check]:
        """Every number by hand beside PyTorch's."""
        return {
            "loss": self.loss_check,
            "gradient at the scores": self.score_check,
            "gradient of the weight": self.gradient.check,
            "weight after the step": self.update_check,
        }

    def to_dict(self) -> dict[str, Any]:
        """Everything as numbers, words and lists; of the gradient's terms the strongest twenty."""
        traces = [
            {
                "operation": step.name,
                "formula": each.formula.text,
                "terms": len(each.terms),
                "value": each.value,
                "strongest": [
                    {
                        "image": int(each.terms.index[row][0]) if each.terms.index.shape[1] else None,
                        "place": each.terms.index[row].tolist(),
                        "upstream": float(each.terms.values[row]),
                        "met": None if each.terms.weights is None else float(each.terms.weights[row]),
                        "product": 0.0 if each.terms.products is None else float(each.terms.products[row]),
                    }
                    for row in each.terms.strongest(IN_JSON)
                ],
            }
            for step, each in zip(self.gradient.steps, self.gradient.traces, strict=True)
        ]
        classes = self.run.classes
        return {
            "run": str(self.run.directory),
            "step": self.step,
            "steps": self.steps,
            "epoch": self.epoch,
            "batch": self.batch,
            "weight": self.weight,
            "learning_rate": self.rate,
            "images": [
                {"source": source, "class": classes[label], "loss_gradient": gradient, "probabilities": shares}
                for source, label, gradient, shares in zip(
                    self.images.sources,
                    self.images.labels.tolist(),
                    self.score_gradient.tolist(),
                    self.probabilities.tolist(),
                    strict=True,
                )
            ],
            "varied": self.images.varied,
            "loss": self.loss.value,
            "chain": [link.to_dict() for link in self.chain],
            "gradient": {
                "value": self.gradient.check.recomputed,
                "by_image": self.gradient.images.tolist(),
                "sums": traces,
            },
            "update": self.update.to_dict(),
            "before": self.before,
            "after": self.after,
            "checks": {name: check.to_dict() for name, check in self.checks.items()},
            "record": {
                "confirmed": self.confirmed,
                "repeated_from_step": self.started_at,
                "comparisons": [vars(each) for each in self.comparisons],
                "remarks": list(self.remarks),
            },
        }


def take_step(
    run: Run | str | Path,
    weight: str,
    *,
    step: int | None = None,
    epoch: int | None = None,
    batch: int | None = None,
    verify: bool = True,
    show_progress: bool = False,
) -> TrainingStep:
    """Repeat one training step of a run and do its arithmetic by hand for one weight.

    The steps before are repeated from the nearest checkpoint or from the seed; on the machine that trained the run
    that gives the run's own numbers to the last bit. With `verify` the steps up to the run's next record (a line of
    its log, or an epoch's weights) are repeated too, and the record compared.

    Args:
        run: a run or its directory.
        weight: like `conv1.weight[0,0,1,1]` or `fc2.bias[3]`.
        step: its number in the run, counted from 1; the first step by default.
        epoch, batch: the same as epoch and batch of that epoch, both counted from 1.
        verify: compare with the run's next record.
        show_progress: a bar on standard error while steps are repeated.

    Raises:
        UserError: no such run, weight or step; or the gradient cannot be followed to the weight.
        TraceMismatch: a number by hand is not PyTorch's.
    """
    run = run if isinstance(run, Run) else open_run(run)
    if step is not None and (epoch is not None or batch is not None):
        raise UserError("a step and an epoch or batch were given; expected one way of naming the step")
    with repeating(run, 0 if step is None and epoch is None else _steps_before(run, step, epoch, batch)) as repetition:
        number = _number(repetition, step, epoch, batch)
        name, index = _weight(repetition.network, weight)
        _go_on(repetition, number - 1, f"repeating {run.directory.name}", show_progress)
        taken = _take(repetition, name, index)
        remarks = list(repetition.notes)
        following = repetition.next_record() if not _recorded_at(repetition, number) else None
        if verify and following is not None:
            _go_on(repetition, following, "comparing with the run", show_progress)
        comparisons = tuple(repetition.comparisons)
        if not any(each.step >= number for each in comparisons):
            remarks.append(
                "the run wrote nothing down at or after this step, so its record cannot show that this is what it did"
                if following is None
                else f"not compared with the run's next record, at step {following:,}"
            )
        if any(not each.equal for each in comparisons):
            remarks.append(
                "the repetition is not the run's own to the last bit: another machine, another version of torch or "
                "another number of threads rounds otherwise"
            )
    return TrainingStep(run=run, steps=repetition.steps, comparisons=comparisons, remarks=tuple(remarks), **taken)


def _go_on(repetition: Repetition, step: int, description: str, show_progress: bool) -> None:
    count = step - repetition.at.step
    with progress(description, count, "steps") if show_progress and count > 0 else nullcontext() as advance:
        for _ in range(count):
            repetition.step()
            if advance is not None:
                advance(1)


def _steps_before(run: Run, step: int | None, epoch: int | None, batch: int | None) -> int:
    """How many steps are done before the one asked for, as far as the run's log can say; a checkpoint may be there."""
    if step is not None:
        return max(step - 1, 0)
    done = {int(line["epoch"]): int(line["step"]) for line in run.metrics("epoch")}
    return done.get((epoch or 1) - 1, 0) + max((batch or 1) - 1, 0)


def _number(repetition: Repetition, step: int | None, epoch: int | None, batch: int | None) -> int:
    """Number the step that is asked for, counted from 1."""
    each, epochs = repetition.steps_an_epoch, repetition.recipe.epochs
    if step is None:
        if not 1 <= (epoch or 1) <= epochs:
            raise UserError(f"there is no epoch {epoch}: the run has {epochs}, counted from 1")
        if not 1 <= (batch or 1) <= each:
            raise UserError(f"there is no batch {batch}: an epoch of this run has {each:,}, counted from 1")
        step = ((epoch or 1) - 1) * each + (batch or 1)
    done = max((int(line["step"]) for line in repetition.run.metrics() if "step" in line), default=0)
    if not 1 <= step <= repetition.steps:
        raise UserError(f"there is no step {step}: the run has {repetition.steps:,}, counted from 1")
    if step > max(done, 1) and repetition.run.status != "finished":
        raise UserError(
            f"the run has not come to step {step:,} yet (its log ends at {done:,}); go on with: "
            f"pellucid resume {repetition.run.directory}"
        )
    return step


def _weight(network: nn.Module, text: str) -> tuple[str, tuple[int, ...]]:
    name, index = parse_unit(text)
    parameters = dict(network.named_parameters())
    if name not in parameters:
        raise UserError(f"no weight is called {name!r}; {did_you_mean(name, parameters)}")
    if not parameters[name].requires_grad:
        raise UserError(f"{name} does not learn (requires_grad is off); choose another")
    return name, check_index(name, () if index is None else index, tuple(parameters[name].shape))


def _take(repetition: Repetition, name: str, index: tuple[int, ...]) -> dict[str, Any]:
    """Do one step both ways; the repetition has then taken it."""
    network, recipe = repetition.network, repetition.recipe
    parameter = dict(network.named_parameters())[name]
    at = {"step": repetition.at.step + 1, "epoch": repetition.at.epoch, "batch": repetition.at.batch + 1}
    rate = repetition.rate
    before = float(parameter.detach()[index])
    state = _remembered(repetition.optimizer, parameter, index)
    group = next(each for each in repetition.optimizer.param_groups if any(one is parameter for one in each["params"]))

    images = repetition.batch()
    recording = record(network, repetition.preprocessing(images.pixels), training=True)
    scores = recording.steps[recording.output].value
    result = repetition.begin()
    if not torch.equal(scores, result.scores):
        off = float((scores - result.scores).abs().max())
        raise TraceMismatch(f"the recorded pass and the training's own differ by {off:.1e} in the scores")
    gradient = float(_gradient(parameter, name)[index])
    loss = trace(cross_entropy(label_smoothing=recipe.label_smoothing), (scores, images.labels), ())
    shares, targets, by_hand = _at_the_scores(scores, images.labels, recipe.label_smoothing)
    follow = gradients(recording, recording.output, result.score_gradient)
    found = weight_gradient(recording, follow, parameter, index, gradient, name)
    strongest = strongest_place(found)
    chain = follow_back(recording, follow, *strongest) if strongest else []
    settings = dict(group) | {"lr": rate}
    # What lies in memory is moved by the next line; everything by hand is plain numbers by now.
    repetition.finish(result)
    after = float(parameter.detach()[index])
    update = update_by_hand(recipe.optimizer, settings, state, before, gradient)
    loss_check = Check(loss.value, result.loss, 2 * loss.check.tolerance)
    score_check = _furthest(by_hand, result.score_gradient, scores)
    update_check = update.check(after, parameter.dtype)
    taken = {
        **at,
        "weight": unit_text(name, index),
        "rate": rate,
        "images": images,
        "loss": loss,
        "loss_check": loss_check,
        "probabilities": shares,
        "targets": targets,
        "score_gradient": by_hand,
        "score_check": score_check,
        "chain": tuple(chain),
        "gradient": found,
        "update": update,
        "update_check": update_check,
        "started_at": repetition.start,
    }
    for what, check in (
        ("loss", loss_check),
        ("gradient at the scores", score_check),
        (f"gradient of {unit_text(name, index)}", found.check),
        (f"{unit_text(name, index)} after the step", update_check),
        *((f"gradient at {link.unit}", link.check) for link in chain if link.check is not None),
    ):
        if not check.passed:
            raise TraceMismatch(f"{what}: {check}; rounding does not explain it")
    return taken


def _gradient(parameter: nn.Parameter, name: str) -> Tensor:
    if parameter.grad is None:
        raise UserError(f"the loss does not depend on {name}, so it has no gradient; choose another weight")
    return parameter.grad


def _remembered(optimizer: torch.optim.Optimizer, parameter: nn.Parameter, index: tuple[int, ...]) -> dict[str, float]:
    """What the optimizer remembers of one weight."""
    state = optimizer.state.get(parameter, {})
    return {
        key: float(value[index] if value.shape == parameter.shape else value)
        for key, value in state.items()
        if isinstance(value, Tensor)
    }


def _at_the_scores(scores: Tensor, labels: Tensor, smoothing: float) -> tuple[Floats, Floats, Floats]:
    """Softmax, smoothed targets, and their difference divided by the number of images: `[B, K]` each, in float64."""
    values = scores.double().numpy()
    exponentials = np.exp(values - values.max(axis=1, keepdims=True))
    shares = exponentials / exponentials.sum(axis=1, keepdims=True)
    targets = np.full_like(shares, smoothing / shares.shape[1])
    targets[np.arange(len(targets)), labels.numpy()] += 1 - smoothing
    return shares, targets, (shares - targets) / len(shares)


def _furthest(by_hand: Floats, pytorch: Tensor, scores: Tensor) -> Check:
    """Compare two arrays and return the element that is furthest off, beside what rounding explains."""
    other = pytorch.double().numpy()
    place = np.unravel_index(int(np.abs(by_hand - other).argmax()), by_hand.shape)
    # exp(x − M) is off by the rounding of x and M relative to itself; the rest are a few operations on numbers below 1.
    size = 8 + 4 * float(scores.abs().max())
    return Check(float(by_hand[place]), float(other[place]), size * torch.finfo(pytorch.dtype).eps / len(by_hand))


def _recorded_at(repetition: Repetition, step: int) -> bool:
    return any(each.step == step for each in repetition.comparisons)
