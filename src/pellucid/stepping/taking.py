"""Take one training step of a run again: loss, gradient at the logits, the chain back to one weight, the optimizer."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.arithmetic import Check, TraceMismatch, record, trace
from pellucid.arithmetic.arrays import Floats
from pellucid.arithmetic.rules.cross_entropy import cross_entropy
from pellucid.glass.gradients import gradients
from pellucid.glass.units import unit_text
from pellucid.ground.errors import UserError
from pellucid.ground.progress import progress
from pellucid.networks import as_logits
from pellucid.run import Run, open_run
from pellucid.run.resuming import resume_command
from pellucid.stepping.backpropagation import follow_back, strongest_position, weight_gradient
from pellucid.stepping.repetition import RecordCheck, Repetition, repeating
from pellucid.stepping.training_step import TrainingStep
from pellucid.stepping.update import recompute_update
from pellucid.stepping.weights import find_weight

__all__ = ["take_step"]


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
    """Repeat one training step of a run and recompute its arithmetic for one weight.

    The steps before are repeated from the nearest checkpoint or from the seed; on the machine that trained the run
    this gives the run's own numbers to the last bit. With `verify` the steps up to the run's next record (a line of
    its log, or an epoch's weights) are repeated too, and the record is checked.

    Args:
        run: a run or its directory.
        weight: like `conv1.weight[0,0,1,1]` or `fc2.bias[3]`.
        step: its number in the run, counted from 1; the first step by default.
        epoch, batch: the same as epoch and batch of that epoch, both counted from 1.
        verify: go on to the run's next record and check it.
        show_progress: a bar on standard error while steps are repeated.

    Raises:
        UserError: no such run, weight or step; or the gradient cannot be followed to the weight.
        TraceMismatch: a recomputed number is not PyTorch's.
    """
    run = run if isinstance(run, Run) else open_run(run)
    if step is not None and (epoch is not None or batch is not None):
        raise UserError("a step and an epoch or batch were given; expected one way of naming the step")
    with repeating(run, 0 if step is None and epoch is None else _steps_before(run, step, epoch, batch)) as repetition:
        number = _number(repetition, step, epoch, batch)
        name, index = find_weight(repetition.network, weight)
        _go_on(repetition, number - 1, f"repeating {run.directory.name}", show_progress)
        numbers = _take(repetition, name, index)
        remarks = list(repetition.notes)
        following = repetition.next_record() if not _recorded_at(repetition, number) else None
        if verify and following is not None:
            _go_on(repetition, following, "checking the run's record", show_progress)
        record_checks = tuple(repetition.record_checks)
        if not any(check.step >= number for check in record_checks):
            remarks.append(
                "the run recorded nothing at or after this step, so it is not known whether this is its own step"
                if following is None
                else f"not checked against the run's next record, at step {following:,}"
            )
        if any(not check.equal for check in record_checks):
            remarks.append(_explained(record_checks, repetition.causes))
    return TrainingStep(run=run, steps=repetition.steps, record_checks=record_checks, remarks=tuple(remarks), **numbers)


def _explained(record_checks: tuple[RecordCheck, ...], causes: tuple[str, ...]) -> str:
    """Say what explains that the repetition differs from the record, of what is known; nothing is guessed."""
    largest = max(check.difference for check in record_checks)
    said = f"the repetition differs from the run's record by up to {largest:.1e}"
    if causes:
        return f"{said}, for which there is a reason above"
    return (
        f"{said}, and nothing that was recorded explains it: device, precision, threads, processor and torch are the "
        "run's own; either the record or the run's code was changed, or this machine computes differently"
    )


def _go_on(repetition: Repetition, step: int, description: str, show_progress: bool) -> None:
    count = step - repetition.at.step
    with progress(description, count, "steps") if show_progress and count > 0 else nullcontext() as advance:
        for _ in range(count):
            repetition.step()
            if advance is not None:
                advance(1)


def _steps_before(run: Run, step: int | None, epoch: int | None, batch: int | None) -> int:
    """How many steps come before the one asked for, as far as the run's log says; a checkpoint may be there."""
    if step is not None:
        return max(step - 1, 0)
    done = {int(line["epoch"]): int(line["step"]) for line in run.metrics("epoch")}
    return done.get((epoch or 1) - 1, 0) + max((batch or 1) - 1, 0)


def _number(repetition: Repetition, step: int | None, epoch: int | None, batch: int | None) -> int:
    """Number the step that is asked for, counted from 1."""
    in_epoch, epochs = repetition.steps_an_epoch, repetition.recipe.epochs
    if step is None:
        if not 1 <= (epoch or 1) <= epochs:
            raise UserError(f"there is no epoch {epoch}: the run has {epochs}, counted from 1")
        if not 1 <= (batch or 1) <= in_epoch:
            raise UserError(f"there is no batch {batch}: an epoch of this run has {in_epoch:,}, counted from 1")
        step = ((epoch or 1) - 1) * in_epoch + (batch or 1)
    done = max((int(line["step"]) for line in repetition.run.metrics() if "step" in line), default=0)
    if not 1 <= step <= repetition.steps:
        raise UserError(f"there is no step {step}: the run has {repetition.steps:,}, counted from 1")
    if step > max(done, 1) and repetition.run.status != "finished":
        raise UserError(
            f"the run has not reached step {step:,} yet (its log ends at {done:,}); go on with: "
            f"{resume_command(repetition.run.directory)}"
        )
    return step


def _take(repetition: Repetition, name: str, index: tuple[int, ...]) -> dict[str, Any]:
    """Take one step both ways, recomputed and by the repetition."""
    network, recipe = repetition.network, repetition.recipe
    parameter = dict(network.named_parameters())[name]
    at = {"step": repetition.at.step + 1, "epoch": repetition.at.epoch, "batch": repetition.at.batch + 1}
    rate = repetition.rate
    before = float(parameter.detach()[index])
    state = _remembered(repetition.optimizer, parameter, index)
    group = _group_of(repetition.optimizer, parameter)

    images = repetition.batch()
    # A head of its own (a softmax, a sigmoid) is followed too: its logarithm is what the loss starts from.
    to_logits = partial(as_logits, head=repetition.session.head)
    recording = record(network, repetition.preprocessing(images.pixels), training=True, then=to_logits)
    logits = recording.steps[recording.output].value
    result = repetition.begin()
    if not torch.equal(logits, result.logits):
        off = float((logits - result.logits).abs().max())
        raise TraceMismatch(f"the recorded pass and the training's own differ by {off:.1e} in the logits")
    gradient = float(_gradient(parameter, name)[index])
    # Targets as shares, since the mean is then over images whatever the classes weigh, as the training takes it.
    weights = repetition.session.class_weights
    wanted = images.targets
    shares = wanted if wanted.is_floating_point() else F.one_hot(wanted, logits.shape[1]).to(logits.dtype)
    target = wanted if weights is None else shares
    loss = trace(cross_entropy(weights, label_smoothing=recipe.label_smoothing), (logits, target), ())
    probabilities, targets, logit_gradient = _at_the_logits(logits, shares, recipe.label_smoothing, weights)
    follow = gradients(recording, recording.output, result.logit_gradient)
    weight_sum = weight_gradient(recording, follow, parameter, index, gradient, name)
    strongest = strongest_position(weight_sum)
    chain = follow_back(recording, follow, *strongest) if strongest else []
    settings = dict(group) | {"lr": rate}
    # The next line changes the weights in memory; everything recomputed is plain numbers by now.
    repetition.finish(result)
    after = float(parameter.detach()[index])
    update = recompute_update(recipe.optimizer, settings, state, before, gradient)
    loss_check = Check(loss.value, result.loss, 2 * loss.check.tolerance)
    logit_check = _furthest(logit_gradient, result.logit_gradient, logits, float(targets.sum(axis=1).max()))
    update_check = update.check(after, parameter.dtype)
    numbers = {
        **at,
        "weight": unit_text(name, index),
        "rate": rate,
        "images": images,
        "loss": loss,
        "loss_check": loss_check,
        "probabilities": probabilities,
        "targets": targets,
        "logit_gradient": logit_gradient,
        "logit_check": logit_check,
        "chain": tuple(chain),
        "gradient": weight_sum,
        "update": update,
        "update_check": update_check,
        "started_at": repetition.start,
    }
    for what, check in (
        ("loss", loss_check),
        ("gradient at the logits", logit_check),
        (f"gradient of {unit_text(name, index)}", weight_sum.check),
        (f"{unit_text(name, index)} after the step", update_check),
        *((f"gradient at {link.unit}", link.check) for link in chain if link.check is not None),
    ):
        if not check.passed:
            raise TraceMismatch(f"{what}: {check}; rounding does not explain it")
    return numbers


def _group_of(optimizer: torch.optim.Optimizer, parameter: nn.Parameter) -> dict[str, Any]:
    return next(group for group in optimizer.param_groups if any(member is parameter for member in group["params"]))


def _gradient(parameter: nn.Parameter, name: str) -> Tensor:
    if parameter.grad is None:
        raise UserError(f"the loss does not depend on {name}, so it has no gradient; choose another weight")
    return parameter.grad


def _remembered(optimizer: torch.optim.Optimizer, parameter: nn.Parameter, index: tuple[int, ...]) -> dict[str, float]:
    """Read the optimizer's state of one weight."""
    state = optimizer.state.get(parameter, {})
    return {
        key: float(value[index] if value.shape == parameter.shape else value)
        for key, value in state.items()
        if isinstance(value, Tensor)
    }


def _at_the_logits(
    logits: Tensor, wanted: Tensor, smoothing: float, weights: Tensor | None
) -> tuple[Floats, Floats, Floats]:
    """Softmax, smoothed and weighted targets, the gradient of the mean loss: `[B, K]` each, in float64."""
    values = logits.double().numpy()
    exponentials = np.exp(values - values.max(axis=1, keepdims=True))
    shares = exponentials / exponentials.sum(axis=1, keepdims=True)
    targets = (1 - smoothing) * wanted.double().numpy() + smoothing / shares.shape[1]
    if weights is None:
        return shares, targets, (shares - targets) / len(shares)
    targets *= weights.double().numpy()
    return shares, targets, (shares * targets.sum(axis=1, keepdims=True) - targets) / len(shares)


def _furthest(recomputed: Floats, pytorch: Tensor, logits: Tensor, weight: float) -> Check:
    """Compare two arrays and check the element with the largest difference; `weight` is an image's largest."""
    other = pytorch.double().numpy()
    index = np.unravel_index(int(np.abs(recomputed - other).argmax()), recomputed.shape)
    # exp(x − M) is off by the rounding of x and M relative to itself; the rest are a few operations on numbers below 1.
    size = max(1.0, weight) * (8 + 4 * float(logits.abs().max()))
    return Check(float(recomputed[index]), float(other[index]), size * torch.finfo(pytorch.dtype).eps / len(recomputed))


def _recorded_at(repetition: Repetition, step: int) -> bool:
    return any(check.step == step for check in repetition.record_checks)
