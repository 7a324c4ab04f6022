"""The optimizer a recipe asks for."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from pellucid.recipes import Recipe

__all__ = ["make_optimizer"]


def make_optimizer(network: nn.Module, recipe: Recipe, device: torch.device) -> torch.optim.Optimizer:
    """Make the optimizer for all parameters that learn.

    Weight decay applies to weights of two or more dimensions; biases and the scales and shifts of normalisation
    are left alone, as He et al. 2018 (arXiv:1812.01187, section 3.1) recommend.

    >>> make_optimizer(nn.Linear(2, 2), Recipe(optimizer="sgd"), torch.device("cpu")).defaults["nesterov"]
    True
    """
    learning = [parameter for parameter in network.parameters() if parameter.requires_grad]
    groups: list[dict[str, Any]] = [{"params": learning, "weight_decay": 0.0}]
    if recipe.weight_decay:  # two groups mean two calls a step, so only where they differ
        groups = [
            {"params": [weight for weight in learning if weight.ndim >= 2], "weight_decay": recipe.weight_decay},
            {"params": [weight for weight in learning if weight.ndim < 2], "weight_decay": 0.0},
        ]
        groups = [group for group in groups if group["params"]]
    # The fused kernels update all parameters in one call; other devices have none.
    fused = device.type in ("cpu", "cuda")
    if recipe.optimizer == "sgd":
        return torch.optim.SGD(
            groups, lr=recipe.learning_rate, momentum=recipe.momentum, nesterov=recipe.momentum > 0, fused=fused
        )
    make = torch.optim.AdamW if recipe.optimizer == "adamw" else torch.optim.Adam
    return make(groups, lr=recipe.learning_rate, fused=fused)
