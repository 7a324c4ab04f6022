"""From stored pixels to scores, by the fastest of the ways that compute the same."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import Tensor, nn

from pellucid.data.preprocessing import Preprocessing

__all__ = ["Forward", "forward_pass", "takes_blocked_layout"]

Forward = Callable[[Tensor], Tensor]
"""From pixels `[B, H, W, C]` uint8 to scores `[B, K]`."""

AGREEMENT = 1e-4
"""How far the two ways may differ, relative to the largest number: they add up in another order."""


def forward_pass(network: nn.Module, preprocessing: Preprocessing, *, blocked: bool) -> Forward:
    """Give the function that normalises a batch of pixels and runs `network` on it.

    With `blocked`, the network's tensors lie in oneDNN's own layout, from the first operation to the last.
    """
    if blocked:
        return lambda pixels: network(preprocessing(pixels, planar=True).to_mkldnn()).to_dense()
    return lambda pixels: network(preprocessing(pixels))


def takes_blocked_layout(network: nn.Module, preprocessing: Preprocessing, device: torch.device) -> bool:
    """Whether a network computes the same, forward and backward, on tensors in oneDNN's own layout.

    There, convolution and pooling need no reordering and pooling keeps no 64-bit indices, so that a step of the
    lesson's network takes a tenth to a seventh less (`benchmarks/LOG.md`). Not every operation takes such tensors, and
    with batch normalisation nothing is gained; so both ways are tried on a copy of the network, and their scores and
    gradients compared. The answer depends on the network and the torch in use alone: a resumed run goes the same way.
    """
    if device.type != "cpu" or not torch.backends.mkldnn.is_available():
        return False
    if any(isinstance(module, nn.modules.batchnorm._BatchNorm) for module in network.modules()):
        return False
    generator = torch.Generator().manual_seed(0)
    shape = (2, preprocessing.height, preprocessing.width, preprocessing.channels)
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    try:
        with torch.random.fork_rng(devices=[]):
            plain, blocked = (_trial(network, preprocessing, pixels, blocked=way) for way in (False, True))
    except (RuntimeError, NotImplementedError, AttributeError, TypeError):  # what refused operations raise
        return False
    return len(plain) == len(blocked) and all(_agree(one, other) for one, other in zip(plain, blocked, strict=True))


def _trial(network: nn.Module, preprocessing: Preprocessing, pixels: Tensor, *, blocked: bool) -> list[Tensor]:
    """Scores and gradients of a copy of `network`, drawing the same random numbers each time."""
    torch.default_generator.manual_seed(0)
    trial = copy.deepcopy(network).train()
    scores = forward_pass(trial, preprocessing, blocked=blocked)(pixels)
    scores.square().sum().backward()
    return [scores.detach(), *(one.grad for one in trial.parameters() if one.grad is not None)]


def _agree(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and bool((one - other).abs().max() <= AGREEMENT * one.abs().max())
