"""The chain from a decision to its causes, on one page."""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from pellucid.causes.chain import Why
from pellucid.causes.confused_pair import ConfusedPair
from pellucid.causes.showing import pair_sentences, product_sentence, share_sentence
from pellucid.figures.activations import draw_activating_image
from pellucid.figures.attribution import draw_map
from pellucid.figures.page import Page
from pellucid.figures.sheets import channel_scale
from pellucid.figures.tokens import FRAME, INK, POSITIVE, QUIET, tint
from pellucid.figures.unit import picture_of
from pellucid.glass.showing import check_line
from pellucid.ground.writing import counted, number
from pellucid.prediction.prediction import Prediction

__all__ = ["chain_figure", "draw_picture", "draw_probabilities"]

COLUMNS = 6
"""So many images that activate the unit are drawn."""

OTHERS = 3
"""So many other images of the same confusion are drawn."""


def chain_figure(why: Why) -> Figure:
    """Draw what is predicted and what it is confused with, the map, the unit, and what else activates the unit.

    The figure's label describes it in words.
    """
    figure = Page(figsize=(12.5, 7.9), dpi=110, layout="constrained")
    upper, middle, lower = figure.subfigures(3, 1, squeeze=False, height_ratios=(1.05, 1.15, 0.85))[:, 0]
    _draw_confusion(upper, why)
    _draw_unit(middle, why)
    images = why.activations.images[:COLUMNS]
    lower.suptitle(f"What activates {why.activations.unit} most: where, and what it sees there", fontsize=10, color=INK)
    grid = lower.subplots(1, 2 * COLUMNS, squeeze=False)[0]
    for rank, image in enumerate(images):
        draw_activating_image(grid[2 * rank], grid[2 * rank + 1], image, why.activations.field)
    for empty in grid[2 * len(images) :]:
        empty.axis("off")
    sentences = pair_sentences(why.pair)
    figure.suptitle("\n".join(sentences), fontsize=12, color=INK)
    contributor = " ".join(str(why.contributor).split())
    figure.set_label(
        f"{why.glass.picture.source}: {' '.join(sentences)} The map by {why.explanation.method}: "
        f"{why.explanation.verdict}. {contributor} What activates {why.activations.unit} most: "
        f"{', '.join(f'{image.image} ({image.true})' for image in images)}."
    )
    return figure


def _draw_confusion(figure: SubFigure, why: Why) -> None:
    """Draw the image, the probabilities, and other images of the same confusion."""
    grid = figure.subplots(1, 2 + OTHERS, width_ratios=(1, 1.15, *[1] * OTHERS))
    glass, pair = why.glass, why.pair
    assert glass.prediction is not None  # a pair was found
    draw_picture(grid[0], picture_of(glass), glass.picture.source[-28:])
    draw_probabilities(grid[1], glass.prediction, (pair.predicted, pair.other), 5)
    for position, axes in enumerate(grid[2:]):
        if position < len(pair.images):
            other = pair.images[position]
            title = f"{pair.other}, predicted as\n{pair.predicted} ({other.confidence:.0%})"
            draw_picture(axes, other.pixels, title, other.image)
            continue
        axes.axis("off")
        if position == 0:
            axes.text(0, 0.5, _no_other_image(pair), fontsize=9, color=QUIET)


def _no_other_image(pair: ConfusedPair) -> str:
    """Say why there is no image beside this one."""
    if pair.count is None:
        return "how often the two classes\nare confused is not measured"
    if pair.wrong:
        return "no other image of\nthis mistake is known"
    return f"no image of {pair.other} is known\nthat is predicted as {pair.predicted}"


def _draw_unit(figure: SubFigure, why: Why) -> None:
    """Draw the map, the unit's window on the image, its channel, and its arithmetic in words."""
    grid = figure.subplots(1, 4, width_ratios=(1, 1, 1, 2))
    explanation, scores = why.explanation, why.explanation.scores
    draw_map(grid[0], explanation, f"{explanation.method}:\nwhy {explanation.class_name}")
    below = f"deletion {scores.deletion:.2f}, insertion {scores.insertion:.2f}\n{explanation.verdict}"
    grid[0].set_xlabel(below, fontsize=8.5, color=INK)
    draw_picture(grid[1], picture_of(why.glass), f"{why.contributor.unit.name}\nsees this")
    box = why.trace.receptive_field
    if box is not None:
        for colour, line in (("white", 3.5), (FRAME, 1.8)):
            corner = (box.left - 0.5, box.top - 0.5)
            size = (box.right - box.left, box.bottom - box.top)
            grid[1].add_patch(Rectangle(corner, *size, fill=False, edgecolor=colour, linewidth=line))
    _draw_channel(grid[2], why)
    grid[3].axis("off")
    settings = {"fontsize": 9, "va": "top", "color": INK, "linespacing": 1.45, "transform": grid[3].transAxes}
    grid[3].text(0, 1.0, _arithmetic(why), **settings)


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
    """Draw the most probable classes as bars, or those that are named; those of interest in full colour."""
    top = prediction.top(len(prediction.classes))
    shown = top[:most] + [pair for pair in top[most:] if pair[0] in chosen]
    if ordered is not None:
        shown = [(name, dict(top)[name]) for name in ordered]
    names = [name if len(name) <= 14 else f"{name[:13]}…" for name, _ in shown]
    shares = [share for _, share in shown]
    axes.barh(range(len(shown)), shares, color=[POSITIVE if name in chosen else tint(0.5) for name, _ in shown])
    for position, share in enumerate(shares):
        axes.text(share + 0.02, position, f"{share:.1%}", va="center", fontsize=8.5, color=INK)
    axes.set_yticks(range(len(shown)), names, fontsize=8.5)
    axes.set(xlim=(0, 1.25), xticks=[], ylim=(len(shown) - 0.5, -0.5))
    axes.spines[["top", "right", "bottom"]].set_visible(False)


def _draw_channel(axes: Axes, why: Why) -> None:
    unit = why.contributor.unit
    if len(unit.index) != 3:
        axes.axis("off")
        return
    values = unit.node.value[unit.index[0]].detach().double().cpu().numpy()
    scale = channel_scale(values)
    axes.imshow(values, **scale)
    corner = (unit.index[2] - 0.5, unit.index[1] - 0.5)
    axes.add_patch(Rectangle(corner, 1, 1, fill=False, edgecolor=INK, linewidth=1.8))
    axes.set(xticks=[], yticks=[])
    colours = "blue: above zero, orange: below" if scale["vmin"] < 0 else "blue: above zero"
    axes.set_title(f"{why.contributor.channel} on it", fontsize=9, color=INK)
    axes.set_xlabel(colours, fontsize=8.5, color=INK)


def _arithmetic(why: Why) -> str:
    trace = why.trace
    lines = [*wrap(product_sentence(why.contributor), 62), *wrap(share_sentence(why.contributor), 62)]
    lines.append("")
    lines += [
        f"{number(term.value)} × {number(term.weight)} from {term.name}"
        for term in trace.strongest(3)
        if term.weight is not None
    ]
    if trace.trace is not None and len(trace.trace.terms) > 3:
        lines.append(f"… {counted(len(trace.trace.terms) - 3, 'more term')}")
    if trace.check is not None:
        lines += wrap(check_line(trace.check), 62)
    return "\n".join(lines)
