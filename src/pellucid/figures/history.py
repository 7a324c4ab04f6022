"""The same image over the epochs: a strip of pictures, and the frames of an animation."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count as count_up

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pellucid.causes.epochs import History, Moment
from pellucid.causes.showing import history_title
from pellucid.figures.attribution import overlay
from pellucid.figures.chain import draw_picture, draw_probabilities
from pellucid.figures.page import Page
from pellucid.figures.sheets import channel_scale
from pellucid.figures.tokens import INK, POSITIVE, QUIET
from pellucid.figures.unit import picture_of

__all__ = ["epoch_ticks", "history_figure", "history_frames"]

MOST = 10
"""A strip shows so many epochs, evenly spaced, the first and the last among them."""

LINES = ((POSITIVE, "-"), (INK, "--"), (QUIET, ":"), (QUIET, "-."))
"""Colour and style of a class's curve; the class that is explained has the first."""

TICKS = 8
"""At most about so many epochs are named below a curve."""


def history_figure(history: History) -> Figure:
    """Draw a column an epoch: the attribution over the image, the unit's channel; below, the curves of all epochs.

    The figure's label describes it in words.
    """
    moments = _spaced(history)
    count = len(moments)
    figure = Page(figsize=(max(7.5, 1.55 * count + 1.2), 6.4), dpi=110, layout="constrained")
    grid = figure.add_gridspec(3, 2 * count, height_ratios=(1, 1, 1.25))
    for position, moment in enumerate(moments):
        columns = slice(2 * position, 2 * position + 2)
        _draw_overlay(figure.add_subplot(grid[0, columns]), history, moment, f"epoch {moment.epoch}")
        _draw_channel(figure.add_subplot(grid[1, columns]), history, moment)
    _draw_curves(figure.add_subplot(grid[2, :count]), history)
    _draw_values(figure.add_subplot(grid[2, count:]), history)
    what = "its largest value" if history[0].unit != history.unit else "its value"
    figure.suptitle(
        f"{history.picture.source}: why {history.target} ({history.method}); below it {history.unit} and {what}",
        fontsize=11,
        color=INK,
    )
    figure.set_label(f"{history_title(history)} {_description(history)}")
    return figure


def history_frames(history: History) -> Iterator[Figure]:
    """Draw one picture an epoch: the attribution over the image, the unit's channel, the probabilities."""
    for moment in history:
        figure = Page(figsize=(8.4, 3.1), dpi=100)
        figure.suptitle(f"{history.picture.source}, epoch {moment.epoch}", fontsize=12, color=INK)
        _draw_overlay(figure.add_axes((0.02, 0.1, 0.27, 0.68)), history, moment, f"why {history.target}")
        _draw_channel(figure.add_axes((0.32, 0.1, 0.27, 0.68)), history, moment, f"{history.unit}: {moment.value:.3g}")
        # The classes stay in their order, so that only the bars move.
        axes = figure.add_axes((0.73, 0.1, 0.26, 0.68))
        draw_probabilities(axes, moment.prediction, (history.target,), ordered=_classes(history))
        yield figure


def epoch_ticks(first: int, last: int) -> list[int]:
    """Choose the epochs to name on an axis: whole ones, and no more than can be read.

    >>> epoch_ticks(1, 2), epoch_ticks(1, 40)
    ([1, 2], [5, 10, 15, 20, 25, 30, 35, 40])
    """
    steps = (digit * 10**power for power in count_up() for digit in (1, 2, 5))
    step = next(step for step in steps if (last - first + 1) / step <= TICKS)
    return [epoch for epoch in range(first, last + 1) if epoch % step == 0]


def _spaced(history: History) -> list[Moment]:
    if len(history) <= MOST:
        return list(history)
    return [history[int(position)] for position in np.linspace(0, len(history) - 1, MOST).round()]


def _draw_overlay(axes: Axes, history: History, moment: Moment, title: str) -> None:
    picture = picture_of(history.last)
    assert picture is not None  # a map has rows and columns, so the input has
    draw_picture(axes, overlay(picture, moment.map), title)


def _draw_channel(axes: Axes, history: History, moment: Moment, title: str | None = None) -> None:
    """Draw the unit's channel, every epoch's on the same scale."""
    channels = [other.feature_map for other in history if other.feature_map is not None]
    if moment.feature_map is None or not channels:
        axes.axis("off")
        axes.text(0.5, 0.5, f"{moment.value:.3g}", ha="center", fontsize=14, color=INK, transform=axes.transAxes)
        return
    axes.imshow(moment.feature_map, **channel_scale(*channels))
    axes.set(xticks=[], yticks=[])
    axes.set_title(f"{moment.value:.3g}" if title is None else title, fontsize=9, color=INK)


def _classes(history: History, most: int = 6) -> list[str]:
    """Name the class that is explained and those that were most probable at some time."""
    names = history[0].prediction.classes
    peak = {name: max(moment.prediction.probabilities[index] for moment in history) for index, name in enumerate(names)}
    others = sorted((name for name in peak if name != history.target), key=lambda name: -peak[name])
    return [history.target, *others[: most - 1]]


def _draw_curves(axes: Axes, history: History) -> None:
    epochs = [moment.epoch for moment in history]
    for name, (colour, style) in zip(_classes(history, len(LINES)), LINES, strict=False):
        index = history[0].prediction.classes.index(name)
        shares = [moment.prediction.probabilities[index] for moment in history]
        axes.plot(epochs, shares, marker=_marker(history), markersize=3.5, color=colour, linestyle=style, label=name)
    axes.set(ylim=(-0.02, 1.02), ylabel="probability")
    axes.legend(frameon=False, fontsize=8, ncols=2, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0)
    _finish(axes, epochs)


def _draw_values(axes: Axes, history: History) -> None:
    epochs = [moment.epoch for moment in history]
    values = [moment.value for moment in history]
    axes.plot(epochs, values, marker=_marker(history), markersize=3.5, color=INK)
    axes.set(ylabel=history.unit)
    _finish(axes, epochs)


def _marker(history: History) -> str:
    return "o" if len(history) <= 2 * MOST else ""


def _finish(axes: Axes, epochs: list[int]) -> None:
    axes.set(xlabel="epoch", xlim=(epochs[0] - 0.3, epochs[-1] + 0.3))
    axes.set_xticks(epoch_ticks(epochs[0], epochs[-1]))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)


def _description(history: History) -> str:
    answers = (
        f"epoch {moment.epoch}: {moment.prediction.name} {moment.prediction.probability:.0%}" for moment in history
    )
    return f"Predictions: {', '.join(answers)}."
