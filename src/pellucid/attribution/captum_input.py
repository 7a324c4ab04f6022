"""What every method that captum computes needs: captum itself, and a network and an image it may work on."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from pellucid.arithmetic import twin_of
from pellucid.attribution.registry import METHODS
from pellucid.glass.glass import Glass
from pellucid.ground.errors import UserError

__all__ = ["captum_attr", "network_and_image"]


def captum_attr(name: str) -> Any:
    """Import `captum.attr` for a method.

    Raises:
        UserError: captum is not installed.
    """
    try:
        import captum.attr
    except ImportError as error:
        without = " or ".join(other.name for other in METHODS.values() if not other.needs_captum)
        raise UserError(
            f"{name} is computed by captum, which is not installed; install it with "
            f"pip install 'pellucid[explain]', or choose a method that needs no captum: {without}"
        ) from error
    return captum.attr


def network_and_image(glass: Glass) -> tuple[nn.Module, Tensor]:
    """Give a twin of the network in evaluation mode and the image `(1, C, H, W)`, which takes a gradient."""
    return twin_of(glass.network).eval(), glass.recording.steps[0].value.detach().clone().requires_grad_()
