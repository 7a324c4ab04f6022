"""The picture of a unit: the box where it belongs, the window's numbers, words for those who cannot see it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from matplotlib.patches import Rectangle
from torch import nn

from pellucid.data.preprocessing import Preprocessing
from pellucid.figures.unit import picture_of, unit_figure
from pellucid.glass import look


@pytest.fixture
def glass():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 5, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(5, 2, 3), nn.Flatten(), nn.Linear(8, 3)
    )
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    scaling = Preprocessing(height=8, width=8, channels=3, fit="stretch", mean=(0.5,) * 3, std=(0.5,) * 3)
    return look(network, pixels, preprocessing=scaling)


def texts(figure):
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def written(value, digits=2):
    return f"{value or 0.0:.{digits}g}".replace("-", "−", value < 0)


def test_the_box_is_the_receptive_field(glass):
    trace = glass.trace(glass["2"][1, 0, 1])
    box = trace.receptive_field
    axes = unit_figure(trace).axes[0]
    drawn = next(patch for patch in axes.patches if isinstance(patch, Rectangle))
    assert (drawn.get_x(), drawn.get_y()) == (box.left - 0.5, box.top - 0.5)
    assert (drawn.get_width(), drawn.get_height()) == (box.right - box.left, box.bottom - box.top)
    assert axes.images[0].get_array().shape == (8, 8, 3)


def test_the_windows_hold_the_numbers_of_the_terms(glass):
    trace = glass.trace(glass["0"][4, 3, 3])
    shown = texts(unit_figure(trace))
    for term in trace.terms:  # all three channels are drawn
        assert written(term.value) in shown
        assert written(term.weight) in shown
        assert written(term.product) in shown


def test_padding_and_the_largest_are_marked(glass):
    corner = unit_figure(glass.trace(glass["0"][4, 0, 0]))
    assert texts(corner).count("0") >= 5 * 3
    pool = glass.trace(glass["1"][0, 1, 1])
    assert written(pool.value, 4) in texts(unit_figure(pool))


def test_a_layer_without_windows_has_bars(glass):
    trace = glass.trace(glass["4"][1])
    bars = unit_figure(trace).axes[1]
    strongest = trace.strongest(12)
    assert [bar.get_width() for bar in bars.patches[: len(strongest)]] == pytest.approx(
        [term.product for term in strongest]
    )


def test_channels_that_are_left_out_are_counted(glass):
    trace = glass.trace(glass["2"][1, 0, 1])
    figure = unit_figure(trace)
    words = [text.get_text() for part in figure.subfigs for text in part.texts]
    assert any(text.startswith("the 3 channels that contribute most; the other 2 add") for text in words)


def test_the_label_describes_it_in_words(glass):
    label = unit_figure(glass.trace(glass["2"][1, 0, 1])).get_label()
    assert "2[1,0,1] =" in label
    assert "of the image" in label


@pytest.mark.parametrize("name", ["input[0,1,1]", "3[2]"])
def test_every_kind_of_unit_is_drawn(glass, name):
    unit_figure(glass.trace(glass.unit(name))).canvas.draw()


def test_numbers_given_as_an_input_are_shown_as_grey():
    glass = look(nn.Sequential(nn.Conv2d(2, 1, 2)), torch.randn(2, 4, 4))
    picture = picture_of(glass)
    assert picture.shape == (4, 4)
    assert (picture.min(), picture.max()) >= (0.0, 0.0)
    assert picture.max() <= 1.0
