"""Pictures of convolution: what is written on them, the words inside the files, and mistakes."""

from __future__ import annotations

import numpy as np
import pytest
from drawn import frames, numbers, outlines, picture_of, pixels_of, squares
from matplotlib.colors import to_hex, to_rgb
from PIL import Image

from pellucid.convolution import convolve, convolve2d, convolve_functions, correlate, correlate2d
from pellucid.figures import cells
from pellucid.figures.continuous import convolution_figure
from pellucid.figures.pooling import pooling_figure
from pellucid.figures.saving import save_figure
from pellucid.figures.sliding import save_sliding, sliding_figure
from pellucid.ground.errors import UserError
from pellucid.ground.writing import exact_number

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


def test_one_step_draws_signal_filter_products_and_result_in_place():
    """Step 1 of 3, 2, 1, 0 with 1, 0, -1: the filter, flipped to -1, 0, 1, ends at the second number."""
    (axes,) = sliding_figure(LESSON, 1).axes
    drawn = squares(axes)
    rows = {y: {x: drawn[x, other].text for x, other in drawn if other == y} for y in (1, 2, 3.3, 5.2)}
    assert rows[1] == {0: "3", 1: "2", 2: "1", 3: "0"}
    assert rows[2] == {-1: "-1", 0: "0", 1: "1"}
    assert rows[3.3] == {0: "0", 1: "2"}
    assert rows[5.2] == {-1: "3", 0: "2", 1: "", 2: "", 3: "", 4: ""}, "each below the middle of its window"
    fills = {1: cells.SIGNAL, 2: cells.FILTER, 3.3: cells.PRODUCT}
    assert all(drawn[x, y].fill == fills[y] for x, y in drawn if y in fills)
    assert [drawn[x, 5.2].fill for x in range(-1, 5)] == [cells.RESULT] * 2 + ["#ffffff"] * 4
    assert {place for place in drawn if drawn[place].broken} == {(-1, 2), (1, 5.2), (2, 5.2), (3, 5.2), (4, 5.2)}
    assert frames(axes) == [(0, 1, 2, 2), (0, 5.2, 1, 1)]
    assert [line.get_xydata().tolist() for line in axes.lines] == [[[p, 2.58], [p, 2.76]] for p in (0, 1)]
    (arrow,) = (text.arrow_patch for text in axes.texts if getattr(text, "arrow_patch", None))
    assert to_hex(arrow.get_edgecolor()) == cells.FRAME
    assert {"signal", "products", "result", "filter, flipped"} <= set(texts(axes.figure))
    assert "step 1 (of 0 to 5)" in texts(axes.figure)


def test_a_dilated_filter_has_a_frame_for_each_pair():
    (axes,) = sliding_figure(convolve([7, 8, 9], [1, 2], dilation=2), 2).axes
    assert frames(axes)[:2] == [(0, 1, 1, 2), (2, 1, 1, 2)]


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
def test_every_kind_is_drawn_with_its_sum(convolution, position):
    figure = sliding_figure(convolution, position)
    total = exact_number(convolution.steps[position].value)
    if len(convolution.axes) == 1 and convolution.plain:
        (place,) = (frame for frame in frames(figure.axes[0]) if frame[1] == 5.2)
        assert squares(figure.axes[0])[round(place[0], 3), 5.2].text == total
        shown = " ".join(texts(figure))
    else:
        assert frames(figure.axes[-1]), "the element of the output is framed"
        shown = figure.get_suptitle()
    assert f"= {total}" in shown
    assert total in figure.get_label() or "result" in figure.get_label()
    assert (picture_of(figure) < 128).sum() > 500


def test_two_dimensions_show_window_filter_products_and_output():
    shown = texts(sliding_figure(correlate2d([[1, 2, 3], [4, 5, 6], [7, 8, 9]], [[1, 0], [0, -1]], mode="valid"), 3))
    for word in ("image", "window", "filter", "products", "output", "×", "=", "Σ →"):
        assert word in shown
    assert "5·1 + 6·0 + 8·0 + 9·(-1) = -4" in shown
    assert shown.count("-4") == 4
    channels = texts(sliding_figure(correlate2d(np.ones((3, 2, 2), int), np.ones((1, 3, 2, 2), int)), (0, 1, 1)))
    assert any(text.startswith("4 + 4 + 4 = 12") for text in channels)


def test_two_dimensions_draw_each_number_in_its_square():
    image = np.arange(9).reshape(3, 3)
    figure = sliding_figure(correlate2d(image, [[1, 2], [3, 4]], mode="valid"), 2)
    whole, window, filter_, products, output = figure.axes
    assert numbers(whole) == [["0", "1", "2"], ["3", "4", "5"], ["6", "7", "8"]]
    assert frames(whole) == [(0, 1, 2, 2)]
    assert numbers(window) == [["3", "4"], ["6", "7"]]
    assert numbers(filter_) == [["1", "2"], ["3", "4"]]
    assert numbers(products) == [["3", "8"], ["18", "28"]]
    assert numbers(output) == [["27", "37"], ["57", ""]]
    assert frames(output) == [(0, 1, 1, 1)]
    for axes, fill in (
        (whole, cells.SIGNAL),
        (window, cells.SIGNAL),
        (filter_, cells.FILTER),
        (products, cells.PRODUCT),
    ):
        assert {square.fill for square in squares(axes).values()} == {fill}
    assert [squares(output)[x, y].fill for y in (0, 1) for x in (0, 1)] == [cells.RESULT] * 3 + ["#ffffff"]
    padded = sliding_figure(correlate2d([[5]], [[1, 2], [3, 4]], padding=1, dilation=2), 0).axes[0]
    assert frames(padded) == [(0, 0, 1, 1), (2, 0, 1, 1), (0, 2, 1, 1), (2, 2, 1, 1)]
    assert [place for place, square in squares(padded).items() if not square.broken] == [(1, 1)]


