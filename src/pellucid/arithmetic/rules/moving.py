"""More functions that only move elements: transposes, triangles, patches, rows of a table, elements by index."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.arithmetic.operation import Call, NoArithmetic, Operation
from pellucid.arithmetic.reading import for_function, for_module, spellings
from pellucid.arithmetic.rules.rearrangement import rearranged, rearrangement, shuffled

__all__: list[str] = []


@for_function(torch.t, Tensor.t, Tensor.T.__get__)  # type: ignore[attr-defined]
def _from_t(input: Tensor, *_: Any) -> Call:
    return rearranged("permute", input, lambda x: x.permute(*reversed(range(x.dim()))))


# Of real numbers, the conjugate transpose is the transpose.
@for_function(Tensor.mT.__get__, Tensor.mH.__get__, Tensor.H.__get__, torch.adjoint, Tensor.adjoint)  # type: ignore[attr-defined]
def _from_matrix_transpose(input: Tensor, *_: Any) -> Call:
    return rearranged("transpose", input, lambda x: x.transpose(-2, -1))


@for_function(torch.ravel, Tensor.ravel)
def _from_ravel(input: Tensor) -> Call:
    return rearranged("reshape", input, lambda x: x.reshape(-1))


@for_function(Tensor.view_as, Tensor.reshape_as)
def _from_view_as(input: Tensor, other: Tensor) -> Call:
    shape = other.shape
    return rearranged("reshape", input, lambda x: x.reshape(shape))


def _register_triangle(kind: str) -> None:
    @for_function(*spellings(kind))
    def _(input: Tensor, diagonal: int = 0, *, out: None = None) -> Call:
        cut = getattr(torch, kind)
        # Zero stands for what was cut away, so the numbers that mark the origins begin at one meanwhile.
        return rearranged(
            kind, input, lambda x: cut(x, diagonal), marking=lambda numbers: cut(numbers + 1, diagonal) - 1
        )


_register_triangle("tril")
_register_triangle("triu")


def _patches(kernel: Any, dilation: Any, padding: Any, stride: Any) -> Operation:
    settings: dict[str, Any] = {"kernel": kernel, "dilation": dilation, "padding": padding, "stride": stride}

    def take(x: Tensor) -> Tensor:
        return F.unfold(x, kernel, dilation, padding, stride)

    return rearrangement("patches", take, marking=lambda numbers: take(numbers + 1) - 1, **settings)


@for_module(nn.Unfold)
def _from_unfold(module: Any) -> Operation:
    return _patches(module.kernel_size, module.dilation, module.padding, module.stride)


@for_function(F.unfold)
def _from_unfold_call(input: Tensor, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Call:
    return Call(_patches(kernel_size, dilation, padding, stride), (input,))


@for_function(F.channel_shuffle, torch.channel_shuffle, F.native_channel_shuffle)
def _from_channel_shuffle_call(input: Tensor, groups: int) -> Call:
    return rearranged("channel_shuffle", input, lambda x: shuffled(x, groups), groups=groups)


@for_function(F.embedding)
def _from_embedding(
    input: Tensor,
    weight: Tensor,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Call:
    if max_norm is not None or scale_grad_by_freq or sparse:
        raise NoArithmetic("no arithmetic for this operation: an embedding that changes its rows or gradients")
    padding = None if padding_idx is None else padding_idx % len(weight)
    if padding is not None and bool((input == padding).any()):
        raise NoArithmetic("no arithmetic for this operation: an embedding whose padding row gets no gradient")
    return rearranged("embedding", weight, lambda x: x[input])


@for_function(torch.take_along_dim, Tensor.take_along_dim)
def _from_take_along(input: Tensor, indices: Tensor, dim: int | None = None, *, out: None = None) -> Call:
    if dim is None:
        return rearranged("take_along_dim", input, lambda x: x.reshape(-1)[indices.reshape(-1)])
    axis = dim % input.dim()
    sizes = torch.broadcast_shapes(
        *([1 if at == axis else size for at, size in enumerate(x.shape)] for x in (input, indices))
    )
    index = indices.expand(*(indices.shape[axis] if at == axis else size for at, size in enumerate(sizes)))
    spread = [-1 if at == axis else size for at, size in enumerate(sizes)]
    return rearranged("take_along_dim", input, lambda x: x.expand(spread).gather(axis, index))


@for_function(*spellings("scatter"))
def _from_scatter(input: Tensor, dim: int, index: Tensor, src: Any = None, *, value: Any = None) -> Call:
    value = src if value is None else value
    if not isinstance(value, int | float):
        raise NoArithmetic("no arithmetic for this operation: scatter of a tensor")
    return rearranged(
        "scatter",
        input,
        lambda x: x.scatter(dim, index, value),
        value=float(value),
        marking=lambda numbers: numbers.scatter(dim, index, -1.0),
    )
