"""Activations, normalisations, dropout: against PyTorch and by hand."""

from __future__ import annotations

import math

import hypothesis.strategies as st
import pytest
import torch
from hypothesis import given
from layers_checks import DTYPES, SEEDS, check_module, check_traces, tensor
from torch import nn

from pellucid.arithmetic import TraceMismatch, trace, trace_gradient
from pellucid.ground.errors import UserError

ACTIVATIONS = [
    nn.ReLU(),
    nn.LeakyReLU(0.2),
    nn.GELU(),
    nn.GELU(approximate="tanh"),
    nn.SiLU(),
    nn.Sigmoid(),
    nn.Tanh(),
    nn.ELU(0.7),
    nn.ReLU6(),
    nn.Hardtanh(-0.5, 0.5),
]


@given(st.sampled_from(ACTIVATIONS), st.sampled_from([0.01, 1.0, 5.0, 30.0]), SEEDS, DTYPES)
def test_activation(layer, spread, seed, dtype):
    check_module(layer, tensor((2, 3, 4), dtype, seed) * spread, seed)


@pytest.mark.parametrize(
    ("layer", "x", "value", "slope"),
    [
        (nn.ReLU(), -1.5, 0.0, 0.0),
        (nn.ReLU(), 0.0, 0.0, 0.0),
        (nn.LeakyReLU(0.25), -2.0, -0.5, 0.25),
        (nn.GELU(), 1.0, 0.8413447460685429, 1.0833154705876864),
        (nn.GELU(approximate="tanh"), 1.0, 0.8411919906082768, 1.0829640838457826),
        (nn.SiLU(), 0.0, 0.0, 0.5),
        (nn.Sigmoid(), math.log(3), 0.75, 0.1875),
        (nn.Tanh(), math.log(2), 0.6, 0.64),
    ],
)
def test_activation_by_hand(layer, x, value, slope):
    traced = trace(layer, torch.tensor([x], dtype=torch.float64), (0,))
    assert traced.value == pytest.approx(value, abs=1e-12)
    assert traced.details["slope"] == pytest.approx(slope, abs=1e-12)


@st.composite
def normalisations(draw):
    groups, size = draw(st.integers(1, 3)), draw(st.integers(1, 2))
    channels = groups * size
    affine = draw(st.booleans())
    shape = (draw(st.integers(1, 3)), channels, draw(st.integers(2, 4)), draw(st.integers(1, 4)))
    which = draw(st.sampled_from(["batch", "kept", "group", "layer", "layer, one axis", "batch1d"]))
    if which == "group":
        return nn.GroupNorm(groups, channels, affine=affine), shape
    if which == "layer":
        return nn.LayerNorm(shape[1:], elementwise_affine=affine), shape
    if which == "layer, one axis":
        return nn.LayerNorm(shape[-1:], elementwise_affine=affine), shape
    if which == "batch1d":
        return nn.BatchNorm1d(channels, affine=affine), shape[:3]
    layer = nn.BatchNorm2d(channels, affine=affine)
    nn.init.normal_(layer.running_mean)
    nn.init.uniform_(layer.running_var, 0.1, 2)
    return (layer.eval() if which == "kept" else layer), shape


@given(normalisations(), st.sampled_from([0.0, 10.0]), SEEDS, DTYPES)
def test_normalisation(case, offset, seed, dtype):
    layer, shape = case
    # Two nearly equal numbers far from zero lose most of their digits in float32; the trace's own bound knows it.
    allowed = 0.05 if dtype == torch.float32 else 1e-8
    check_module(layer, tensor(shape, dtype, seed) + offset, seed, allowed=allowed)


def test_batch_norm_by_hand():
    layer = nn.BatchNorm1d(1, eps=4.0).double()
    with torch.no_grad():
        layer.weight.fill_(3.0)
        layer.bias.fill_(1.0)
    x = torch.tensor([[1.0], [3.0], [5.0], [7.0]], dtype=torch.float64)  # mean 4, variance 5
    traced = trace(layer, x, (3, 0))
    assert (traced.details["mean"], traced.details["variance"], traced.details["count"]) == (4, 5, 4)
    assert (traced.details["scale"], traced.details["shift"]) == (3, 1)
    assert traced.value == pytest.approx(3 * 3 / 3 + 1)
    layer.eval()
    layer.running_mean.fill_(2.0)
    layer.running_var.fill_(5.0)
    kept = trace(layer, x, (3, 0))
    assert (kept.value, kept.terms.weights.tolist(), kept.bias) == (6, [1], -1)


def test_a_trace_leaves_running_statistics_alone():
    layer = nn.BatchNorm2d(3)
    trace(layer, torch.randn(2, 3, 4, 4), (0, 0, 0, 0))
    trace_gradient(layer, torch.randn(2, 3, 4, 4), torch.ones(2, 3, 4, 4), index=(0, 0, 0, 0))
    assert layer.running_mean.tolist() == [0, 0, 0]
    assert int(layer.num_batches_tracked) == 0


@given(st.sampled_from([0.0, 0.25, 0.5, 1.0]), st.booleans(), SEEDS, DTYPES)
def test_dropout(p, training, seed, dtype):
    layer = nn.Dropout(p).train(training)
    x = tensor((3, 4), dtype, seed)
    torch.manual_seed(seed)
    output = layer(x)
    mask = (output != 0).to(dtype)

    def again(y):
        torch.manual_seed(seed)
        return layer(y)

    check_traces(layer, again, [x], {}, seed)  # the mask is recovered from the output
    check_traces(layer, again, [x], {}, seed, mask=mask)


def test_dropout_by_hand():
    x, mask = torch.tensor([2.0, 3.0, 0.0]), torch.tensor([1.0, 0.0, 1.0])
    layer, output = nn.Dropout(0.2), torch.tensor([2.5, 0.0, 0.0])
    assert [trace(layer, x, (k,), output=output).value for k in range(3)] == [2.5, 0, 0]
    assert trace(layer, x, (1,), output=output).details["kept"] is False
    assert trace(layer, x, (2,), output=output).details["kept"] is None
    upstream = torch.ones(3)
    assert trace_gradient(layer, x, upstream, index=(2,), mask=mask).value == 1.25
    with pytest.raises(UserError, match=r"the input at \[2\] is 0, so the output does not tell"):
        trace_gradient(layer, x, upstream, index=(2,), output=output)
    recovered = trace_gradient(layer, x, upstream, index=(2,), output=output, gradient=torch.tensor([1.25, 0.0, 1.25]))
    assert recovered.value == 1.25
    with pytest.raises(UserError, match="expected the output of the pass"):
        trace(layer, x, (0,))


def test_a_dropout_that_scaled_wrongly_is_seen():
    with pytest.raises(TraceMismatch, match="rounding does not explain it"):
        trace(nn.Dropout(0.5), torch.tensor([1.0]), (0,), output=torch.tensor([1.5]))
