"""Multi-head attention and transformer layers decomposed into the steps they run.

PyTorch's own forwards hide them: attention in one function, a layer in evaluation mode in one kernel. The steps below
give the same numbers up to rounding, and draw the same random numbers where a dropout is in training.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.arithmetic.reading import decomposes

__all__ = ["attend", "encode", "encode_layer"]


@decomposes(nn.MultiheadAttention)
def attend(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Project, attend in each head, join the heads, project again; PyTorch's own forward where it would refuse."""
    if query.is_nested or query.dim() not in (2, 3) or (is_causal and attn_mask is None):
        return type(module).forward(  # type: ignore[no-any-return]
            module, query, key, value, key_padding_mask, need_weights, attn_mask, average_attn_weights, is_causal
        )
    one_image = query.dim() == 2
    q, k, v = _projected(module, [_rows_of_images(module, x) for x in (query, key, value)])
    mask = _mask(attn_mask, key_padding_mask, module.num_heads, q)
    if module.bias_k is not None:
        k = torch.cat([k, module.bias_k.expand(k.shape[0], 1, -1)], dim=1)
        v = torch.cat([v, module.bias_v.expand(v.shape[0], 1, -1)], dim=1)
    q, k, v = (x.unflatten(-1, (module.num_heads, -1)).transpose(1, 2) for x in (q, k, v))
    if module.add_zero_attn:
        k, v = (torch.cat([x, torch.zeros(*x.shape[:2], 1, x.shape[3], dtype=x.dtype)], dim=2) for x in (k, v))
    if mask is not None and k.shape[2] > mask.shape[-1]:  # what was added is looked at by all
        mask = F.pad(mask, (0, k.shape[2] - mask.shape[-1]), value=mask.dtype == torch.bool)
    dropping = module.dropout if module.training else 0.0
    weights = None
    if need_weights or dropping:
        scores = (q * (q.shape[-1] ** -0.5)) @ k.transpose(-2, -1)
        if mask is not None:
            scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
        weights = scores.softmax(dim=-1)
        weights = F.dropout(weights, dropping) if dropping else weights
        attended = weights @ v
    else:
        attended = F.scaled_dot_product_attention(q, k, v, mask)
    # Tokens first, as PyTorch computes it whatever comes first outside: a dropout behind draws in the memory's order.
    result = F.linear(attended.permute(2, 0, 1, 3).flatten(2), module.out_proj.weight, module.out_proj.bias)
    if one_image:
        result = result.squeeze(1)
    elif module.batch_first:
        result = result.transpose(0, 1)
    if not need_weights or weights is None:
        return result, None
    weights = weights.mean(dim=1) if average_attn_weights else weights
    return result, weights.squeeze(0) if one_image else weights


def _rows_of_images(module: Any, x: Tensor) -> Tensor:
    """Bring the batch to the front: `(N, L, E)`."""
    if x.dim() == 2:
        return x.unsqueeze(0)
    return x if module.batch_first else x.transpose(0, 1)


def _projected(module: Any, operands: list[Tensor]) -> list[Tensor]:
    weights = (module.q_proj_weight, module.k_proj_weight, module.v_proj_weight)
    if module.in_proj_weight is not None:
        weights = module.in_proj_weight.chunk(3)
    biases = (None,) * 3 if module.in_proj_bias is None else module.in_proj_bias.chunk(3)
    return [F.linear(x, weight, bias) for x, weight, bias in zip(operands, weights, biases, strict=True)]


def _mask(attention: Tensor | None, padding: Tensor | None, heads: int, q: Tensor) -> Tensor | None:
    """Join both masks into one of `(N, heads, L, S)` or what spreads to it: true where a key may be looked at."""
    masks = []
    if attention is not None:
        masks.append(attention.unflatten(0, (-1, heads)) if attention.dim() == 3 else attention)
    if padding is not None:
        masks.append((padding if padding.dim() == 2 else padding.unsqueeze(0))[:, None, None, :])
    if not masks:
        return None
    if all(mask.dtype == torch.bool for mask in masks):  # PyTorch's say where a key may not be looked at
        hidden = masks[0] if len(masks) == 1 else masks[0] | masks[1]
        return ~hidden
    added = [_added(~mask, q.dtype) if mask.dtype == torch.bool else mask for mask in masks]
    return added[0] if len(added) == 1 else added[0] + added[1]


def _added(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """Write a mask of truth as what is added to scores."""
    if mask.dtype != torch.bool:
        return mask
    return torch.zeros(mask.shape, dtype=dtype).masked_fill(~mask, float("-inf"))


@decomposes(nn.TransformerEncoderLayer)
def encode_layer(
    module: Any,
    src: Tensor,
    src_mask: Tensor | None = None,
    src_key_padding_mask: Tensor | None = None,
    is_causal: bool = False,
) -> Tensor:
    """Attention and two linear layers, each with its residual and normalisation."""
    masks = (src_mask, src_key_padding_mask)
    if module.norm_first:
        x = src + module._sa_block(module.norm1(src), *masks, is_causal=is_causal)
        return x + module._ff_block(module.norm2(x))  # type: ignore[no-any-return]
    x = module.norm1(src + module._sa_block(src, *masks, is_causal=is_causal))
    return module.norm2(x + module._ff_block(x))  # type: ignore[no-any-return]


@decomposes(nn.TransformerEncoder)
def encode(
    module: Any,
    src: Tensor,
    mask: Tensor | None = None,
    src_key_padding_mask: Tensor | None = None,
    is_causal: bool | None = None,
) -> Tensor:
    """Layer after layer, and a normalisation at the end where there is one."""
    for layer in module.layers:
        src = layer(src, src_mask=mask, src_key_padding_mask=src_key_padding_mask, is_causal=bool(is_causal))
    return src if module.norm is None else module.norm(src)


@decomposes(nn.TransformerDecoderLayer, nn.TransformerDecoder, nn.Transformer)
def _opened(module: Any, *arguments: Any, **keywords: Any) -> Any:
    """Run PyTorch's own forward, whose steps are seen."""
    return type(module).forward(module, *arguments, **keywords)
