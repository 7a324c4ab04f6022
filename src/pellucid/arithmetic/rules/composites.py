"""Functions decomposed into simpler ones, as PyTorch computes them itself: stacking, distances, power pooling.

A function below runs in the place of the one it is registered for while a network is recorded. It returns
`NotImplemented`, before it runs anything, for arguments that it does not take.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.arithmetic.reading import decomposes

__all__: list[str] = []

LARGEST = 10_000_000
"""So many differences are written out at most, where PyTorch keeps none of them."""


@decomposes(torch.stack)
def _stack(tensors: Sequence[Tensor], dim: int = 0, *, out: None = None) -> Any:
    return torch.cat([x.unsqueeze(dim) for x in tensors], dim)


@decomposes(torch.hstack)
def _hstack(tensors: Sequence[Tensor], *, out: None = None) -> Any:
    rows = [x.unsqueeze(0) if x.dim() == 0 else x for x in tensors]
    return torch.cat(rows, 0 if rows[0].dim() == 1 else 1)


@decomposes(torch.vstack, torch.row_stack)
def _vstack(tensors: Sequence[Tensor], *, out: None = None) -> Any:
    return torch.cat([x.reshape(1, -1) if x.dim() < 2 else x for x in tensors], 0)


@decomposes(torch.dstack)
def _dstack(tensors: Sequence[Tensor], *, out: None = None) -> Any:
    flat = [x.reshape(1, -1) if x.dim() < 2 else x for x in tensors]
    return torch.cat([x.unsqueeze(2) if x.dim() == 2 else x for x in flat], 2)


@decomposes(torch.column_stack)
def _column_stack(tensors: Sequence[Tensor], *, out: None = None) -> Any:
    return torch.cat([x.reshape(-1, 1) if x.dim() < 2 else x for x in tensors], 1)


@decomposes(torch.diff, Tensor.diff)
def _diff(
    input: Tensor, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None, *, out: None = None
) -> Any:
    if input.dtype == torch.bool:
        return NotImplemented
    ends = [x for x in (prepend, input, append) if x is not None]
    x = torch.cat(ends, dim) if len(ends) > 1 else input
    for _ in range(n):
        count = max(x.shape[dim] - 1, 0)
        x = x.narrow(dim, x.shape[dim] - count, count) - x.narrow(dim, 0, count)
    return x


@decomposes(torch.trace, Tensor.trace)
def _trace(input: Tensor) -> Any:
    return input.diagonal().sum()


@decomposes(F.cosine_similarity)
def _cosine_similarity(x1: Tensor, x2: Tensor, dim: int = 1, eps: float = 1e-8) -> Any:
    if not (x1.is_floating_point() and x1.dtype == x2.dtype):
        return NotImplemented
    first, second = (x / x.norm(dim=dim, keepdim=True).clamp_min(eps) for x in (x1, x2))
    return (first * second).sum(dim)


@decomposes(F.pairwise_distance)
def _pairwise_distance(x1: Tensor, x2: Tensor, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    return (x1 - x2 + eps).norm(p, dim=-1, keepdim=keepdim)


@decomposes(torch.cdist)
def _cdist(x1: Tensor, x2: Tensor, p: float = 2.0, compute_mode: str | None = None) -> Any:
    # From 26 rows on, PyTorch takes Euclidean distances from a matrix product, which rounds otherwise.
    squares = p == 2 and compute_mode != "donot_use_mm_for_euclid_dist" and max(x1.shape[-2], x2.shape[-2]) > 25
    large = x1.numel() * x2.shape[-2] > LARGEST
    if squares or large or (p == 2 and compute_mode == "use_mm_for_euclid_dist"):
        return NotImplemented
    return (x1.unsqueeze(-2) - x2.unsqueeze(-3)).norm(p, dim=-1)


@decomposes(F.gumbel_softmax)
def _gumbel_softmax(logits: Tensor, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1) -> Any:
    if hard:
        return NotImplemented
    noise = torch.empty_like(logits).exponential_().log()
    return ((logits - noise) / tau).softmax(dim)


@decomposes(F.bilinear)
def _bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Any:
    result = torch.einsum("...i,oij,...j->...o", input1, weight, input2)
    return result if bias is None else result + bias


def _power_pooling(axes: int) -> None:
    @decomposes(getattr(F, f"lp_pool{axes}d"))
    def _(input: Tensor, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False) -> Any:
        sizes = (kernel_size,) * axes if isinstance(kernel_size, int) else tuple(kernel_size)
        count = 1
        for size in sizes:
            count *= size
        pool = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[axes - 1]
        mean = pool(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
        return (torch.sign(mean) * F.relu(torch.abs(mean))).mul(count).pow(1.0 / norm_type)


for _axes in (1, 2, 3):
    _power_pooling(_axes)


@decomposes(nn.LPPool1d, nn.LPPool2d, nn.LPPool3d, nn.CosineSimilarity, nn.PairwiseDistance, nn.Bilinear, nn.Embedding)
def _opened(module: Any, *arguments: Any) -> Any:
    """Run PyTorch's own forward, which calls one function."""
    return type(module).forward(module, *arguments)
