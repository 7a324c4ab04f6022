"""The linear layer that a network ends in: what it is given are the network's features of an image.

Shape letters: B images, F features, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.hooks import RemovableHandle

__all__ = ["features_of", "last_layer", "last_stages"]


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
    logits = _tried(network, input_shape, handles)
    return next((path for path, output in returned if output is logits), None)


def last_stages(network: nn.Module, input_shape: tuple[int, int, int], share: float) -> tuple[str, ...]:
    """Name the weights of the last layers before the last one that together hold this share of those of all of them.

    Layers are taken in the order in which they compute; batch normalisations are left out, whose scale and shift belong
    to the averages that they keep.

    >>> network = nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.Linear(8, 8), nn.Linear(8, 3))
    >>> last_stages(network, (1, 2, 2), 0.5)
    ('2.weight', '2.bias')
    """
    last = last_layer(network, input_shape)
    order: list[str] = []
    handles = [
        module.register_forward_pre_hook(lambda module, inputs, path=path: order.append(path))
        for path, module in network.named_modules()
        if path != last
        and not isinstance(module, _BatchNorm)
        and next(module.parameters(recurse=False), None) is not None
    ]
    _tried(network, input_shape, handles)
    layers = dict.fromkeys(order)
    sizes = {path: sum(weight.numel() for weight in _own_weights(network, path).values()) for path in layers}
    left = share * sum(sizes.values())
    names: list[str] = []
    for path in reversed(layers):
        if left <= 0:
            break
        names = [*_own_weights(network, path), *names]
        left -= sizes[path]
    return tuple(names)


def _tried(network: nn.Module, input_shape: tuple[int, int, int], handles: Sequence[RemovableHandle]) -> object:
    """Run a network once on blank images, in evaluation mode; take its hooks off and leave it as it was found."""
    modes = [(module, module.training) for module in network.modules()]
    device = next((weight.device for weight in network.parameters()), None)
    try:
        network.eval()
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            return network(torch.zeros(2, *input_shape, device=device))
    finally:
        for handle in handles:
            handle.remove()
        for module, training in modes:
            module.training = training


def _own_weights(network: nn.Module, path: str) -> dict[str, nn.Parameter]:
    prefix = f"{path}." if path else ""
    return {prefix + name: weight for name, weight in network.get_submodule(path).named_parameters(recurse=False)}


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
