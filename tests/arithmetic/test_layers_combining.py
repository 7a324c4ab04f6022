"""Linear, softmax, cross-entropy, additions, concatenations, means and rearrangements."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from layers_checks import DTYPES, SEEDS, check_function, check_module, check_traces, tensor
from torch import nn

from pellucid.arithmetic import describe_call, shape_rule, trace, trace_gradient


@given(st.integers(1, 9), st.integers(1, 5), st.booleans(), st.sampled_from([(1,), (4,), (2, 3)]), SEEDS, DTYPES)
def test_linear(inputs, outputs, bias, batch, seed, dtype):
    check_module(nn.Linear(inputs, outputs, bias=bias), tensor((*batch, inputs), dtype, seed), seed)


def test_linear_by_hand():
    layer = nn.Linear(2, 1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[2.0, -1.0]]))
        layer.bias.fill_(0.25)
    x = torch.tensor([[3.0, 5.0], [1.0, 1.0]])
    traced = trace(layer, x, (0, 0))
    assert (traced.value, traced.terms.products.tolist(), traced.bias) == (1.25, [6, -5], 0.25)
    assert traced.terms.weight_index.tolist() == [[0, 0], [0, 1]]
    upstream = torch.tensor([[1.0], [10.0]])
    assert trace_gradient(layer, x, upstream, of="weight", index=(0, 1)).value == 5 + 10
    assert trace_gradient(layer, x, upstream, of="bias", index=(0,)).value == 11
    assert trace_gradient(layer, x, upstream, index=(1, 0)).value == 20


@given(
    st.sampled_from([nn.Softmax, nn.LogSoftmax]), st.sampled_from([0, 1, -1]), st.sampled_from([1, 20]), SEEDS, DTYPES
)
def test_softmax(layer, axis, spread, seed, dtype):
    check_module(layer(axis), tensor((2, 4, 3), dtype, seed) * spread, seed)


def test_softmax_by_hand():
    x = torch.tensor([[0.0, math.log(3)]], dtype=torch.float64)
    traced = trace(nn.Softmax(1), x, (0, 1))
    assert traced.value == pytest.approx(0.75)
    assert traced.details["exponentials"].tolist() == pytest.approx([1 / 3, 1])
    assert traced.details["exponential_sum"] == pytest.approx(4 / 3)
    assert trace(nn.LogSoftmax(1), x, (0, 0)).value == pytest.approx(math.log(0.25))
    upstream = torch.tensor([[1.0, 0.0]], dtype=torch.float64)
    assert trace_gradient(nn.Softmax(1), x, upstream, index=(0, 0)).value == pytest.approx(0.25 * 0.75)


@given(
    st.integers(1, 4),
    st.integers(2, 5),
    st.sampled_from([(), (2,)]),
    st.booleans(),
    st.booleans(),
    st.sampled_from([0.0, 0.1, 1.0]),
    st.sampled_from(["mean", "sum", "none"]),
    SEEDS,
    DTYPES,
)
def test_cross_entropy(images, classes, places, weighted, likely, smoothing, reduction, seed, dtype):
    generator = torch.Generator().manual_seed(seed)
    logits = tensor((images, classes, *places), dtype, seed) * 3
    weight = torch.rand(classes, generator=generator, dtype=dtype) + 0.1 if weighted else None
    if likely:
        target = torch.softmax(tensor(logits.shape, dtype, seed + 1), dim=1)
    else:
        target = torch.randint(classes, (images, *places), generator=generator)
    layer = nn.CrossEntropyLoss(weight, reduction=reduction, label_smoothing=smoothing)
    call = describe_call(layer, (logits, target))
    loss = layer(logits.requires_grad_(), target)
    upstream = torch.randn(loss.shape, generator=generator, dtype=dtype)
    (gradient,) = torch.autograd.grad(loss, logits, upstream)
    loss = loss.detach()
    for image in range(images):
        index = (image, *[0] * len(places)) if reduction == "none" else ()
        assert trace(call.operation, call.inputs, index, output=loss).value == pytest.approx(
            float(loss[index]), rel=1e-4, abs=1e-5
        )
        at = (image, classes - 1, *[1] * len(places))
        traced = trace_gradient(call.operation, call.inputs, upstream, index=at, gradient=gradient)
        assert traced.value == pytest.approx(float(gradient[at]), rel=1e-3, abs=1e-5)


def test_cross_entropy_by_hand():
    logits = torch.tensor([[0.0, math.log(3)]], dtype=torch.float64)
    call = describe_call(F.cross_entropy, (logits, torch.tensor([1])))
    traced = trace(call.operation, call.inputs, ())
    assert traced.value == pytest.approx(-math.log(0.75))
    assert traced.details["probabilities"].tolist() == pytest.approx([0.25, 0.75])
    softmax_minus_target = trace_gradient(call.operation, call.inputs, index=(0, 1))
    assert softmax_minus_target.value == pytest.approx(0.75 - 1)
    smoothed = describe_call(F.cross_entropy, (logits, torch.tensor([1])), {"label_smoothing": 0.2})
    expected = -0.9 * math.log(0.75) - 0.1 * math.log(0.25)
    assert trace(smoothed.operation, smoothed.inputs, ()).value == pytest.approx(expected)


BROADCASTS = [((2, 3), (2, 3)), ((2, 3, 4), (3, 1)), ((2, 1), (1, 3)), ((4,), (2, 4)), ((2, 3), ())]


@given(st.sampled_from([torch.add, torch.sub, torch.mul]), st.sampled_from(BROADCASTS), SEEDS, DTYPES)
def test_two_operands(function, shapes, seed, dtype):
    inputs = [tensor(shape, dtype, seed + number) for number, shape in enumerate(shapes)]
    check_function(function, inputs, seed)


@given(SEEDS, DTYPES)
def test_constants(seed, dtype):
    x = tensor((2, 3), dtype, seed)
    for function, arguments in [
        (torch.add, (x, 1.5)),
        (torch.sub, (x, 0.1)),
        (torch.mul, (x, 0.125)),
        (torch.div, (x, 3)),
    ]:
        check_function(function, [x], seed, (arguments, {}))
    check_function("__rsub__", [x], seed, ((x, 1.0), {}))
    check_function(torch.neg, [x], seed)
    y = x + 1
    check_function(torch.add, [x, y], seed, ((x, y), {"alpha": 0.5}))


@given(st.lists(st.integers(1, 3), min_size=1, max_size=4), st.sampled_from([0, 1, -1]), SEEDS, DTYPES)
def test_concatenation(sizes, axis, seed, dtype):
    inputs = []
    for number, size in enumerate(sizes):
        shape = [2, 3, 2]
        shape[axis] = size
        inputs.append(tensor(shape, dtype, seed + number))
    call = describe_call(torch.cat, (inputs, axis))
    check_traces(call.operation, lambda *leaves: torch.cat(leaves, axis), inputs, {}, seed)


def test_addition_and_concatenation_by_hand():
    a, b = torch.tensor([[1.0, 2.0]]), torch.tensor([[10.0, 20.0]])
    total = describe_call("add", (a, b), {"alpha": 3})
    traced = trace(total.operation, total.inputs, (0, 1))
    assert (traced.value, traced.terms.products.tolist()) == (62, [2, 60])
    assert [traced.terms.source(k) for k in (0, 1)] == [(0, (0, 1)), (1, (0, 1))]
    joined = describe_call(torch.cat, ([a, b],), {"dim": 1})
    traced = trace(joined.operation, joined.inputs, (0, 2))
    assert (traced.value, traced.terms.source(0)) == (10, (1, (0, 0)))
    assert shape_rule(joined.operation, (1, 2), (1, 2)).endswith("axis 1: 2 + 2 = 4")


@given(st.sampled_from([None, 1, -1, (2, 3), (0, 2)]), st.booleans(), SEEDS, DTYPES)
def test_mean(axes, keepdim, seed, dtype):
    x = tensor((2, 3, 2, 4), dtype, seed)
    keywords = {"keepdim": keepdim} if axes is not None else {}
    call = describe_call(torch.mean, (x, axes) if axes is not None else (x,), keywords)
    run = (lambda y: y.mean(axes, keepdim=keepdim)) if axes is not None else torch.mean
    check_traces(call.operation, run, [x], {}, seed)


REARRANGEMENTS = [
    ("flatten", (1,), {}),
    ("view", (2, -1), {}),
    ("reshape", (-1,), {}),
    ("permute", (0, 2, 3, 1), {}),
    ("transpose", (1, 2), {}),
    ("unsqueeze", (1,), {}),
    ("squeeze", (), {}),
    ("contiguous", (), {}),
    ("repeat", (1, 2, 1, 2), {}),
    ("__getitem__", ((slice(None), slice(1, None), Ellipsis, 0),), {}),
    ("__getitem__", (1,), {}),
    (F.pad, ((1, 2, 0, 1),), {}),
    (F.pad, ((1, 2, 0, 1),), {"value": 4.0}),
    (F.pad, ((1, 2, 1, 1),), {"mode": "reflect"}),
    (F.interpolate, (), {"scale_factor": 2}),
    (torch.flatten, (), {}),
]


@given(st.sampled_from(REARRANGEMENTS), SEEDS, DTYPES)
def test_rearrangement(case, seed, dtype):
    function, more, keywords = case
    x = tensor((2, 3, 4, 5), dtype, seed)
    check_function(function, [x], seed, ((x, *more), keywords))


def test_flatten_by_hand():
    x = torch.arange(24.0).reshape(1, 2, 3, 4)
    traced = trace(nn.Flatten(), x, (0, 17))  # 17 = 1·12 + 1·4 + 1
    assert (traced.value, traced.terms.source(0)) == (17, (0, (0, 1, 1, 1)))
    assert "features: 2 · 3 · 4 = 24" in shape_rule(nn.Flatten(), (1, 2, 3, 4))
    padded = describe_call(F.pad, (x, (1, 1)), {"value": 9.0})
    outside = trace(padded.operation, padded.inputs, (0, 0, 0, 0))
    assert (outside.value, outside.terms.source(0)) == (9, None)
