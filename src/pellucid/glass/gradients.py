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

    Attributes:
        at: whole gradients only.
        hidden: the steps whose gradient is not known, or only in part.
        without_arithmetic: the operations that hide it.
        partial: of some of the hidden steps, the part that goes through operations with arithmetic.
    """

    at: dict[int, Tensor]
    hidden: frozenset[int]
    without_arithmetic: tuple[str, ...]
    partial: dict[int, Tensor]

    def known_part(self, number: int) -> Tensor | None:
        """Return the whole gradient, or the part of it that is known; None where there is neither."""
        return self.at.get(number, self.partial.get(number))


def gradients(recording: Recording, start: int, upstream: Tensor, *, stopped: bool = True) -> Gradients:
    """Follow a gradient back through a recording.

    Args:
        recording: of one pass; its values are enough, the network is not run again.
        start: the number of the step at which the gradient is known.
        upstream: the gradient there, in the shape of the step's value.
        stopped: stop where PyTorch does (`detach`, `torch.no_grad`); if false, follow how values depend on each other.
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
        if step.operation is None or here is None or (stopped and step.stops_gradient):
            continue
        for operand, gradient in zip(step.operands, _through(step, here, stopped), strict=True):
            if gradient is not None:
                at[operand] = at[operand] + gradient if operand in at else gradient
    whole = {number: gradient for number, gradient in at.items() if number not in hidden}
    partial = {number: gradient for number, gradient in at.items() if number in hidden}
    return Gradients(whole, frozenset(hidden), tuple(blocking), partial)


def _through(step: RecordedStep, upstream: Tensor, stopped: bool) -> list[Tensor | None]:
    """Return the gradient at each operand."""
    assert step.operation is not None
    if step.operation.kind == "detach" and not stopped:
        return [upstream]
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
