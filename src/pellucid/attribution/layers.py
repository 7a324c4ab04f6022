"""Layers with rows and columns, and the gradient of an output at a layer: what methods and causes share."""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.arithmetic import record
from pellucid.glass.glass import Glass
from pellucid.glass.gradients import gradients
from pellucid.glass.nodes import Node
from pellucid.ground.errors import UserError
from pellucid.ground.writing import shape_text

__all__ = ["gradient_at", "last_spatial_layer", "spatial_layer", "spatial_layers"]


def spatial_layers(glass: Glass) -> list[Node]:
    """List the operations whose values have rows and columns, in the order they ran."""
    return [node for node in glass if _is_spatial(node)]


def last_spatial_layer(glass: Glass) -> Node:
    """Find the last operation whose values still have rows and columns.

    Raises:
        UserError: there is none.
    """
    nodes = spatial_layers(glass)
    if not nodes:
        raise UserError(f"no layer of {type(glass.network).__name__} has rows and columns, which this view needs")
    return nodes[-1]


def spatial_layer(glass: Glass, name: str) -> Node:
    """Find a layer with rows and columns by name.

    Raises:
        UserError: there is no such layer, or its values have no rows and columns.
    """
    node = glass[name]
    if not _is_spatial(node):
        others = ", ".join(other.name for other in spatial_layers(glass))
        raise UserError(
            f"{name} has the shape {shape_text(node.shape)}, without rows and columns to make a map of; "
            f"expected one of: {others}"
        )
    return node


def gradient_at(glass: Glass, node: Node, upstream: Tensor) -> Tensor:
    """Find the gradient at a node, batch axis and all, of the output weighted with `upstream` (of the output's shape).

    Raises:
        UserError: the output does not depend on the node in a way that has a gradient.
    """
    follow = gradients(glass.recording, glass.output.step.number, upstream)
    step = node.step.number
    if step in follow.at and step not in follow.hidden:
        return follow.at[step]
    # An operation without arithmetic is on the way: let autograd go through it.
    repeated = record(glass.network, glass.recording.steps[0].value, training=False, keep_graph=True)
    value, output = repeated.steps[step].value, repeated.steps[repeated.output].value
    gradient = (
        torch.autograd.grad(output, value, upstream, allow_unused=True)[0]
        if value.requires_grad and output.requires_grad
        else None
    )
    if gradient is None:
        raise UserError(
            f"no gradient leads from {glass.output.name} back to {node.name}: nothing of what it feeds reaches the "
            "output, or its values are overwritten in place; name a later layer"
        )
    return gradient


def _is_spatial(node: Node) -> bool:
    value = node.step.value
    return node.batched and not node.step.is_source and value.dim() == 4 and value.shape[2] * value.shape[3] > 1
