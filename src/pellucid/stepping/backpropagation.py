"""From the logits back to one weight of a recorded pass: its gradient as a sum, and the chain of its strongest term."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import nn

from pellucid.arithmetic import Check, RecordedStep, Recording, Trace, trace_gradient
from pellucid.arithmetic.arrays import Floats
from pellucid.arithmetic.dependence import steps_from_image
from pellucid.arithmetic.rounding import unit_roundoff
from pellucid.glass.gradients import Gradients
from pellucid.glass.units import unit_text
from pellucid.ground.errors import UserError

__all__ = ["ChainLink", "WeightGradient", "follow_back", "strongest_position", "weight_gradient"]


@dataclass(frozen=True, eq=False)
class WeightGradient:
    """The gradient of one weight: a trace for each operation that uses it (one, unless layers share it).

    Attributes:
        steps: those operations; `inputs` names what each reads.
        traces: the sum in each: upstream gradients times the value that the weight multiplied there.
        check: all sums together, checked against autograd's value.
        images: how much each image of the batch contributes, `(B,)`.
    """

    steps: tuple[RecordedStep, ...]
    inputs: tuple[str, ...]
    traces: tuple[Trace, ...]
    check: Check
    images: Floats


@dataclass(frozen=True, eq=False)
class ChainLink:
    """One link of the chain: the gradient of the loss at a unit, and how it follows from the units that this one feeds.

    Attributes:
        image: its position in the batch.
        unit: like `conv2[3,4,5]`.
        value: the unit's.
        gradient: ∂L/∂unit.
        through: the operation that contributes most to the gradient; empty at the logit.
        traces: the sum, one for each operation that reads the unit; none at the logit, where the gradient is softmax
            minus target.
        check: all sums together, checked against autograd's value.
    """

    image: int
    unit: str
    value: float
    gradient: float
    through: str
    traces: tuple[Trace, ...]
    check: Check | None

    def to_dict(self) -> dict[str, Any]:
        """The same as words and numbers; of each sum the strongest term."""
        return {
            "image": self.image,
            "unit": self.unit,
            "value": self.value,
            "gradient": self.gradient,
            "through": self.through or None,
            "formula": self.traces[0].formula.text if self.traces else None,
            "terms": sum(len(trace.terms) for trace in self.traces),
            "check": None if self.check is None else self.check.to_dict(),
        }


def weight_gradient(
    recording: Recording, follow: Gradients, parameter: nn.Parameter, index: tuple[int, ...], autograd: float, name: str
) -> WeightGradient:
    """Recompute a weight's gradient as a sum over images and positions.

    Args:
        recording: of the batch, in training mode.
        follow: the gradients of the loss at its operations.
        parameter, index: the weight.
        autograd: PyTorch's gradient of it, from the network itself.
        name: of the parameter, for messages.

    Raises:
        UserError: no operation uses the weight directly, or one without arithmetic lies behind it.
    """
    from_image = steps_from_image(recording)
    steps, inputs, traces = [], [], []
    for step in recording.steps:
        if step.is_source or step.stops_gradient:
            continue
        if step.operation is None:
            if any(used is parameter for used in step.parameters):
                raise UserError(f"{name} belongs to {step.name}: {step.reason}; choose a weight of another layer")
            continue
        for of, operand in _roles(step, parameter, recording):
            if step.number in follow.hidden:
                raise UserError(
                    f"the gradient cannot be followed back to {name}: an operation without arithmetic lies between "
                    f"{step.name} and the logits; choose a weight of a later layer"
                )
            if step.number not in from_image:
                raise UserError(
                    f"{name} is changed by {step.name} before it meets the images, so its gradient is not a sum over "
                    "them; choose a weight that a layer uses as it is"
                )
            upstream = follow.at.get(step.number)
            if upstream is not None:
                steps.append(step)
                # As an operand of a product it multiplies the other operand.
                met = 1 - operand if of == "input" and len(step.operands) == 2 else 0
                inputs.append(recording.steps[step.operands[met]].name)
                traces.append(
                    trace_gradient(
                        step.operation, step.inputs, upstream, of=of, index=index, operand=operand, output=step.value
                    )
                )
    if not traces:
        raise UserError(
            f"no recorded operation uses {name} on the way to the logits; choose the weight of a layer that "
            "`pellucid layers` lists"
        )
    batch = int(recording.steps[0].value.shape[0])
    images = np.zeros(batch)
    size = 0.0
    for trace in traces:
        assert trace.terms.products is not None
        size += float(np.abs(trace.terms.products).sum())
        images += np.bincount(trace.terms.index[:, 0], weights=trace.terms.products, minlength=batch)
    # Each operation on the way may round the gradient it passes on by a few units, in another order than here.
    depth = len(recording.steps) - steps[0].number
    allowed = sum(trace.check.tolerance for trace in traces) + 4 * depth * unit_roundoff(parameter.dtype) * size
    total = sum(trace.value for trace in traces)
    return WeightGradient(tuple(steps), tuple(inputs), tuple(traces), Check(total, autograd, allowed), images)


def follow_back(recording: Recording, follow: Gradients, step: RecordedStep, index: tuple[int, ...]) -> list[ChainLink]:
    """Follow the gradient at one element of a step's output up to the logits, along each sum's strongest term."""
    links: list[ChainLink] = []
    while True:
        gradient = follow.at[step.number]
        here = float(gradient[index])
        sums: list[tuple[RecordedStep, Trace]] = []
        for consumer in recording.steps:
            upstream = follow.at.get(consumer.number)
            if consumer.operation is None or upstream is None:
                continue
            if consumer.stops_gradient or consumer.operation.kind == "detach":
                continue  # PyTorch takes no gradient through it
            for operand, number in enumerate(consumer.operands):
                if number == step.number:
                    trace = trace_gradient(
                        consumer.operation,
                        consumer.inputs,
                        upstream,
                        of="input",
                        index=index,
                        operand=operand,
                        output=consumer.value,
                    )
                    sums.append((consumer, trace))
        traces = tuple(trace for _, trace in sums)
        check = None
        if traces:
            check = Check(
                sum(trace.value for trace in traces), here, sum(trace.check.tolerance for trace in traces) * 2
            )
        strongest = max(sums, key=lambda pair: abs(pair[1].value), default=None)
        through = strongest[0].name if strongest else ""
        unit = unit_text(step.name, index[1:])
        links.append(ChainLink(index[0], unit, float(step.value[index]), here, through, traces, check))
        if strongest is None or not len(strongest[1].terms):
            return links
        step, terms = strongest[0], strongest[1].terms
        index = tuple(int(position) for position in terms.index[int(terms.strongest(1)[0])])


def _roles(step: RecordedStep, parameter: nn.Parameter, recording: Recording) -> list[tuple[str, int]]:
    """Say how an operation uses a parameter: as a tensor of its own, by name, or as an operand."""
    assert step.operation is not None
    roles = [(name, 0) for name, tensor in step.operation.tensors.items() if tensor is parameter]
    for operand, number in enumerate(step.operands):
        source = recording.steps[number]
        if source.is_source and any(used is parameter for used in source.parameters):
            roles.append(("input", operand))
    return roles


def strongest_position(gradient: WeightGradient) -> tuple[RecordedStep, tuple[int, ...]] | None:
    """Find the output whose gradient contributes most to the weight's: its operation and index, or None."""
    used = [(step, trace) for step, trace in zip(gradient.steps, gradient.traces, strict=True) if len(trace.terms)]
    if not used:
        return None
    step, best = max(used, key=lambda pair: abs(float(_strongest_product(pair[1]))))
    return step, tuple(int(position) for position in best.terms.index[int(best.terms.strongest(1)[0])])


def _strongest_product(trace: Trace) -> float:
    assert trace.terms.products is not None
    return float(trace.terms.products[int(trace.terms.strongest(1)[0])])
