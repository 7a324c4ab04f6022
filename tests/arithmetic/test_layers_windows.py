"""Convolution, transposed convolution and pooling: every setting, against PyTorch and by hand."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given
from layers_checks import DTYPES, SEEDS, check_module, tensor
from torch import nn

from pellucid.arithmetic import (
    NoArithmetic,
    describe,
    describe_call,
    record,
    rule_of,
    shape_rule,
    trace,
    trace_gradient,
)
from pellucid.ground.errors import UserError

CONVOLUTIONS = {1: nn.Conv1d, 2: nn.Conv2d}
TRANSPOSED = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d}


@st.composite
def windows(draw, axes):
    sizes = st.tuples(*[st.integers(1, 3)] * axes)
    return draw(sizes), draw(sizes), draw(st.tuples(*[st.integers(0, 2)] * axes)), draw(sizes)


@st.composite
def images(draw, axes, channels, smallest=1):
    return (draw(st.integers(1, 3)), channels, *draw(st.tuples(*[st.integers(smallest, 7)] * axes)))


@given(st.data(), st.sampled_from([1, 2]), SEEDS, DTYPES)
def test_convolution(data, axes, seed, dtype):
    kernel, stride, padding, dilation = data.draw(windows(axes))
    groups = data.draw(st.sampled_from([1, 2, 3]))
    mode = data.draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"]))
    if data.draw(st.integers(0, 3)) == 0:
        stride, padding = (1,) * axes, "same"
    shape = data.draw(images(axes, groups * data.draw(st.integers(1, 2)), smallest=2 if mode == "zeros" else 4))
    out = groups * data.draw(st.integers(1, 2))
    layer = CONVOLUTIONS[axes](
        shape[1], out, kernel, stride, padding, dilation, groups, bias=data.draw(st.booleans()), padding_mode=mode
    )
    x = tensor(shape, dtype, seed)
    try:
        expected = layer.to(dtype)(x)
    except RuntimeError:  # the window is larger than the padded input
        with pytest.raises(UserError, match="the window spans"):
            trace(layer, x, (0,) * len(shape))
        return
    assert shape_rule(layer, shape).count("\n") == axes
    assert rule_of(describe(layer)).shape(describe(layer), [shape]).shape == tuple(expected.shape)
    check_module(layer, x, seed)


@given(st.data(), st.sampled_from([1, 2]), SEEDS, DTYPES)
def test_transposed_convolution(data, axes, seed, dtype):
    kernel, stride, padding, dilation = data.draw(windows(axes))
    more = tuple(
        data.draw(st.integers(0, max(s, d) - 1)) if max(s, d) > 1 else 0 for s, d in zip(stride, dilation, strict=True)
    )
    groups = data.draw(st.sampled_from([1, 2]))
    shape = data.draw(images(axes, groups * data.draw(st.integers(1, 2))))
    out = groups * data.draw(st.integers(1, 2))
    layer = TRANSPOSED[axes](shape[1], out, kernel, stride, padding, more, groups, data.draw(st.booleans()), dilation)
    sizes = [
        (length - 1) * s - 2 * p + d * (k - 1) + m + 1
        for length, s, p, d, k, m in zip(shape[2:], stride, padding, dilation, kernel, more, strict=True)
    ]
    assume(all(size >= 1 for size in sizes))
    x = tensor(shape, dtype, seed)
    assert rule_of(describe(layer)).shape(describe(layer), [shape]).shape == tuple(layer.to(dtype)(x).shape)
    check_module(layer, x, seed)


@given(st.data(), st.sampled_from([1, 2]), st.sampled_from(["max", "avg"]), SEEDS, DTYPES)
def test_pooling(data, axes, how, seed, dtype):
    kernel, stride, _, dilation = data.draw(windows(axes))
    padding = tuple(data.draw(st.integers(0, size // 2)) for size in kernel)
    ceil_mode = data.draw(st.booleans())
    shape = data.draw(images(axes, 2, smallest=2))
    layer = (
        getattr(nn, f"MaxPool{axes}d")(kernel, stride, padding, dilation, ceil_mode=ceil_mode)
        if how == "max"
        else getattr(nn, f"AvgPool{axes}d")(kernel, stride, padding, ceil_mode, data.draw(st.booleans()))
    )
    # Few different numbers, so that windows have ties.
    x = tensor(shape, dtype, seed).mul(2).round() if data.draw(st.booleans()) else tensor(shape, dtype, seed)
    try:
        expected = layer(x)
    except RuntimeError:
        with pytest.raises(UserError, match="the window spans"):
            trace(layer, x, (0,) * len(shape))
        return
    assert rule_of(describe(layer)).shape(describe(layer), [shape]).shape == tuple(expected.shape)
    assume(not torch.isinf(expected).any())  # windows of nothing but padding, see below
    check_module(layer, x, seed)


@given(st.data(), st.sampled_from([1, 2]), st.sampled_from(["Max", "Avg"]), SEEDS, DTYPES)
def test_adaptive_pooling(data, axes, how, seed, dtype):
    shape = data.draw(images(axes, 2))
    size = data.draw(st.tuples(*[st.integers(1, 7)] * axes))
    check_module(getattr(nn, f"Adaptive{how}Pool{axes}d")(size), tensor(shape, dtype, seed), seed)


def test_convolution_by_hand():
    layer = nn.Conv1d(1, 1, 3, padding=1)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[[1.0, 0.0, -1.0]]]))
        layer.bias.fill_(0.5)
    x = torch.tensor([[[3.0, 2.0, 1.0, 0.0]]])
    traced = trace(layer, x, (0, 0, 0))  # padding·1 + 3·0 + 2·(-1) + 0.5
    assert traced.value == -1.5
    assert traced.terms.values.tolist() == [0, 3, 2]
    assert traced.terms.weights.tolist() == [1, 0, -1]
    assert traced.terms.products.tolist() == [0, 0, -2]
    assert traced.bias == 0.5
    assert [traced.terms.source(term) for term in range(3)] == [None, (0, (0, 0, 0)), (0, (0, 0, 1))]
    upstream = torch.tensor([[[1.0, 10.0, 100.0, 1000.0]]])
    # The first tap reads padding, 3, 2, 1 at the four places.
    assert trace_gradient(layer, x, upstream, of="weight", index=(0, 0, 0)).value == 30 + 200 + 1000
    # 2 is read by place 0 with -1, by place 1 with 0, by place 2 with 1.
    assert trace_gradient(layer, x, upstream, index=(0, 0, 1)).value == -1 + 0 + 100
    assert trace_gradient(layer, x, upstream, of="bias", index=(0,)).value == 1111


def test_same_padding_puts_the_odd_one_behind():
    layer = nn.Conv1d(1, 1, 2, padding="same", bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[[1.0, 10.0]]]))
    x = torch.tensor([[[1.0, 2.0, 3.0]]])
    assert [trace(layer, x, (0, 0, place)).value for place in range(3)] == [21, 32, 3]
    assert shape_rule(layer, (1, 1, 3)).endswith("length: ⌊(3 + 0 + 1 − 1·(2−1) − 1)/1⌋ + 1 = 3")


def test_a_mean_counts_its_padding_but_nothing_beyond():
    layer = nn.AvgPool1d(3, stride=2, padding=1, ceil_mode=True)
    last = trace(layer, torch.tensor([[[1.0, 2.0, 3.0, 4.0]]]), (0, 0, 2))  # 4 and one zero of padding
    assert (last.value, last.details["divisor"], last.terms.operand.tolist()) == (2, 2, [0, -1])


def test_transposed_convolution_by_hand():
    layer = nn.ConvTranspose1d(1, 1, 3, stride=2, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[[1.0, 2.0, 4.0]]]))
    x = torch.tensor([[[3.0, 5.0]]])  # 3·(1, 2, 4, 0, 0) + 5·(0, 0, 1, 2, 4)
    values = [trace(layer, x, (0, 0, place)).value for place in range(5)]
    assert values == [3, 6, 17, 10, 20]


def test_pooling_by_hand():
    x = torch.arange(16.0).reshape(1, 1, 4, 4)
    highest = trace(nn.MaxPool2d(2), x, (0, 0, 1, 0))
    assert highest.value == 13
    assert highest.details["winner_index"] == [0, 0, 3, 1]
    assert highest.terms.values.tolist() == [8, 9, 12, 13]
    mean = trace(nn.AvgPool2d(2), x, (0, 0, 1, 0))
    assert (mean.value, mean.details["divisor"], mean.terms.products.tolist()) == (10.5, 4, [2, 2.25, 3, 3.25])
    corner = trace(nn.AvgPool2d(3, padding=1), x, (0, 0, 0, 0))
    assert corner.value == pytest.approx((0 + 1 + 4 + 5) / 9)
    assert (corner.terms.operand == -1).sum() == 5
    bare = trace(nn.AvgPool2d(3, padding=1, count_include_pad=False), x, (0, 0, 0, 0))
    assert (bare.value, len(bare.terms)) == (2.5, 4)


def test_a_window_of_nothing_but_padding_has_no_winner():
    layer, x = nn.MaxPool1d(2, padding=1, dilation=3), torch.tensor([[[1.0, 2.0]]])
    assert float(layer(x)) == -math.inf
    with pytest.raises(NoArithmetic, match="a window of nothing but padding"):
        trace(layer, x, (0, 0, 0))
    with pytest.raises(NoArithmetic, match="a window of nothing but padding"):
        trace_gradient(layer, x, torch.ones(1, 1, 1), index=(0, 0, 0))


def test_the_first_of_equals_wins_as_in_pytorch():
    x = torch.ones(1, 1, 2, 2)
    assert trace(nn.MaxPool2d(2), x, (0, 0, 0, 0)).details["winner_index"] == [0, 0, 0, 0]
    upstream = torch.full((1, 1, 1, 1), 7.0)
    assert [trace_gradient(nn.MaxPool2d(2), x, upstream, index=(0, 0, 0, k)).value for k in (0, 1)] == [7, 0]


def test_shape_rules_carry_their_numbers():
    lesson = "height: ⌊(32 + 2·1 − 1·(3−1) − 1)/1⌋ + 1 = 32"
    assert lesson in shape_rule(nn.Conv2d(3, 16, 3, padding=1), (1, 3, 32, 32))
    assert "height: ⌊(32 + 2·0 − 1·(2−1) − 1)/2⌋ + 1 = 16" in shape_rule(nn.MaxPool2d(2), (1, 3, 32, 32))
    assert "⌈(6 + 2·1 − 1·(3−1) − 1)/3⌉ + 1 = 3" in shape_rule(nn.MaxPool1d(3, 3, 1, ceil_mode=True), (1, 3, 6))
    assert "(4 − 1)·2 − 2·1 + 1·(3−1) + 1 + 1 = 8" in shape_rule(
        nn.ConvTranspose1d(3, 1, 3, stride=2, padding=1, output_padding=1), (1, 3, 4)
    )


def test_multiply_adds_by_hand():
    layer = describe(nn.Conv2d(3, 16, 3, padding=1))
    assert rule_of(layer).multiply_adds(layer, [(1, 3, 32, 32)]) == 16 * 32 * 32 * 3 * 3 * 3
    grouped = describe(nn.Conv2d(4, 8, 3, groups=2))
    assert rule_of(grouped).multiply_adds(grouped, [(1, 4, 5, 5)]) == 8 * 3 * 3 * 2 * 3 * 3
    up = describe(nn.ConvTranspose2d(4, 8, 2, stride=2))
    assert rule_of(up).multiply_adds(up, [(1, 4, 5, 5)]) == 4 * 5 * 5 * 8 * 2 * 2


def test_functional_calls_are_the_same_operations():
    from pellucid.arithmetic import describe_call

    x, weight = torch.randn(1, 4, 6, 6), torch.randn(2, 4, 3, 3)
    call = describe_call(F.conv2d, (x, weight), {"padding": "same"})
    assert trace(call.operation, call.inputs, (0, 1, 0, 0)).value == pytest.approx(
        float(F.conv2d(x, weight, padding=1)[0, 1, 0, 0]), abs=1e-5
    )
    call = describe_call(F.max_pool2d, (x, 2))
    assert call.operation.kind == "max_pool2d"
    call = describe_call(F.avg_pool2d, (x, 2), {"divisor_override": 3})
    assert trace(call.operation, call.inputs, (0, 0, 0, 0)).value == pytest.approx(
        float(x[0, 0, :2, :2].sum()) / 3, abs=1e-5
    )


INDICES = {
    "max_pool1d": (F.max_pool1d_with_indices, (2, 3, 9), (3, 2)),
    "max_pool2d": (F.max_pool2d_with_indices, (2, 2, 7, 6), (3, 2, 1, 1, True)),
    "max_pool2d, dilated": (F.max_pool2d_with_indices, (1, 2, 9, 8), (2, 1, 0, 3)),
    "max_pool3d": (F.max_pool3d_with_indices, (1, 2, 4, 5, 4), (2,)),
    "adaptive_max_pool1d": (F.adaptive_max_pool1d_with_indices, (2, 3, 9), (4,)),
    "adaptive_max_pool2d": (F.adaptive_max_pool2d_with_indices, (2, 2, 7, 6), ((3, None),)),
    "adaptive_max_pool3d": (F.adaptive_max_pool3d_with_indices, (1, 2, 4, 5, 4), (3,)),
}


@pytest.mark.parametrize("name", INDICES)
def test_pooling_that_returns_indices(name):
    """Both the maxima and where they were, of every output; the first of several that are equal."""
    function, shape, arguments = INDICES[name]
    x = torch.randint(0, 4, shape, generator=torch.Generator().manual_seed(0)).float()
    for part, expected in enumerate(function(x, *arguments)):
        call = describe_call(function, (x, *arguments), part=part)
        assert torch.equal(rule_of(call.operation).compute(call.operation, (x,)), expected)
        for index in np.ndindex(*expected.shape):
            assert trace(call.operation, x, index, output=expected).value == expected[index]


def test_a_layer_that_returns_indices():
    """It is recorded as the function it runs, with the arithmetic of the maxima and of the indices."""

    class Located(nn.Module):
        def __init__(self):
            super().__init__()
            self.pool = nn.MaxPool2d(2, return_indices=True)
            self.fitted = nn.AdaptiveMaxPool2d(2, return_indices=True)

        def forward(self, x):
            x, where = self.pool(x)
            x, again = self.fitted(x + 0.01 * where.to(x.dtype))
            return x + 0.01 * again.to(x.dtype)

    x = torch.randn(1, 2, 6, 6)
    recording = record(Located(), x)
    assert all(step.operation is not None for step in recording.steps if not step.is_source)
    for step in recording.steps:
        if step.operation is not None:
            trace(step.operation, step.inputs, tuple(size - 1 for size in step.value.shape), output=step.value)
