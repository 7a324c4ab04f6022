"""Charts that are plain data, drawn as SVG whose colours, light and dark, are those of the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from markupsafe import Markup

from pellucid.evaluation.charts import Bars, Chart, Scale, Series

__all__ = ["NARROW", "chart_svg", "ticks"]

WIDTH, NARROW, HEIGHT = 440, 330, 280
LEFT, RIGHT, TOP, BOTTOM = 64, 22, 30, 44
TICKS = 5
MARKED_UP_TO = 60
"""Lines of more points have no marks."""
LETTER = 6.4
"""The width of a letter of the legend, about."""

Range = tuple[float, float]


def chart_svg(chart: Chart, *, width: int = WIDTH) -> Markup:
    """Draw a chart.

    Args:
        chart: its lines and bars; lines without points are left out.
        width: of the picture, at a height of 280: the narrower, the larger its words on the page.
    """
    plane = _Plane(chart, width)
    series = [line for line in chart.series if line.points]
    parts = [
        *_axes(chart, plane),
        *(part for bars in chart.bars for part in _bars(bars, plane)),
        *(part for line in series for part in _series(line, plane)),
        _legend(chart.bars, series),
    ]
    return Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        width, HEIGHT, chart.description, Markup().join(parts)
    )


def ticks(low: float, high: float, most: int = TICKS, whole: bool = False) -> list[float]:
    """Choose round numbers from `low` to `high`, about `most` of them; only whole ones where asked.

    >>> ticks(0, 2.3)
    [0.0, 0.5, 1.0, 1.5, 2.0]
    >>> ticks(0, 2, whole=True)
    [0.0, 1.0, 2.0]
    """
    span = high - low
    if span <= 0:
        return [low]
    rough = max(span / most, 1.0) if whole else span / most
    power = 10.0 ** math.floor(math.log10(rough))
    factors = (1, 2, 5, 10) if whole else (1, 2, 2.5, 5, 10)
    step = next(power * factor for factor in factors if power * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(index * step, 10) for index in range(first, math.floor(high / step + 1e-9) + 1)]


class _Plane:
    """From the numbers of a chart to positions in the picture."""

    def __init__(self, chart: Chart, width: int) -> None:
        (left, right), (low, high) = chart.x_limits, chart.y_limits
        self.right = width - RIGHT
        self.x: Range = (left, right) if right > left else (left - 0.5, left + 0.5)
        self.y: Range = (low, high) if high > low else (low, low + 1)
        self.falling = chart.x.falling

    def __call__(self, x: float, y: float) -> tuple[float, float]:
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (min(max(y, self.y[0]), self.y[1]) - self.y[0]) / (self.y[1] - self.y[0])
        across = 1 - across if self.falling else across
        return LEFT + across * (self.right - LEFT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    def path(self, points: Iterable[tuple[float, float]]) -> str:
        """Write points as an SVG list of positions."""
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in (self(*point) for point in points))


def _axes(chart: Chart, plane: _Plane) -> list[Markup]:
    parts = []
    for value in ticks(*plane.y, whole=chart.y.whole):
        _, y = plane(plane.x[0], value)
        parts.append(Markup('<path class="grid" d="M{} {:.1f}H{}"/>').format(LEFT, y, plane.right))
        parts.append(
            Markup('<text class="tick" x="{}" y="{:.1f}" text-anchor="end">{}</text>').format(
                LEFT - 7, y + 4, _number(value, chart.y)
            )
        )
    floor = HEIGHT - BOTTOM
    for value in ticks(*plane.x, whole=chart.x.whole):
        x, _ = plane(value, plane.y[0])
        parts.append(
            Markup('<text class="tick" x="{:.1f}" y="{}" text-anchor="middle">{}</text>').format(
                x, floor + 17, _number(value, chart.x)
            )
        )
    middle, centre = (LEFT + plane.right) / 2, (TOP + floor) / 2
    parts += [
        Markup('<path class="axis" d="M{} {}H{}"/>').format(LEFT, floor, plane.right),
        Markup('<text x="{}" y="{}" text-anchor="middle">{}</text>').format(middle, HEIGHT - 6, chart.x.label),
        Markup('<text transform="translate(13,{}) rotate(-90)" text-anchor="middle">{}</text>').format(
            centre, chart.y.label
        ),
    ]
    return parts


def _number(value: float, scale: Scale) -> str:
    return f"{100 * value:g}%" if scale.percent else f"{value:g}".replace("-", "−")


def _series(series: Series, plane: _Plane) -> list[Markup]:
    parts = []
    if series.interval:
        xs = [x for x, _ in series.points]
        there = [(x, high) for x, (_, high) in zip(xs, series.interval, strict=True)]
        back = [(x, low) for x, (low, _) in zip(xs, series.interval, strict=True)][::-1]
        parts.append(Markup('<polygon class="interval" points="{}"/>').format(plane.path([*there, *back])))
    if series.look != "point":
        parts.append(Markup('<polyline class="line {}" points="{}"/>').format(series.look, plane.path(series.points)))
    if series.look in ("line", "dashed", "point") and len(series.points) <= MARKED_UP_TO:
        parts += [_mark(series.look, *plane(*point)) for point in series.points]
    return parts


def _mark(look: str, x: float, y: float) -> Markup:
    if look == "dashed":
        return Markup('<rect class="mark dashed" x="{:.1f}" y="{:.1f}" width="6" height="6"/>').format(x - 3, y - 3)
    radius = 5 if look == "point" else 3.2
    return Markup('<circle class="mark {}" cx="{:.1f}" cy="{:.1f}" r="{}"/>').format(look, x, y, radius)


def _bars(bars: Bars, plane: _Plane) -> list[Markup]:
    parts = []
    for left, right, bottom, top in bars.boxes:
        x, y = plane(left, top)
        end, floor = plane(right, bottom)
        parts.append(
            Markup('<rect class="{}" x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
                bars.look, x, y, end - x, floor - y
            )
        )
    return parts


def _legend(bars: Sequence[Bars], series: Sequence[Series]) -> Markup:
    """Name the lines and bars above the picture; one line alone needs no name."""
    if len(bars) + len(series) < 2:
        return Markup()
    entries = []
    x = 0.0
    items: list[Bars | Series] = [*bars, *series]
    for item in items:
        if isinstance(item, Bars):
            key = Markup('<rect class="{}" x="{:.0f}" width="14" height="9" y="-8"/>').format(item.look, x)
        elif item.look == "point":
            key = _mark("point", x + 7, -4)
        else:
            key = Markup('<path class="line {}" d="M{:.0f} -4h16"/>').format(item.look, x)
        entries.append(Markup('{}<text x="{:.0f}">{}</text>').format(key, x + 20, item.name))
        x += 20 + LETTER * len(item.name) + 12
    return Markup('<g class="legend" transform="translate({},16)">{}</g>').format(LEFT - 40, Markup().join(entries))
