"""The share of everyday calls with arithmetic: each recorded in a small network, traced, and compared with autograd."""

from __future__ import annotations

import copy

import pytest
import torch
from everyday import CALLS, network
from layers_checks import random_index

from pellucid.arithmetic import record, trace, trace_gradient
from pellucid.glass.gradients import gradients


def without_arithmetic(call) -> list[str]:
    """Trace every step and a gradient element; list the steps that have no arithmetic."""
    model = network(call)
    x = torch.randn(2, 4, 6, 6, generator=torch.Generator().manual_seed(3))
    torch.manual_seed(1)
    recording = record(model, x)
    missing = [f"{step.name}: {step.reason}" for step in recording.steps if step.operation is None and step.reason]
    if missing:
        return missing
    generator = torch.Generator().manual_seed(1)
    for step in recording.steps:
        if step.operation is not None:
            index = random_index(step.value.shape, generator)
            trace(step.operation, step.inputs, index, output=step.value)
    # By PyTorch alone, on a copy: some layers change while they run.
    twin, leaf = copy.deepcopy(model), x.clone().requires_grad_()
    torch.manual_seed(1)
    output = twin(leaf)
    value = recording.steps[recording.output].value
    assert torch.allclose(value, output.detach(), rtol=1e-4, atol=1e-5)
    upstream = torch.randn(output.shape, generator=generator, dtype=output.dtype)
    (expected,) = torch.autograd.grad(output, leaf, upstream)
    at = gradients(recording, recording.output, upstream).at
    assert torch.allclose(at[0], expected, rtol=1e-4, atol=1e-5)
    for step in recording.steps:
        if step.operation is not None and 0 in step.operands and step.number in at:
            index = random_index(x.shape, generator)
            operand = step.operands.index(0)
            trace_gradient(
                step.operation, step.inputs, at[step.number], operand=operand, index=index, output=step.value
            )
    return []


WITHOUT = {
    "grid_sample",
    "F.alpha_dropout",
}
"""Calls without arithmetic, which say so; each is a step whose reason names it."""


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.filterwarnings("ignore:Default grid_sample")
def test_everyday_call(name):
    missing = without_arithmetic(CALLS[name])
    assert bool(missing) == (name in WITHOUT), missing
    assert all("no arithmetic for this operation" in reason for reason in missing)


def test_at_least_95_percent_of_everyday_calls_have_arithmetic():
    share = 1 - len(WITHOUT) / len(CALLS)
    print(f"{len(CALLS) - len(WITHOUT)} of {len(CALLS)} everyday calls have arithmetic; without: {', '.join(WITHOUT)}")
    assert len(CALLS) >= 235
    assert share >= 0.95
