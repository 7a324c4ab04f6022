"""The unit that contributed most to a decision: the largest value times gradient.

Shape letters: D channels of a layer, h rows, w columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from pellucid.attribution.layers import gradient_at, last_spatial_layer
from pellucid.attribution.probability import output_noun
from pellucid.glass.glass import Glass
from pellucid.glass.nodes import Node, Unit
from pellucid.glass.walking import class_index
from pellucid.ground.errors import UserError
from pellucid.ground.shown import Shown

__all__ = ["Contributor", "find_contributor"]


@dataclass(frozen=True, eq=False)
class Contributor(Shown):
    """A unit and what it contributed.

    Attributes:
        unit: which.
        target: the class whose output is looked at.
        rival: the class whose output is subtracted; None for the output of the target alone.
        gradient: how much the output, or the difference of the two, changes for a small change of the unit.
        share: its part of all positive contributions of the layer's units, 0 to 1.
        units: how many units the layer has.
    """

    unit: Unit
    target: str
    rival: str | None
    gradient: float
    share: float
    units: int

    def __repr__(self) -> str:
        return f"Contributor({self.unit!r}: {self.contribution:.7g} to {self.margin})"

    @property
    def contribution(self) -> float:
        """Value times gradient: how far the output would fall without the unit, were the network linear from here."""
        return self.unit.value * self.gradient

    @property
    def channel(self) -> str:
        """Its channel as `activations` takes it: `conv2[7]`; the unit itself in a layer without channels."""
        index = self.unit.index
        return f"{self.unit.node.name}[{index[0]}]" if len(index) == 3 else self.unit.name

    @property
    def margin(self) -> str:
        """What it contributed to: `the logit of dog minus that of cat`."""
        noun = output_noun(self.unit.node.glass)
        return f"the {noun} of {self.target}" + (f" minus that of {self.rival}" if self.rival else "")

    def to_dict(self) -> dict[str, Any]:
        """The same as words and numbers."""
        return {
            "unit": self.unit.name,
            "value": self.unit.value,
            "gradient": self.gradient,
            "contribution": self.contribution,
            "share": self.share,
            "units": self.units,
            "class": self.target,
            "rival": self.rival,
        }


def find_contributor(
    glass: Glass, target: int | str | None = None, rival: int | str | None = None, layer: str | None = None
) -> Contributor:
    """Find the unit of a layer that contributed most: the largest value times gradient.

    Args:
        glass: a network that was looked into.
        target: the class, by name or number; the most probable by default.
        rival: look at how far the target's output is above this class's; None looks at the target's alone.
        layer: which; by default the last convolution.

    Raises:
        UserError: there is no such class or layer, or no gradient leads there.
    """
    chosen = class_index(glass, glass.top_output().index[0] if target is None else target)
    other = None if rival is None else class_index(glass, rival)
    if other == chosen:
        raise UserError(f"the class and its rival are the same ({rival!r}); name two, or no rival")
    node = _last_convolution(glass) if layer is None else glass[layer]
    if not node.batched:
        raise UserError(f"{node.name} does not come from the image ({node.label}); expected a layer")
    upstream = torch.zeros_like(glass.output.step.value)
    upstream[0, chosen] = 1.0
    if other is not None:
        upstream[0, other] = -1.0
    gradient = gradient_at(glass, node, upstream)[0]
    contributions = (node.value * gradient).detach().double().cpu().numpy()
    largest = np.unravel_index(int(contributions.argmax()), contributions.shape)
    index = tuple(int(position) for position in largest)
    positive = float(contributions.clip(min=0).sum())
    prediction = glass.prediction
    assert prediction is not None  # there are classes
    return Contributor(
        unit=node[index],
        target=prediction.classes[chosen],
        rival=None if other is None else prediction.classes[other],
        gradient=float(gradient[index]),
        share=max(float(contributions[index]), 0.0) / positive if positive else 0.0,
        units=contributions.size,
    )


def _last_convolution(glass: Glass) -> Node:
    convolutions = [
        node
        for node in glass
        if node.batched and node.step.operation is not None and node.step.operation.kind == "conv2d"
    ]
    return convolutions[-1] if convolutions else last_spatial_layer(glass)
