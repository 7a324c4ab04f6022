"""Prove that what a recording calls a constant is one: on another image it must be the same.

Values that leave torch (`.item()`, `.numpy()`, `.tolist()`) can come back as tensors or as plain numbers of which
nothing tells where they came from. The network runs once more, on another image; what differs is no constant.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.arithmetic.memory import same
from pellucid.arithmetic.recorded_step import RecordedStep
from pellucid.arithmetic.recorder import PassRecorder

__all__ = ["OUTSIDE", "mark_what_changes", "needs_proof", "other_image", "random_states", "restore_random_states"]

RandomStates = tuple[Any, Any, Tensor, list[Tensor]]

OUTSIDE = "outside"
"""The label of a constant that is none: it came back from outside of torch."""

LEFT = "was made outside of torch's functions (.numpy(), .item(), .tolist()) and changes with the image"
UNPROVEN = "was made after values of the image had left torch, and on another image the forward went another way"


def random_states() -> RandomStates:
    """Remember the random generators of Python, NumPy and torch."""
    cuda = torch.cuda.get_rng_state_all() if torch.cuda.is_available() and torch.cuda.is_initialized() else []
    return random.getstate(), np.random.get_state(legacy=False), torch.get_rng_state(), cuda


def restore_random_states(states: RandomStates) -> None:
    """Set them back."""
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])
    if states[3]:
        torch.cuda.set_rng_state_all(states[3])


def other_image(x: Tensor) -> Tensor:
    """Make another image of the same kind, different in every value and near enough to go the same way mostly."""
    generator = torch.Generator().manual_seed(20)
    noise = torch.randn(x.shape, generator=generator, dtype=torch.float64).to(x.device, x.dtype)
    spread = float(x.detach().double().std()) if x.numel() > 1 else 0.0
    return x.detach() + noise * (0.3 * spread if spread > 0 else 1.0)


def needs_proof(steps: Sequence[RecordedStep], recorder: PassRecorder) -> bool:
    """Whether something may have left torch and come back."""
    return bool(recorder.left) or any(
        step.is_source and step.label == "constant" and not recorder.is_buffer(step.number) for step in steps
    )


def mark_what_changes(
    steps: Sequence[RecordedStep], others: Sequence[RecordedStep], recorder: PassRecorder
) -> tuple[RecordedStep, ...]:
    """Mark what differs between two runs on two images, compared by order as far as they went the same way."""
    compared = 0
    for step, other in zip(steps, others, strict=False):
        if (step.name, step.label, step.operands) != (other.name, other.label, other.operands):
            break
        compared += 1
    first_left = min(recorder.left.values(), default=len(steps))
    marked = list(steps)
    for number, step in enumerate(steps):
        reason = ""
        if step.is_source and step.label == "constant" and not recorder.is_buffer(number):
            if number < compared:
                reason = "" if same(step.value, others[number].value) else LEFT
            elif number >= first_left:
                reason = UNPROVEN
        elif step.operation is not None and first_left <= number < compared:
            reason = LEFT if _differs(step, others[number]) else ""
        if reason:
            operands = tuple(sorted({*step.operands, *(source for source in recorder.left if source < number)})) or (0,)
            inputs = tuple(marked[operand].value for operand in operands)
            what = "this constant" if step.is_source else "a number in this operation"
            label = OUTSIDE if step.is_source else step.label
            marked[number] = replace(
                step,
                label=label,
                operation=None,
                operands=operands,
                inputs=inputs,
                is_source=False,
                reason=f"no arithmetic for this operation: {what} {reason}",
            )
    return tuple(marked)


def _differs(step: RecordedStep, other: RecordedStep) -> bool:
    """Whether the numbers in an operation differ, or the shape of what it gives."""
    if other.operation is None or step.value.shape != other.value.shape:
        return True
    assert step.operation is not None
    for name, setting in step.operation.settings.items():
        if not callable(setting) and not _equal(setting, other.operation.settings.get(name)):
            return True
    for name, tensor in step.operation.tensors.items():
        beside = other.operation.tensors.get(name)
        # Running statistics follow the images, and play no part in training mode, where alone they change.
        if tensor is None or isinstance(tensor, nn.Parameter) or name.startswith("running") or tensor is beside:
            continue
        if step.decided_by or name in ("mask", "origin", "fill"):
            continue
        if beside is None or not same(tensor, beside):
            return True
    return False


def _equal(first: Any, second: Any) -> bool:
    if isinstance(first, Tensor) or isinstance(second, Tensor):
        return isinstance(first, Tensor) and isinstance(second, Tensor) and same(first, second)
    try:
        return bool(first == second) or (first != first and second != second)
    except (TypeError, ValueError, RuntimeError):
        return True
