"""Calls as a recorder sees them: which change a tensor, which let values leave torch, and how one is repeated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

__all__ = [
    "DECIDING",
    "LEAVING",
    "MOVING",
    "UNSEEN",
    "VALUE_FREE",
    "Frame",
    "changes_in_place",
    "random_state",
    "repetition",
]

DECIDING = ("__bool__", "item", "tolist", "__int__", "__float__", "__index__")
"""Methods by which a forward looks at values, to decide with them."""

LEAVING = (*DECIDING, "numpy", "__array__", "__dlpack__", "data_ptr", "untyped_storage", "storage", "__reduce_ex__")
"""Functions by which values leave torch."""

MOVING = {
    name: getattr(Tensor, name)
    for name in ("__setitem__", "copy_", "fill_", "zero_", "masked_fill_", "index_put_", "index_copy_", "index_fill_")
} | {"masked_scatter_": Tensor.masked_scatter_, "scatter_": Tensor.scatter_}
"""Methods that write elements into a tensor and compute nothing."""

VALUE_FREE = (
    *("zeros_like", "ones_like", "empty_like", "full_like", "rand_like", "randn_like", "randint_like"),
    *("new_zeros", "new_ones", "new_empty", "new_full", "new_empty_strided", "empty_strided"),
)
"""Operations of the dispatcher that read a tensor's shape and none of its values."""

UNSEEN = (
    "no arithmetic for this operation: it ran where no function is seen "
    "(a scripted function, torch.func, a change through another tensor or through NumPy)"
)


@dataclass
class Frame:
    """What the dispatcher saw during one call of a function or module."""

    reads: list[tuple[int, bool, frozenset[int]]] = field(default_factory=list)
    created: set[int] = field(default_factory=set)
    written: list[Tensor] = field(default_factory=list)


def changes_in_place(name: str, kwargs: dict[str, Any]) -> bool:
    """Whether a function of this name changes its first tensor, by PyTorch's way of naming."""
    if kwargs.get("inplace"):
        return True
    if name.startswith("__"):
        return name == "__setitem__" or (name.startswith("__i") and name not in ("__invert__", "__index__", "__int__"))
    return name.endswith("_")


def random_state(tensors: Sequence[Tensor]) -> tuple[torch.device, Tensor] | None:
    """Remember the random generator of the first tensor's device."""
    if not tensors:
        return None
    device = tensors[0].device
    return device, (torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state())


def _set_random_state(device: torch.device, state: Tensor) -> None:
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    else:
        torch.set_rng_state(state)


def repetition(
    function: Callable[..., Tensor],
    more: Sequence[Any],
    keywords: dict[str, Any],
    random: tuple[torch.device, Tensor] | None,
) -> Callable[[Tensor], Tensor]:
    """Make a function that repeats a call on another first input, with the random numbers that it drew.

    It draws as many of them as the call did, so that the generator is left where it was.
    """

    def again(x: Tensor) -> Tensor:
        if random is not None:
            _set_random_state(*random)
        return function(x, *more, **{name: value for name, value in keywords.items() if name != "input"})

    return again
