"""The picture of a unit: the box where it belongs, the window's numbers, words for those who cannot see it."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from drawn import frames, numbers, outlines, pixels_of, squares, texts_of
from matplotlib.colors import to_hex
from torch import nn

from pellucid.data.preprocessing import Preprocessing
from pellucid.figures.tokens import FRAME, INK, NEGATIVE, POSITIVE, QUIET, tint
from pellucid.figures.unit import picture_of, unit_figure
from pellucid.glass import look


@pytest.fixture
def network():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 5, 3, padding=1), nn.MaxPool2d(2), nn.Conv2d(5, 2, 3), nn.Flatten(), nn.Linear(8, 3)
    )


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)


@pytest.fixture
def glass(network, pixels):
    scaling = Preprocessing(height=8, width=8, channels=3, fit="stretch", mean=(0.5,) * 3, std=(0.5,) * 3)
    return look(network, pixels, preprocessing=scaling)


@pytest.fixture
def image(pixels):
    """What the network reads, computed here."""
    return (torch.from_numpy(pixels).permute(2, 0, 1).double() / 255 - 0.5) / 0.5


def written(value, digits=2):
    return f"{value or 0.0:.{digits}g}".replace("-", "−", int(value < 0))


def window_axes(figure):
    """The window's axes, a row a channel, and the texts beside them."""
    right = figure.subfigs[1]
    return right.axes, [text.get_text() for text in right.texts]


def test_the_box_is_the_receptive_field(glass, pixels):
    trace = glass.trace(glass["2"][1, 0, 1])
    box = trace.receptive_field
    axes = unit_figure(trace).axes[0]
    corners = (box.left - 0.5, box.top - 0.5, box.right - 0.5, box.bottom - 0.5)
    assert outlines(axes) == [(corners, "#ffffff"), (corners, FRAME)]  # seen on dark and on light pixels
    np.testing.assert_array_equal(pixels_of(axes), pixels)
    assert axes.images[0].get_interpolation() == "nearest"
    assert axes.get_xlabel() == f"receptive field: {box}"
    assert not len(axes.get_xticks()) + len(axes.get_yticks())
    assert axes.get_title() == f"{glass.picture.source}\n{glass.prediction}"


def test_values_weights_and_products_stand_in_their_squares(glass, network, image):
    figure = unit_figure(glass.trace(glass["0"][4, 3, 3]))
    values = image[:, 2:5, 2:5].numpy()
    weights = network[0].weight[4].detach().double().numpy()
    products = values * weights
    order = np.argsort(-np.abs(products).sum((1, 2)), kind="stable")
    axes, words = window_axes(figure)
    assert len(axes) == 9
    largest = [np.abs(part).max() for part in (values, weights, products)]
    for row, channel in enumerate(order):
        for column, part in enumerate((values, weights, products)):
            shown = squares(axes[3 * row + column])
            assert len(shown) == 9
            for (x, y), square in shown.items():
                number = float(part[channel, int(y), int(x)])
                assert square.text == written(number)
                assert square.fill == tint(number / largest[column])
                assert square.ink == INK
                assert not square.broken
        assert axes[3 * row].get_title() == f"input[{channel}]"
        assert axes[3 * row + 1].get_title() == "weights"
        assert axes[3 * row + 2].get_title().startswith("products, sum ")
        total = axes[3 * row + 2].get_title().removeprefix("products, sum ").replace("−", "-")
        assert float(total) == pytest.approx(products[channel].sum(), rel=1e-2)
        for column, sign in ((0, "×"), (1, "="), (2, None)):
            signs = [text.get_text() for text in axes[3 * row + column].texts[9:]]
            assert signs == ([] if sign is None else [sign])
    assert words[0] == "all channels that it reads"
    assert words[1].startswith("blue above zero, orange below; deepest: values ")


def test_padding_is_pale_and_the_largest_is_framed(glass):
    axes, _ = window_axes(unit_figure(glass.trace(glass["0"][4, 0, 0])))
    for row in range(3):
        for (x, y), square in squares(axes[3 * row]).items():
            outside = x == 0 or y == 0
            assert square.broken is outside
            assert square.ink == (QUIET if outside else INK)
            if outside:
                assert (square.text, square.fill) == ("0", "#ffffff")
    value = glass["0"].value[0, 2:4, 2:4].detach().double()
    pool = glass.trace(glass["1"][0, 1, 1])
    (axes,), words = window_axes(unit_figure(pool))
    assert numbers(axes) == [[written(float(number), 4) for number in row] for row in value]
    top, left = divmod(int(value.argmax()), 2)
    assert frames(axes) == [(left, top, 1, 1)]
    assert "the window; the largest is framed" in words


