"""The unit that carried a decision: the one whose value brought most to the score.

Shape letters: D channels of a layer, h rows, w columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from pellucid.attribution.methods import gradient_at, last_spatial_layer
from pellucid.glass.glass import Glass
from pellucid.glass.nodes import Node, Unit
from pellucid.glass.walking import class_index
from pellucid.ground.errors import UserError
from pellucid.ground.shown import Shown
from pellucid.ground.writing import number

__all__ = ["Carrier", "find_carrier"]


@dataclass(frozen=True, eq=False)
class Carrier(Shown):
    """A unit and what it brought.

    Attributes:
        unit: which.
        target: the class whose score is looked at.
        rival: the class whose score is subtracted; None for the score alone.
        gradient: how much the difference of the scores changes for a small change of the unit.
        share: its part of all that the layer's units brought in favour, 0 to 1.
    """

    unit: Unit
    target: str
    rival: str | None
    gradient: float
    share: float

    def __repr__(self) -> str:
        return f"Carrier({self.unit!r}: {self.contribution:.7g} to {self.margin})"

    @property
    def contribution(self) -> float:
        """Value times gradient: what the difference would lose without the unit, were everything a straight line."""
        return self.unit.value * self.gradient

    @property
    def channel(self) -> str:
        """Its channel as `excite` takes it: `conv2[7]`; the unit itself in a layer without channels."""
        index = self.unit.index
        return f"{self.unit.node.name}[{index[0]}]" if len(index) == 3 else self.unit.name

    @property
    def margin(self) -> str:
        """What it brought it to: `the score of dog less that of cat`."""
        return f"the score of {self.target}" + (f" less that of {self.rival}" if self.rival else "")

    def __str__(self) -> str:
        return (
            f"{self.unit.name} = {number(self.unit.value)} times its gradient {number(self.gradient)} brought "
            f"{number(self.contribution)} to {self.margin}, {self.share:.1%} of all that {self.unit.node.name} brought "
            "in favour"
        )

    def to_dict(self) -> dict[str, Any]:
        """The same as words and numbers."""
        return {
            "unit": self.unit.name,
            "value": self.unit.value,
            "gradient": self.gradient,
            "contribution": self.contribution,
            "share": self.share,
            "class": self.target,
            "rival": self.rival,
        }


def find_carrier(
    glass: Glass, target: int | str | None = None, rival: int | str | None = None, layer: str | None = None
) -> Carrier:
    """Find the unit of a layer that brought most: the largest value times gradient.

    Args:
        glass: a network that was looked into.
        target: the class, by name or number; the likeliest by default.
        rival: look at how far the target's score is above this class's; None looks at the score alone.
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
    brought = (node.value * gradient).detach().double().cpu().numpy()
    place = tuple(int(each) for each in np.unravel_index(int(brought.argmax()), brought.shape))
    favour = float(brought.clip(min=0).sum())
    prediction = glass.prediction
    assert prediction is not None  # there are classes
    return Carrier(
        unit=node[place],
        target=prediction.classes[chosen],
        rival=None if other is None else prediction.classes[other],
        gradient=float(gradient[place]),
        share=max(float(brought[place]), 0.0) / favour if favour else 0.0,
    )


def _last_convolution(glass: Glass) -> Node:
    found = [
        node
        for node in glass
        if node.batched and node.step.operation is not None and node.step.operation.kind == "conv2d"
    ]
    return found[-1] if found else last_spatial_layer(glass)
