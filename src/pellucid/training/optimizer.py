"""The optimizer a recipe asks for."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from pellucid.recipes import Recipe

__all__ = ["make_optimizer"]

STAGES_SHARE = 0.1


def make_optimizer(
    network: nn.Module, recipe: Recipe, device: torch.device, fitted: nn.Module | None = None
) -> torch.optim.Optimizer:
    """Make the optimizer for all parameters that learn.

    Weight decay applies to weights of two or more dimensions; biases and the scales and shifts of normalisation
    are left alone, as He et al. 2018 (arXiv:1812.01187, section 3.1) recommend.

    Where a fitted last layer is fine-tuned, the stages before it learn at a tenth of its rate: their weights have seen
    a million photos. A group's `share` says what its rate is of the recipe's.

    >>> make_optimizer(nn.Linear(2, 2), Recipe(optimizer="sgd"), torch.device("cpu")).defaults["nesterov"]
    True
    """
    own = set() if fitted is None else set(fitted.parameters())
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}  # each means a call a step, so only where they differ
    for weight in network.parameters():
        if weight.requires_grad:
            decay = recipe.weight_decay if weight.ndim >= 2 else 0.0
            share = 1.0 if fitted is None or weight in own else STAGES_SHARE
            groups.setdefault((-decay, share), []).append(weight)
    listed: list[dict[str, Any]] = [
        {"params": weights, "weight_decay": -decay, "share": share}
        for (decay, share), weights in sorted(groups.items())
    ]
    # The fused kernels update all parameters in one call; other devices have none.
    fused = device.type in ("cpu", "cuda")
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(
            listed, lr=recipe.learning_rate, momentum=recipe.momentum, nesterov=recipe.momentum > 0, fused=fused
        )
    make = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    return make(listed, lr=recipe.learning_rate, fused=fused)
