"""The table of a network: against known counts, against PyTorch's own, and by hand."""

from __future__ import annotations

import itertools
import json

import pytest
import torch
from layers_networks import Branching, Deciding, Shared
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from pellucid.arithmetic import Seen, summarise
from pellucid.ground.errors import UserError
from pellucid.networks import NETWORKS, build


@pytest.mark.parametrize(
    ("name", "parameters", "fields"),
    [
        ("simple-cifar", 268_650, ["1×1", "3×3", "4×4", "4×4", "8×8", "10×10", "10×10", "10×10", "all", "all", "all"]),
        (
            "simple-mnist",
            582_218,
            ["1×1", "5×5", "5×5", "6×6", "6×6", "14×14", "14×14", "16×16", "16×16", "16×16", "16×16"] + 4 * ["all"],
        ),
    ],
)
def test_the_lessons_networks(name, parameters, fields):
    shape = NETWORKS[name].default_input
    table = summarise(build(name, input_shape=shape, classes=10), shape, name)
    assert (table.parameters, table.trainable) == (parameters, parameters)
    assert sum(row.parameters for row in table.rows) == parameters
    assert [row.field_text for row in table.rows] == fields
    assert table.parameter_memory == 4 * parameters
    assert table.notes == ()


@pytest.mark.parametrize("name", [*NETWORKS, "branching"])
def test_multiply_adds_are_half_of_pytorchs_operations(name):
    shape = NETWORKS[name].default_input if name in NETWORKS else (3, 12, 12)
    network = build(name, input_shape=shape, classes=10) if name in NETWORKS else Branching()
    network.eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, *shape))
    assert summarise(network, shape).multiply_adds * 2 == counter.get_total_flops()


def test_the_rows_of_a_convolution_by_hand():
    table = summarise(nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Flatten()), (3, 32, 32))
    image, convolution, relu, flat = table.rows
    assert image.memory == 3 * 32 * 32 * 4
    assert convolution.output_shape == (16, 32, 32)
    assert convolution.parameters == 16 * 3 * 3 * 3 + 16
    assert convolution.multiply_adds == 16 * 32 * 32 * 27
    assert convolution.explanation[0] == "height: ⌊(32 + 2·1 − 1·(3−1) − 1)/1⌋ + 1 = 32"
    assert convolution.operands == ("input",)
    assert relu.memory == 16 * 32 * 32 * 4
    assert flat.memory == 0  # a view
    assert flat.explanation == ("features: 16 · 32 · 32 = 16384",)
    assert table.activation_memory == image.memory + convolution.memory + relu.memory


class Together(nn.Module):
    """Halves of the rows or columns, exchanged; or a mean along one axis, added."""

    def __init__(self, way, axis):
        super().__init__()
        self.way, self.axis = way, axis

    def forward(self, x):
        if self.way == "exchange":
            return torch.cat(x.chunk(2, dim=self.axis)[::-1], dim=self.axis)
        if self.way == "mean":
            return x + x.mean(self.axis, keepdim=True)
        return x[:, :, ::2, 3:]


