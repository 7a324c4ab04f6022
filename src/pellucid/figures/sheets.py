"""Contact sheets of what a network is made of: filters as pictures, the channels of a layer."""

from __future__ import annotations

from math import ceil, sqrt

import numpy as np
from matplotlib.figure import Figure

from pellucid.causes.feature_maps import FeatureMaps, Filters
from pellucid.figures.cells import INK
from pellucid.figures.unit import picture_of

__all__ = ["feature_maps_figure", "filters_figure"]

MOST = 256
"""A sheet shows so many channels, the first."""


def filters_figure(found: Filters) -> Figure:
    """Draw every filter; grey is nought, and each filter's largest number by size is full colour.

    A filter of one channel is drawn in grey, one of three in their colours, any other as the mean of its channels. The
    figure's label describes it in words.
    """
    count = len(found.weights)
    columns = ceil(sqrt(2 * count))
    figure, grid = _sheet(count, columns)
    for place, weights in enumerate(found.weights):
        axes = grid.flat[place]
        coloured = len(weights) == 3
        values = weights.transpose(1, 2, 0) if coloured else weights.mean(axis=0)
        largest = float(np.abs(values).max()) or 1.0
        axes.imshow(0.5 + 0.5 * values / largest, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set_title(str(place), fontsize=8, color=INK, pad=2)
    figure.suptitle(f"{found.title}; grey is nought", fontsize=11, color=INK)
    figure.set_label(f"{found.title}, drawn as pictures in which grey is nought.")
    return figure


def feature_maps_figure(found: FeatureMaps) -> Figure:
    """Draw the image and every channel of a layer, all on one scale.

    Numbers without a sign go from black to white; where some are negative, blue is below nought and red above it.
    The figure's label describes it in words.
    """
    values = found.values[:MOST]
    columns = ceil(sqrt(2 * (len(values) + 1)))
    figure, grid = _sheet(len(values) + 1, columns)
    picture = picture_of(found.glass)
    if picture is not None:
        grid.flat[0].imshow(picture, cmap="gray" if picture.ndim == 2 else None, interpolation="nearest")
    grid.flat[0].set_title("image", fontsize=8, color=INK, pad=2)
    signed = bool((values < 0).any())
    largest = float(np.abs(values).max()) or 1.0
    scale = {"cmap": "RdBu_r" if signed else "gray", "vmin": -largest if signed else 0.0, "vmax": largest}
    shown = None
    for place, channel in enumerate(values):
        axes = grid.flat[place + 1]
        shown = axes.imshow(channel, interpolation="nearest", **scale)
        axes.set_title(str(place), fontsize=8, color=INK, pad=2)
    if shown is not None:
        figure.colorbar(shown, ax=grid, shrink=0.6, aspect=30, pad=0.02).ax.tick_params(labelsize=8)
    more = f", the first {MOST}" if len(found.values) > MOST else ""
    source = found.glass.picture.source
    heading = f"{found.node.name} ({found.node.label}) on {source}: {len(found.values)} channels{more}"
    figure.suptitle(heading, fontsize=11, color=INK)
    strongest = [int(place) for place in np.argsort(-found.values.max(axis=(1, 2)))[:3]]
    figure.set_label(f"Channels of {heading}. Largest values in channels {', '.join(map(str, strongest))}.")
    return figure


def _sheet(count: int, columns: int) -> tuple[Figure, np.ndarray]:
    rows = ceil(count / columns)
    figure = Figure(figsize=(max(4.5, 1.05 * columns + 0.6), 1.2 * rows + 0.7), dpi=110, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    return figure, grid
