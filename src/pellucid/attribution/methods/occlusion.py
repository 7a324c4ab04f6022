"""Occlusion: how far the logit falls when a square of the image is painted over."""

from __future__ import annotations

import torch

from pellucid.attribution.captum_input import captum_attr, network_and_image
from pellucid.attribution.images import images_at_once, mean_colour
from pellucid.attribution.probability import mixes_images, output_noun
from pellucid.attribution.registry import Attribution, AttributionMethod, register_method
from pellucid.glass.glass import Glass

__all__ = ["Occlusion"]


@register_method
class Occlusion(AttributionMethod):
    """S(x) − S(x with a square in the image's mean colour), averaged over the squares that cover a pixel."""

    name = "occlusion"
    summary = "how far the logit falls when a square is painted over"
    formula = "mean over the squares that cover a pixel of S(x) − S(x with the square in the mean colour)"
    paper = "Zeiler and Fergus 2013, arXiv:1311.2901"
    signed = True
    needs_captum = True

    def attribute(self, glass: Glass, target: int, layer: str | None = None) -> Attribution:
        """Make the map; a layer is not looked at."""
        captum = captum_attr(self.name)
        network, image = network_and_image(glass)
        x = image.detach()
        channels, rows, columns = x.shape[1:]
        window = tuple(max(1, round(size / 8)) for size in (rows, columns))
        stride = tuple(max(1, size // 2) for size in window)
        with torch.no_grad():
            values = captum.Occlusion(network).attribute(
                x,
                sliding_window_shapes=(channels, *window),
                strides=(channels, *stride),
                baselines=mean_colour(x),
                target=target,
                perturbations_per_eval=1 if mixes_images(network, x.detach()) else images_at_once(x),
            )
        return self.result(
            values[0, 0],  # captum gives every channel of a square the same value
            f"how far the {output_noun(glass)} falls when {window[0]}×{window[1]} pixels are painted over in the "
            f"image's mean colour, every {stride[0]} rows and {stride[1]} columns; a pixel's value is the mean of the "
            "squares over it",
        )