@pytest.mark.parametrize(
    "layers",
    [
        [nn.Conv2d(1, 1, 3, stride=2, padding=1), nn.MaxPool2d(3, 2), nn.Conv2d(1, 1, 3, dilation=2)],
        [nn.ZeroPad2d((3, 1, 2, 0)), nn.Conv2d(1, 1, (1, 3)), nn.AvgPool2d(2)],
        [nn.Conv2d(1, 1, 3), nn.Upsample(scale_factor=2), nn.Conv2d(1, 1, 3)],
        [nn.Upsample(scale_factor=2, mode="bilinear"), nn.Conv2d(1, 1, 3)],
        [nn.Conv2d(1, 1, 2, stride=2), nn.ConvTranspose2d(1, 1, 4, stride=2, padding=1)],
        [nn.AdaptiveAvgPool2d(6), nn.Conv2d(1, 1, 3, padding=1)],
        [nn.AdaptiveAvgPool2d(5)],
        [nn.ConvTranspose2d(1, 1, 2, stride=2)],
        [nn.ConvTranspose2d(1, 1, 3, stride=3, dilation=2), nn.AvgPool2d(2)],
        [nn.Conv2d(1, 1, 3, padding=1, padding_mode="circular")],
        [nn.Conv2d(1, 1, 5, padding=2, padding_mode="reflect"), nn.Conv2d(1, 1, 3)],
        [nn.ReplicationPad2d(2), nn.Conv2d(1, 1, 3)],
        [Together("exchange", 2), nn.Conv2d(1, 1, 3)],
        [nn.Conv2d(1, 1, 3, padding=1), Together("exchange", 3)],
        [nn.Conv2d(1, 1, 3), Together("mean", 2)],
        [nn.Conv2d(1, 1, 3), Together("slice", 2), nn.Conv2d(1, 1, 3)],
        [nn.Flatten(), nn.Softmax(1)],
        [nn.Conv2d(1, 4, 3), nn.PixelShuffle(2)],
    ],
)
def test_receptive_fields_are_where_gradients_reach(layers):
    """No gradient of the outputs in the middle reaches beyond the field, and the widest of them fills it."""
    torch.manual_seed(1)
    network = nn.Sequential(*layers).double()
    for parameter in network.parameters():
        nn.init.constant_(parameter, 1.0)
    size = 24
    network.float()
    field = summarise(network, (1, size, size)).rows[-1].field
    network.double()
    x = torch.rand(1, 1, size, size, dtype=torch.float64, requires_grad=True)
    output = network(x)
    widest = [0, 0]
    middles = [range(length // 2, min(length, length // 2 + 3)) for length in output.shape[2:]]
    for index in itertools.product(*middles) if middles else [(output.shape[1] // 2,)]:
        place = (0, 0, *index) if middles else (0, *index)
        (gradient,) = torch.autograd.grad(output[place], x, retain_graph=True)
        reached = gradient[0, 0].nonzero()
        for axis in (0, 1):
            low, high = int(reached[:, axis].min()), int(reached[:, axis].max())
            widest[axis] = max(widest[axis], high - low + 1)
            if isinstance(field, tuple):
                first = field[axis].start + field[axis].jump * index[axis]
                assert first <= low
                assert high <= first + field[axis].size - 1
    if field == "everything":
        assert widest == [size, size]
    elif isinstance(field, Seen):
        assert widest == list(field.sizes)
    elif not any(isinstance(layer, nn.MaxPool2d) for layer in layers):
        assert widest == [min(axis.size, size) for axis in field]


def test_branches_take_the_union_of_their_fields():
    table = summarise(Branching(), (3, 12, 12))
    rows = {row.name: row for row in table.rows}
    assert rows["cat"].operands == ("relu", "second")
    assert rows["cat"].field_text == "7×7"
    assert rows["third"].field_text == "9×9"
    assert rows["gate.0"].field_text == "all"
    assert rows["mul"].field_text == "all"
    assert rows["scale"].parameters == 16
    assert rows["mul_2"].operands == ("norm", "scale")
    assert rows["mul_2"].owned == 0
    assert sum(row.parameters for row in table.rows) == table.parameters


def test_a_layer_used_twice_is_two_rows_and_counts_once():
    table = summarise(Shared(), (4,))
    uses = [row for row in table.rows if row.label == "Linear"]
    assert [(row.name, row.parameters, row.owned) for row in uses] == [("fc", 20, 20), ("fc_2", 0, 20)]
    assert (table.parameters, table.multiply_adds) == (20, 32)
    assert table.notes == ("no arithmetic for logcumsumexp: their multiply-adds are not counted",)


def test_parameters_that_take_no_part_are_named():
    table = summarise(Deciding(), (4,))
    assert "no operation of this pass uses these parameters: never.weight, never.bias" in table.notes
    assert table.parameters == 10 + 15


def test_fixed_parameters_are_told_apart():
    network = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    network[0].requires_grad_(False)
    document = summarise(network, (4,)).to_dict()
    assert (document["parameters"], document["trainable"], document["non_trainable"]) == (30, 10, 20)
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_an_input_that_does_not_fit():
    with pytest.raises(UserError, match=r"Sequential fails on an input of shape \[1, 4, 8, 8\]"):
        summarise(nn.Sequential(nn.Conv2d(3, 4, 3)), (4, 8, 8))
