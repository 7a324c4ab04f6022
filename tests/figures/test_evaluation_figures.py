"""Pictures of an evaluation: what is drawn, and that the words beside them say the same."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from pellucid.evaluation.confidence import CoveragePoint
from pellucid.evaluation.measures import probability_figures
from pellucid.evaluation.result import Abstention
from pellucid.evaluation.robustness import CorruptionFigures, CorruptionPoint, Robustness
from pellucid.figures.confusion import confusion_figure, describe_confusion
from pellucid.figures.contact_sheet import contact_sheet
from pellucid.figures.coverage import coverage_figure
from pellucid.figures.reliability import reliability_figure
from pellucid.figures.robustness import robustness_figure


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for axes in figure.axes for text in axes.texts]


def test_confusion_numbers_and_words() -> None:
    figure = confusion_figure([[8, 2], [0, 0]], ["cat", "dog"])
    assert sorted(texts(figure)) == ["2", "8"]  # zeros are left blank
    assert figure.get_label() == (
        "Confusion matrix of 2 classes: 8 of 10 images are on the diagonal, that is, classified correctly. "
        "Most frequent mistakes: cat predicted as dog (2)."
    )
    assert describe_confusion([[3, 0], [0, 3]], ["cat", "dog"]).endswith("There is no mistake.")
    axes = figure.axes[0]
    assert {text.get_text(): text.get_position() for text in axes.texts} == {"8": (0, 0), "2": (1, 0)}
    assert [label.get_text() for label in axes.get_xticklabels()] == ["cat", "dog"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("predicted as", "true label")
    assert axes.get_title() == "Confusion matrix: blue is correct, orange is a mistake"
    assert axes.get_xticks(minor=True).tolist() == axes.get_yticks(minor=True).tolist() == [-0.5, 0.5, 1.5]


def test_a_matrix_of_many_classes_has_no_numbers() -> None:
    names = [f"class {index}" for index in range(30)]
    figure = confusion_figure(np.eye(30, dtype=int).tolist(), names)
    assert texts(figure) == []
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == names
    assert confusion_figure(np.eye(60, dtype=int).tolist(), ["a"] * 60).axes[0].get_yticklabels()[0].get_text() != "a"


def test_the_diagonal_is_blue_mistakes_are_orange_and_the_numbers_stand_out() -> None:
    for share in (0, 40, 56, 69, 71, 100):
        figure = confusion_figure([[share, 100 - share], [0, 100]], ["a", "b"])
        (shown,) = figure.axes[0].images
        colours = np.asarray(shown.get_array()) / 255
        if share:
            assert colours[0, 0, 2] > colours[0, 0, 0]  # bluer than red
        if share < 100:
            assert colours[0, 1, 0] > colours[0, 1, 2]
        for text in figure.axes[0].texts:
            assert text.get_color() == "black"
            column, row = (round(value) for value in text.get_position())
            luminance = (colours[row, column] ** 2.2) @ (0.2126, 0.7152, 0.0722)
            assert (luminance + 0.05) / 0.05 > 4.5, (share, colours[row, column])


def test_reliability_has_a_column_for_each_temperature_and_says_so() -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 3, (500, 4))
    labels = logits.argmax(1)
    labels[::3] = generator.integers(0, 4, len(labels[::3]))
    raw = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    before = probability_figures(raw, labels)
    after = probability_figures(raw, labels, 1.7)
    assert len(reliability_figure(before).axes) == 2
    figure = reliability_figure(before, after)
    assert len(figure.axes) == 4
    assert f"the calibration error is {before.calibration_error:.1%}" in figure.get_label()
    assert "At temperature 1.70" in figure.get_label()
    heights = [bar.get_height() for bar in figure.axes[2].patches]
    assert sum(heights) == pytest.approx(1)
    for above, below, figures in zip(figure.axes[:2], figure.axes[2:], (before, after), strict=True):
        filled = [group for group in figures.reliability if group.images]
        bars, gaps = above.patches[: len(filled)], above.patches[len(filled) :]
        assert [bar.get_height() for bar in bars] == pytest.approx([group.accuracy for group in filled])
        assert [bar.get_x() for bar in bars] == pytest.approx([group.low for group in filled])
        assert [gap.get_height() for gap in gaps] == pytest.approx(
            [abs(group.accuracy - group.confidence) for group in filled]
        )
        assert above.lines[0].get_xydata().tolist() == [[0, 0], [1, 1]]
        shares = [group.images / 500 for group in figures.reliability]
        assert [bar.get_height() for bar in below.patches] == pytest.approx(shares)
    assert [axes.get_ylabel() for axes in figure.axes] == ["accuracy", "", "share of images", ""]
    assert [axes.get_xlabel() for axes in figure.axes[:2]] == ["", ""]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == [
        "perfectly calibrated", "accuracy", "gap to the confidence",
    ]  # fmt: skip


def test_coverage_marks_the_threshold_if_there_is_one() -> None:
    curve = [CoveragePoint(0.9, 0.5, 0.0), CoveragePoint(0.2, 1.0, 0.25)]
    with_threshold = coverage_figure(curve, Abstention(0.05, 0.9, "val", 60, 0.5, 0.0))
    assert len(with_threshold.axes[0].lines) == 3
    curve_drawn, level, mark = with_threshold.axes[0].lines
    assert curve_drawn.get_xydata().tolist() == [[0.5, 1.0], [1.0, 0.75]]
    assert mark.get_xydata().tolist() == [[0.5, 1.0]]
    assert set(level.get_ydata()) == {0.95}
    assert with_threshold.get_label() == (
        "Accuracy against coverage: 75.0% when every image is predicted, 100.0% when only the most confident 50% are. "
        "With the confidence threshold 0.900, 50.0% are predicted and 0.0% of these predictions are wrong; "
        "5.0% were asked for."
    )
    without = coverage_figure(curve, Abstention(0.05, None, "val", 60, None, None))
    assert len(without.axes[0].lines) == 2
    assert without.get_label().endswith("No confidence threshold is drawn.")


def test_robustness_draws_each_kind_and_starts_where_nothing_is_changed() -> None:
    points = tuple(CorruptionPoint(strength, 50, 0.5, (0.4, 0.6)) for strength in (0.8, 0.4))
    kinds = tuple(CorruptionFigures(name, "factor", 1.0, points) for name in ("contrast", "b", "c", "d"))
    measured = Robustness(
        run="r", data="d", split="test", epoch=1, images=100, of=100, accuracy=0.9, accuracy_interval=(0.8, 0.95),
        corruptions=kinds, notes=(),
    )  # fmt: skip
    figure = robustness_figure(measured)
    drawn = [axes for axes in figure.axes if axes.get_title()]
    assert [axes.get_title() for axes in drawn] == ["contrast", "b", "c", "d"]
    assert drawn[0].lines[0].get_xdata().tolist() == [0.4, 0.8, 1.0]
    assert drawn[0].lines[0].get_ydata().tolist() == [0.5, 0.5, 0.9]
    assert drawn[0].xaxis_inverted()
    band = drawn[0].collections[0].get_paths()[0].get_extents()
    assert (band.y0, band.y1) == (0.4, 0.95)
    assert all(axes.get_ylabel() == ("accuracy" if place % 3 == 0 else "") for place, axes in enumerate(drawn))
    assert [axes.axison for axes in figure.axes] == [True] * 4 + [False] * 2
    assert figure.get_suptitle().startswith("Accuracy on ")
    assert "contrast 0.8: 50.0%" in figure.get_label()


@pytest.mark.parametrize("channels", [1, 3])
def test_a_contact_sheet_shows_pixels_as_they_are_and_says_what_it_leaves_out(channels: int) -> None:
    pictures = [np.full((4, 6, channels), number, np.uint8) for number in range(130)]
    figure = contact_sheet(pictures, [(f"first {n}", "x" * 40) for n in range(130)], "Title", "Words")
    assert figure.get_suptitle() == "Title (the first 120 of 130)"
    assert len([axes for axes in figure.axes if axes.images]) == 120
    image = figure.axes[77].images[0]
    assert np.unique(image.get_array()) == [77]
    assert image.get_interpolation() == "nearest"
    assert figure.axes[0].texts[0].get_text() == f"first 0\n{'x' * 20}…"
    assert figure.get_label() == "Words"
