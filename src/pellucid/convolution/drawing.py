"""The steps as text for a terminal: boxes that slide over the numbers, the filter beneath, the arithmetic."""

from __future__ import annotations

import math
from collections.abc import Sequence
from textwrap import wrap

import numpy as np
from numpy.typing import NDArray

from pellucid.convolution.geometry import SlidingAxis
from pellucid.convolution.result import Convolution
from pellucid.convolution.steps import WindowStep
from pellucid.convolution.values import Array
from pellucid.ground.writing import counted, exact_number

__all__ = ["boxed_grid", "draw", "draw_step"]

WIDEST = 100
"""Characters in a line, at most; of longer signals the part around the filter is drawn."""

JOINTS = " │││─└┌├─┘┐┤─┴┬┼"
"""The character where lines meet, at 1·(up) + 2·(down) + 4·(right) + 8·(left)."""


def draw(convolution: Convolution, most: int = 32) -> str:
    """Write what is done in a sentence, signal, filter, the first `most` steps, and the result.

    >>> from pellucid.convolution import convolve
    >>> print(draw(convolve([3, 2], [1, -1], mode="valid")))
    The filter is flipped and slides over the signal; at its only position the numbers that overlap
    are multiplied and summed.
    <BLANKLINE>
    convolution: signal of 2, filter of 2, mode valid
    filter   [1, -1]   flipped [-1, 1]
    <BLANKLINE>
    step 0      ┌────┬────┐
       signal   │  3 │  2 │
       filter   │ -1 │  1 │
                └────┴────┘
       3*(-1) + 2*1 = -1
    <BLANKLINE>
    result   [-1]
    """
    steps = convolution.steps
    lines = [*_sentence(convolution), "", _heading(convolution)]
    if len(convolution.axes) == 1 and convolution.plain:
        flipped = f"   flipped {number_list(convolution.flipped)}"
        lines += [f"filter   {number_list(convolution.kernel)}" + ("" if convolution.is_correlation else flipped)]
    for k in range(min(most, len(steps))):
        lines += ["", draw_step(convolution, k)]
    if len(steps) > most > 0:
        lines += ["", f"… and {counted(len(steps) - most, 'more step')}"]
    lines += ["", _result(convolution.result)]
    return "\n".join(lines)


def draw_step(convolution: Convolution, index: int | tuple[int, ...]) -> str:
    """Write one step: the numbers with a box around those that overlap, the filter, the arithmetic."""
    step = convolution.steps[index]
    plain_line = isinstance(step.position, int)
    title = f"step {step.position}" if plain_line else f"step {_tuple_text(step.position)}"
    picture = _line_picture(convolution, step) if plain_line else _grid_picture(convolution, step)
    head = f"{title:<12}"
    if picture[0].startswith(" " * 12):  # the top of the box has room for the title beside it
        picture[0] = (head + picture[0][12:]).rstrip()
    else:
        picture.insert(0, title)
    return "\n".join([*picture, f"   {step}"])


def number_list(array: Array, most: int = 24) -> str:
    """Write a 1-D array as `[3, 2, 1]`, its middle left out where it is long."""
    texts = [exact_number(number) for number in (array if array.size <= most else array[: most - 2])]
    if array.size > most:
        texts += ["…", exact_number(array[-1])]
    return "[" + ", ".join(texts) + "]"


def boxed_grid(cells: Sequence[Sequence[str]], boxed: NDArray[np.bool_], width: int) -> list[str]:
    """Write rows of cells, a frame around those that are boxed.

    Args:
        cells: `[R][C]` texts, at most `width` characters each; they are set flush right.
        boxed: `[R, C]`.
        width: characters of a cell, without the two spaces around it.
    """
    framed = np.pad(np.asarray(boxed, bool), 1)
    across = framed[:-1] != framed[1:]  # [R + 1, C + 2]: a line above the row
    upright = framed[:, :-1] | framed[:, 1:]  # [R + 2, C + 1]: a line left of the column
    lines = []
    for row in range(len(cells) + 1):
        if across[row].any():
            line = ""
            for column in range(len(cells[0]) + 1):
                up, down = upright[row, column], upright[row + 1, column]
                left, right = across[row, column], across[row, column + 1]
                line += JOINTS[1 * up + 2 * down + 4 * right + 8 * left]
                line += ("─" if right else " ") * (width + 2)
            lines.append(line.rstrip())
        if row < len(cells):
            bars = ["│" if line else " " for line in upright[row + 1]]
            texts = [f"{bar} {cell:>{width}} " for bar, cell in zip(bars, [*cells[row], ""], strict=True)]
            lines.append("".join(texts).rstrip())
    return lines


