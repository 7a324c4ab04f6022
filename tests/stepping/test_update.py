"""The optimizers' arithmetic: worked by hand, and beside torch.optim over many steps."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given

from pellucid.stepping import recompute_update

SGD = {"lr": 0.1, "weight_decay": 0.0, "momentum": 0.9, "nesterov": True}
ADAM = {"lr": 0.001, "weight_decay": 0.0, "betas": (0.9, 0.999), "eps": 1e-8}


def test_sgd_with_nesterov_and_decay_by_hand():
    # d = 2 + 0.5·1 = 2.5; v = 0.9·1 + 2.5 = 3.4; n = 2.5 + 0.9·3.4 = 5.56; w' = 1 − 0.1·5.56
    update = recompute_update("sgd", SGD | {"weight_decay": 0.5}, {"momentum_buffer": 1.0}, 1.0, 2.0)
    assert [line.value for line in update.lines] == pytest.approx([2.5, 3.4, 5.56, 0.444])
    assert [line.name for line in update.lines] == ["d", "v", "n", "w'"]


def test_sgd_with_plain_momentum_by_hand():
    update = recompute_update("sgd", SGD | {"nesterov": False}, {"momentum_buffer": 1.0}, 1.0, 2.0)
    assert [line.value for line in update.lines] == pytest.approx([2.9, 0.71])


def test_adam_by_hand_at_the_first_and_the_second_step():
    # At the first step m̂ = g and v̂ = g², so that the step is the rate, whatever the gradient.
    first = recompute_update("adam", ADAM, {}, 0.5, -3.0)
    assert first.after == pytest.approx(0.501)
    m, v = 0.9 * -0.3 + 0.1 * 1.0, 0.999 * 0.009 + 0.001 * 1.0
    second = recompute_update("adam", ADAM, {"step": 1.0, "exp_avg": -0.3, "exp_avg_sq": 0.009}, 0.501, 1.0)
    expected = 0.501 - 0.001 * (m / 0.19) / (math.sqrt(v / 0.001999) + 1e-8)
    assert second.after == pytest.approx(expected, abs=1e-15)
    assert [line.name for line in second.lines] == ["m", "v", "m̂", "v̂", "step", "w'"]


def test_adam_adds_the_decay_to_the_gradient_and_adamw_shrinks_the_weight():
    settings = ADAM | {"weight_decay": 0.1}
    coupled = recompute_update("adam", settings, {}, 2.0, 0.0)
    assert coupled.lines[0].value == pytest.approx(0.2)
    assert coupled.after == pytest.approx(1.999)
    decoupled = recompute_update("adamw", settings, {}, 2.0, 0.0)
    assert decoupled.after == pytest.approx(2.0 * (1 - 0.0001))


NUMBERS = st.floats(-10, 10, allow_nan=False)
SMALL = st.one_of(NUMBERS, st.floats(-1e-6, 1e-6, allow_nan=False))


@given(
    optimizer=st.sampled_from(["sgd", "adam", "adamw"]),
    weight=NUMBERS,
    moved=st.lists(SMALL, min_size=1, max_size=8),
    decay=st.sampled_from([0.0, 0.02]),
    momentum=st.sampled_from([0.0, 0.9]),
    nesterov=st.booleans(),
    fused=st.booleans(),
    rate=st.sampled_from([1e-3, 0.1]),
)
def test_every_step_is_that_of_torch_optim(optimizer, weight, moved, decay, momentum, nesterov, fused, rate):
    parameter = torch.nn.Parameter(torch.full((2, 2), weight))
    if optimizer == "sgd":
        nesterov = nesterov and momentum > 0
        stepper = torch.optim.SGD([parameter], rate, momentum, weight_decay=decay, nesterov=nesterov, fused=fused)
    else:
        make = torch.optim.AdamW if optimizer == "adamw" else torch.optim.Adam
        stepper = make([parameter], rate, weight_decay=decay, fused=fused)
    for gradient in moved:
        before = float(parameter.detach()[0, 1])
        state = {
            name: float(value[0, 1] if value.ndim else value)
            for name, value in stepper.state[parameter].items()
            if isinstance(value, torch.Tensor)
        }
        parameter.grad = torch.full((2, 2), gradient)
        given_gradient = float(parameter.grad[0, 1])
        stepper.step()
        update = recompute_update(optimizer, stepper.param_groups[0], state, before, given_gradient)
        check = update.check(float(parameter.detach()[0, 1]), torch.float32)
        assert check.passed, (check, update)
        assert check.tolerance < 1e-4 * (1 + abs(before)) + 20 * rate
