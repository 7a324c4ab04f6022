"""Integrated gradients: the gradient along the way from a plain image to the image itself."""

from __future__ import annotations

import torch

from pellucid.attribution.captum_input import captum_attr, network_and_image
from pellucid.attribution.images import images_at_once, mean_colour
from pellucid.attribution.probability import mixes_images, output_noun
from pellucid.attribution.registry import Attribution, AttributionMethod, register_method
from pellucid.glass.glass import Glass
from pellucid.ground.writing import number

__all__ = ["IntegratedGradients"]

INTEGRATION_STEPS = 64


@register_method
class IntegratedGradients(AttributionMethod):
    """(x − x₀) times the mean of ∂S/∂x on the way from x₀, the image's mean colour, to x, summed over the channels."""

    name = "integrated-gradients"
    summary = "gradients on the way from the image's mean colour to the image"
    formula = "Σ over channels of (x − x₀) · mean of ∂S/∂x between x₀ and x; x₀ the image's mean colour"
    paper = "Sundararajan et al. 2017, arXiv:1703.01365"
    signed = True
    needs_captum = True

    def attribute(self, glass: Glass, target: int, layer: str | None = None) -> Attribution:
        """Make the map; a layer is not looked at."""
        captum = captum_attr(self.name)
        network, x = network_and_image(glass)
        start = mean_colour(x.detach())
        with torch.enable_grad():
            values = captum.IntegratedGradients(network).attribute(
                x,
                baselines=start,
                target=target,
                n_steps=INTEGRATION_STEPS,
                internal_batch_size=1 if mixes_images(network, x.detach()) else images_at_once(x),
            )
        with torch.no_grad():
            rise = float(network(x)[0, target] - network(start)[0, target])
        return self.result(
            values[0].sum(dim=0),
            f"gradients at {INTEGRATION_STEPS} mixtures of the image and its mean colour",
            f"the map adds up to {number(float(values.detach().sum()))}; the {output_noun(glass)} rises by "
            f"{number(rise)} from the mean colour to the image",
        )