def test_large_images_are_grey_and_the_output_grows():
    image = np.arange(144.0).reshape(12, 12)
    figure = sliding_figure(correlate2d(image, np.ones((2, 2)), mode="valid"), (3, 4))
    np.testing.assert_array_equal(pixels_of(figure.axes[0]), image)
    assert frames(figure.axes[0]) == [(4, 3, 2, 2)]
    output = figure.axes[-1]
    shown = output.images[0].get_array()
    assert np.ma.getmaskarray(shown).reshape(-1).tolist() == [False] * (3 * 11 + 5) + [True] * (121 - 38)
    assert shown[3, 4] == image[3:5, 4:6].sum()
    assert [patch.get_hatch() for patch in output.patches if patch.get_hatch()] == ["///"]
    assert frames(output) == [(4, 3, 1, 1)]


def test_channels_that_are_not_drawn_are_counted():
    figure = sliding_figure(correlate2d(np.ones((5, 3, 3)), np.ones((1, 5, 2, 2)), mode="valid"), (0, 0, 0))
    assert [axes.get_title() for axes in figure.axes if axes.get_title().startswith("image")] == [
        "image, channel 0", "image, channel 1", "image, channel 2",
    ]  # fmt: skip
    assert "… and 2 more channels of the image" in texts(figure)
    assert texts(figure).count("Σ = 4") == 3


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
    left, above, below = figure.axes
    assert numbers(left) == [["7", "3", "5", "2"], ["8", "7", "1", "6"], ["4", "9", "3", "7"], ["0", "8", "1", "5"]]
    assert numbers(above) == [["8", "6"], ["9", "7"]]
    assert numbers(below) == [["6.25", "3.5"], ["5.25", "4"]]
    # The largest of each block has an outline, each block a frame, each result an arrow.
    middles = [((a + c) / 2, (b + d) / 2) for (a, b, c, d), _ in outlines(left)]
    assert [squares(left)[round(x, 3), round(y, 3)].text for x, y in middles] == ["8", "6", "9", "7"]
    assert len(frames(left)) == 4
    assert all(place[2:] == (2, 2) for place in frames(left))
    fills = [[squares(axes)[place].fill for place in sorted(squares(axes))] for axes in (left, above)]
    assert len(set(fills[0])) == len(set(fills[1])) == 4
    assert len([text for text in left.texts if getattr(text, "arrow_patch", None)]) == 2
    assert [axes.get_title() for axes in figure.axes] == [
        "4×4 input, blocks of 2×2", "max pooling: largest of each block", "average pooling: mean of each block",
    ]  # fmt: skip
    assert "8, 6; 9, 7" in figure.get_label()
    assert "6.25, 3.5; 5.25, 4" in figure.get_label()
    with pytest.raises(UserError, match="the matrix is 3×4 and the block 2×2"):
        pooling_figure(np.ones((3, 4)))


def test_three_panels_and_the_sliding_picture():
    sampled = convolve_functions("sin(x)", "x**2", samples=200)
    figure = convolution_figure(sampled)
    assert len(figure.axes) == 3
    x = sampled.x
    for axes, values in zip(figure.axes, (np.sin(x), x**2, sampled.result), strict=True):
        curve, zero = axes.lines
        np.testing.assert_allclose(curve.get_xydata(), np.stack([x, values], 1), atol=1e-9)
        assert list(zero.get_ydata()) == [0, 0]
        assert axes.get_xlim() == sampled.domain
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["f(x) = sin(x)", "h(x) = x**2", "(f * h)(x)"]
    assert len({(axes.lines[0].get_color(), axes.lines[0].get_linestyle()) for axes in figure.axes}) == 3
    assert figure.axes[2].get_legend().get_texts()[0].get_text() == "affected by truncation"
    assert "affects the result" in figure.get_label()
    hatched = [patch for patch in figure.axes[2].patches if patch.get_hatch()]
    assert len(hatched) == 1
    assert "affects the result everywhere" in figure._supxlabel.get_text().replace("\n", " ")
    clean = convolution_figure(convolve_functions("rect(x)", "rect(x)", (-2, 2), 201), 0.5)
    assert len(clean.axes) == 5
    assert not clean.axes[2].patches
    assert any("(f * h)(0.5) = 0.5" in text for text in texts(clean))
    mark = clean.axes[2].lines[2]
    assert mark.get_xydata().tolist() == [[0.5, pytest.approx(0.5, abs=0.02)]]
    overlap = convolve_functions("rect(x)", "rect(x)", (-2, 2), 201).at(0.5)
    above, below = clean.axes[3:]
    drawn = [line.get_ydata() for line in (above.lines[0], above.lines[1], below.lines[0])]
    for values, expected in zip(drawn, (overlap.f, overlap.h, overlap.product), strict=True):
        np.testing.assert_array_equal(values, expected)
    assert [text.get_text() for text in above.get_legend().get_texts()] == ["f(t)", "h(0.5 − t), flipped and shifted"]
    (area,) = below.collections
    assert area.get_paths()[0].get_extents().y1 == overlap.product.max()
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
