"""The networks that have a name: each registers itself in its own file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from torch import nn

from pellucid.networks.pretrained import Pretrained
from pellucid.networks.timm_models import DEFAULT_INPUT, is_timm

__all__ = ["NETWORKS", "Network", "default_input", "register_network"]


@dataclass(frozen=True)
class Network:
    """A network that has a name."""

    make: Callable[..., nn.Module]
    """Called with `input_shape=(C, H, W)` and `classes=K`."""

    default_input: tuple[int, int, int]
    """The `(C, H, W)` it was made for; others work too."""

    summary: str

    pretrained: Pretrained | None = None
    """The weights that it can begin with, trained on other images, and how pixels become its input then."""


NETWORKS: dict[str, Network] = {}
"""By name, in alphabetical order."""

Maker = TypeVar("Maker", bound=Callable[..., nn.Module])


def register_network(
    name: str, default_input: tuple[int, int, int], summary: str, pretrained: Pretrained | None = None
) -> Callable[[Maker], Maker]:
    """Give a network a name, by which `pellucid networks`, `pellucid train --network` and `build` know it.

    Args:
        name: unique, in lower case, like `simple-cifar`.
        default_input: the `(C, H, W)` it was made for.
        summary: a line for the list of networks.
        pretrained: the weights that it begins with, unless others are asked for.

    Returns:
        A decorator of a module class, or of a function that makes a module, which takes `input_shape=(C, H, W)` and
        `classes=K`.

    Raises:
        ValueError: another network has this name.
    """

    def register(maker: Maker) -> Maker:
        earlier = NETWORKS.get(name)
        if earlier is not None and _origin(earlier.make) != _origin(maker):
            raise ValueError(f"{name!r} is {'.'.join(_origin(earlier.make))} already; expected another name")
        NETWORKS[name] = Network(maker, default_input, summary, pretrained)
        for known in sorted(NETWORKS):
            NETWORKS[known] = NETWORKS.pop(known)
        return maker

    return register


def _origin(maker: Callable[..., nn.Module]) -> tuple[str, str]:
    """Where a class or function is defined; that a notebook's cell is run again changes nothing."""
    return maker.__module__, getattr(maker, "__qualname__", repr(maker))


def default_input(name: str) -> tuple[int, int, int]:
    """Give the `(C, H, W)` that a named network was made for; 3×224×224 for timm's, 3×32×32 for a person's own.

    >>> from pellucid.networks import default_input
    >>> default_input("simple-mnist")
    (1, 28, 28)
    """
    if is_timm(name):
        return DEFAULT_INPUT
    return NETWORKS[name].default_input if name in NETWORKS else (3, 32, 32)