def _line_picture(convolution: Convolution, step: WindowStep) -> list[str]:
    """Draw a plain 1-D step: the signal above, the filter below, one box around each pair."""
    axis = convolution.axes[0]
    begin = step.starts[0] + axis.before
    end = axis.first + (axis.count - 1) * axis.stride + axis.reach
    columns = range(min(0, axis.first), max(axis.padded, end))
    texts = [exact_number(weight) for weight in convolution.aligned]
    width = max(len(text) for text in texts)
    columns = _crop(columns, begin, axis.reach, _signal_width(convolution) + 3)
    signal = {p: _signal_text(convolution, (p,), 0) for p in columns if 0 <= p < axis.padded}
    width = max([width, *[len(text) for text in signal.values()]])
    weights = {begin + j * axis.dilation: text for j, text in enumerate(texts)}
    boxed = np.array([[p in signal and p in weights for p in columns]] * 2)
    cells = [[signal.get(p, "") for p in columns], [weights.get(p, "") for p in columns]]
    _mark_crop(cells[0], columns, axis.padded)
    grid = boxed_grid(cells, boxed, width)
    labels = ["   signal ", "   filter "]
    if len(grid) > 2:
        labels = ["", *labels, ""]
    return [f"{label:<12}{line}".rstrip() for label, line in zip(labels, grid, strict=True)]


def _grid_picture(convolution: Convolution, step: WindowStep) -> list[str]:
    """Draw any other step: for each channel the signal with its window boxed, and the filter beside it."""
    axes = convolution.axes
    assert isinstance(step.position, tuple)
    if convolution.plain:
        channels, weights = [0], convolution.aligned[np.newaxis]
    else:
        weights = convolution.aligned[step.position[0]]
        group = step.position[0] // (len(convolution.kernel) // convolution.groups)
        channels = [group * len(weights) + number for number in range(len(weights))]
    ranges, met = [], []
    for axis, start in zip(axes, step.starts, strict=True):
        begin = start + axis.before
        least = _signal_width(convolution) + 3
        ranges.append(_crop(range(axis.padded), begin, axis.reach, least))
        met.append({begin + j * axis.dilation for j in range(axis.kernel)})
    in_use = np.zeros(weights.shape[1:], bool)
    overlaps = [axis.overlap(position) for axis, position in zip(axes, step.position[-len(axes) :], strict=True)]
    in_use[tuple(slice(low, low + count) for _, low, count in overlaps)] = True
    rows = ranges[0] if len(axes) == 2 else range(1)
    columns = ranges[-1]
    lines: list[str] = []
    for number, channel in enumerate(channels):
        window = [[(r, c) if len(axes) == 2 else (c,) for c in columns] for r in rows]
        cells = [[_signal_text(convolution, at, channel) for at in row] for row in window]
        boxed = np.array([[all(p in m for p, m in zip(at, met, strict=True)) for at in row] for row in window])
        left = boxed_grid(cells, boxed, max(len(text) for row in cells for text in row))
        title = f"channel {channel}" if not convolution.plain else ""
        lines += [title] * bool(title) + _beside(left, _weight_lines(weights[number], in_use))
    return ["   " + line for line in lines]


def _weight_lines(weights: Array, in_use: NDArray[np.bool_]) -> list[str]:
    flat = weights if weights.ndim == 2 else weights[np.newaxis]
    texts = [[exact_number(weight) for weight in row] for row in flat]
    return boxed_grid(texts, in_use.reshape(flat.shape), max(len(text) for row in texts for text in row))


def _beside(left: list[str], right: list[str]) -> list[str]:
    width = max(len(line) for line in left)
    height = max(len(left), len(right))
    above = (height - len(right)) // 2
    right = [""] * above + right
    lines = []
    for row in range(height):
        first = left[row] if row < len(left) else ""
        second = right[row] if row < len(right) else ""
        lines.append(f"{first:<{width}}   {second}".rstrip())
    return lines


