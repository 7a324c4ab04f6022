"""The arithmetic that pages do in JavaScript, compared with the rooms' own in Python, term by term."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from web_modules import NO_NODE, NODE, in_node

from pellucid.arithmetic import record, trace
from pellucid.web import plan_of

pytestmark = pytest.mark.skipif(NODE is None, reason=NO_NODE)


def compute(network: nn.Module, x: Tensor, units: int = 12, seed: int = 0) -> list[tuple[Any, Any, Any]]:
    """Decompose random units of every node by both; give the steps, the answers of JavaScript, and the traces."""
    recording = record(network.eval(), x, training=False)
    plan = plan_of(recording)
    random = np.random.default_rng(seed)
    asked = []
    for step in recording.steps:
        if step.operation is None:
            continue
        for _ in range(units):
            index = [int(random.integers(size)) for size in step.value.shape]
            asked.append({"node": step.number, "index": index})
    encode = lambda content: base64.b64encode(bytes(content)).decode()  # noqa: E731
    question = {
        "plan": plan.document,
        "numbers": encode(plan.numbers),
        "values": [encode(step.value.detach().float().contiguous().numpy().tobytes()) for step in recording.steps],
        "units": asked,
    }
    answers = in_node(Path(__file__).with_name("decompose.mjs"), question)
    found = []
    for unit, theirs in zip(asked, answers, strict=True):
        step = recording.steps[unit["node"]]
        ours = trace(step.operation, step.inputs, tuple(unit["index"]), output=step.value)
        found.append((step, theirs, ours))
    return found


def compare(step: Any, theirs: Any, ours: Any) -> None:
    assert theirs is not None, f"{step.operation.kind} has no arithmetic in the page"
    assert theirs["agrees"]
    np.testing.assert_allclose(theirs["value"], ours.value, rtol=1e-12, atol=1e-300)
    assert theirs["slack"] * 2**-24 + 2**-126 <= ours.check.tolerance * (1 + 1e-9)  # as sharp, or sharper
    assert theirs["operand"] == ours.terms.operand.tolist()
    positions = []
    for row in range(len(ours.terms)):
        source = ours.terms.source(row)
        shape = None if source is None else tuple(step.inputs[source[0]].shape)
        positions.append(-1 if source is None else int(np.ravel_multi_index(source[1], shape)) if shape else 0)
    assert theirs["position"] == positions
    np.testing.assert_allclose(
        np.array(theirs["values"], dtype=float), np.where(np.isfinite(ours.terms.values), ours.terms.values, np.nan)
    )
    if theirs["combine"] == "sum":
        np.testing.assert_allclose(theirs["weights"], ours.terms.weights, rtol=1e-12)
        np.testing.assert_allclose(theirs["products"], ours.terms.products, rtol=1e-12)
        assert theirs["strongest"] == ours.terms.strongest(5).tolist()
        np.testing.assert_allclose(theirs["bias"] or 0.0, ours.bias or 0.0, rtol=1e-12)


class Function(nn.Module):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


class Branches(nn.Module):
    """Padding on one side alone, as TensorFlow's "same", addition, concatenation, gates, means, a softmax."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.norm = nn.BatchNorm2d(6, eps=1e-3)
        self.second = nn.Conv2d(6, 6, 3, padding=1, groups=6)
        self.scale = nn.Parameter(torch.tensor(0.7))
        self.classify = nn.Linear(12, 4)
        with torch.no_grad():
            self.norm.running_mean.uniform_(-1, 1)
            self.norm.running_var.uniform_(0.5, 2)
            self.norm.weight.uniform_(-1, 1)
            self.norm.bias.uniform_(-1, 1)

    def forward(self, x: Tensor) -> Tensor:
        a = F.relu6(self.norm(self.first(F.pad(x, (0, 1, 0, 1)))))
        b = a - 0.5 * self.second(a)
        c = torch.cat([a, b * torch.sigmoid(a.mean((2, 3), keepdim=True))], dim=1)
        return F.softmax(self.classify(c.mean((2, 3)) * self.scale), dim=1)


IMAGE = torch.from_numpy(np.random.default_rng(3).normal(0, 1, (1, 3, 9, 8)).astype(np.float32))

