"""Pictures of causes and attributions: their images, boxes, curves and scales are those of the results."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from drawn import outlines, pixels_of
from matplotlib.colors import to_hex, to_rgb

from pellucid.attribution import explain
from pellucid.causes import activations, filters, history, maps
from pellucid.figures.attribution import overlay
from pellucid.figures.tokens import FRAME, INK, NEGATIVE, POSITIVE, QUIET, tint
from pellucid.figures.unit import picture_of


@pytest.fixture(autouse=True)
def _surroundings(seen_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PELLUCID_DATA", str(seen_data))
    monkeypatch.setenv("PELLUCID_CACHE", str(seen_data / "cache"))
    monkeypatch.chdir(tmp_path)


def test_activations_show_each_image_its_window_and_the_window_alone(run) -> None:
    strongest = activations(run, "again[1]", 4, split="test")
    figure = strongest.figure()
    drawn = [axes for axes in figure.axes if axes.images]
    assert len(drawn) == 8
    for image, left, right in zip(strongest, drawn[::2], drawn[1::2], strict=True):
        np.testing.assert_array_equal(pixels_of(left), image.pixels[..., 0])
        np.testing.assert_array_equal(pixels_of(right), image.pixels[..., 0])
        assert left.images[0].get_clim() == (0, 255)
        box = image.box
        corners = (box.left - 0.5, box.top - 0.5, box.right - 0.5, box.bottom - 0.5)
        assert outlines(left) == [(corners, "#ffffff"), (corners, FRAME)]
        assert left.get_title() == f"{image.true}: value {image.value:.3g}"
        assert left.get_xlabel() == image.image
        width, height = (abs(high - low) for low, high in (right.get_xlim(), right.get_ylim()))
        assert (height, width) == strongest.field
        assert min(right.get_xlim()) <= box.left - 0.5 < box.right - 0.5 <= max(right.get_xlim())
        assert right.get_title() == f"{box.bottom - box.top}×{box.right - box.left} pixels"
        assert f"{image.image}, {image.true}" in figure.get_label()
    assert figure.get_suptitle() == "What activates again[1] most: 4 images of 40 (test)"


def test_filters_are_grey_at_zero(run) -> None:
    first = filters(run)
    drawn = [axes for axes in first.figure().axes if axes.images]
    assert [axes.get_title() for axes in drawn] == ["0", "1", "2", "3", "4", "5"]
    for axes, weights in zip(drawn, first.weights, strict=True):
        np.testing.assert_allclose(pixels_of(axes), 0.5 + 0.5 * weights[0] / np.abs(weights[0]).max())
        assert axes.images[0].get_clim() == (0, 1)
        assert axes.images[0].get_cmap().name == "gray"


def test_feature_maps_are_on_one_scale_beside_the_image(run) -> None:
    channels = maps(run, "test/3", "again")
    figure = channels.figure()
    whole, *drawn = [axes for axes in figure.axes if axes.images][:7]
    np.testing.assert_array_equal(pixels_of(whole), picture_of(channels.glass))
    assert whole.get_title() == "image"
    largest = np.abs(channels.values).max()
    assert channels.values.min() < 0
    for number, (axes, values) in enumerate(zip(drawn, channels.values, strict=True)):
        np.testing.assert_array_equal(pixels_of(axes), values)
        assert axes.get_title() == str(number)
        assert axes.images[0].get_clim() == pytest.approx((-largest, largest))
        ends = [to_hex(axes.images[0].cmap(end)) for end in (0.0, 0.5, 1.0)]
        assert ends == [NEGATIVE, "#ffffff", POSITIVE]
        assert {to_hex(spine.get_edgecolor()) for spine in axes.spines.values()} == {QUIET}
        assert axes.axison
    assert any(axes.get_label() == "<colorbar>" for axes in figure.axes)
    assert figure.get_suptitle().endswith("6 channels\norange: below zero, blue: above zero")


def test_an_overlay_is_blue_for_and_orange_against() -> None:
    picture = np.array([[0, 255, 0, 255]], np.uint8)
    drawn = overlay(picture, np.array([[1.0, 0.0, -1.0, -0.5]]))
    grey = np.array([0.3, 0.95, 0.3, 0.95])
    np.testing.assert_allclose(drawn[0, 0], 0.3 * grey[0] + 0.7 * np.array(to_rgb(POSITIVE)))
    np.testing.assert_allclose(drawn[0, 1], grey[1])
    np.testing.assert_allclose(drawn[0, 2], 0.3 * grey[2] + 0.7 * np.array(to_rgb(NEGATIVE)))
    np.testing.assert_allclose(drawn[0, 3], 0.65 * grey[3] + 0.35 * np.array(to_rgb(NEGATIVE)))


def test_an_explanation_has_its_map_its_curves_and_those_of_the_moved_map(run) -> None:
    explanation = explain(run, "test/5", "grad-cam").best
    figure = explanation.figure()
    picture, shown, words, curves = figure.axes
    np.testing.assert_array_equal(pixels_of(picture), picture_of(explanation.glass))
    np.testing.assert_allclose(pixels_of(shown), overlay(picture_of(explanation.glass), explanation.map))
    assert shown.get_title().startswith(explanation.method)
    scores, moved = explanation.scores, explanation.test.moved
    *thin, deletion, insertion = curves.lines
    assert len(thin) == 2 * len(moved)
    for line, values in (
        (deletion, scores.deletion_curve), (insertion, scores.insertion_curve),
        (thin[0], moved[0].deletion_curve), (thin[1], moved[0].insertion_curve),
        (thin[-2], moved[-1].deletion_curve), (thin[-1], moved[-1].insertion_curve),
    ):  # fmt: skip
        np.testing.assert_allclose(line.get_ydata(), values)
        assert len(line.get_xdata()) == len(values)
    np.testing.assert_allclose(deletion.get_xdata(), scores.fractions)
    np.testing.assert_allclose(thin[0].get_xdata(), moved[0].fractions)
    assert {to_hex(line.get_color()) for line in thin} == {QUIET}
    assert [to_hex(line.get_color()) for line in (deletion, insertion)] == [INK, INK]
    assert [line.is_dashed() for line in (*thin[:2], deletion, insertion)] == [False, True, False, True]
    assert curves.get_xlabel().endswith(f"\n{explanation.verdict}")
    assert curves.get_ylabel() == f"probability of {explanation.class_name}"
    (legend,) = (text.get_text() for text in words.texts)
    assert legend.startswith(f"blue: evidence for {explanation.class_name}\n")
    assert explanation.verdict in figure.get_label()


def test_a_history_has_a_column_an_epoch_and_curves_below(run) -> None:
    moments = history(run, "test/5")
    figure = moments.figure()
    *columns, curves, values = figure.axes
    assert len(columns) == 2 * len(moments)
    for moment, above, below in zip(moments, columns[::2], columns[1::2], strict=True):
        np.testing.assert_allclose(pixels_of(above), overlay(picture_of(moments.last), moment.map))
        assert above.get_title() == f"epoch {moment.epoch}"
        np.testing.assert_allclose(pixels_of(below), moment.feature_map)
        assert below.get_title() == f"{moment.value:.3g}"
    assert len({below.images[0].get_clim() for below in columns[1::2]}) == 1
    names = [text.get_text() for text in curves.get_legend().get_texts()]
    assert names[0] == moments.target
    assert len(names) == len(curves.lines) == 4
    for name, line in zip(names, curves.lines, strict=True):
        place = moments[0].prediction.classes.index(name)
        np.testing.assert_allclose(line.get_ydata(), [moment.prediction.probabilities[place] for moment in moments])
        assert line.get_xdata().tolist() == [moment.epoch for moment in moments]
    assert to_hex(curves.lines[0].get_color()) == POSITIVE
    np.testing.assert_allclose(values.lines[0].get_ydata(), [moment.value for moment in moments])
    assert (values.get_xlabel(), values.get_ylabel()) == ("epoch", moments.unit)


def test_the_chain_shows_every_link(run) -> None:
    from pellucid.causes import why

    causes = why(run, "test/5", top=3, limit=50)
    figure = causes.figure()
    upper, middle, lower = figure.subfigs
    image, probabilities, *_ = upper.axes
    np.testing.assert_array_equal(pixels_of(image), picture_of(causes.glass))
    top = dict(causes.glass.prediction.top(10))
    names = [label.get_text() for label in probabilities.get_yticklabels()]
    assert [bar.get_width() for bar in probabilities.patches] == pytest.approx([top[name] for name in names])
    colours = [to_hex(bar.get_facecolor()) for bar in probabilities.patches]
    chosen = (causes.pair.predicted, causes.pair.other)
    assert colours == [POSITIVE if name in chosen else tint(0.5) for name in names]
    assert [text.get_text() for text in probabilities.texts] == [f"{top[name]:.1%}" for name in names]
    shown, window, channel, words = middle.axes
    np.testing.assert_allclose(pixels_of(shown), overlay(picture_of(causes.glass), causes.explanation.map))
    box = causes.trace.receptive_field
    corners = (box.left - 0.5, box.top - 0.5, box.right - 0.5, box.bottom - 0.5)
    assert outlines(window) == [(corners, "#ffffff"), (corners, FRAME)]
    unit = causes.contributor.unit
    np.testing.assert_allclose(pixels_of(channel), unit.node.value[unit.index[0]].detach().numpy())
    row, column = unit.index[1:]
    assert outlines(channel) == [((column - 0.5, row - 0.5, column + 0.5, row + 0.5), INK)]
    assert next(text.get_text() for text in words.texts)
    assert len([axes for axes in lower.axes if axes.images]) == 2 * len(causes.activations.images)
