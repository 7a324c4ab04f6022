"""Saliency: how much a small change of each pixel changes the logit."""

from __future__ import annotations

import torch

from pellucid.attribution.captum_input import captum_attr, network_and_image
from pellucid.attribution.probability import output_noun
from pellucid.attribution.registry import Attribution, AttributionMethod, register_method
from pellucid.glass.glass import Glass

__all__ = ["Saliency"]


@register_method
class Saliency(AttributionMethod):
    """|∂S/∂x|, the largest of the channels."""

    name = "saliency"
    summary = "size of the logit's gradient at each pixel"
    formula = "max over channels of |∂S/∂x|"
    paper = "Simonyan et al. 2013, arXiv:1312.6034"
    needs_captum = True

    def attribute(self, glass: Glass, target: int, layer: str | None = None) -> Attribution:
        """Make the map; a layer is not looked at."""
        captum = captum_attr(self.name)
        network, x = network_and_image(glass)
        with torch.enable_grad():
            gradient = captum.Saliency(network).attribute(x, target=target, abs=True)
        return self.result(
            gradient[0].amax(dim=0),
            f"size of the {output_noun(glass)}'s gradient at each pixel, the largest of the channels",
        )
