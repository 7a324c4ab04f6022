"""Contact sheets of what a network is made of: filters as pictures, the channels of a layer."""

from __future__ import annotations

from math import ceil, sqrt
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pellucid.causes.feature_maps import FeatureMaps, Filters
from pellucid.figures.page import Page
from pellucid.figures.tokens import INK, QUIET, diverging, sequential
from pellucid.figures.unit import picture_of
from pellucid.ground.writing import counted

__all__ = ["channel_scale", "feature_maps_figure", "filters_figure"]

MOST = 256
"""A sheet shows so many channels, the first."""


def channel_scale(*values: NDArray[np.float64]) -> dict[str, Any]:
    """Choose the colours of a layer's values, as `imshow` takes them.

    Values that are never negative, as after a ReLU, go from white to blue; where some are negative, orange is below
    zero, white is zero and blue above it.
    """
    largest = max(float(np.abs(channel).max()) for channel in values) or 1.0
    signed = any(bool((channel < 0).any()) for channel in values)
    return {
        "cmap": diverging() if signed else sequential(),
        "vmin": -largest if signed else 0.0,
        "vmax": largest,
        "interpolation": "nearest",
    }


def filters_figure(filters: Filters) -> Figure:
    """Draw every filter; grey is zero, and each filter's largest weight by size is full colour.

    A filter of one channel is drawn in grey, one of three in their colours, any other as the mean of its channels. The
    figure's label describes it in words.
    """
    count = len(filters.weights)
    figure, grid = _sheet(count, ceil(sqrt(2 * count)))
    for index, weights in enumerate(filters.weights):
        axes = grid.flat[index]
        coloured = len(weights) == 3
        values = weights.transpose(1, 2, 0) if coloured else weights.mean(axis=0)
        largest = float(np.abs(values).max()) or 1.0
        axes.imshow(0.5 + 0.5 * values / largest, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set_title(str(index), fontsize=8, color=INK, pad=2)
    figure.suptitle(f"{filters.title}; grey is zero", fontsize=11, color=INK)
    figure.set_label(f"{filters.title}, drawn as pictures in which grey is zero.")
    return figure


def feature_maps_figure(maps: FeatureMaps) -> Figure:
    """Draw the image and every channel of a layer, all on one scale; the figure's label describes it in words."""
    values = maps.values[:MOST]
    columns = ceil(sqrt(2 * (len(values) + 1)))
    figure, grid = _sheet(len(values) + 1, columns)
    picture = picture_of(maps.glass)
    if picture is not None:
        grid.flat[0].imshow(picture, cmap="gray" if picture.ndim == 2 else None, interpolation="nearest")
    grid.flat[0].set_title("image", fontsize=8, color=INK, pad=2)
    scale = channel_scale(values)
    for index, channel in enumerate(values):
        axes = grid.flat[index + 1]
        drawn = axes.imshow(channel, **scale)
        axes.axis("on")  # a frame, since zero is as white as the paper
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set(color=QUIET, linewidth=0.5)
        axes.set_title(str(index), fontsize=8, color=INK, pad=2)
    figure.colorbar(drawn, ax=grid, shrink=0.6, aspect=30, pad=0.02).ax.tick_params(labelsize=8)
    more = f", the first {MOST}" if len(maps.values) > MOST else ""
    source = maps.glass.picture.source
    heading = f"{maps.node.name} ({maps.node.label}) on {source}: {counted(len(maps.values), 'channel')}{more}"
    colours = "orange: below zero, blue: above zero" if scale["vmin"] < 0 else "white: zero, blue: the largest value"
    figure.suptitle(f"{heading}\n{colours}", fontsize=11, color=INK)
    strongest = ", ".join(map(str, maps.order()[:3]))
    figure.set_label(f"Channels of {heading}; {colours}. Largest values in channels {strongest}.")
    return figure


def _sheet(count: int, columns: int) -> tuple[Figure, np.ndarray]:
    rows = ceil(count / columns)
    figure = Page(figsize=(max(4.5, 1.05 * columns + 0.6), 1.2 * rows + 0.7), dpi=110, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    return figure, grid
