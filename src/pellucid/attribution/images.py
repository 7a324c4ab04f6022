"""Images as methods and measures change them: painted over, blurred, in batches that fit into memory.

Shape letters: C channels, H rows, W columns.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["VALUES_AT_ONCE", "blurred", "images_at_once", "mean_colour"]

VALUES_AT_ONCE = 2**20
"""Batches have at most so many values of an input, so that large images do not need much memory."""


def mean_colour(x: Tensor) -> Tensor:
    """Paint an image `(1, C, H, W)` over with the mean of each of its channels."""
    return x.mean(dim=(2, 3), keepdim=True).expand_as(x)


def blurred(x: Tensor) -> Tensor:
    """Blur an image `(1, C, H, W)` by a Gaussian of an eighth of each side, cut and rescaled at the border."""
    rows, columns = (_gaussian(int(size), size / 8).to(x) for size in x.shape[2:])
    return rows @ x @ columns.T


def images_at_once(x: Tensor, limit: int = 256) -> int:
    """Say how many images like `x`, `(1, C, H, W)`, go into one batch."""
    return int(max(1, min(limit, VALUES_AT_ONCE // max(1, x[0].numel()))))


def _gaussian(size: int, standard_deviation: float) -> Tensor:
    position = torch.arange(size, dtype=torch.float64)
    weights = torch.exp(-0.5 * ((position[:, None] - position[None, :]) / standard_deviation) ** 2)
    return weights / weights.sum(dim=1, keepdim=True)
