"""Walking: back to a pixel, forward to what a unit feeds, the strongest chain, the receptive field, the gradients."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from example_networks import NAMES, make, trained
from torch import nn

from pellucid import UserError
from pellucid.data.preprocessing import Preprocessing
from pellucid.glass import gradients, look


def small():
    """One 2×2 convolution, a ReLU, a 2×2 pooling, two logits: small enough to be worked by hand."""
    network = nn.Sequential(nn.Conv2d(1, 1, 2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(1, 2))
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor([[[[1.0, -1.0], [0.5, 2.0]]]]))
        network[0].bias.fill_(0.25)
        network[4].weight.copy_(torch.tensor([[2.0], [-1.0]]))
        network[4].bias.copy_(torch.tensor([0.5, 0.0]))
    x = torch.tensor([[[1.0, 0.0, 2.0], [3.0, 1.0, 0.0], [0.0, 4.0, 1.0]]])
    return look(network, x)


def test_a_trace_worked_by_hand():
    # 1·1 + 0·(−1) + 3·0.5 + 1·2 + 0.25 = 4.75; its neighbours: −1.25, 10.25, 5.25
    glass = small()
    assert [glass["0"][0, r, c].value for r in (0, 1) for c in (0, 1)] == [4.75, -1.25, 10.25, 5.25]
    trace = glass.trace(glass["0"][0, 0, 0])
    assert [term.product for term in trace.terms] == [1.0, 0.0, 1.5, 2.0]
    assert [term.name for term in trace.terms] == ["input[0,0,0]", "input[0,0,1]", "input[0,1,0]", "input[0,1,1]"]
    assert trace.trace.bias == 0.25
    assert glass.trace().unit.name == "4[0]"
    assert glass.trace().value == 21.0


def test_walking_back_from_the_logit_to_a_pixel():
    trace = small().trace()
    names = [trace.unit.name]
    while trace.kind == "operation":
        trace = trace.back()
        names.append(trace.unit.name)
    # The window that won holds 3·1 + 1·(−1) + 0·0.5 + 4·2: the last contributes most.
    assert names == ["4[0]", "3[0]", "2[0,0,0]", "1[0,1,0]", "0[0,1,0]", "input[0,2,1]"]
    assert trace.kind == "given"
    assert small().trace("0[0,0,0]").back(2).unit.name == "input[0,1,0]"


def test_the_strongest_chain_goes_through_the_unit_asked_for():
    glass = small()
    chain = glass.path(glass["0"][0, 1, 0])
    assert [link.unit.name for link in chain] == ["input[0,2,1]", "0[0,1,0]", "1[0,1,0]", "2[0,0,0]", "3[0]", "4[0]"]
    assert chain.complete
    assert [link.term.product for link in chain.links[:2]] == [8.0, 10.25]
    other = glass.path(glass["0"][0, 1, 0], 1)
    assert (other.target.name, other.links[-2].term.weight) == ("4[1]", -1.0)
    loser = glass.path(glass["0"][0, 0, 0])
    assert loser.remarks == ("the chain ends at 0[0,0,0]: no small change of it reaches 4[0]",)
    assert not loser.complete


def test_what_a_unit_feeds_with_weight_and_share():
    glass = small()
    fed = glass.feeds(glass["input"][0, 1, 1])
    # The pixel in the middle is read by all four positions, each time with another weight.
    assert {feed.unit.name: feed.derivative for feed in fed} == {
        "0[0,0,0]": 2.0,
        "0[0,0,1]": 0.5,
        "0[0,1,0]": -1.0,
        "0[0,1,1]": 1.0,
    }
    assert fed.total == 4
    assert fed[0].unit.name == "0[0,0,0]"
    assert fed[0].share == pytest.approx(2.0 / 4.5)
    lost = glass.feeds(glass["1"][0, 0, 0])
    assert [(feed.unit.name, feed.derivative) for feed in lost] == [("2[0,0,0]", 0.0)]


@pytest.mark.parametrize("name", NAMES)
def test_derivatives_forward_are_those_of_autograd(name, tmp_path):
    network, shape = make(name, tmp_path)
    trained(network, shape, 4)
    glass = look(network, torch.randn(shape, generator=torch.Generator().manual_seed(3)))
    generator = np.random.default_rng(1)
    for node in glass:
        if node.step.number not in glass.from_image or node is glass.output:
            continue
        place = tuple(int(generator.integers(size)) for size in node.shape)
        fed = glass.feeds(node[place], 3)
        for feed in fed:
            upstream = torch.zeros_like(feed.unit.node.step.value)
            upstream[feed.unit.full_index] = 1.0
            expected = gradients(glass.recording, feed.unit.node.step.number, upstream).at.get(node.step.number)
            # A unit may reach another one by more ways than one: here the direct one alone is meant.
            if len(node.consumers) == 1:
                assert feed.derivative == pytest.approx(float(expected[node[place].full_index]), rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_gradients_at_every_operation_are_those_of_autograd(name, training, tmp_path):
    network, shape = make(name, tmp_path)
    trained(network, shape, 4)
    network.train(training)
    for module in network.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    x = torch.randn(shape, generator=torch.Generator().manual_seed(3))
    if name == "own file":
        training = False
        network.eval()
    glass = look(network, x, training=training)
    leaf = x[None].clone().requires_grad_()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    logit = F.log_softmax(network(leaf), 1)[0, 1]
    (expected,) = torch.autograd.grad(logit, leaf)
    network.load_state_dict(before)
    upstream = -glass.output.value.softmax(0)
    upstream[1] += 1
    followed = gradients(glass.recording, glass.recording.output, upstream[None])
    assert not followed.hidden
    assert torch.allclose(followed.at[0], expected, rtol=1e-3, atol=1e-5 * float(expected.abs().max()))


@pytest.mark.parametrize("name", NAMES)
def test_no_pixel_outside_of_the_receptive_field_changes_a_unit(name, tmp_path):
    network, shape = make(name, tmp_path)
    x = torch.randn(shape, generator=torch.Generator().manual_seed(3))
    glass = look(network, x)
    generator = np.random.default_rng(4)
    for node in list(glass)[:: max(1, len(glass.nodes) // 8)]:
        if node.step.number not in glass.from_image:
            continue
        unit = node[tuple(int(generator.integers(size)) for size in node.shape)]
        box = glass.trace(unit).receptive_field
        changed = torch.randn(shape, generator=torch.Generator().manual_seed(9))
        changed[:, box.top : box.bottom, box.left : box.right] = x[:, box.top : box.bottom, box.left : box.right]
        assert look(network, changed)[node.name][unit.index].value == pytest.approx(unit.value, rel=1e-5, abs=1e-6)


def test_receptive_fields_worked_by_hand(tmp_path):
    network, shape = make("simple-cifar", tmp_path)
    glass = look(network, torch.randn(shape))
    boxes = {
        "input[0,3,5]": (3, 4, 5, 6),
        "conv1[2,0,5]": (0, 2, 4, 7),  # rows −1 to 1, cut to the image
        "pool[2,1,5]": (1, 5, 9, 13),
        "conv2[2,4,5]": (5, 13, 7, 15),
        "fc1[0]": (0, 16, 0, 16),
    }
    for name, sides in boxes.items():
        box = glass.trace(glass.unit(name)).receptive_field
        assert (box.top, box.bottom, box.left, box.right) == sides, name
        assert box.exact
    # A flattened unit depends on the same pixels as the unit it is a copy of: 5 is channel 0, row 1, column 1 of 4×4.
    assert glass.trace(glass["flatten"][5]).receptive_field == glass.trace(glass["relu_2"][0, 1, 1]).receptive_field


def test_a_pixel_is_traced_to_its_byte():
    pixels = np.array([[[0, 51], [255, 128]]], np.uint8).reshape(2, 2, 1)
    scaling = Preprocessing(height=2, width=2, channels=1, fit="stretch", mean=(0.2,), std=(0.4,))
    glass = look(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), pixels, preprocessing=scaling)
    trace = glass.trace(glass["input"][0, 1, 0])
    assert (trace.kind, trace.pixel.byte, trace.pixel.value) == ("pixel", 255, pytest.approx(2.0))
    assert glass.trace(glass["input"][0, 0, 1]).pixel.value == pytest.approx(0.0)
    assert trace.check.passed
    assert "byte 255" in str(trace)
    assert "(255/255 − 0.2) / 0.4" in str(trace)
    with pytest.raises(UserError, match="there is nothing to trace behind input"):
        trace.back()


def test_the_text_says_what_was_asked_for():
    text = str(small().trace("0[0,0,0]"))
    assert "recomputed 4.75, the network says 4.75, difference 0 " in text
    assert "receptive field  rows 0 to 1, columns 0 to 1 of the image" in text


def test_everything_goes_through_json_and_html(run):
    glass = look(run, "test/0")
    for node in glass:
        trace = glass.trace(node[tuple(size // 2 for size in node.shape)])
        parts = [trace, glass.path(trace)] if node.step.number in glass.from_image else [trace]
        for part in (*parts, glass.feeds(trace, 2)):
            assert json.loads(json.dumps(part.to_dict(), allow_nan=False))
            assert part._repr_html_().startswith("<div>")
            assert str(part)


BAD_UNITS = [
    ("frist[0,0,0]", r"no layer is called 'frist'; did you mean 'first'\?"),
    (
        "first[6,0,0]",
        r"first has the shape 6×28×28 \(channel, row, column\), so there is no first\[6,0,0\]: number 1 is 6, "
        r"expected 0 to 5; the nearest unit is first\[5,0,0\]",
    ),
    ("first[0,-1,99]", r"number 2 is -1, expected 0 to 27; the nearest unit is first\[0,0,27\]"),
    ("first[1,2]", r"first\[1,2\] gives 2 numbers, expected 3, like first\[1,2,14\]"),
    ("first", r"gives 0 numbers, expected 3, like first\[3,14,14\]"),
    ("first[1,2,3", r"the unit is written 'first\[1,2,3'; expected a layer and an index, like conv2\[3,4,5\]"),
    ("first[a]", r"the unit is written 'first\[a\]'"),
]


@pytest.mark.parametrize(("unit", "message"), BAD_UNITS)
def test_a_unit_that_does_not_exist(run, unit, message):
    with pytest.raises(UserError, match=message):
        look(run, "test/0").unit(unit)


def test_terms_that_do_not_exist(run):
    trace = look(run, "test/0").trace("first[0,0,0]")
    with pytest.raises(UserError, match=r"first\[0,0,0\] has 9 terms; there is no term 9, expected 0 to 8"):
        trace.back(9)
    with pytest.raises(UserError, match=r"term 0 of first\[0,0,0\] is padding, not the value of a unit"):
        trace.back(0)
    with pytest.raises(UserError, match=r"no class is called 'eihgt'; .*or a number from 0 to 9"):
        look(run, "test/0").path("first[0,0,0]", "eihgt")
    with pytest.raises(UserError, match=r"no class is called 10; .*or a number from 0 to 9"):
        look(run, "test/0").path("first[0,0,0]", 10)
    assert look(run, "test/0").path("first[0,0,0]", 9).links[-1].unit.index == (9,)


def test_an_operation_without_arithmetic_that_leads_nowhere_is_not_spoken_of():
    class Measuring(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 2, 3)

        def forward(self, x):
            x = self.conv(x)
            self.measured = torch.fft.fft2(x).real
            return x.mean((2, 3))

    path = look(Measuring(), torch.rand(1, 6, 6)).path("conv[0,1,1]", 0)
    assert path.complete
    assert path.remarks == ()


BAD_IMAGES = [
    ("test/40", r"test/40 is beyond the end of mnist's test images; expected test/0 to test/39"),
    ("val/0", r"mnist has no split 'val'; expected one of: train, test"),
    ("nothing.png", r"the image nothing.png does not exist; .*or test/0 for an image of mnist"),
    (".", r"the image \. is a folder"),
    (
        torch.zeros(1, 32, 32),
        r"shape \[1, 32, 32\]; the run's network takes 1×28×28 .* by 'stretch': give the picture",
    ),
    (np.zeros((5, 5, 2), np.uint8), r"the image is uint8 \[5, 5, 2\]; expected bytes"),
    (np.zeros((5, 5), np.int64), r"the image is int64 \[5, 5\]; expected bytes"),
    (7, r"the image is an int; expected a path"),
]


@pytest.mark.parametrize(("image", "message"), BAD_IMAGES)
def test_an_image_that_cannot_be_taken(run, image, message):
    with pytest.raises(UserError, match=message):
        look(run, image)


def test_other_mistakes(run, tmp_path):
    with pytest.raises(UserError, match="keeps no weights of epoch 7; expected last, best or one of: 1, 2"):
        look(run, "test/0", epoch=7)
    with pytest.raises(UserError, match="is not a run"):
        look(tmp_path / "nowhere", "test/0")
    with pytest.raises(UserError, match=r"'test/0' was given for a network that comes without preprocessing"):
        look(nn.Flatten(), "test/0")
    with pytest.raises(UserError, match=r"the network is an int; expected a run, its directory, or a torch module"):
        look(7, "test/0")
    (tmp_path / "torn.png").write_bytes(b"\x89PNG nothing more")
    with pytest.raises(UserError, match=r"torn.png: not an image that can be read"):
        look(run, "torn.png")


class Folding(nn.Module):
    """Makes an image of another size from the same numbers."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 1)

    def forward(self, x):
        return self.conv(x.reshape(x.size(0), 1, 8, 2)).flatten(1)


def test_an_image_folded_again_is_followed_number_by_number():
    glass = look(Folding(), torch.randn(1, 4, 4))
    # Number 2·3 + 1 = 7 of the rows of two is number 3 in row 1 of the rows of four.
    box = glass.trace(glass["conv"][0, 3, 1]).receptive_field
    assert (box.top, box.bottom, box.left, box.right) == (1, 2, 3, 4)
