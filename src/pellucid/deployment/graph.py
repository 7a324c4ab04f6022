"""One graph from a picture's bytes to the answer: fitting, normalisation, the network, temperature, softmax.

Shape letters: B images, H rows, W columns, C channels of the pictures, whose H and W are any; K classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from pellucid.data.preprocessing import Preprocessing
from pellucid.deployment.fitting import Fitting
from pellucid.networks import Head, as_logits

__all__ = ["INPUT", "OUTPUTS", "PIXELS", "Answering", "program_of"]

INPUT = "image"
OUTPUTS = ("probabilities", "label", "abstain")
PIXELS = "fitted pixels"
"""The output of the pictures as the network's size makes them, which the gate reads; no node's name has a space."""

ROUNDING = 1e-6
"""How far below the threshold a confidence still reaches it.

The threshold is the confidence of one of the validation images, and that image must not depend on the last digit.
"""

EXAMPLE = (2, 50, 60)
"""B, H, W that the graph is traced with; it holds for any."""


@dataclass(frozen=True)
class Deciding:
    """How outputs become a decision."""

    head: Head
    temperature: float
    threshold: float | None


class Answering(nn.Module):
    """Takes uint8 `[B, H, W, C]`; gives probabilities `[B, K]` float32, label `[B]` int64, abstain `[B]` bool.

    With `names`, the network returns a value for each of them beside its output, and these are given as well.
    """

    scale: Tensor
    shift: Tensor
    temperature: Tensor
    threshold: Tensor

    def __init__(self, network: nn.Module, preprocessing: Preprocessing, deciding: Deciding, pixels: bool) -> None:
        super().__init__()
        self.fitting = Fitting(preprocessing.height, preprocessing.width, preprocessing.fit)
        scale = [1 / (255 * deviation) for deviation in preprocessing.std]
        shift = [-mean / deviation for mean, deviation in zip(preprocessing.mean, preprocessing.std, strict=True)]
        self.register_buffer("scale", torch.tensor(scale))
        self.register_buffer("shift", torch.tensor(shift))
        # As float64 tensors: a Python number would be rounded to float32 in an ONNX file.
        threshold = (deciding.threshold or 0.0) - ROUNDING
        self.register_buffer("temperature", torch.tensor(deciding.temperature, dtype=torch.float64))
        self.register_buffer("threshold", torch.tensor(threshold, dtype=torch.float64))
        self.network, self.deciding, self.pixels = network, deciding, pixels

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Answer for each picture."""
        pixels = self.fitting(image)
        returned = self.network((pixels.float() * self.scale + self.shift).permute(0, 3, 1, 2))
        outputs, *maps = returned if isinstance(returned, tuple) else (returned,)
        logits = as_logits(outputs.float(), self.deciding.head)
        probabilities = (logits.double() / self.temperature).softmax(1)
        answer = (probabilities.float(), logits.argmax(1), probabilities.amax(1) < self.threshold)
        return (*answer, *([pixels] if self.pixels else []), *maps)


def program_of(answering: Answering) -> ExportedProgram:
    """Trace the graph with the number and the size of the pictures left open."""
    image = torch.zeros(*EXAMPLE, len(answering.scale), dtype=torch.uint8)
    sizes = {0: Dim.DYNAMIC, 1: Dim.DYNAMIC, 2: Dim.DYNAMIC}
    with torch.no_grad():
        return torch.export.export(answering, (image,), dynamic_shapes=(sizes,), strict=False)
