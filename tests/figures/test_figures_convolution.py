"""Pictures of convolution: what is written on them, the words inside the files, and mistakes."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image

from pellucid.convolution import convolve, convolve2d, convolve_functions, correlate, correlate2d
from pellucid.figures import cells
from pellucid.figures.continuous import convolution_figure
from pellucid.figures.pooling import pooling_figure
from pellucid.figures.saving import save_figure
from pellucid.figures.sliding import save_sliding, sliding_figure
from pellucid.ground.errors import UserError

LESSON = convolve([3, 2, 1, 0], [1, 0, -1])


def texts(figure):
    written = [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        written += [text.get_text() for text in axes.texts] + [axes.get_title(), axes.get_title(loc="left")]
    return [text for text in written if text]


def test_one_step_shows_its_numbers():
    figure = sliding_figure(LESSON, 1)
    shown = texts(figure)
    assert "3·0 + 2·1 = 2" in shown
    assert "filter, flipped" in shown
    assert shown.count("-1") == 1, "the filter's -1 hangs outside; the result's -1 is not known yet"
    assert "Step 1" in figure.get_label()
    assert "3, 2, -2, -2, -1, 0" in figure.get_label()
    assert "filter" in texts(sliding_figure(correlate([1, 2], [1]), 0))
    with pytest.raises(UserError, match="step 6 was asked for; there are 6"):
        sliding_figure(LESSON, 6)


def test_the_result_grows():
    done = [sum(text in ("3", "2", "-2", "-1", "0") for text in texts(sliding_figure(LESSON, k))) for k in (0, 2, 5)]
    assert done[0] < done[1]
    last = texts(sliding_figure(LESSON, 5))
    assert last.count("-2") == 2


@pytest.mark.parametrize(
    ("convolution", "position"),
    [
        (convolve([7], [1, 2], dilation=2), 1),
        (convolve(np.arange(500), [1, 2, 3]), 250),
        (convolve([1.5, 2, 3], [0.25, 1e-9], padding=2, stride=2), 1),
        (correlate(np.ones((2, 5)), np.ones((3, 2, 2))), (2, 1)),
        (correlate2d(np.ones((4, 4)), np.ones((2, 2)), padding=1, dilation=2), (0, 0)),
        (convolve2d(np.ones((3, 3)), np.ones((2, 2))), (0, 0)),
        (convolve2d([[1.0]], [[1.0, 2.0]], dilation=2), (0, 1)),
        (correlate2d(np.ones((5, 30, 30)), np.ones((2, 5, 3, 3))), (1, 4, 4)),
        (correlate2d(np.ones((40, 40)), np.ones((11, 11))), 900),
        (convolve([1j, 2], [1 + 1j]), 0),
    ],
)
def test_every_kind_is_drawn(tmp_path, convolution, position):
    save_figure(sliding_figure(convolution, position), tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size > 3000


def test_two_dimensions_show_window_filter_products_and_output():
    shown = texts(sliding_figure(correlate2d([[1, 2, 3], [4, 5, 6], [7, 8, 9]], [[1, 0], [0, -1]], mode="valid"), 3))
    for word in ("image", "window", "filter", "products", "output", "×", "=", "Σ →"):
        assert word in shown
    assert "5·1 + 6·0 + 8·0 + 9·(-1) = -4" in shown
    assert shown.count("-4") == 4
    channels = texts(sliding_figure(correlate2d(np.ones((3, 2, 2), int), np.ones((1, 3, 2, 2), int)), (0, 1, 1)))
    assert any(text.startswith("4 + 4 + 4 = 12") for text in channels)


def test_the_animation_has_a_frame_for_each_step_and_a_comment(tmp_path):
    assert save_sliding(LESSON, tmp_path / "s.gif", seconds=0.5) == 6
    with Image.open(tmp_path / "s.gif") as picture:
        assert picture.n_frames == 6
        assert picture.info["loop"] == 0
        assert picture.info["duration"] == 500
        assert b"3 numbers, flipped" in picture.info["comment"]
        first = np.asarray(picture.convert("L"), int)
        picture.seek(5)
        assert np.abs(np.asarray(picture.convert("L"), int) - first).max() > 100
    assert save_sliding(convolve(np.ones(100), [1]), tmp_path / "long.gif", most=4) == 4
    with pytest.raises(UserError, match="exists already"):
        save_sliding(LESSON, tmp_path / "s.gif")
    with pytest.raises(UserError, match=r"does not end in \.gif"):
        save_sliding(LESSON, tmp_path / "s.mp4")


def test_pooling_as_the_lesson_has_it():
    figure = pooling_figure()
    shown = texts(figure)
    for value in ("8", "6", "9", "7", "6.25", "3.5", "5.25", "4"):
        assert value in shown
    assert "8, 6; 9, 7" in figure.get_label()
    assert "6.25, 3.5; 5.25, 4" in figure.get_label()
    with pytest.raises(UserError, match="the matrix is 3×4 and the block 2×2"):
        pooling_figure(np.ones((3, 4)))


def test_three_panels_and_the_sliding_picture():
    sampled = convolve_functions("sin(x)", "x**2", samples=200)
    figure = convolution_figure(sampled)
    assert len(figure.axes) == 3
    assert "affects the result" in figure.get_label()
    hatched = [patch for patch in figure.axes[2].patches if patch.get_hatch()]
    assert len(hatched) == 1
    assert "affects the result everywhere" in figure._supxlabel.get_text().replace("\n", " ")
    clean = convolution_figure(convolve_functions("rect(x)", "rect(x)", (-2, 2), 201), 0.5)
    assert len(clean.axes) == 5
    assert not clean.axes[2].patches
    assert any("(f * h)(0.5) = 0.5" in text for text in texts(clean))
    assert "sliding picture at x = 0.5" in clean.get_label()


def test_words_inside_the_files(tmp_path):
    figure = pooling_figure()
    save_figure(figure, tmp_path / "p.png")
    save_figure(figure, tmp_path / "p.svg")
    with Image.open(tmp_path / "p.png") as picture:
        assert picture.text["Description"] == figure.get_label()
    svg = (tmp_path / "p.svg").read_text()
    assert f"<title>{figure.get_label()}</title>" in svg
    assert 'role="img"' in svg
    with pytest.raises(UserError, match=r"does not end in \.png or \.svg"):
        save_figure(figure, tmp_path / "p.pdf")


def lightness(colour):
    """Relative luminance, as WCAG 2 has it."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
    return float(np.dot([0.2126, 0.7152, 0.0722], linear))


@pytest.mark.parametrize("fill", [cells.SIGNAL, cells.FILTER, cells.PRODUCT, cells.RESULT, "white"])
def test_text_contrasts_with_every_fill(fill):
    ratio = (lightness(fill) + 0.05) / (lightness(cells.INK) + 0.05)
    assert ratio > 7
    assert (lightness(fill) + 0.05) / (lightness(cells.FRAME) + 0.05) > 4.5
    assert (lightness("white") + 0.05) / (lightness(cells.QUIET) + 0.05) > 4.5
