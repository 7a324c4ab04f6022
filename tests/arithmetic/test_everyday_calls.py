"""Calls that forwards are made of, as a network records them: none is without arithmetic, and each is traced."""

from __future__ import annotations

import inspect

import pytest
import torch
import torch.nn.functional as F
from layers_checks import random_index
from torch import nn
from torch.nn.modules import activation

from pellucid.arithmetic import record, trace, trace_gradient
from pellucid.glass.gradients import gradients

SETTINGS = {"Threshold": (0.1, 20), "Softmax": (1,), "LogSoftmax": (1,), "Softmin": (1,)}
ACTIVATIONS = {
    name: layer(*SETTINGS.get(name, ())).eval()
    for name, layer in inspect.getmembers(activation, inspect.isclass)
    if name in activation.__all__ and name != "MultiheadAttention"
}

POINTWISE = {
    "x.exp()": lambda x, y: x.exp(),
    "log": lambda x, y: torch.log(x.abs() + 0.1),
    "log1p": lambda x, y: x.abs().log1p(),
    "expm1": lambda x, y: torch.expm1(x),
    "sqrt": lambda x, y: x.abs().add(0.1).sqrt(),
    "rsqrt": lambda x, y: torch.rsqrt(x.abs() + 0.1),
    "x ** 2": lambda x, y: x**2,
    "2 ** x": lambda x, y: 2**x,
    "|x| ** |y|": lambda x, y: (x.abs() + 0.1) ** y.abs(),
    "x **= 2": lambda x, y: ipow(x),
    "square": lambda x, y: torch.square(x),
    "reciprocal": lambda x, y: x.reciprocal(),
    "sin": lambda x, y: torch.sin(x) + torch.cos(y),
    "-x": lambda x, y: -x,
    "sign": lambda x, y: x.sign() * y,
    "x / y": lambda x, y: x / y,
    "x / 3": lambda x, y: x / 3,
    "3 / x": lambda x, y: 3 / x,
    "3 - x": lambda x, y: 3 - x,
    "x - y": lambda x, y: x - y,
    "x * y, broadcast": lambda x, y: x * y.mean((2, 3), keepdim=True),
    "x += y": lambda x, y: x.clone().add_(y),
    "x *= y": lambda x, y: imul(x, y),
    "where": lambda x, y: torch.where(x > 0, x, y),
    "where, number": lambda x, y: torch.where((x > 0) & (y > 0), x, 0.1),
    "maximum": lambda x, y: torch.maximum(x, y),
    "minimum": lambda x, y: torch.minimum(x, y),
    "max(x, y)": lambda x, y: torch.max(x, y),
    "masked_fill": lambda x, y: x.masked_fill(y > 0, -1.5),
    "lerp": lambda x, y: torch.lerp(x, y, 0.25),
    "erf": lambda x, y: torch.erf(x),
    "clamp": lambda x, y: x.clamp(-0.5, 0.5),
    "clamp_": lambda x, y: x.clone().clamp_(min=0),
    "clip": lambda x, y: torch.clip(x, max=0.3),
    "relu_": lambda x, y: torch.relu_(x.clone()),
    "F.relu, in place": lambda x, y: F.relu(x * 1, inplace=True),
    "atan2": lambda x, y: torch.atan2(x, y),
    "x % 2": lambda x, y: x % 2,
    "abs(x)": lambda x, y: abs(x),
    "floor": lambda x, y: x.floor() + y,
    "x * (y > 0)": lambda x, y: x * (y > 0),
    "mask.float()": lambda x, y: x * (y > 0).float(),
}
FUNCTIONAL = (
    *("relu", "relu6", "elu", "selu", "celu", "leaky_relu", "gelu", "silu", "mish", "hardswish", "hardsigmoid"),
    *("hardtanh", "hardshrink", "softshrink", "tanhshrink", "softsign", "softplus", "logsigmoid", "sigmoid", "tanh"),
    "rrelu",
)
POINTWISE |= {f"F.{name}": lambda x, y, name=name: getattr(F, name)(x) for name in FUNCTIONAL}
POINTWISE |= {
    "F.threshold": lambda x, y: F.threshold(x, 0.1, 0.2),
    "F.glu": lambda x, y: F.glu(x, 1),
    "F.prelu": lambda x, y: F.prelu(x, torch.tensor([0.2])),
}
REDUCTIONS = {
    "sum": lambda x, y: x.sum((2, 3)),
    "sum, all": lambda x, y: x * x.sum(),
    "mean": lambda x, y: x.mean(dim=[2, 3], keepdim=True),
    "amax": lambda x, y: x.amax((2, 3)),
    "amin": lambda x, y: torch.amin(x, dim=1),
    "max, values": lambda x, y: x.max(1, keepdim=True)[0],
    "max, named": lambda x, y: torch.max(x, dim=1).values,
    "min": lambda x, y: torch.min(x, -1)[0],
    "var": lambda x, y: x.var((2, 3), unbiased=False),
    "std": lambda x, y: x.std(dim=1),
    "norm": lambda x, y: x.norm(dim=1),
    "torch.norm": lambda x, y: torch.norm(x, p=2, dim=(2, 3)),
    "vector_norm": lambda x, y: torch.linalg.vector_norm(x, dim=1),
    "normalize": lambda x, y: F.normalize(x, dim=1),
    "logsumexp": lambda x, y: x.logsumexp(1),
    "prod": lambda x, y: x.prod(-1),
    "cumsum": lambda x, y: x.cumsum(1),
    "softmax": lambda x, y: F.softmax(x, dim=1),
    "log_softmax": lambda x, y: F.log_softmax(x, 1),
    "x.softmax": lambda x, y: x.softmax(-1),
    "softmin": lambda x, y: F.softmin(x, dim=1),
    "layer_norm": lambda x, y: F.layer_norm(x, x.shape[1:]),
    "group_norm": lambda x, y: F.group_norm(x, 2),
    "instance_norm": lambda x, y: F.instance_norm(x),
    "batch_norm": lambda x, y: F.batch_norm(x, None, None, training=True),
    "rms_norm": lambda x, y: F.rms_norm(x, x.shape[-1:]),
    "local_response_norm": lambda x, y: F.local_response_norm(x, 3),
    "var_mean": lambda x, y: torch.sub(*reversed(torch.var_mean(x, dim=1))),
}
CHANGES = {
    "double": lambda x, y: x.double(),
    "to": lambda x, y: x.to(torch.float64) * y.to(torch.float64),
    "to, device": lambda x, y: x.to("cpu", torch.float32) + y.to(x.device),
    "type_as": lambda x, y: x.double().type_as(y),
    "half": lambda x, y: x.half().float(),
    "bfloat16": lambda x, y: x.bfloat16().float(),
    "type": lambda x, y: x.type(torch.float64),
    "softmax, dtype": lambda x, y: F.softmax(x, dim=1, dtype=torch.float64),
    "long": lambda x, y: x + y.long(),
    "bool": lambda x, y: x * y.round().bool(),
    "alpha_dropout": lambda x, y: F.alpha_dropout(x),
    "zeros_like": lambda x, y: torch.maximum(x, torch.zeros_like(x)),
    "ones": lambda x, y: x + torch.ones(1, 4, 1, 1),
    "full": lambda x, y: x * torch.full((1, 4, 1, 1), 0.5),
    "new_zeros": lambda x, y: x - x.new_zeros(1),
    "arange": lambda x, y: x * torch.arange(6.0),
    "tensor": lambda x, y: x * torch.tensor(0.1),
    "linspace": lambda x, y: x * torch.linspace(0, 1, 6),
    "rand_like": lambda x, y: x + torch.rand_like(x),
    "bernoulli_": lambda x, y: x * x.new_empty(2, 1, 1, 1).bernoulli_(0.5) / 0.5,
}
CALLS = POINTWISE | REDUCTIONS | CHANGES


