"""The chain from a decision to its causes, on one page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from pellucid.causes.chain import Why
from pellucid.figures.attribution import draw_map
from pellucid.figures.cells import FRAME, INK, QUIET
from pellucid.figures.excitation import draw_exciter
from pellucid.figures.unit import picture_of
from pellucid.glass.showing import check_line
from pellucid.ground.writing import number
from pellucid.prediction.prediction import Prediction

__all__ = ["chain_figure", "draw_picture", "draw_probabilities"]

COLUMNS = 6
"""So many images that excite the unit are drawn."""

OTHERS = 3
CHOSEN, OTHER = "#b5541c", "#9fb8cf"


def chain_figure(found: Why) -> Figure:
    """Draw what was predicted and what it is confused with, the map, the unit, and what else excites the unit.

    The figure's label describes it in words.
    """
    figure = Figure(figsize=(12.5, 7.6), dpi=110, layout="constrained")
    upper, middle, lower = figure.subfigures(3, 1, squeeze=False, height_ratios=(1.05, 1.15, 0.85))[:, 0]
    _draw_confusion(upper, found)
    _draw_unit(middle, found)
    exciters = found.excitation.exciters[:COLUMNS]
    lower.suptitle(f"what excites {found.excitation.unit} most: where, and what it sees there", fontsize=10, color=INK)
    grid = lower.subplots(1, 2 * COLUMNS, squeeze=False)[0]
    for place, exciter in enumerate(exciters):
        draw_exciter(grid[2 * place], grid[2 * place + 1], exciter, found.excitation.field)
    for empty in grid[2 * len(exciters) :]:
        empty.axis("off")
    glass, explanation = found.glass, found.explanation
    figure.suptitle(f"{glass.picture.source}: {found.pair.title}", fontsize=12, color=INK)
    figure.set_label(
        f"{found.pair.title}. {explanation.method} {explanation.verdict} it. {found.carrier}. What excites "
        f"{found.excitation.unit} most: {', '.join(f'{each.image} ({each.true})' for each in exciters)}."
    )
    return figure


def _draw_confusion(figure: SubFigure, found: Why) -> None:
    """Draw the image, the probabilities, and other images of the same mistake."""
    grid = figure.subplots(1, 2 + OTHERS, width_ratios=(1, 1.15, *[1] * OTHERS))
    glass = found.glass
    assert glass.prediction is not None  # a pair was found
    draw_picture(grid[0], picture_of(glass), glass.picture.source)
    draw_probabilities(grid[1], glass.prediction, (found.pair.predicted, found.pair.true), 5)
    for place, axes in enumerate(grid[2:]):
        if place < len(found.pair.images):
            other = found.pair.images[place]
            title = f"{found.pair.true}, taken for\n{found.pair.predicted} ({other.confidence:.0%})"
            draw_picture(axes, other.pixels, title, other.image)
            continue
        axes.axis("off")
        if place == 0:
            axes.text(0, 0.5, "no other image\nof this mistake is known", fontsize=9, color=QUIET)


def _draw_unit(figure: SubFigure, found: Why) -> None:
    """Draw the map, the unit's window on the image, its channel, and its arithmetic in words."""
    grid = figure.subplots(1, 4, width_ratios=(1, 1, 1, 2))
    explanation, scores = found.explanation, found.explanation.scores
    draw_map(grid[0], explanation, f"{explanation.method}:\nwhy {explanation.class_name}")
    told = f"deletion {scores.deletion:.2f}, insertion {scores.insertion:.2f}\n{explanation.verdict}"
    grid[0].set_xlabel(told, fontsize=8.5, color=INK)
    draw_picture(grid[1], picture_of(found.glass), f"{found.carrier.unit.name}\nsees this")
    box = found.trace.receptive_field
    if box is not None:
        for colour, line in (("white", 3.5), (FRAME, 1.8)):
            corner = (box.left - 0.5, box.top - 0.5)
            size = (box.right - box.left, box.bottom - box.top)
            grid[1].add_patch(Rectangle(corner, *size, fill=False, edgecolor=colour, linewidth=line))
    _draw_channel(grid[2], found)
    grid[3].axis("off")
    settings = {"fontsize": 9, "va": "top", "color": INK, "linespacing": 1.45, "transform": grid[3].transAxes}
    grid[3].text(0, 1.0, _words(found), **settings)


def draw_picture(axes: Axes, picture: NDArray[Any] | None, title: str, below: str = "") -> None:
    """Draw an image, `[H, W]`, `[H, W, 1]` or `[H, W, 3]`."""
    axes.set(xticks=[], yticks=[])
    if picture is not None:
        shown = picture[..., 0] if picture.ndim == 3 and picture.shape[2] == 1 else picture
        axes.imshow(shown, cmap="gray" if shown.ndim == 2 else None, interpolation="nearest")
    axes.set_title(title, fontsize=9, color=INK)
    axes.set_xlabel(below[-24:], fontsize=8, color=INK)


def draw_probabilities(
    axes: Axes, prediction: Prediction, chosen: tuple[str, ...], most: int = 6, ordered: Sequence[str] | None = None
) -> None:
    """Draw the likeliest classes as bars, or those that are named; those of interest in another colour."""
    top = prediction.top(len(prediction.classes))
    shown = top[:most] + [pair for pair in top[most:] if pair[0] in chosen]
    if ordered is not None:
        shown = [(name, dict(top)[name]) for name in ordered]
    names = [name if len(name) <= 14 else f"{name[:13]}…" for name, _ in shown]
    shares = [share for _, share in shown]
    axes.barh(range(len(shown)), shares, color=[CHOSEN if name in chosen else OTHER for name, _ in shown])
    for place, share in enumerate(shares):
        axes.text(share + 0.02, place, f"{share:.1%}", va="center", fontsize=8.5, color=INK)
    axes.set_yticks(range(len(shown)), names, fontsize=8.5)
    axes.set(xlim=(0, 1.25), xticks=[], ylim=(len(shown) - 0.5, -0.5))
    axes.spines[["top", "right", "bottom"]].set_visible(False)


def _draw_channel(axes: Axes, found: Why) -> None:
    unit = found.carrier.unit
    if len(unit.index) != 3:
        axes.axis("off")
        return
    values = unit.node.value[unit.index[0]].detach().double().cpu().numpy()
    largest = float(np.abs(values).max()) or 1.0
    axes.imshow(values, cmap="RdBu_r", vmin=-largest, vmax=largest, interpolation="nearest")
    corner = (unit.index[2] - 0.5, unit.index[1] - 0.5)
    axes.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=INK, linewidth=1.8))
    axes.set(xticks=[], yticks=[])
    axes.set_title(f"{found.carrier.channel} on it\n(red: above nought)", fontsize=9, color=INK)


def _words(found: Why) -> str:
    carrier, trace = found.carrier, found.trace
    lines = [
        f"{carrier.unit.name} = {number(carrier.unit.value)}",
        f"times its gradient {number(carrier.gradient)} brought {number(carrier.contribution)}",
        f"to {carrier.margin}: {carrier.share:.1%} of all in favour",
    ]
    lines += [
        f"{number(term.value)} × {number(term.weight)} from {term.name}"
        for term in trace.strongest(3)
        if term.weight is not None
    ]
    if trace.trace is not None and len(trace.trace.terms) > 3:
        lines.append(f"… {len(trace.trace.terms) - 3:,} terms more")
    if trace.check is not None:
        lines.append(check_line(trace.check))
    return "\n".join(lines)
