"""The architecture diagram, the fully connected layer and flattening: what is written on them."""

from __future__ import annotations

import itertools
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.patches import ConnectionPatch
from torch import nn

from pellucid.figures.architecture import architecture_svg
from pellucid.figures.dense import NEGATIVE, POSITIVE, dense_figure, describe_dense
from pellucid.figures.flatten import describe_flatten, flatten_figure
from pellucid.ground.errors import UserError
from pellucid.networks import build

SVG = "{http://www.w3.org/2000/svg}"


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Conv2d(3, 3, 3, padding=1)
        self.b = nn.Conv2d(3, 3, 3, padding=1)

    def forward(self, x):
        return x + self.b(torch.relu(self.a(x)))


def texts(svg):
    return ["".join(text.itertext()) for text in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_architecture_carries_shapes_kernels_and_counts():
    network = build("simple-cifar", input_shape=(3, 32, 32), classes=10)
    svg = architecture_svg(network, (3, 32, 32))
    written = texts(svg)
    for expected in ("Conv2d", "3×3, padding 1", "448 parameters", "16 × 32 × 32", "2×2, stride 2", "2048 → 128"):
        assert expected in written
    assert "268,650 parameters, 1,885,440 multiply-adds for one image" in written
    root = ElementTree.fromstring(svg)
    assert root.get("viewBox").startswith("0 0 ")
    assert root.get("width") is None  # it scales with its place
    assert root.get("role") == "img"
    assert root[0].tag == f"{SVG}title"
    assert "Conv2d conv1 (3×3, padding 1) gives 16 × 32 × 32" in root.find(f"{SVG}desc").text


def test_architecture_draws_branches_as_arcs_and_says_them():
    svg = architecture_svg(Residual(), (3, 8, 8))
    assert len(re.findall(r'd="M[\d.]+ [\d.]+H', svg)) == 1  # from the input past three boxes to the sum
    assert "add of input and b gives 3 × 8 × 8" in svg
    chain = architecture_svg(nn.Sequential(nn.ReLU(), nn.ReLU()), (3, 8, 8))
    assert re.findall(r'd="M[\d.]+ [\d.]+H', chain) == []


def test_boxes_do_not_overlap_and_stay_inside():
    svg = architecture_svg(build("small-resnet", input_shape=(3, 32, 32), classes=10), (3, 32, 32))
    root = ElementTree.fromstring(svg)
    width, height = (float(side) for side in root.get("viewBox").split()[2:])
    boxes = [box for box in root.iter(f"{SVG}rect") if "pa-box" in box.get("class")]
    edges = [(float(box.get("y")), float(box.get("y")) + float(box.get("height"))) for box in boxes]
    assert all(bottom < top for (_, bottom), (top, _) in itertools.pairwise(edges))
    assert edges[-1][1] < height
    assert all(float(box.get("x")) + float(box.get("width")) < width for box in boxes)


def test_names_are_escaped():
    class Odd(nn.Sequential):
        pass

    Odd.__name__ = "<Odd & co>"
    ElementTree.fromstring(architecture_svg(Odd(nn.ReLU()), (1, 2, 2)))


def test_dense_figure_shows_numbers_and_says_what_is_left_out():
    layer = nn.Linear(4, 3)
    with torch.no_grad():
        layer.weight.copy_(torch.arange(12.0).reshape(3, 4) / 10 - 0.5)
        layer.bias.zero_()
    x = torch.tensor([1.0, 2.0, 3.0, 4.0])
    figure = dense_figure(layer, x)
    axes = figure.axes[0]
    written = {text.get_text() for text in axes.texts}
    assert {"x0", "y2", "1", "-0.5", "0.6"} <= written
    assert "4·3 + 3 = 15 parameters" in axes.get_title()
    dashed = [line for line in axes.lines if line.get_linestyle() == "--" and len(line.get_xdata()) == 2]
    assert len(dashed) == 5
    weights = layer.weight.detach().numpy()
    lines = [line for line in axes.lines if len(line.get_xdata()) == 2]
    assert len(lines) == 12
    for line, weight in zip(lines, weights.reshape(-1), strict=True):
        assert to_hex(line.get_color()) == (NEGATIVE if weight < 0 else POSITIVE)
        assert line.get_linewidth() == pytest.approx(0.3 + 3.2 * abs(weight) / np.abs(weights).max())
    places = [text.get_text() for text in axes.texts]
    assert all(f"{weight:.2g}" in places for weight in weights.reshape(-1))
    assert all(f"{value:.3g}" in places for value in (weights @ x.numpy()))
    inputs, outputs = axes.collections
    assert inputs.get_offsets().tolist() == [[0, 1.5], [0, 0.5], [0, -0.5], [0, -1.5]]
    assert outputs.get_offsets().tolist() == [[1, 1], [1, 0], [1, -1]]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["weight above 0", "weight below 0"]
    assert "The largest output is number 2 with 5." in describe_dense(layer, x)
    large = dense_figure(nn.Linear(2048, 10), torch.rand(2048), output=3)
    assert any(text.get_text() == "and 2,036 more inputs" for text in large.axes[0].texts)


def test_flatten_figure_numbers_the_places():
    figure = flatten_figure(torch.arange(1.0, 9.0).reshape(2, 2, 2))
    strip = next(axes for axes in figure.axes if axes.patches)
    cells = [text.get_text() for text in strip.texts if text.get_position()[1] == 0.5]
    assert cells == ["1", "2", "3", "4", "5", "6", "7", "8"]
    fills = [round(float(patch.get_facecolor()[0]), 3) for patch in strip.patches]
    assert len(fills) == 8
    assert fills == sorted(fills, reverse=True)
    assert fills[0] == 1
    ends = [(text.get_text(), text.get_position()[0]) for text in strip.texts if text.get_position()[1] == -0.32]
    assert ends == [("0", 0.5), ("3", 3.5), ("4", 4.75), ("7", 7.75)]
    assert [line.get_xdata().tolist() for line in strip.lines] == [[0.05, 3.95], [4.3, 8.2]]
    maps = [axes for axes in figure.axes if axes.images]
    assert [axes.get_title() for axes in maps] == ["channel 0", "channel 1"]
    assert [[text.get_text() for text in axes.texts] for axes in maps] == [list("1234"), list("5678")]
    assert [text.get_position() for text in maps[0].texts] == [(0, 0), (1, 0), (0, 1), (1, 1)]
    assert len([artist for artist in figure.artists if isinstance(artist, ConnectionPatch)]) == 2
    assert "c·4 + i·2 + j" in figure.get_suptitle()
    assert "becomes number c·4 + i·2 + j" in describe_flatten(torch.zeros(2, 2, 2))
    assert "29 more channels" in flatten_figure(torch.zeros(32, 8, 8)).get_suptitle()


def test_mistakes():
    with pytest.raises(UserError, match=r"the input has the shape \[5\]; expected one image's 4 numbers"):
        dense_figure(nn.Linear(4, 2), torch.zeros(5))
    with pytest.raises(UserError, match="output 2 was asked for; the layer has 2, expected 0 to 1"):
        dense_figure(nn.Linear(4, 2), output=2)
    with pytest.raises(UserError, match=r"flattening was given the shape \[4\]; expected channels, rows and columns"):
        flatten_figure(torch.zeros(4))
