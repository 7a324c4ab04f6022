"""What a trace refuses, what it finds, and how it is written."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from pellucid.arithmetic import (
    NoArithmetic,
    Operation,
    TraceMismatch,
    describe,
    describe_call,
    trace,
    trace_gradient,
)
from pellucid.ground.errors import UserError


@pytest.fixture
def wide():
    torch.manual_seed(3)
    layer, x = nn.Conv2d(512, 8, 3, padding=1), torch.relu(torch.randn(1, 512, 6, 6))
    with torch.no_grad():
        return layer, x, layer(x)


def test_a_true_wide_sum_passes(wide):
    layer, x, output = wide
    for place in range(6):
        check = trace(layer, x, (0, place, place, 2), output=output).check
        assert check.passed
        assert abs(check.difference) < check.tolerance / 4


def test_faults_of_a_wide_sum_are_seen(wide):
    """Faults of 4,608 summed products, far smaller than the worst case of rounding would forgive."""
    layer, x, output = wide
    index = (0, 3, 2, 2)
    without_bias = F.conv2d(x, layer.weight, padding=1)
    with pytest.raises(TraceMismatch, match="rounding does not explain it"):
        trace(layer, x, index, output=without_bias)
    with pytest.raises(TraceMismatch, match=r"conv2d output\[0, 3, 2, 2\]"):
        trace(layer, x, index, output=output.roll(1, dims=3))
    one_weight = layer.weight.detach().clone()
    one_weight[3, 100, 1, 1] += 0.01
    touched = x.clone()
    touched[0, 100, 2, 2] = 1.0
    true = F.conv2d(touched, layer.weight, layer.bias, padding=1)
    wrong = describe(layer).with_tensors(weight=one_weight)
    with pytest.raises(TraceMismatch):
        trace(wrong, touched, index, output=true)


def test_the_bound_is_far_tighter_than_the_worst_case(wide):
    layer, x, output = wide
    traced = trace(layer, x, (0, 3, 2, 2), output=output)
    worst = len(traced.terms) * 2.0**-24 * float(np.abs(traced.terms.products).sum())
    assert traced.check.tolerance < worst / 10


@pytest.mark.parametrize(
    ("fault", "of"),
    [
        (lambda g: g.roll(1, dims=-1), "weight"),
        (lambda g: g * 1.001, "weight"),
        (lambda g: g * 1.001, "input"),
        (lambda g: g.roll(1), "bias"),
    ],
)
def test_faults_of_gradients_are_seen(fault, of):
    torch.manual_seed(1)
    layer, x = nn.Conv2d(3, 4, 3, padding=1), torch.randn(4, 3, 8, 8, requires_grad=True)
    upstream = torch.randn(4, 4, 8, 8)
    target = x if of == "input" else getattr(layer, of)
    (gradient,) = torch.autograd.grad(layer(x), target, upstream)
    index = (0,) * gradient.dim()
    trace_gradient(layer, x, upstream, of=of, index=index, gradient=gradient)
    with pytest.raises(TraceMismatch):
        trace_gradient(layer, x, upstream, of=of, index=index, gradient=fault(gradient))


@pytest.mark.parametrize(
    "layer",
    [nn.BatchNorm2d(3), nn.BatchNorm2d(3).eval(), nn.GroupNorm(1, 3), nn.Softmax(1), nn.GELU(), nn.AvgPool2d(2)],
)
def test_a_result_off_by_a_thousandth_is_seen(layer):
    x = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(5)) + 0.5
    with torch.no_grad():
        output = layer(x)
    index = tuple(int(position) for position in np.unravel_index(int(output.abs().argmax()), tuple(output.shape)))
    trace(layer, x, index, output=output)
    with pytest.raises(TraceMismatch):
        trace(layer, x, index, output=output * 1.001)


def test_numbers_that_no_sum_can_be_checked_with():
    x = torch.ones(1, 1, 4, 4)
    x[0, 0, 1, 2] = torch.nan
    with pytest.raises(UserError, match=r"the input is nan at \[0, 0, 1, 2\]; expected finite numbers"):
        trace(nn.MaxPool2d(2), x, (0, 0, 0, 1))
    trace(nn.MaxPool2d(2), x, (0, 0, 1, 1))  # its window holds none
    layer = nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight[0, 1] = torch.inf
    with pytest.raises(UserError, match=r"the weight is inf at \[0, 1\]"):
        trace(layer, torch.ones(1, 2), (0, 0))
    with pytest.raises(UserError, match=r"the upstream gradient is nan"):
        trace_gradient(nn.ReLU(), torch.ones(1), torch.tensor([torch.nan]), index=(0,))


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ((0, 4, 0, 0), r"has the shape 1×4×6×6; the index \[0, 4, 0, 0\] has 4 on axis 1, expected 0 to 3"),
        ((0, 0, -1, 0), r"has -1 on axis 2, expected 0 to 5; the nearest is 0"),
        ((3, 0, 0), r"has 3 numbers, expected 4; the first is for the image in the batch"),
    ],
)
def test_an_index_outside(index, message):
    with pytest.raises(UserError, match=message):
        trace(nn.Conv2d(3, 4, 1), torch.ones(1, 3, 6, 6), index)


@pytest.mark.parametrize(
    ("layer", "shape", "message"),
    [
        (nn.Conv2d(3, 4, 3), (3, 8, 8), r"conv2d was given an input of shape \[3, 8, 8\].*expected 4 axes.*x\[None\]"),
        (nn.Conv2d(3, 4, 3), (1, 5, 8, 8), r"conv2d was given 5 channels .*expected 3"),
        (nn.Conv2d(3, 4, 5), (1, 3, 4, 4), r"the window spans 5 along the height .*expected an input of at least 5"),
        (nn.Linear(4, 2), (1, 5), r"linear was given an input of shape \[1, 5\]; expected 4 numbers"),
        (nn.BatchNorm2d(4), (1, 3, 2, 2), r"batch_norm was given 3 channels .*expected 4"),
        (nn.LayerNorm(4), (1, 3), r"expected its last axes to be \[4\]"),
        (nn.Flatten(3), (1, 3), r"flatten cannot take an input of shape \[1, 3\]"),
    ],
)
def test_operands_that_do_not_fit(layer, shape, message):
    with pytest.raises(UserError, match=message):
        trace(layer, torch.ones(shape), (0,) * len(shape))


def test_other_mistakes():
    layer, x = nn.Linear(2, 3), torch.ones(1, 2)
    with pytest.raises(UserError, match=r"given torch\.int64; expected a tensor of floating-point numbers"):
        trace(layer, x.long(), (0, 0))
    with pytest.raises(UserError, match=r"the output given for linear has the shape 1×2; expected 1×3"):
        trace(layer, x, (0, 0), output=x)
    with pytest.raises(UserError, match="grad_output is missing"):
        trace_gradient(layer, x, index=(0, 0))
    with pytest.raises(UserError, match="linear has no gradient of 'gamma'; expected input or weight or bias"):
        trace_gradient(layer, x, torch.ones(1, 3), of="gamma", index=(0,))
    with pytest.raises(UserError, match="operand is 1; relu has 1 operands"):
        trace_gradient(nn.ReLU(), x, x, operand=1, index=(0, 0))
    call = describe_call(F.cross_entropy, (torch.zeros(1, 3), torch.tensor([-100])))
    with pytest.raises(UserError, match="the target of image 0 is class -100; expected 0 to 2"):
        trace(call.operation, call.inputs, ())
    call = describe_call("add", (torch.ones(2), torch.ones(3)))
    with pytest.raises(UserError, match=r"add was given shapes \[2\] and \[3\]"):
        trace(call.operation, call.inputs, (0,))


class Doubled(nn.Linear):
    def forward(self, input):
        return 2 * super().forward(input)


class Named(nn.Linear):
    """A subclass that computes what its parent does."""


@pytest.mark.parametrize(
    ("question", "message"),
    [
        (lambda: describe(nn.LSTM(2, 2)), "no arithmetic for this operation: LSTM"),
        (lambda: describe(Doubled(2, 2)), "Doubled replaces the forward of Linear"),
        (
            lambda: describe_call(torch.logcumsumexp, (torch.ones(2), 0)),
            "for this operation: logcumsumexp",
        ),
        (lambda: describe_call("no_such_method", (torch.ones(2),)), "no arithmetic for this operation: no_such_method"),
        (lambda: describe(nn.MaxPool2d(2, return_indices=True)), "returns indices too"),
        (lambda: trace(Operation("crease"), torch.ones(2), (0,)), "no arithmetic for this operation: crease"),
        (lambda: describe_call(torch.div, (torch.ones(2), 2), {"rounding_mode": "trunc"}), "a division that cuts"),
        (lambda: describe_call(torch.add, (torch.ones(2), 2j)), "a sum of other things"),
        (lambda: describe(nn.RReLU()), "RReLU in training"),
        (lambda: describe(nn.Upsample(scale_factor=2, mode="area")), "area"),
    ],
)
def test_operations_without_arithmetic_are_never_given_a_wrong_one(question, message):
    with pytest.raises(NoArithmetic, match=message):
        question()


def test_a_subclass_with_its_parents_forward_is_its_parent():
    assert describe(Named(2, 2)).kind == "linear"


def test_text_is_short_and_names_the_strongest(wide):
    layer, x, output = wide
    text = str(trace(layer, x, (0, 3, 2, 0), output=output))
    assert len(text.splitlines()) < 20
    assert "4,608 terms added, 1,536 of them padding, the strongest first" in text
    assert "… 4,600 more, together" in text
    assert "rounding explains up to" in text
    assert "weight[3, " in text


def test_html_holds_the_same(wide):
    layer, x, output = wide
    html = trace(layer, x, (0, 3, 2, 0), output=output)._repr_html_()
    assert "<table>" in html
    assert "4,600 more" in html
    assert "\\sum_c" in html


def test_json_has_the_attributes_names_and_no_infinities():
    traced = trace(nn.MaxPool2d(2, padding=1), torch.arange(16.0).reshape(1, 1, 4, 4), (0, 0, 0, 0))
    document = traced.to_dict()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["terms"]["values"] == [None, None, None, 0.0]
    assert document["terms"]["operand"] == [-1, -1, -1, 0]
    assert document["check"]["difference"] == 0
    for name in ("kind", "of", "index", "shape", "value", "combine", "bias"):
        expected = getattr(traced, name)
        assert document[name] == (list(expected) if isinstance(expected, tuple) else expected)


@pytest.mark.parametrize(
    "layer",
    [nn.Conv2d(2, 2, 2), nn.MaxPool2d(2), nn.BatchNorm2d(2), nn.Softmax(1), nn.GELU(), nn.Linear(4, 4), nn.Flatten()],
)
def test_every_trace_can_be_written(layer):
    x = torch.randn(2, 2, 4, 4)
    output = layer(x)
    index = (0,) * output.dim()
    for traced in (
        trace(layer, x, index, output=output),
        trace_gradient(layer, x, torch.ones_like(output), index=(0, 0, 0, 0)),
    ):
        assert traced.formula.text in str(traced)
        assert traced.title.split("[")[0] in traced._repr_html_()
        json.dumps(traced.to_dict(), allow_nan=False)


def test_half_precision_is_measured_by_its_own_rounding():
    layer, x = nn.Linear(64, 2).bfloat16(), torch.randn(1, 64).bfloat16()
    check = trace(layer, x, (0, 1)).check
    assert check.passed
    assert check.tolerance > 1e-3
