"""A network as a diagram: every operation a box, with its shapes, kernels and counts; branches as arcs. SVG text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from xml.sax.saxutils import escape

from torch import nn

from pellucid.arithmetic import LayerTable, Row, summarise
from pellucid.ground.writing import counted

__all__ = ["architecture_svg", "describe_architecture"]

BOX_WIDTH, TALL, LOW, GAP = 390, 46, 28, 18
"""Boxes of operations with settings worth a second line are tall; the gap holds the arrow."""
MARGIN, LANE, GLYPHS, SHAPES = 20, 16, 104, 120
HEADER, FOOTER = 56, 64

STYLE = """
.pa-paper{fill:#ffffff} .pa-text{fill:#1b1f24} .pa-soft{fill:#57606a} .pa-line{stroke:#57606a;fill:none}
.pa-head{fill:#57606a} .pa-box{stroke:#57606a;fill:#f3f4f6} .pa-weighted{fill:#cfe3f7} .pa-pooling{fill:#d5efd9}
.pa-normalisation{fill:#efe3f7} .pa-activation{fill:#fdeecb} .pa-joining{fill:#fbd9d3} .pa-glyph{stroke:#57606a}
.pa-front{fill:#dfe5ec} .pa-side{fill:#b9c4d0} .pa-top{fill:#ccd5de} .pa-band{fill:#f6f8fa;stroke:#d0d7de}
@media (prefers-color-scheme: dark){
.pa-paper{fill:#0d1117} .pa-text{fill:#e6edf3} .pa-soft{fill:#9da7b3} .pa-line{stroke:#9da7b3} .pa-head{fill:#9da7b3}
.pa-box{stroke:#9da7b3;fill:#21262d} .pa-weighted{fill:#12385e} .pa-pooling{fill:#12442a}
.pa-normalisation{fill:#3c2757} .pa-activation{fill:#4f3b08} .pa-joining{fill:#5c2219} .pa-glyph{stroke:#9da7b3}
.pa-front{fill:#3a4450} .pa-side{fill:#262d36} .pa-top{fill:#2f3843} .pa-band{fill:#161b22;stroke:#30363d}
}
""".strip()


def architecture_svg(network: LayerTable | nn.Module, input_shape: Sequence[int] | None = None) -> str:
    """Draw a network from its input at the top to its output at the bottom.

    The blocks at the right are as tall as the feature maps are and as deep as there are channels (on a logarithm's
    scale). Arcs at the left carry a value past the operations between. Nothing in the text depends on colour, and a
    reader's dark mode is followed.

    Args:
        network: a table that `summarise` made, or a module, with `input_shape` as `summarise` takes it.

    Returns:
        SVG text that scales with the page (`viewBox`), with a title and a description for screen readers.
    """
    table = summarise(network, input_shape or ()) if isinstance(network, nn.Module) else network
    rows = table.rows
    tops, heights = _stack(rows)
    lanes = _lanes(rows)
    left = MARGIN + LANE * (max((lane for *_, lane in lanes), default=0) + (1 if lanes else 0)) + (8 if lanes else 0)
    width = left + BOX_WIDTH + GLYPHS + SHAPES + MARGIN
    height = tops[-1] + heights[-1] + FOOTER
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        "font-family=\"system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif\" font-size=\"13\">",
        f"<title>Architecture of {escape(table.network)}</title>",
        f"<desc>{escape(describe_architecture(table))}</desc>",
        f"<style>{STYLE}</style>",
        f'<rect class="pa-paper" width="{width}" height="{height}"/>',
        f'<text class="pa-text" x="{left}" y="32" font-size="18" font-weight="600">{escape(table.network)}</text>',
        f'<text class="pa-soft" x="{width - MARGIN}" y="32" text-anchor="end">channels × rows × columns</text>',
    ]
    parts += _bands(rows, tops, heights, left)
    parts += _arrows(rows, tops, heights, left + BOX_WIDTH / 2)
    parts += _arcs(lanes, tops, heights, left)
    scale = _Scale(rows)
    previous: tuple[int, ...] | None = None
    for row, top, tall in zip(rows, tops, heights, strict=True):
        parts += _box(row, left, top, tall)
        middle = top + tall / 2
        if row.output_shape != previous and not _is_weight(row):
            parts += scale.glyph(row.output_shape, left + BOX_WIDTH + GLYPHS / 2, middle)
        strength = "pa-text" if row.output_shape != previous else "pa-soft"
        x, words = left + BOX_WIDTH + GLYPHS, _shape(row.output_shape)
        parts.append(f'<text class="{strength}" x="{x}" y="{middle + 4.5}">{words}</text>')
        previous = row.output_shape
    parts.append(
        f'<text class="pa-text" x="{left}" y="{height - 32}">{table.parameters:,} parameters, '
        f"{table.multiply_adds:,} multiply-adds for one image</text></svg>"
    )
    return "\n".join(parts) + "\n"


def describe_architecture(table: LayerTable) -> str:
    """Say what the diagram shows, an operation after the other, for those who cannot see it."""
    steps = []
    for before, row in zip((None, *table.rows), table.rows, strict=False):
        what = f"{row.label} {row.name}" if row.name != row.label.lower() else row.label
        usual = before is None or row.operands in ((before.name,), ())
        reads = "" if usual else f" of {' and '.join(row.operands)}"
        steps.append(f"{what}{reads}{' (' + row.summary + ')' if row.summary else ''} gives {_shape(row.output_shape)}")
    return f"{table.network}, {table.parameters:,} parameters. " + "; ".join(steps) + "."


def _stack(rows: Sequence[Row]) -> tuple[list[int], list[int]]:
    tops, heights, y = [], [], HEADER
    for row in rows:
        tall = TALL if row.summary else LOW
        tops.append(y)
        heights.append(tall)
        y += tall + GAP
    return tops, heights


def _lanes(rows: Sequence[Row]) -> list[tuple[int, int, int]]:
    """Find the edges that pass by other boxes, and a lane at the left for each so that none lies on another."""
    number = {row.name: position for position, row in enumerate(rows)}
    edges = sorted(
        {
            (number[operand], position)
            for position, row in enumerate(rows)
            for operand in row.operands
            if position - number[operand] > 1
        },
        key=lambda edge: (edge[1] - edge[0], edge),
    )
    occupied: list[list[tuple[int, int]]] = []
    placed = []
    for start, end in edges:
        free = (k for k, lane in enumerate(occupied) if all(end <= a or start >= b for a, b in lane))
        lane = next(free, len(occupied))
        if lane == len(occupied):
            occupied.append([])
        occupied[lane].append((start, end))
        placed.append((start, end, lane))
    return placed


def _arrows(rows: Sequence[Row], tops: list[int], heights: list[int], x: float) -> list[str]:
    parts = []
    for position in range(1, len(rows)):
        if rows[position - 1].name in rows[position].operands:
            parts += _arrow_down(x, tops[position - 1] + heights[position - 1], tops[position])
    return parts


def _arrow_down(x: float, start: float, end: float) -> list[str]:
    return [
        f'<path class="pa-line" stroke-width="1.5" d="M{x} {start}V{end - 6}"/>',
        f'<path class="pa-head" d="M{x - 4.5} {end - 7}h9l-4.5 7z"/>',
    ]


def _arcs(lanes: list[tuple[int, int, int]], tops: list[int], heights: list[int], left: int) -> list[str]:
    parts = []
    for start, end, lane in lanes:
        x = left - 14 - LANE * lane
        from_y, to_y = tops[start] + heights[start] * 0.7, tops[end] + heights[end] * 0.5
        parts.append(
            f'<path class="pa-line" stroke-width="1.5" d="M{left} {from_y}H{x + 8}Q{x} {from_y} {x} {from_y + 8}'
            f'V{to_y - 8}Q{x} {to_y} {x + 8} {to_y}H{left - 6}"/>'
        )
        parts.append(f'<path class="pa-head" d="M{left - 7} {to_y - 4.5}v9l7-4.5z"/>')
    return parts


def _bands(rows: Sequence[Row], tops: list[int], heights: list[int], left: int) -> list[str]:
    """Lay a band behind the boxes of one part of the network (`stage1`), where it has several."""
    parts = []
    start = 0
    heads = [row.name.partition(".")[0] if "." in row.name else "" for row in rows]
    for position in range(1, len(rows) + 1):
        if position < len(rows) and heads[position] == heads[start]:
            continue
        if heads[start] and position - start > 1:
            top, bottom = tops[start] - 7, tops[position - 1] + heights[position - 1] + 7
            parts.append(
                f'<rect class="pa-band" x="{left - 8}" y="{top}" width="{BOX_WIDTH + GLYPHS + SHAPES + 16}" '
                f'height="{bottom - top}" rx="8"/>'
            )
        start = position
    return parts


def _box(row: Row, left: int, top: int, tall: int) -> list[str]:
    kind = f"pa-box pa-{row.group}" if row.group else "pa-box"
    label = {"input": "Input", "parameter": "Parameter", "constant": "Constant"}.get(row.label, row.label)
    name = "" if row.name == row.label else row.name
    line = top + 19
    parts = [
        f'<rect class="{kind}" x="{left}" y="{top}" width="{BOX_WIDTH}" height="{tall}" rx="6"/>',
        f'<text class="pa-text" x="{left + 12}" y="{line}" font-weight="600">{escape(label)}</text>',
        f'<text class="pa-soft" x="{left + BOX_WIDTH - 12}" y="{line}" text-anchor="end" font-size="12" '
        f"font-family=\"ui-monospace, 'DejaVu Sans Mono', monospace\">{escape(name)}</text>",
    ]
    if row.summary:
        parts.append(
            f'<text class="pa-text" x="{left + 12}" y="{line + 18}" font-size="12">{escape(row.summary)}</text>'
        )
    if row.owned:
        count = counted(row.owned, "parameter") + ("" if row.parameters else ", shared")
        parts.append(
            f'<text class="pa-text" x="{left + BOX_WIDTH - 12}" y="{line + 18}" text-anchor="end" font-size="12">'
            f"{count}</text>"
        )
    return parts


def _shape(shape: Sequence[int]) -> str:
    return " × ".join(str(size) for size in shape) or "1"


def _is_weight(row: Row) -> bool:
    return row.label == "parameter"


class _Scale:
    """How large the pictures of feature maps and of vectors are drawn."""

    def __init__(self, rows: Sequence[Row]) -> None:
        maps = [row.output_shape for row in rows if len(row.output_shape) == 3]
        vectors = [row.output_shape[0] for row in rows if len(row.output_shape) == 1]
        self.side = max((max(shape[1:]) for shape in maps), default=1)
        self.channels = max((shape[0] for shape in maps), default=1)
        self.length = max(vectors, default=1)

    def glyph(self, shape: tuple[int, ...], x: float, y: float) -> list[str]:
        """Draw one, its middle at x, y."""
        if len(shape) == 3:
            return self._block(shape, x, y)
        if len(shape) == 1:
            width = 8 + 70 * math.log1p(shape[0]) / math.log1p(self.length)
            return [
                f'<rect class="pa-glyph pa-front" x="{x - width / 2:.1f}" y="{y - 4}" width="{width:.1f}" height="8"/>'
            ]
        return []

    def _block(self, shape: tuple[int, ...], x: float, y: float) -> list[str]:
        channels, rows, columns = shape
        high, wide = (4 + 28 * math.sqrt(size / self.side) for size in (rows, columns))
        # Channels go backwards: to the right and up, as one looks at a stack of maps from the front.
        deep = 2 + 34 * math.log1p(channels) / math.log1p(self.channels)
        across, up = deep, deep * 0.45
        x0, y0 = x - (wide + across) / 2, y - (high - up) / 2
        back = f"l{across:.1f} {-up:.1f}"
        front = f"l{-across:.1f} {up:.1f}z"
        return [
            f'<path class="pa-glyph pa-top" d="M{x0:.1f} {y0:.1f}{back}h{wide:.1f}{front}"/>',
            f'<path class="pa-glyph pa-side" d="M{x0 + wide:.1f} {y0:.1f}{back}v{high:.1f}{front}"/>',
            f'<path class="pa-glyph pa-front" d="M{x0:.1f} {y0:.1f}h{wide:.1f}v{high:.1f}h{-wide:.1f}z"/>',
        ]
