"""A network with fresh weights, by its name or from a person's own file, checked before it is used."""

from __future__ import annotations

from torch import nn

from pellucid.ground.errors import UserError, did_you_mean
from pellucid.networks.fitting import check_fits
from pellucid.networks.own_file import is_own_file, load_own_class, make_own
from pellucid.networks.registry import NETWORKS
from pellucid.networks.timm_models import TIMM, check_timm_name, is_timm, make_timm

__all__ = ["build", "check_name"]


def build(name: str, *, input_shape: tuple[int, int, int], classes: int, source: bytes | None = None) -> nn.Module:
    """Make a network with fresh weights and check, by running it once, that it takes the input and the classes.

    Args:
        name: one of `NETWORKS`, `timm:NAME`, or `file.py:ClassName`. A class of one's own is called with those of the
            keywords `input_shape`, `in_channels`, `classes`, `num_classes` that its `__init__` takes.
        input_shape: `(C, H, W)`.
        classes: K, 2 or more.
        source: the content of a person's own file, where it was read before; the file is not read again then.

    Raises:
        UserError: no such network, file or class; or it cannot take this input: which layer, and why.

    >>> from pellucid.networks import build
    >>> sum(p.numel() for p in build("simple-cifar", input_shape=(3, 32, 32), classes=10).parameters())
    268650
    """
    if is_own_file(name):
        network = make_own(name, input_shape, classes, source)
    elif is_timm(name):
        network = make_timm(name, input_shape, classes)
    else:
        check_name(name)
        network = NETWORKS[name].make(input_shape=input_shape, classes=classes)
    check_fits(network, name, input_shape, classes)
    return network


def check_name(name: str) -> None:
    """Check that there is a network of this name, without making it.

    Raises:
        UserError: no such network, file or class; the message has the nearest name.
    """
    if is_own_file(name):
        load_own_class(name)
    elif is_timm(name):
        check_timm_name(name)
    elif name not in NETWORKS:
        raise UserError(
            f"no network is called {name!r}; {did_you_mean(name, NETWORKS)}; "
            f"for one of timm's write {TIMM}NAME, for a network of your own its file and class, like "
            "my_nets.py:TinyNet"
        )
