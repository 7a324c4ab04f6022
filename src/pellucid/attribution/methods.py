"""Attribution maps: how much each pixel of an image has to do with a class's score.

Shape letters: C channels of the input, H rows, W columns; D channels of a layer, h and w its rows and columns; K
classes. S is the score of the class that is explained, x the image, a a layer's values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from pellucid.arithmetic import record, twin_of
from pellucid.glass.glass import Glass
from pellucid.glass.gradients import gradients
from pellucid.glass.nodes import Node
from pellucid.ground.errors import UserError, did_you_mean
from pellucid.ground.writing import number, shape_text

__all__ = ["METHODS", "Attribution", "attribute", "gradient_at", "last_spatial_layer", "mean_colour", "spatial_layer"]

METHODS = ("saliency", "integrated-gradients", "grad-cam", "occlusion")

INTEGRATION_STEPS = 64
VALUES_AT_ONCE = 2**20
"""Batches have at most so many numbers of an input, so that large images do not need much memory."""


@dataclass(frozen=True, eq=False)
class Attribution:
    """One map.

    Attributes:
        method: one of `METHODS`.
        map: `[H, W]` float64; the larger, the more the pixel speaks for the class.
        signed: whether numbers below nought mean that a pixel speaks against the class.
        layer: whose values the map was made of, of Grad-CAM; None otherwise.
        facts: what was computed, in sentences.
    """

    method: str
    map: NDArray[np.float64]
    signed: bool
    layer: str | None
    facts: tuple[str, ...]

    def __repr__(self) -> str:
        return f"Attribution({self.method}, {shape_text(self.map.shape)})"


def attribute(glass: Glass, method: str, target: int, layer: str | None = None) -> Attribution:
    """Make one map of a class's score.

    Args:
        glass: of a network with one score a class, in evaluation mode.
        method: `saliency` |∂S/∂x|, the largest of the channels (Simonyan et al. 2013, arXiv:1312.6034);
            `integrated-gradients` (x − x₀) times the mean of ∂S/∂x on the way from x₀, the image's mean colour, to x,
            added up over the channels (Sundararajan et al. 2017, arXiv:1703.01365); `grad-cam` max(0, Σ over channels
            of mean ∂S/∂a times a) at a layer, stretched to the image (Selvaraju et al. 2016, arXiv:1610.02391);
            `occlusion` how far S falls when a square is painted over in the mean colour (Zeiler and Fergus 2013,
            arXiv:1311.2901).
        target: the class's number.
        layer: of `grad-cam`: a layer with rows and columns; the last one by default.

    Raises:
        UserError: no such method or layer; captum is not installed; a layer for a method that has none.
    """
    if method not in METHODS:
        raise UserError(f"no method is called {method!r}; {did_you_mean(method, METHODS)}")
    if glass.recording.steps[0].value.dim() != 4:
        shape = list(glass.recording.steps[0].value.shape[1:])
        raise UserError(f"the input has the shape {shape}; a map of pixels needs an image, [C, H, W]")
    if method == "grad-cam":
        return _grad_cam(glass, target, layer)
    if layer is not None:
        raise UserError(f"{method} looks at the pixels and at no layer; only grad-cam takes --layer ({layer!r})")
    network = twin_of(glass.network).eval()
    x = glass.recording.steps[0].value.detach().clone().requires_grad_()
    with torch.enable_grad():
        made = {"saliency": _saliency, "integrated-gradients": _integrated_gradients, "occlusion": _occlusion}[method]
        values, signed, facts = made(network, x, target)
    return Attribution(method, values.detach().double().cpu().numpy(), signed, None, facts)


def mean_colour(x: Tensor) -> Tensor:
    """Paint an image `(1, C, H, W)` over with the mean of each of its channels."""
    return x.mean(dim=(2, 3), keepdim=True).expand_as(x)


def last_spatial_layer(glass: Glass) -> Node:
    """Find the last operation whose values still have rows and columns.

    Raises:
        UserError: there is none.
    """
    found = [node for node in glass if _is_spatial(node)]
    if not found:
        raise UserError(f"no layer of {type(glass.network).__name__} has rows and columns, which Grad-CAM needs")
    return found[-1]


def spatial_layer(glass: Glass, name: str) -> Node:
    """Find a layer with rows and columns by name.

    Raises:
        UserError: there is no such layer, or its values have no rows and columns.
    """
    node = glass[name]
    if not _is_spatial(node):
        others = ", ".join(each.name for each in glass if _is_spatial(each))
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
    number_ = node.step.number
    if number_ in follow.at and number_ not in follow.hidden:
        return follow.at[number_]
    # An operation without arithmetic is on the way: let autograd go through it.
    again = record(glass.network, glass.recording.steps[0].value, training=False, keep_graph=True)
    value, output = again.steps[number_].value, again.steps[again.output].value
    found = (
        torch.autograd.grad(output, value, upstream, allow_unused=True)[0]
        if value.requires_grad and output.requires_grad
        else None
    )
    if found is None:
        raise UserError(
            f"no gradient leads from {glass.output.name} back to {node.name}: nothing of what it feeds reaches the "
            "output, or its values are overwritten in place; name a later layer"
        )
    return found


def _is_spatial(node: Node) -> bool:
    value = node.step.value
    return node.batched and not node.step.is_source and value.dim() == 4 and value.shape[2] * value.shape[3] > 1


def _grad_cam(glass: Glass, target: int, layer: str | None) -> Attribution:
    node = last_spatial_layer(glass) if layer is None else spatial_layer(glass, layer)
    upstream = torch.zeros_like(glass.output.step.value)
    upstream[0, target] = 1.0
    gradient = gradient_at(glass, node, upstream)
    weights = gradient.mean(dim=(2, 3), keepdim=True)
    coarse = (weights * node.step.value).sum(dim=1, keepdim=True).clamp(min=0)
    size = [int(length) for length in glass.recording.steps[0].value.shape[2:]]
    fine = F.interpolate(coarse, size=size, mode="bilinear", align_corners=False)[0, 0]
    chosen = "named" if layer is not None else "the last layer with rows and columns"
    facts = [f"values of {node.name}, {shape_text(node.shape)} ({chosen}), each channel times its mean gradient"]
    if not bool(coarse.any()):
        facts.append("nothing in it speaks for this class: the map is nought everywhere")
    return Attribution("grad-cam", fine.detach().double().cpu().numpy(), False, node.name, tuple(facts))


def _saliency(network: nn.Module, x: Tensor, target: int) -> tuple[Tensor, bool, tuple[str, ...]]:
    found = _captum("saliency").Saliency(network).attribute(x, target=target, abs=True)
    return found[0].amax(dim=0), False, ("size of the score's gradient at the pixels, the largest of the channels",)


def _integrated_gradients(network: nn.Module, x: Tensor, target: int) -> tuple[Tensor, bool, tuple[str, ...]]:
    start = mean_colour(x.detach())
    found = (
        _captum("integrated-gradients")
        .IntegratedGradients(network)
        .attribute(x, baselines=start, target=target, n_steps=INTEGRATION_STEPS, internal_batch_size=_images_at_once(x))
    )
    with torch.no_grad():
        rise = float(network(x)[0, target] - network(start)[0, target])
    facts = (
        f"gradients at {INTEGRATION_STEPS} mixtures of the image and its mean colour",
        f"they add up to {number(float(found.detach().sum()))}; the score rises by {number(rise)} from the mean "
        "colour to the image",
    )
    return found[0].sum(dim=0), True, facts


def _occlusion(network: nn.Module, x: Tensor, target: int) -> tuple[Tensor, bool, tuple[str, ...]]:
    channels, rows, columns = x.shape[1:]
    window = tuple(max(1, round(size / 8)) for size in (rows, columns))
    stride = tuple(max(1, size // 2) for size in window)
    with torch.no_grad():
        found = (
            _captum("occlusion")
            .Occlusion(network)
            .attribute(
                x.detach(),
                sliding_window_shapes=(channels, *window),
                strides=(channels, *stride),
                baselines=mean_colour(x.detach()),
                target=target,
                perturbations_per_eval=_images_at_once(x),
            )
        )
    facts = (
        f"how far the score falls when {window[0]}×{window[1]} pixels are painted over in the image's mean colour, "
        f"every {stride[0]} rows and {stride[1]} columns; a pixel's number is the mean of the squares over it",
    )
    return found[0, 0], True, facts  # captum gives every channel of a square the same number


def _images_at_once(x: Tensor) -> int:
    return int(max(1, min(256, VALUES_AT_ONCE // max(1, x[0].numel()))))


def _captum(method: str) -> Any:
    try:
        import captum.attr
    except ImportError as error:
        raise UserError(
            f"{method} is computed by captum, which is not installed; install it with "
            "pip install 'pellucid[explain]', or take --method grad-cam, which does without"
        ) from error
    return captum.attr
