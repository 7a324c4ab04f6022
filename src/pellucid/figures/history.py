"""The same image over the epochs: a strip of pictures, and the frames of an animation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pellucid.causes.epochs import History, Moment
from pellucid.figures.attribution import overlay
from pellucid.figures.cells import INK
from pellucid.figures.chain import draw_picture, draw_probabilities
from pellucid.figures.unit import picture_of

__all__ = ["history_figure", "history_frames"]

MOST = 10
"""A strip shows so many epochs, evenly spaced, the first and the last among them."""

LINES = ("#b5541c", "#1f5fa8", "#3a7d44", "#7a4a9e")


def history_figure(found: History) -> Figure:
    """Draw a column an epoch: the attribution over the image, the unit's channel; below, the curves of all epochs.

    The figure's label describes it in words.
    """
    moments = _spaced(found)
    count = len(moments)
    figure = Figure(figsize=(max(6.5, 1.55 * count + 1.2), 6.4), dpi=110, layout="constrained")
    grid = figure.add_gridspec(3, 2 * count, height_ratios=(1, 1, 1.25))
    for place, moment in enumerate(moments):
        _draw_overlay(figure.add_subplot(grid[0, 2 * place : 2 * place + 2]), found, moment, f"epoch {moment.epoch}")
        _draw_channel(figure.add_subplot(grid[1, 2 * place : 2 * place + 2]), found, moment)
    _draw_curves(figure.add_subplot(grid[2, :count]), found)
    _draw_values(figure.add_subplot(grid[2, count:]), found)
    figure.suptitle(
        f"{found.picture.source}: why {found.target} by {found.method}; below it {found.unit}", fontsize=11, color=INK
    )
    figure.set_label(f"{found.title}. {_words(found)}")
    return figure


def history_frames(found: History) -> Iterator[Figure]:
    """Draw one picture an epoch: the attribution over the image, the unit's channel, the probabilities."""
    for moment in found:
        figure = Figure(figsize=(8.4, 3.1), dpi=100)
        figure.suptitle(f"{found.picture.source}, epoch {moment.epoch}", fontsize=12, color=INK)
        _draw_overlay(figure.add_axes((0.02, 0.1, 0.27, 0.68)), found, moment, f"why {found.target}")
        _draw_channel(figure.add_axes((0.32, 0.1, 0.27, 0.68)), found, moment, f"{found.unit}: {moment.value:.3g}")
        # The classes stay in their places, so that only the bars move.
        axes = figure.add_axes((0.73, 0.1, 0.26, 0.68))
        draw_probabilities(axes, moment.prediction, (found.target,), ordered=_classes(found))
        yield figure


def _spaced(found: History) -> list[Moment]:
    if len(found) <= MOST:
        return list(found)
    return [found[int(place)] for place in np.linspace(0, len(found) - 1, MOST).round()]


def _draw_overlay(axes: Axes, found: History, moment: Moment, title: str) -> None:
    picture = picture_of(found.last)
    assert picture is not None  # a map has rows and columns, so the input has
    draw_picture(axes, overlay(picture, moment.map), title)


def _draw_channel(axes: Axes, found: History, moment: Moment, title: str | None = None) -> None:
    """Draw the unit's channel, every epoch's on the same scale."""
    maps = [each.feature_map for each in found if each.feature_map is not None]
    if moment.feature_map is None or not maps:
        axes.axis("off")
        axes.text(0.5, 0.5, f"{moment.value:.3g}", ha="center", fontsize=14, color=INK, transform=axes.transAxes)
        return
    largest = max(float(np.abs(each).max()) for each in maps) or 1.0
    axes.imshow(moment.feature_map, cmap="RdBu_r", vmin=-largest, vmax=largest, interpolation="nearest")
    axes.set(xticks=[], yticks=[])
    axes.set_title(f"{moment.value:.3g}" if title is None else title, fontsize=9, color=INK)


def _classes(found: History, most: int = 6) -> list[str]:
    """Name the class that is explained and those that were likeliest at some time."""
    peak = {
        name: max(dict(moment.prediction.top(len(moment.prediction.classes)))[name] for moment in found)
        for name in found[0].prediction.classes
    }
    others = sorted((name for name in peak if name != found.target), key=lambda name: -peak[name])
    return [found.target, *others[: most - 1]]


def _draw_curves(axes: Axes, found: History) -> None:
    epochs = [moment.epoch for moment in found]
    for name, colour, style in zip(_classes(found, len(LINES)), LINES, ("-", "--", ":", "-."), strict=False):
        at = found[0].prediction.classes.index(name)
        shares = [moment.prediction.probabilities[at] for moment in found]
        axes.plot(epochs, shares, marker="o", markersize=3.5, color=colour, linestyle=style, label=name)
    axes.set(ylim=(-0.02, 1.02), xlabel="epoch", ylabel="probability")
    axes.legend(frameon=False, fontsize=8)
    _finish(axes)


def _draw_values(axes: Axes, found: History) -> None:
    epochs = [moment.epoch for moment in found]
    axes.plot(epochs, [moment.value for moment in found], marker="o", markersize=3.5, color=LINES[1])
    axes.set(xlabel="epoch", ylabel=found.unit)
    _finish(axes)


def _finish(axes: Axes) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)


def _words(found: History) -> str:
    told = (f"epoch {moment.epoch}: {moment.prediction.name} {moment.prediction.probability:.0%}" for moment in found)
    return f"Predictions: {', '.join(told)}."