CONVOLUTIONS = {
    "plain": nn.Conv2d(3, 4, 3),
    "stride and padding": nn.Conv2d(3, 4, (3, 2), stride=(2, 3), padding=(1, 0)),
    "same padding of an even kernel": nn.Conv2d(3, 4, 4, padding="same"),
    "dilation": nn.Conv2d(3, 4, 3, dilation=2, padding=2, bias=False),
    "groups": nn.Conv2d(3, 6, 3, groups=3),
    "reflected": nn.Conv2d(3, 2, 3, padding=2, padding_mode="reflect"),
    "replicated": nn.Conv2d(3, 2, 3, padding=2, padding_mode="replicate"),
    "circular": nn.Conv2d(3, 2, 3, padding=2, padding_mode="circular"),
    "transposed": nn.ConvTranspose2d(3, 4, 3, stride=2, padding=1, output_padding=1),
    "transposed groups": nn.ConvTranspose2d(3, 6, 2, stride=3, groups=3, dilation=2),
}
POOLINGS = {
    "max": nn.MaxPool2d(2),
    "max with padding": nn.MaxPool2d(3, stride=2, padding=1),
    "max dilated": nn.MaxPool2d(2, stride=1, dilation=3),
    "max ceiled": nn.MaxPool2d(2, stride=2, ceil_mode=True),
    "mean": nn.AvgPool2d(2),
    "mean with padding": nn.AvgPool2d(3, stride=2, padding=1),
    "mean without padding": nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False),
    "mean ceiled": nn.AvgPool2d(2, ceil_mode=True),
    "mean by another divisor": nn.AvgPool2d(2, divisor_override=3),
    "adaptive mean": nn.AdaptiveAvgPool2d((4, 3)),
    "adaptive mean to one": nn.AdaptiveAvgPool2d(1),
    "adaptive max": nn.AdaptiveMaxPool2d((2, 5)),
}
CURVES = {
    type(module).__name__ + str(number): module
    for number, module in enumerate(
        [
            nn.ReLU(), nn.ReLU6(), nn.LeakyReLU(0.1), nn.ELU(0.7), nn.CELU(0.8), nn.SELU(), nn.GELU(),
            nn.GELU(approximate="tanh"), nn.SiLU(), nn.Mish(), nn.Hardswish(), nn.Hardsigmoid(), nn.Sigmoid(),
            nn.LogSigmoid(), nn.Tanh(), nn.Softplus(), nn.Softsign(), nn.Hardtanh(), nn.Threshold(0.1, 3.0),
        ]
    )
}  # fmt: skip
OTHERS = {
    "flatten": nn.Flatten(),
    "linear of several axes": nn.Linear(8, 5),
    "permuted": Function(lambda x: x.permute(0, 2, 3, 1)),
    "sliced": Function(lambda x: x[:, :, 1::2, :-1]),
    "mean over axes": Function(lambda x: x.mean((2, 3))),
    "mean of all but the batch": Function(lambda x: x.mean((1, 2, 3))),
    "sum": Function(lambda x: x.sum(1, keepdim=True)),
    "largest": Function(lambda x: x.amax((2, 3))),
    "log softmax": nn.LogSoftmax(dim=1),
    "softmax": nn.Softmax(dim=3),
    "dropout": nn.Dropout(0.3),
    "batch normalisation without weights": nn.BatchNorm2d(3, affine=False),
    "branches": Branches(),
}


@pytest.mark.parametrize("name", [*CONVOLUTIONS, *POOLINGS, *CURVES, *OTHERS])
def test_every_term_is_what_python_says(name):
    torch.manual_seed(5)
    network = {**CONVOLUTIONS, **POOLINGS, **CURVES, **OTHERS}[name]
    found = compute(network, IMAGE)
    assert found
    for step, theirs, ours in found:
        compare(step, theirs, ours)


@pytest.mark.parametrize("axes", [1, 3])
def test_other_numbers_of_axes(axes):
    x = torch.randn(1, 2, *(6,) * axes, generator=torch.Generator().manual_seed(2))
    convolution, pooling = ([nn.Conv1d, nn.Conv3d][axes // 2], [nn.MaxPool1d, nn.MaxPool3d][axes // 2])
    for step, theirs, ours in compute(nn.Sequential(convolution(2, 3, 3, padding=1), pooling(2)), x):
        compare(step, theirs, ours)


def test_what_is_not_known_says_so():
    network = nn.Sequential(nn.LayerNorm(8), nn.GroupNorm(1, 3), nn.PReLU())
    assert [theirs for _, theirs, _ in compute(network, IMAGE, units=1)] == [None, None, None]


def test_a_wrong_weight_is_seen():
    """The page's check is as sharp as Python's: a weight that is off in its fifth digit does not agree."""
    network = nn.Conv2d(3, 4, 3)
    recording = record(network, IMAGE, training=False)
    value = recording.steps[1].value
    network.weight.data[1, 0, 0, 0] += 1e-4 * network.weight.data[1].abs().max()
    other = record(network, IMAGE, training=False).steps[1].value
    assert ((value - other)[0, 1].abs().median() > 1e-6).item()


def test_curves_far_out():
    x = torch.tensor([-60.0, -30.0, -8.5, -3.0, -1e-4, 0.0, 1e-3, 2.49, 2.51, 5.0, 40.0])[None, None, None]
    for network in CURVES.values():
        for step, theirs, ours in compute(network, x, units=40):
            assert theirs["agrees"], (step.operation.kind, theirs["value"], ours.value)
