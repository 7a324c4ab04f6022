"""Functions that make a tensor out of no other tensor's values: constants, and numbers drawn at random.

What they return comes from nowhere, like the input itself, so that nothing is to be traced behind it.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pellucid.arithmetic.reading import add_factories

__all__: list[str] = []

CONSTANT = (
    "zeros",
    "ones",
    "full",
    "empty",
    "arange",
    "range",
    "linspace",
    "logspace",
    "eye",
    "tensor",
    "tril_indices",
)
DRAWN = ("rand", "randn", "randint", "randperm", "normal")
LIKE = ("zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "randn_like", "randint_like")
OF_TENSORS = ("new_zeros", "new_ones", "new_full", "new_empty", "new_tensor")
FILLED = ("zero_", "fill_", "normal_", "uniform_", "bernoulli_", "random_", "exponential_", "log_normal_", "cauchy_")

add_factories(*(getattr(torch, name) for name in CONSTANT + DRAWN), shapes=0)
add_factories(*(getattr(torch, name) for name in LIKE), shapes=1)
add_factories(*(getattr(Tensor, name) for name in OF_TENSORS + FILLED), shapes=1)
