"""What a network's output is for a class, and the probability that follows from it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from pellucid.arithmetic import twin_of
from pellucid.arithmetic.proving import other_image
from pellucid.glass.nodes import ForwardPass
from pellucid.ground.errors import UserError
from pellucid.networks import as_logits

__all__ = ["Probability", "mixes_images", "output_noun", "probability_of", "require_finite_outputs"]

Probability = Callable[[Tensor], Tensor]
"""From images `(B, C, H, W)` to the probability of the class `(B,)`."""


def output_noun(glass: ForwardPass) -> str:
    """Name what the network returns for a class: `logit`, or `probability` where it ends in a softmax."""
    return glass.head.noun


def require_finite_outputs(glass: ForwardPass) -> None:
    """Refuse a network whose outputs for the image are not all finite numbers: there is nothing to explain.

    Raises:
        UserError: they are not.
    """
    if not bool(glass.output.value.isfinite().all()):
        raise UserError(
            f"{glass.title}: the outputs are not finite numbers, so that there is nothing to explain; take another "
            "epoch, or see in which layer that begins with: pellucid maps"
        )


def mixes_images(network: nn.Module, x: Tensor) -> bool:
    """Whether what a network says of one image depends on the others in its batch, as without running statistics.

    Args:
        network: in the mode that it will be used in.
        x: one image `(1, C, H, W)`.
    """
    others = torch.cat([x, other_image(x), other_image(x) * 2])
    with torch.no_grad():
        alone = network(x)
        try:
            beside = network(others)[:1]
        except (RuntimeError, ValueError, IndexError):
            return True  # it takes one image at a time
    scale = float(alone.abs().max()) if alone.numel() else 0.0
    return beside.shape != alone.shape or not torch.allclose(beside, alone, rtol=1e-3, atol=1e-3 * scale)


def probability_of(glass: ForwardPass, target: int) -> Probability:
    """Give the function from images `(B, C, H, W)` to one class's probability `(B,)`, in evaluation mode.

    Raises:
        UserError: the network's outputs for its image are not finite numbers.
    """
    network = twin_of(glass.network).eval()
    head = glass.head
    require_finite_outputs(glass)
    single = mixes_images(network, glass.recording.steps[0].value)

    def probability(images: Tensor) -> Tensor:
        with torch.no_grad():
            batches = images.split(1) if single else (images,)
            outputs = torch.cat([network(batch) for batch in batches])
            shares = as_logits(outputs.double(), head).softmax(1)
        of_class: Tensor = shares[:, target]
        return of_class

    return probability
