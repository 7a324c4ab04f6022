"""The linear layer that a network ends in: what it is given are the network's features of an image.

Shape letters: B images, F features, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["features_of", "last_layer"]


def last_layer(network: nn.Module, input_shape: tuple[int, int, int]) -> str | None:
    """Give the path of the `nn.Linear` whose output is the network's own; None where it ends in something else.

    Tried on two blank `(C, H, W)` images in evaluation mode; the network is left as it was found.

    >>> last_layer(nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)), (1, 2, 2))
    '3'
    """
    returned: list[tuple[str, Any]] = []
    handles = [
        module.register_forward_hook(lambda module, inputs, output, path=path: returned.append((path, output)))
        for path, module in network.named_modules()
        if path and isinstance(module, nn.Linear)
    ]
    modes = [(module, module.training) for module in network.modules()]
    try:
        network.eval()
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            logits = network(torch.zeros(2, *input_shape))
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes:
            module.training = training
    return next((path for path, output in returned if output is logits), None)


@contextmanager
def features_of(network: nn.Module, layer: str) -> Iterator[list[Tensor]]:
    """While entered, keep what the layer at `layer` was given last, `[B, F]`: the only element of the list."""
    kept: list[Tensor] = []

    def keep(module: nn.Module, inputs: tuple[Any, ...]) -> None:
        kept[:] = [inputs[0]]

    handle = network.get_submodule(layer).register_forward_pre_hook(keep)
    try:
        yield kept
    finally:
        handle.remove()
