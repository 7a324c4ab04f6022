"""Pictures of what a network is made of: the filters of its first layer, all channels of a layer on one image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pellucid.attribution.layers import last_spatial_layer, spatial_layer
from pellucid.glass.glass import Glass, look
from pellucid.glass.nodes import Node
from pellucid.glass.units import unit_text
from pellucid.ground.errors import UserError
from pellucid.ground.shown import Shown
from pellucid.run import Run, open_run

__all__ = ["FeatureMaps", "Filters", "filters", "maps"]


@dataclass(frozen=True, eq=False)
class FeatureMaps(Shown):
    """All channels of a layer on one image; `values` is `[D, h, w]` float64."""

    glass: Glass
    node: Node

    def __repr__(self) -> str:
        return f"FeatureMaps({self.node!r})"

    @property
    def values(self) -> NDArray[np.float64]:
        """The layer's values, `[D, h, w]`."""
        return np.asarray(self.node.value.detach().double().cpu().numpy())

    def order(self) -> list[int]:
        """List the channels, that with the largest value first; of equal ones the first."""
        return [int(channel) for channel in np.argsort(-self.values.max(axis=(1, 2)), kind="stable")]

    def strongest(self, channel: int) -> tuple[int, ...]:
        """Give the index of a channel's largest value: channel, row, column."""
        values = self.values[channel]
        row, column = np.unravel_index(int(values.argmax()), values.shape)
        return channel, int(row), int(column)

    def to_dict(self) -> dict[str, Any]:
        """Each channel's smallest, mean and largest value, and where that is."""
        return {
            "layer": self.node.name,
            "label": self.node.label,
            "shape": list(self.node.shape),
            "channels": [
                {
                    "channel": channel,
                    "min": float(values.min()),
                    "mean": float(values.mean()),
                    "max": float(values.max()),
                    "unit": unit_text(self.node.name, self.strongest(channel)),
                }
                for channel, values in enumerate(self.values)
            ],
        }


def maps(
    network: Glass | Run | str | Path | nn.Module, image: Any = None, layer: str | None = None, **more: Any
) -> FeatureMaps:
    """Give all channels of a layer on one image.

    Args:
        network, image: a network that was looked into, or what `look` takes; `more` goes there too.
        layer: with rows and columns; the last one that has them by default.

    Raises:
        UserError: there is no such layer, or it has no rows and columns.

    >>> channels = maps(nn.Sequential(nn.Conv2d(1, 2, 3)), torch.ones(1, 5, 5))
    >>> channels.node.name, channels.values.shape
    ('0', (2, 3, 3))
    """
    glass = network if isinstance(network, Glass) else look(network, image, **more)
    return FeatureMaps(glass, last_spatial_layer(glass) if layer is None else spatial_layer(glass, layer))


@dataclass(frozen=True, eq=False)
class Filters(Shown):
    """The filters of the convolution that reads the image; `weights` is `[D, C, rows, columns]` float64."""

    name: str
    weights: NDArray[np.float64]

    def __repr__(self) -> str:
        return f"Filters({self.title!r})"

    @property
    def title(self) -> str:
        """Which layer's, how many, of which size."""
        count, channels, rows, columns = self.weights.shape
        kind = {1: "grey", 3: "red, green and blue"}.get(channels, f"{channels} channels")
        return f"{count} filters of {self.name}, {rows}×{columns}, {kind}"

    def to_dict(self) -> dict[str, Any]:
        """The layer's name and every weight."""
        return {"layer": self.name, "weights": self.weights.tolist()}


def filters(network: Run | str | Path, *, epoch: int | str | None = None) -> Filters:
    """Give the filters of a run's first convolution.

    Raises:
        UserError: no two-dimensional convolution without groups reads the image.
    """
    run = network if isinstance(network, Run) else open_run(network)
    glass = look(run, torch.zeros(run.preprocessing.input_shape), epoch=epoch)
    for node in glass:
        operation = node.step.operation
        if operation is None or operation.kind != "conv2d":
            continue
        weight = operation.tensor("weight").detach().double().cpu().numpy()
        if weight.shape[1] == run.preprocessing.channels:
            return Filters(node.name, weight)
        break
    raise UserError(
        f"the first convolution of {run.record.network} does not read the pixels' channels, so its filters are no "
        "pictures"
    )
