"""What a network's output is for a class, and the probability that follows from it."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from pellucid.arithmetic import twin_of
from pellucid.glass.nodes import ForwardPass
from pellucid.networks import as_logits

__all__ = ["Probability", "output_noun", "probability_of"]

Probability = Callable[[Tensor], Tensor]
"""From images `(B, C, H, W)` to the probability of the class `(B,)`."""


def output_noun(glass: ForwardPass) -> str:
    """Name what the network returns for a class: `logit`, or `probability` where it ends in a softmax."""
    return glass.head.noun


def probability_of(glass: ForwardPass, target: int) -> Probability:
    """Give the function from images `(B, C, H, W)` to one class's probability `(B,)`, in evaluation mode."""
    network = twin_of(glass.network).eval()
    head = glass.head

    def probability(images: Tensor) -> Tensor:
        with torch.no_grad():
            shares = as_logits(network(images).double(), head).softmax(1)
        of_class: Tensor = shares[:, target]
        return of_class

    return probability
