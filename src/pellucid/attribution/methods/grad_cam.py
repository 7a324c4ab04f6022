"""Grad-CAM: the channels of a layer, each weighted with its mean gradient, stretched to the image."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from pellucid.attribution.layers import gradient_at, last_spatial_layer, spatial_layer
from pellucid.attribution.registry import Attribution, AttributionMethod, register_method
from pellucid.glass.glass import Glass
from pellucid.ground.writing import shape_text

__all__ = ["GradCam"]


@register_method
class GradCam(AttributionMethod):
    """max(0, Σ over channels of mean ∂S/∂a times a) at a layer, stretched to the image."""

    name = "grad-cam"
    summary = "a layer's channels, each times its mean gradient"
    formula = "max(0, Σ over channels of mean(∂S/∂a) · a), stretched to the image"
    paper = "Selvaraju et al. 2016, arXiv:1610.02391"
    takes_layer = True

    def attribute(self, glass: Glass, target: int, layer: str | None = None) -> Attribution:
        """Make the map at a layer with rows and columns, the last one by default."""
        node = last_spatial_layer(glass) if layer is None else spatial_layer(glass, layer)
        upstream = torch.zeros_like(glass.output.step.value)
        upstream[0, target] = 1.0
        weights = gradient_at(glass, node, upstream).mean(dim=(2, 3), keepdim=True)
        coarse = (weights * node.step.value).sum(dim=1, keepdim=True).clamp(min=0)
        size = [int(length) for length in glass.recording.steps[0].value.shape[2:]]
        fine = F.interpolate(coarse, size=size, mode="bilinear", align_corners=False)[0, 0]
        chosen = "as asked for" if layer is not None else "the last layer with rows and columns"
        facts = [f"values of {node.name}, {shape_text(node.shape)} ({chosen}), each channel times its mean gradient"]
        if not bool(coarse.any()):
            facts.append("nothing in this layer is evidence for the class: the map is zero everywhere")
        return self.result(fine, *facts, layer=node.name)
