"""Where tensors lie in memory: which share it, which elements of one are elements of another, what an operation writes.

A change through one tensor is a change of all that share its memory; what that means for each of them is read off
their positions there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor

from pellucid.arithmetic.operation import NoArithmetic, Operation

__all__ = [
    "FILLED",
    "KEPT",
    "Geometry",
    "geometry",
    "has_memory",
    "moved",
    "overwriting",
    "place",
    "same",
    "tensors_in",
    "written_by",
]

Geometry = tuple[int, tuple[int, ...], tuple[int, ...], torch.dtype]
"""Offset, shape, strides and type of a tensor within its storage."""

KEPT, FILLED = -1, -2
"""Marks of elements that keep their old value, and of those that were set to a number."""


def tensors_in(value: Any) -> list[Tensor]:
    """List the tensors in nested arguments or results."""
    if isinstance(value, Tensor):
        return [value]
    members = value.values() if isinstance(value, dict) else value
    if not isinstance(value, dict | list | tuple) or isinstance(value, torch.Size):
        return []
    return [tensor for member in members for tensor in tensors_in(member)]


def has_memory(tensor: Tensor) -> bool:
    """Whether it is a plain tensor: not one that torch.func wraps, nor a sparse one."""
    return tensor.layout == torch.strided and not torch._C._functorch.is_functorch_wrapped_tensor(tensor)


def place(tensor: Tensor) -> int:
    """Number the memory that a tensor lies in; 0 for none."""
    return tensor.untyped_storage().data_ptr() if has_memory(tensor) and tensor.device.type != "meta" else 0


def geometry(tensor: Tensor) -> Geometry:
    """Say where in its memory a tensor's elements lie."""
    return int(tensor.storage_offset()), tuple(tensor.shape), tuple(tensor.stride()), tensor.dtype


def written_by(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> list[Tensor]:
    """List the tensors that an operation of the dispatcher writes to."""
    written: list[Tensor] = []
    for number, name in _written_arguments(function):
        written += tensors_in(args[number] if number < len(args) else kwargs.get(name))
    return written


@cache
def _written_arguments(function: Any) -> tuple[tuple[int, str], ...]:
    """Find which arguments an operation writes to: their positions and names."""
    return tuple(
        (number, argument.name)
        for number, argument in enumerate(function._schema.arguments)
        if argument.alias_info is not None and argument.alias_info.is_write
    )


def same(first: Tensor, second: Tensor) -> bool:
    """Whether two tensors hold the same numbers, NaN being the same as NaN."""
    if first.shape != second.shape or first.dtype != second.dtype:
        return False
    if first.device.type == "meta" or second.device.type == "meta":
        return True
    return bool(((first == second) | ((first != first) & (second != second))).all())


def overwriting(old: Geometry, new: Geometry) -> Tensor | None:
    """Find where each element of one tensor is in another of the same memory: −1 for elsewhere; None for nowhere."""
    mine, others = _addresses(old), _addresses(new)
    if not mine.numel() or not others.numel():
        return None
    table = torch.full((int(max(mine.max(), others.max())) + 1,), KEPT, dtype=torch.int64)
    table[others.reshape(-1)] = torch.arange(others.numel())
    origin = table[mine]
    return origin if bool((origin >= 0).any()) else None


def moved(
    function: Callable[..., Any], args: Sequence[Any], old: Tensor, result: Tensor
) -> tuple[Operation, tuple[Tensor, ...]]:
    """Describe a function that only writes elements into its first argument: `y[:, 0] = x`, `y.masked_fill_(m, 0)`.

    The same function, applied to numbered elements, says where each was read.

    Raises:
        NoArithmetic: it reads more than one tensor of numbers.
    """
    sources = [x for x in tensors_in(list(args[1:])) if x.is_floating_point()]
    if len(sources) > 1 or any(x.is_complex() for x in (old, *sources)):
        raise NoArithmetic("no arithmetic for this operation: it writes from several tensors")
    count = old.numel()
    marks = torch.arange(1, count + 1, dtype=torch.float64).reshape(old.shape)
    numbered = [torch.arange(count + 1, count + x.numel() + 1, dtype=torch.float64).reshape(x.shape) for x in sources]

    def marked(value: Any) -> Any:
        if isinstance(value, Tensor):
            return numbered[0] if value.is_floating_point() else value.cpu()
        if isinstance(value, float):
            return 0.0
        if isinstance(value, tuple | list):
            return type(value)(marked(member) for member in value)
        return value

    more = [marked(value) for value in args[1:]]
    if function is Tensor.__setitem__ and isinstance(args[2], int | float):
        more[1] = 0.0
    elif isinstance(args[-1], int | float) and len(args) > 1:
        more[-1] = 0.0
    try:
        function(marks, *more)
    except Exception as error:
        raise NoArithmetic("no arithmetic for this operation: what it moved where cannot be told") from error
    flat = marks.to(torch.int64) - 1
    kept = torch.arange(count).reshape(old.shape)
    origin = torch.where(flat < 0, FILLED, torch.where(flat == kept, KEPT, flat - count))
    if bool(((flat >= 0) & (flat < count) & (flat != kept)).any()):
        raise NoArithmetic("no arithmetic for this operation: it moves elements within one tensor")
    filled = bool((origin == FILLED).any())
    fill = torch.where(origin.to(result.device) == FILLED, result.detach(), 0).clone() if filled else None
    return Operation("overwrite", {}, {"origin": origin, "fill": fill}), (old, *sources)


def _addresses(shape: Geometry) -> Tensor:
    offset, sizes, strides, _ = shape
    addresses = torch.full(sizes, offset, dtype=torch.int64)
    for axis, (size, stride) in enumerate(zip(sizes, strides, strict=True)):
        steps = torch.arange(size) * stride
        addresses += steps.reshape([-1 if number == axis else 1 for number in range(len(sizes))])
    return addresses
