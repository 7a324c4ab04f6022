"""How a network's numbers lie in memory: channels last where it takes that, plane after plane where it does not."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["arrange", "place"]


def arrange(network: nn.Module, input_shape: tuple[int, int, int]) -> nn.Module:
    """Let `network` compute with channels last, which convolution and pooling on a CPU are fastest with, if it can.

    A network that flattens with `x.view(…)` cannot; its weights then stay as they are, and its inputs are laid plane
    after plane first. Tried once, on two blank `(C, H, W)` images; mode and random state are left as found.

    >>> arrange(nn.Conv2d(3, 4, 1), (3, 8, 8)).weight.is_contiguous(memory_format=torch.channels_last)
    True
    """
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    channels, height, width = input_shape
    blank = torch.zeros(2, height, width, channels).permute(0, 3, 1, 2)  # as images are stored
    modes = [(module, module.training) for module in network.modules()]
    try:
        network.eval()
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            network(blank)
    except RuntimeError:  # "view size is not compatible with input tensor's size and stride"
        _lay_planar(network)
    finally:
        for module, training in modes:
            module.training = training
    return network


def place(network: nn.Module, device: torch.device) -> nn.Module:
    """Move `network` to a device; on an Apple GPU (mps) it then computes plane after plane.

    There, the gradient of batch normalisation is wrong for inputs with channels last (pytorch issue 175189).
    """
    if device.type == "mps":
        _lay_planar(network)
    return network.to(device)


def _lay_planar(network: nn.Module) -> None:
    for parameter in network.parameters():
        parameter.data = _planar(parameter.data)
    network.register_forward_pre_hook(_plane_after_plane)


def _plane_after_plane(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(_planar(value) if isinstance(value, Tensor) else value for value in inputs)


def _planar(tensor: Tensor) -> Tensor:
    """Copy plane after plane. With a single channel `contiguous()` would copy nothing and leave the strides."""
    return torch.empty_like(tensor, memory_format=torch.contiguous_format).copy_(tensor)
