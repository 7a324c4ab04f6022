"""Pictures of what a network is made of: the filters of its first layer, all channels of a layer on one image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from pellucid.attribution.methods import last_spatial_layer, spatial_layer
from pellucid.glass.glass import Glass, look
from pellucid.glass.nodes import Node
from pellucid.glass.units import unit_text
from pellucid.ground.errors import UserError
from pellucid.ground.shown import Shown
from pellucid.ground.tables import text_table
from pellucid.ground.writing import number
from pellucid.run import Run, open_run

if TYPE_CHECKING:
    pass

__all__ = ["FeatureMaps", "Filters", "feature_maps", "filters", "spatial_nodes"]


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

    @property
    def title(self) -> str:
        """Which layer of which network on which image."""
        return f"{self.glass.title}: {self.node.name} ({self.node.label}), {len(self.values)} channels"

    _headings = ("channel", "smallest", "mean", "largest", "largest at")

    def __str__(self) -> str:
        return "\n".join([self.title, *text_table(self._headings, self._rows(), right=(1, 2, 3))])

    def to_dict(self) -> dict[str, Any]:
        """Each channel's smallest, mean and largest value, and where that is."""
        return {
            "layer": self.node.name,
            "label": self.node.label,
            "shape": list(self.node.shape),
            "channels": [
                {
                    "channel": place,
                    "min": float(channel.min()),
                    "mean": float(channel.mean()),
                    "max": float(channel.max()),
                    "unit": unit_text(self.node.name, self._strongest(place)),
                }
                for place, channel in enumerate(self.values)
            ],
        }

    def _strongest(self, channel: int) -> tuple[int, ...]:
        values = self.values[channel]
        return (channel, *(int(each) for each in np.unravel_index(int(values.argmax()), values.shape)))

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (str(each["channel"]), number(each["min"]), number(each["mean"]), number(each["max"]), each["unit"])
            for each in self.to_dict()["channels"]
        ]


def feature_maps(
    network: Glass | Run | str | Path | nn.Module, image: Any = None, layer: str | None = None, **more: Any
) -> FeatureMaps:
    """Give all channels of a layer on one image.

    Args:
        network, image: a network that was looked into, or what `look` takes; `more` goes there too.
        layer: with rows and columns; the last one that has them by default.

    Raises:
        UserError: there is no such layer, or it has no rows and columns.

    >>> found = feature_maps(nn.Sequential(nn.Conv2d(1, 2, 3)), torch.ones(1, 5, 5))
    >>> found.node.name, found.values.shape
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

    _headings = ("filter", "smallest", "mean", "largest")

    def __str__(self) -> str:
        rows = [
            (str(place), number(float(each.min())), number(float(each.mean())), number(float(each.max())))
            for place, each in enumerate(self.weights)
        ]
        return "\n".join([self.title, *text_table(self._headings, rows, right=(1, 2, 3))])

    def to_dict(self) -> dict[str, Any]:
        """The layer's name and every weight."""
        return {"layer": self.name, "weights": self.weights.tolist()}


def filters(network: Run | str | Path, *, epoch: int | str = "last") -> Filters:
    """Give the filters of a run's first convolution.

    Raises:
        UserError: no two-dimensional convolution of one group reads the image.
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


def spatial_nodes(glass: Glass) -> list[Node]:
    """List the operations whose values have rows and columns."""
    found = []
    for node in glass:
        try:
            found.append(spatial_layer(glass, node.name))
        except UserError:
            continue
    return found
