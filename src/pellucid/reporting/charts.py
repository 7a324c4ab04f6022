"""Charts as SVG that follows the page: its colours, light and dark, come from the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from pellucid.evaluation.measures import ReliabilityBin

__all__ = ["NARROW", "Series", "line_chart", "reliability_chart", "ticks"]

WIDTH, NARROW, HEIGHT = 440, 330, 280
LEFT, RIGHT, TOP, BOTTOM = 64, 22, 30, 44
TICKS = 5

Range = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """One line: its points in order of x, its look (`a`, `b`, `c`: colour, dash and mark; `thin`, `level`)."""

    name: str
    points: Sequence[tuple[float, float]]
    look: str = "a"


def line_chart(
    series: Sequence[Series],
    *,
    x_label: str,
    y_label: str,
    description: str,
    x_range: Range | None = None,
    y_range: Range | None = None,
    percent: tuple[bool, bool] = (False, False),
    flip: bool = False,
    width: int = WIDTH,
) -> Markup:
    """Draw lines on one pair of axes.

    Args:
        series: the lines; those without points are left out.
        x_label, y_label: what the axes show.
        description: the same in words, for those who cannot see it.
        x_range, y_range: limits; None takes them from the points (y from 0).
        percent: whether the numbers of the axes are shares.
        flip: whether x falls from left to right.
        width: of the picture, against a height of 280: the narrower, the larger its words on the page.
    """
    series = [one for one in series if one.points]
    xs = [x for one in series for x, _ in one.points] or [0.0]
    ys = [y for one in series for _, y in one.points] or [0.0]
    plane = _Plane(x_range or (min(xs), max(xs)), y_range or (min(0.0, *ys), 1.05 * max(ys)), flip, width)
    parts = plane.axes(x_label, y_label, percent)
    for one in series:
        places = [plane(x, y) for x, y in one.points]
        listed = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline class="line {one.look}" points="{listed}"/>')
        if one.look in ("a", "b", "c") and len(places) <= 60:
            parts += [_mark(one.look, x, y) for x, y in places]
    parts += _legend(series)
    return _svg(parts, description, width)


def reliability_chart(bins: Sequence[ReliabilityBin], description: str) -> Markup:
    """Draw accuracy against confidence: a bar to the accuracy, a frame to the confidence, a diagonal for honesty."""
    plane = _Plane((0, 1), (0, 1))
    parts = plane.axes("confidence", "accuracy", (True, True))
    for one in bins:
        if one.accuracy is None or one.confidence is None:
            continue
        left, top = plane(one.low, one.accuracy)
        right, floor = plane(one.high, 0)
        parts.append(_box("bar", left, top, right, floor))
        gap = sorted((top, plane(0, one.confidence)[1]))
        parts.append(_box("gap", left, gap[0], right, gap[1]))
    start, end = plane(0, 0), plane(1, 1)
    parts.append(f'<path class="line level" d="M{start[0]:.1f} {start[1]:.1f}L{end[0]:.1f} {end[1]:.1f}"/>')
    parts.append(f'<g class="legend" transform="translate({LEFT},16)"><rect class="bar" width="14" height="9" y="-8"/>')
    parts.append('<text x="19">accuracy</text><rect class="gap" x="90" width="14" height="9" y="-8"/>')
    parts.append('<text x="109">gap to the confidence</text></g>')
    return _svg(parts, description)


def ticks(low: float, high: float, most: int = TICKS) -> list[float]:
    """Choose round numbers from `low` to `high`, about `most` of them.

    >>> ticks(0, 2.3)
    [0.0, 0.5, 1.0, 1.5, 2.0]
    """
    span = high - low
    if span <= 0:
        return [low]
    rough = span / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 2.5, 5, 10) if power * factor >= rough * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [round(at * step, 10) for at in range(first, math.floor(high / step + 1e-9) + 1)]


class _Plane:
    """From numbers to places in the picture."""

    def __init__(self, x_range: Range, y_range: Range, flip: bool = False, width: int = WIDTH) -> None:
        self.right = width - RIGHT
        self.x = x_range if x_range[1] > x_range[0] else (x_range[0] - 0.5, x_range[0] + 0.5)
        self.y = y_range if y_range[1] > y_range[0] else (y_range[0], y_range[0] + 1)
        self.flip = flip

    def __call__(self, x: float, y: float) -> tuple[float, float]:
        across = (x - self.x[0]) / (self.x[1] - self.x[0])
        up = (min(max(y, self.y[0]), self.y[1]) - self.y[0]) / (self.y[1] - self.y[0])
        across = 1 - across if self.flip else across
        return LEFT + across * (self.right - LEFT), HEIGHT - BOTTOM - up * (HEIGHT - TOP - BOTTOM)

    def axes(self, x_label: str, y_label: str, percent: tuple[bool, bool]) -> list[str]:
        parts = []
        for value in ticks(*self.y):
            _, y = self(self.x[0], value)
            parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{self.right}"/>')
            parts.append(f'<text class="tick" x="{LEFT - 7}" y="{y + 4:.1f}" text-anchor="end">')
            parts.append(f"{_number(value, percent[1])}</text>")
        for value in ticks(*self.x):
            x, _ = self(value, self.y[0])
            parts.append(f'<text class="tick" x="{x:.1f}" y="{HEIGHT - BOTTOM + 17}" text-anchor="middle">')
            parts.append(f"{_number(value, percent[0])}</text>")
        parts.append(f'<path class="axis" d="M{LEFT} {HEIGHT - BOTTOM}H{self.right}"/>')
        middle = (LEFT + self.right) / 2
        parts.append(f'<text x="{middle}" y="{HEIGHT - 6}" text-anchor="middle">{escape(x_label)}</text>')
        centre = (TOP + HEIGHT - BOTTOM) / 2
        parts.append(
            f'<text transform="translate(13,{centre}) rotate(-90)" text-anchor="middle">{escape(y_label)}</text>'
        )
        return parts


def _number(value: float, percent: bool) -> str:
    return f"{100 * value:g} %" if percent else f"{value:g}"


def _mark(look: str, x: float, y: float) -> str:
    if look == "a":
        return f'<circle class="mark a" cx="{x:.1f}" cy="{y:.1f}" r="3.2"/>'
    return f'<rect class="mark {look}" x="{x - 3:.1f}" y="{y - 3:.1f}" width="6" height="6"/>'


def _box(look: str, left: float, top: float, right: float, floor: float) -> str:
    return f'<rect class="{look}" x="{left:.1f}" y="{top:.1f}" width="{right - left:.1f}" height="{floor - top:.1f}"/>'


def _legend(series: Sequence[Series]) -> list[str]:
    if len(series) < 2:
        return []
    parts = [f'<g class="legend" transform="translate({LEFT},16)">']
    x = 0.0
    for one in series:
        parts.append(
            f'<path class="line {one.look}" d="M{x:.0f} -4h20"/><text x="{x + 25:.0f}">{escape(one.name)}</text>'
        )
        x += 25 + 6.4 * len(one.name) + 16
    return [*parts, "</g>"]


def _svg(parts: Sequence[str], description: str, width: int = WIDTH) -> Markup:
    head = f'<svg class="chart" viewBox="0 0 {width} {HEIGHT}" role="img" aria-label="{escape(description)}">'
    return Markup(head + "".join(parts) + "</svg>")  # every text in the parts was escaped where it came in