def test_padding_of_a_maximum_is_minus_infinity():
    glass = look(nn.MaxPool2d(3, padding=1), torch.arange(1.0, 17.0).reshape(1, 4, 4))
    (axes,), _ = window_axes(unit_figure(glass.trace(glass.output[0, 0, 0])))
    assert numbers(axes) == [["−∞"] * 3, ["−∞", "1", "2"], ["−∞", "5", "6"]]
    assert frames(axes) == [(2, 2, 1, 1)]


def test_a_layer_without_windows_has_bars(glass, network):
    bars = unit_figure(glass.trace(glass["4"][1])).axes[1]
    values = glass["3"].value.detach().double().numpy()
    weights = network[4].weight[1].detach().double().numpy()
    products = values * weights
    order = np.argsort(-np.abs(products), kind="stable")
    assert len(bars.patches) == 8
    for place, (bar, unit) in enumerate(zip(bars.patches, order, strict=True)):
        assert bar.get_width() == pytest.approx(products[unit], rel=1e-5)
        assert bar.get_y() + bar.get_height() / 2 == pytest.approx(place)
        assert to_hex(bar.get_facecolor()) == (POSITIVE if products[unit] >= 0 else NEGATIVE)
    labels = [label.get_text() for label in bars.get_yticklabels()]
    assert labels == [f"3[{unit}]  {written(values[unit], 3)} × {written(weights[unit], 3)}" for unit in order]
    (zero,) = bars.lines
    assert list(zero.get_xdata()) == [0, 0]
    assert bars.get_ylim()[0] > bars.get_ylim()[1]  # the strongest is on top
    assert bars.get_title() == "all its terms"


def test_bars_that_are_left_out_are_counted():
    torch.manual_seed(0)
    glass = look(nn.Linear(40, 2), torch.rand(1, 40))
    bars = unit_figure(glass.trace(glass.output[1])).axes[1]
    assert len(bars.patches) == 12
    assert bars.get_title() == "the 12 terms that contribute most, of 40"


def test_channels_that_are_left_out_are_counted(glass, network):
    figure = unit_figure(glass.trace(glass["2"][1, 0, 1]))
    products = (glass["1"].value.detach()[:, 0:3, 1:4] * network[2].weight[1].detach()).sum((1, 2)).double()
    axes, words = window_axes(figure)
    shown = [int(axes[3 * row].get_title()[2:-1]) for row in range(3)]
    rest = float(sum(products[channel] for channel in range(5) if channel not in shown))
    start = "the 3 channels that contribute most; the other 2 add "
    assert words[0].startswith(start)
    assert float(words[0].removeprefix(start).replace("−", "-").replace(" ", "")) == pytest.approx(rest, rel=1e-2)


def test_the_words_describe_it(glass):
    trace = glass.trace(glass["2"][1, 0, 1])
    figure = unit_figure(trace)
    label = figure.get_label()
    assert label.startswith("2[1,0,1] =")
    assert f"Receptive field: {trace.receptive_field} of the image." in label
    heading = " ".join(figure.get_suptitle().split())
    assert heading.startswith("2[1,0,1] =")
    assert heading in label
    (below,) = (text.get_text() for text in figure.texts if text.get_text() != figure.get_suptitle())
    assert below.startswith("bias ")
    assert label.endswith(f"{below}.")


@pytest.mark.parametrize("name", ["input[0,1,1]", "3[2]"])
def test_a_unit_that_adds_nothing_says_what_it_is(glass, name):
    figure = unit_figure(glass.trace(glass.unit(name)))
    figure.canvas.draw()
    right = " ".join(texts_of(figure.subfigs[1]))
    assert figure.get_label().startswith(name)
    assert right
    assert "receptive field: " in figure.axes[0].get_xlabel()


def test_numbers_given_as_an_input_are_shown_as_grey():
    numbers_given = torch.randn(2, 4, 4)
    picture = picture_of(look(nn.Sequential(nn.Conv2d(2, 1, 2)), numbers_given))
    low, high = numbers_given.min(), numbers_given.max()
    np.testing.assert_allclose(picture, ((numbers_given - low) / (high - low)).mean(0).numpy(), atol=1e-6)


def test_an_input_that_is_no_image_says_so():
    glass = look(nn.Linear(3, 2), torch.rand(1, 3))
    left = unit_figure(glass.trace(glass.output[0])).axes[0]
    assert not left.images
    assert [text.get_text() for text in left.texts] == ["the input is no image"]