def _signal_text(convolution: Convolution, padded_position: tuple[int, ...], channel: int) -> str:
    """Write a number of the signal; one that padding put there stands in brackets."""
    text = exact_number(convolution.padded[(channel, *padded_position)])
    inside = all(
        axis.before <= p < axis.before + axis.size for p, axis in zip(padded_position, convolution.axes, strict=True)
    )
    return text if inside else f"({text})"


def _signal_width(convolution: Convolution) -> int:
    """Estimate the width of a cell from the ends of the signal and the filter, without reading all of it."""
    flat = convolution.signal.reshape(-1)
    some = [*flat[:64], *flat[-64:], *convolution.kernel.reshape(-1)[:64]]
    return max(len(exact_number(number)) for number in some)


def _crop(columns: range, begin: int, reach: int, cell: int) -> range:
    """Keep as many columns as a line has room for, the filter in their middle."""
    room = max(4, (WIDEST - 12) // cell)
    if len(columns) <= room:
        return columns
    low = min(max(columns.start, begin - max(0, room - reach) // 2), columns.stop - room)
    return range(low, low + room)


def _mark_crop(cells: list[str], columns: range, padded: int) -> None:
    if columns.start > 0:
        cells[0] = "…"
    if columns.stop < padded:
        cells[-1] = "…"


def _sentence(convolution: Convolution) -> list[str]:
    first = "slides over the signal as it is" if convolution.is_correlation else "is flipped and slides over the signal"
    count = math.prod(axis.count for axis in convolution.axes)
    where = "at its only position" if count == 1 else f"at each of {count:,} positions"
    return wrap(f"The filter {first}; {where} the numbers that overlap are multiplied and summed.", WIDEST)


def _heading(convolution: Convolution) -> str:
    def size(shape: tuple[int, ...]) -> str:
        return "×".join(str(part) for part in shape)

    axes = convolution.axes
    parts = [
        f"signal of {size(convolution.signal.shape)}",
        f"filter of {size(convolution.kernel.shape)}",
        f"mode {convolution.mode}",
    ]
    if any(axis.stride > 1 for axis in axes):
        parts.append(f"stride {_for_axes(axes, [axis.stride for axis in axes])}")
    if any(axis.before or axis.after for axis in axes):
        sides = [(axis.before, axis.after) for axis in axes]
        shown = [str(before) if before == after else f"{before} and {after}" for before, after in sides]
        parts.append(f"{convolution.padding_mode} padding {_for_axes(axes, shown)}")
    if any(axis.dilation > 1 for axis in axes):
        parts.append(f"dilation {_for_axes(axes, [axis.dilation for axis in axes])}")
    if convolution.groups > 1:
        parts.append(counted(convolution.groups, "group"))
    name = "cross-correlation" if convolution.is_correlation else "convolution"
    return f"{name}: {', '.join(parts)}"


def _for_axes(axes: tuple[SlidingAxis, ...], values: Sequence[object]) -> str:
    return str(values[0]) if len(set(values)) == 1 else " × ".join(str(value) for value in values)


def _result(result: Array) -> str:
    if result.ndim == 1:
        return f"result   {number_list(result)}"
    grids = result.reshape(-1, *result.shape[-2:])
    lines = ["result"]
    for number, grid in enumerate(grids[:8]):
        rows = [[exact_number(value) for value in row[:16]] for row in grid[:16]]
        width = max(len(text) for row in rows for text in row)
        lines += [f"   channel {number}"] * (result.ndim == 3)
        more = " …" if grid.shape[1] > 16 else ""
        lines += ["   " + " ".join(f"{text:>{width}}" for text in row) + more for row in rows]
        lines += ["   …"] * (grid.shape[0] > 16)
    lines += [f"   … and {counted(len(grids) - 8, 'more channel')}"] * (len(grids) > 8)
    return "\n".join(lines)


def _tuple_text(position: int | tuple[int, ...]) -> str:
    return ", ".join(str(part) for part in position) if isinstance(position, tuple) else str(position)
