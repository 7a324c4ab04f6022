"""Charts drawn with matplotlib: every point, bar, band, look and axis as the plain data say."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from pellucid.evaluation.charts import Bars, Chart, Scale, Series
from pellucid.figures.charts import draw_chart
from pellucid.figures.tokens import INK, NEGATIVE, POSITIVE

CHART = Chart(
    "Title",
    Scale("across", (0.0, 4.0), whole=True, falling=True),
    Scale("up", (0.0, 2.0), percent=True),
    "Words.",
    series=(
        Series("solid", ((1.0, 0.5), (3.0, 1.5)), "line", interval=((0.25, 0.75), (1.0, 2.0))),
        Series("broken", ((1.0, 1.0), (2.0, 0.0)), "dashed"),
        Series("none", (), "line"),
        Series("dots", ((0.0, 1.0), (4.0, 1.0)), "level"),
        Series("mark", ((2.0, 2.0),), "point"),
    ),
    bars=(
        Bars("bar", ((0.0, 1.0, 0.0, 0.5), (1.0, 3.0, 0.25, 1.0)), "bar"),
        Bars("gap", ((0.0, 1.0, 0.5, 0.75),), "gap"),
    ),
)


@pytest.fixture
def axes():
    axes = Figure().subplots()
    draw_chart(axes, CHART)
    return axes


def test_lines_have_their_points_and_looks(axes) -> None:
    assert [line.get_xydata().tolist() for line in axes.lines] == [
        [list(point) for point in series.points] for series in CHART.series if series.points
    ]
    assert [to_hex(line.get_color()) for line in axes.lines] == [POSITIVE, NEGATIVE, INK, NEGATIVE]
    assert [line.get_linestyle() for line in axes.lines] == ["-", "--", ":", "None"]
    assert [line.get_marker() for line in axes.lines] == ["o", "s", "None", "o"]
    assert not any(line.get_clip_on() for line in axes.lines)


def test_the_interval_is_a_band_between_its_bounds(axes) -> None:
    (band,) = axes.collections
    corners = {tuple(point) for point in band.get_paths()[0].vertices.tolist()}
    assert corners == {(1.0, 0.25), (1.0, 0.75), (3.0, 1.0), (3.0, 2.0)}
    assert to_hex(band.get_facecolor()[0]) == POSITIVE


def test_bars_stand_where_their_boxes_are(axes) -> None:
    boxes = [
        (bar.get_x(), bar.get_x() + bar.get_width(), bar.get_y(), bar.get_y() + bar.get_height())
        for bar in axes.patches
    ]
    assert boxes == [box for bars in CHART.bars for box in bars.boxes]
    assert [bar.get_hatch() for bar in axes.patches] == [None, None, "////"]
    assert to_hex(axes.patches[2].get_edgecolor()) == NEGATIVE


def test_axes_say_what_they_show(axes) -> None:
    assert (axes.get_title(), axes.get_xlabel(), axes.get_ylabel()) == ("Title", "across", "up")
    assert axes.get_xlim() == (4.0, 0.0)
    assert axes.get_ylim() == (0.0, 2.0)
    assert all(float(tick).is_integer() for tick in axes.get_xticks())
    axes.figure.canvas.draw()
    assert "100%" in [label.get_text() for label in axes.get_yticklabels()]
    assert not any("%" in label.get_text() for label in axes.get_xticklabels())
    assert axes.xaxis.get_gridlines()[0].get_visible()
    visible = {side: spine.get_visible() for side, spine in axes.spines.items()}
    assert visible == {"left": True, "bottom": True, "top": False, "right": False}


def test_the_legend_names_each_kind_once(axes) -> None:
    assert sorted(text.get_text() for text in axes.get_legend().get_texts()) == [
        "bar", "broken", "dots", "gap", "mark", "solid",
    ]  # fmt: skip
    bare = Figure().subplots()
    draw_chart(bare, CHART, legend=False)
    assert bare.get_legend() is None


def test_without_limits_the_axes_hold_the_points() -> None:
    axes = Figure().subplots()
    draw_chart(axes, Chart("", Scale("x"), Scale("y"), "", (Series("s", ((1.0, 2.0), (5.0, 4.0))),)))
    assert axes.get_xlim() == (1.0, 5.0)
    np.testing.assert_allclose(axes.get_ylim(), (0.0, 4.2))
    assert not axes.xaxis_inverted()
