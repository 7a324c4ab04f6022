"""Networks of timm, the collection of PyTorch image models, where it is installed: `timm:resnet18`.

timm itself makes the network and fetches its weights; pellucid only asks for them.
"""

from __future__ import annotations

import importlib
import re
from typing import Any

from torch import nn

from pellucid.ground.errors import UserError, did_you_mean

__all__ = ["DEFAULT_INPUT", "TIMM", "check_timm_name", "is_timm", "make_timm", "timm_pretrained"]

TIMM = "timm:"
DEFAULT_INPUT = (3, 224, 224)
PLAIN_NAME = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+)?")
"""A model and perhaps which of its weights. timm takes addresses and folders as names too, which a run may not hold."""


def is_timm(name: str) -> bool:
    """Whether a network's name means one of timm's."""
    return name.startswith(TIMM)


def make_timm(name: str, input_shape: tuple[int, int, int], classes: int) -> nn.Module:
    """Make one of timm's networks with random weights.

    Raises:
        UserError: timm is not installed or has no such network.
    """
    return _create(name, input_shape, classes, pretrained=False)


def timm_pretrained(name: str, input_shape: tuple[int, int, int], classes: int) -> tuple[nn.Module, dict[str, Any]]:
    """Make one of timm's networks with its own weights; give what timm says of them, too (mean, std, license, …).

    Raises:
        UserError: timm is not installed, has no such network or no weights of it, or cannot fetch them.
    """
    network = _create(name, input_shape, classes, pretrained=True)
    return network, dict(getattr(network, "pretrained_cfg", None) or {})


def check_timm_name(name: str) -> None:
    """Check that timm is here and knows the name.

    Raises:
        UserError: it is not, or does not.
    """
    timm, model = _timm(name), name.removeprefix(TIMM)
    if not PLAIN_NAME.fullmatch(model):
        raise UserError(f"the network is given as {name!r}; expected timm: and a name of timm's, like timm:resnet18")
    if not timm.is_model(model):
        raise UserError(f"timm has no network {model!r}; {_nearest(model, timm.list_models())}")


def _nearest(model: str, names: list[str]) -> str:
    hint = did_you_mean(model, names)
    return hint.partition(" (")[0] if hint.startswith("did") else f"timm.list_models() names its {len(names):,}"


def _create(name: str, input_shape: tuple[int, int, int], classes: int, *, pretrained: bool) -> nn.Module:
    check_timm_name(name)
    model = name.removeprefix(TIMM)
    try:
        network: nn.Module = _timm(name).create_model(
            model, pretrained=pretrained, num_classes=classes, in_chans=input_shape[0]
        )
    except Exception as error:
        what = "its pretrained weights cannot be had" if pretrained else "it cannot be made"
        others = (
            "; give a file of yours (--weights FILE.safetensors), or begin with random ones (--weights random)"
            if pretrained
            else ""
        )
        raise UserError(f"{name}: {what}: {type(error).__name__}: {error}{others}") from error
    return network


def _timm(name: str) -> Any:
    try:
        return importlib.import_module("timm")
    except ImportError as error:
        raise UserError(f"{name} is a network of timm, which cannot be imported ({error}); pip install timm") from error
    except Exception as error:  # a torchvision that does not fit torch fails with others
        raise UserError(f"{name} is a network of timm, which fails on import: {error}; install it again") from error
