"""Multi-head attention taken apart: projections, attention of each head, projection."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.arithmetic.reading import decomposes

__all__ = ["attend"]


@decomposes(nn.MultiheadAttention)
def attend(
    module: Any, query: Tensor, key: Tensor, value: Tensor, *more: Any, **keywords: Any
) -> tuple[Tensor, Tensor | None]:
    """Run the steps of attention without masks or weights asked for; PyTorch's own forward otherwise."""
    asked = (
        bool(more)
        or keywords.get("is_causal")
        or keywords.get("need_weights", True)
        or any(keywords.get(name) is not None for name in ("key_padding_mask", "attn_mask"))
    )
    if asked or module.bias_k is not None or module.add_zero_attn or module.in_proj_weight is None or query.dim() != 3:
        return type(module).forward(module, query, key, value, *more, **keywords)  # type: ignore[no-any-return]
    weights = module.in_proj_weight.chunk(3)
    biases = (None,) * 3 if module.in_proj_bias is None else module.in_proj_bias.chunk(3)
    heads, width = module.num_heads, module.embed_dim
    parts = []
    for x, weight, bias in zip((query, key, value), weights, biases, strict=True):
        projected = F.linear(x if module.batch_first else x.transpose(0, 1), weight, bias)
        parts.append(projected.unflatten(-1, (heads, width // heads)).transpose(1, 2))
    attended = F.scaled_dot_product_attention(parts[0], parts[1], parts[2]).transpose(1, 2).flatten(2)
    result = F.linear(attended, module.out_proj.weight, module.out_proj.bias)
    return (result if module.batch_first else torch.transpose(result, 0, 1)), None
