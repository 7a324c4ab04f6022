"""The gradient of one value at every operation of a recording: the chain rule, backwards, operation by operation."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from pellucid.arithmetic import RecordedStep, Recording, rule_of
from pellucid.arithmetic.rule import is_floating

__all__ = ["Gradients", "gradients"]


@dataclass(frozen=True, eq=False)
class Gradients:
    """The gradient at each step's value, by the step's number.

    A step that is missing has no influence, or is among `hidden`: it comes before an operation without arithmetic,
    through which no gradient is followed; `without_arithmetic` names such operations.
    """

    at: dict[int, Tensor]
    hidden: frozenset[int]
    without_arithmetic: tuple[str, ...]


def gradients(recording: Recording, start: int, upstream: Tensor) -> Gradients:
    """Follow a gradient back through a recording.

    Args:
        recording: of one pass; its values are enough, the network is not run again.
        start: the number of the step at which the gradient is known.
        upstream: the gradient there, in the shape of the step's value.
    """
    at: dict[int, Tensor] = {start: upstream}
    hidden: set[int] = set()
    blocking: list[str] = []
    for step in reversed(recording.steps[: start + 1]):
        here = at.get(step.number)
        if step.is_source or (here is None and step.number not in hidden):
            continue
        if step.operation is None or step.number in hidden:
            hidden.update(step.operands)
            blocking += [step.name] if step.operation is None else []
        if step.operation is None or here is None:
            continue
        for operand, gradient in zip(step.operands, _through(step, here), strict=True):
            if gradient is not None:
                at[operand] = at[operand] + gradient if operand in at else gradient
    return Gradients(at, frozenset(hidden), tuple(blocking))


def _through(step: RecordedStep, upstream: Tensor) -> list[Tensor | None]:
    """Return the gradient at each operand."""
    assert step.operation is not None
    rule = rule_of(step.operation)
    operation = rule.prepare(step.operation, step.inputs, step.value, None)
    leaves = [tensor.detach().requires_grad_() if is_floating(tensor) else tensor for tensor in step.inputs]
    wanted = [leaf for leaf in leaves if leaf.requires_grad]
    with torch.enable_grad():
        result = rule.compute(operation, leaves)
    if not result.requires_grad:
        return [None] * len(leaves)
    results = iter(torch.autograd.grad(result, wanted, upstream.to(result.dtype), allow_unused=True))
    return [next(results) if leaf.requires_grad else None for leaf in leaves]