def ipow(x):
    x = x * 1
    x **= 2
    return x


def imul(x, y):
    x = x + 1
    x *= y
    return x


class Calling(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x, x * 0.5 - 0.25)


def check(network):
    """Trace every step, and the gradient of everything against autograd; return the steps without arithmetic."""
    x = torch.randn(2, 4, 3, 6, generator=torch.Generator().manual_seed(3))
    torch.manual_seed(1)
    recording = record(network, x)
    generator = torch.Generator().manual_seed(1)
    for step in recording.steps:
        if step.operation is not None:
            for _ in range(3):
                index = random_index(step.value.shape, generator)
                trace(step.operation, step.inputs, index, output=step.value)
    missing = [f"{step.name}: {step.reason}" for step in recording.steps if step.operation is None and step.reason]
    if missing:
        return missing
    leaf = x.clone().requires_grad_()
    torch.manual_seed(1)
    output = network(leaf)
    upstream = torch.randn(output.shape, generator=generator, dtype=output.dtype)
    (expected,) = torch.autograd.grad(output, leaf, upstream)
    followed = gradients(recording, recording.output, upstream).at[0]
    assert torch.allclose(followed, expected, rtol=1e-4, atol=1e-5)
    first = next(step for step in recording.steps if step.operands == (0,))
    at = gradients(recording, recording.output, upstream).at
    if first.number in at:
        index = random_index(x.shape, generator)
        trace_gradient(first.operation, first.inputs, at[first.number], index=index, output=first.value)
    return []


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_of_torch(name):
    assert check(nn.Sequential(ACTIVATIONS[name])) == []


@pytest.mark.parametrize("name", CALLS)
def test_call(name):
    assert check(Calling(CALLS[name])) == []


def test_how_many_calls_have_arithmetic(record_property):
    networks = [nn.Sequential(layer) for layer in ACTIVATIONS.values()] + [Calling(call) for call in CALLS.values()]
    without = [network for network in networks if check(network)]
    print(f"{len(networks) - len(without)} of {len(networks)} calls have arithmetic")
    record_property("calls with arithmetic", f"{len(networks) - len(without)} of {len(networks)}")
    assert not without


@pytest.mark.parametrize("p", [0.5, 1.0, 2.0, 3.0, float("inf")])
def test_distances(p):
    assert check(Calling(lambda x, y: torch.cdist(x, y.flip(-1), p))) == []


def test_distances_that_pytorch_takes_from_a_matrix_product_are_left_to_it():
    """They round otherwise; the step has no arithmetic, and its value is the network's own."""
    network = Calling(lambda x, y: torch.cdist(x.reshape(-1, 3), y.reshape(-1, 3)))
    x = torch.randn(2, 4, 3, 6)
    recording = record(network, x)
    assert torch.equal(recording.steps[recording.output].value, network(x))
    assert recording.steps[recording.output].operation is None


def test_hard_gumbel_softmax_says_that_it_has_no_arithmetic():
    assert any("gumbel_softmax" in reason for reason in check(Calling(lambda x, y: F.gumbel_softmax(x, hard=True))))
