"""Charts that are plain data, drawn with matplotlib; the page draws the same charts as SVG."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter

from pellucid.evaluation.charts import Bars, Chart, Series
from pellucid.figures.tokens import INK, NEGATIVE, POSITIVE, QUIET

__all__ = ["draw_chart"]

LOOKS: dict[str, dict[str, Any]] = {
    "line": {"color": POSITIVE, "marker": "o", "markersize": 4.5, "linewidth": 1.6},
    "dashed": {"color": NEGATIVE, "marker": "s", "markersize": 4.5, "linestyle": "--", "linewidth": 1.6},
    "curve": {"color": POSITIVE, "linewidth": 1.8},
    "thin": {"color": POSITIVE, "linewidth": 1, "alpha": 0.45},
    "level": {"color": INK, "linestyle": ":"},
    "point": {
        "color": NEGATIVE,
        "linestyle": "none",
        "marker": "o",
        "markersize": 9,
        "markerfacecolor": "white",
        "markeredgewidth": 2,
    },
}
BARS: dict[str, dict[str, Any]] = {
    "bar": {"color": "#a5c1dc", "edgecolor": INK, "linewidth": 0.8},
    "gap": {"facecolor": "none", "edgecolor": NEGATIVE, "hatch": "////", "linewidth": 0.8},
    "count": {"color": QUIET, "edgecolor": "white"},
}


def draw_chart(axes: Axes, chart: Chart, *, legend: bool = True) -> None:
    """Draw a chart on its own axes; series differ in dash and mark as well as in colour, so that grey suffices."""
    for bars in chart.bars:
        _draw_bars(axes, bars)
    for series in chart.series:
        if series.points:
            _draw_series(axes, series)
    axes.set_title(chart.title, fontsize=10.5)
    axes.set(xlabel=chart.x.label, ylabel=chart.y.label, xlim=chart.x_limits, ylim=chart.y_limits)
    axes.margins(x=0.02)
    if chart.x.falling:
        axes.invert_xaxis()
    if chart.x.whole:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    for scale, axis in ((chart.x, axes.xaxis), (chart.y, axes.yaxis)):
        if scale.percent:
            axis.set_major_formatter(PercentFormatter(1.0, decimals=None, symbol="%"))
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    if legend and axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False, fontsize=9, loc="best")


def _draw_series(axes: Axes, series: Series) -> None:
    xs, ys = zip(*series.points, strict=True)
    if series.interval:
        lows, highs = zip(*series.interval, strict=True)
        axes.fill_between(xs, lows, highs, color=POSITIVE, alpha=0.2, linewidth=0)
    axes.plot(xs, ys, label=series.name, clip_on=False, **LOOKS[series.look])


def _draw_bars(axes: Axes, bars: Bars) -> None:
    for index, (left, right, bottom, top) in enumerate(bars.boxes):
        label = bars.name if index == 0 else None
        axes.bar(left, top - bottom, right - left, bottom=bottom, align="edge", label=label, **BARS[bars.look])
