"""Rearrangements: flatten, view, permute, slices, padding, nearest-neighbour enlargement. Each output is one input.

No rule of indices is written down for them: the very same function, applied to the numbers 0, 1, 2, … in the input's
shape, says where each output was read. What came from nowhere (padding) is found by a mark of −1.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.arithmetic.arrays import Integers, as_array, gather, index_row
from pellucid.arithmetic.operation import Call, Formula, NoArithmetic, Operation, ShapeRule
from pellucid.arithmetic.origins import moved, read_through_view
from pellucid.arithmetic.positions import Positions
from pellucid.arithmetic.reading import for_function, for_module, for_part_of
from pellucid.arithmetic.rule import (
    UNKNOWN,
    Decomposition,
    LocalDerivatives,
    Reach,
    Rule,
    Shapes,
    input_terms,
    is_floating,
    rule_for,
    rule_of,
)
from pellucid.arithmetic.rules.interpolation import MODES, check_known, interpolation
from pellucid.arithmetic.rules.pooling import adaptive_pooling
from pellucid.ground.errors import UserError

__all__ = ["RearrangementRule", "rearranged", "rearrangement", "shuffled"]

IN_ORDER = ("flatten", "view", "reshape", "squeeze", "unsqueeze", "contiguous", "unflatten", "detach", "clone")
"""These keep the order of the elements, so that only the counting of indices changes."""

MOVING = (
    "narrow",
    "select",
    "index_select",
    "gather",
    "flip",
    "roll",
    "movedim",
    "moveaxis",
    "swapaxes",
    "swapdims",
    "repeat_interleave",
    "tile",
    "rot90",
    "diagonal",
    "broadcast_to",
    "unfold",
    "fliplr",
    "flipud",
)
"""Methods of a tensor that PyTorch has as functions of the same name too, most of them."""

OTHERS = (
    *MOVING,
    "take_along_dim",
    "patches",
    "tril",
    "triu",
    "embedding",
    "scatter",
    "expand_as",
    "unshuffle",
    "channel_shuffle",
    "permute",
    "transpose",
    "getitem",
    "pad",
    "expand",
    "repeat",
    "nearest",
    "pixel_shuffle",
    "chunk",
    "split",
    "unbind",
    "split_with_sizes",
    "tensor_split",
)

BY_INDEX = ("take_along_dim", "embedding", "scatter", "gather", "index_select")

NOUNS = {"flatten": "flattening", "pad": "padding", "nearest": "nearest-neighbour enlargement", "getitem": "slice"}


def rearrangement(kind: str, function: Callable[[Tensor], Tensor], **settings: Any) -> Operation:
    """Describe a function that only moves elements; `settings` are for reading."""
    return Operation(kind, settings, {}, function)


@rule_for(*IN_ORDER, *OTHERS)
class RearrangementRule(Rule):
    """A copy; what matters is from where."""

    def noun(self, operation: Operation) -> str:
        """What it does, in a word where there is one."""
        return NOUNS.get(operation.kind, super().noun(operation))

    def summary(self, operation: Operation, shapes: Shapes) -> str:
        """How a flattening joins axes."""
        lines = self.shape(operation, shapes).lines if operation.kind == "flatten" else ()
        return lines[0].removeprefix("features: ") if lines else ""

    def formula(self, operation: Operation) -> Formula:
        """One element of the input."""
        return Formula("y[i] = x[j], j being where i was before", r"y_i = x_{\pi(i)}")

    def shape(self, operation: Operation, shapes: Shapes) -> ShapeRule:
        """What the function makes of the shape."""
        shape = shapes[0]
        # An index that was given lies in memory, where nothing on the meta device can be looked up by it.
        device = "cpu" if operation.kind in BY_INDEX else "meta"
        result = tuple(self.compute(operation, [torch.empty(shape, device=device)]).shape)
        lines = []
        if operation.kind == "flatten" and len(result) < len(shape):
            start = operation.settings["start"] % len(shape)
            count = len(shape) - len(result) + 1
            joined = shape[start : start + count]
            lines = [f"features: {' · '.join(str(size) for size in joined)} = {result[start]}"]
        return ShapeRule(result, "the same elements", tuple(lines))

    def compute(self, operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        """Let PyTorch move them."""
        assert operation.function is not None
        try:
            return operation.function(inputs[0])
        except (RuntimeError, IndexError, ValueError) as error:
            first = str(error).splitlines()[0]
            raise UserError(
                f"{operation.kind} cannot take an input of shape {list(inputs[0].shape)}: {first}"
            ) from error

    def decompose(self, operation: Operation, inputs: Sequence[Tensor], index: tuple[int, ...]) -> Decomposition:
        """One term."""
        x = inputs[0]
        if operation.kind in IN_ORDER:
            shape = self.shape(operation, [tuple(x.shape)]).shape
            flat = int(np.ravel_multi_index(index, shape)) if shape else 0
        else:
            flat = int(self.origins(operation, tuple(x.shape))[index])
        if flat < 0:
            source = np.full((1, x.dim()), -1, dtype=np.int64)
        else:
            source = index_row([int(position) for position in np.unravel_index(flat, tuple(x.shape))])
        values = gather(x, source, "the input", padding=float(operation.settings.get("value") or 0.0))
        if flat < 0:  # the value as the tensor's type holds it
            values = torch.tensor(values).to(x.dtype).double().numpy()
        terms = input_terms(x.shape, source, values, weights=np.ones(1), products=values.copy())
        return Decomposition(terms, float(values[0]), 0.0)

    def local_derivatives(
        self, operation: Operation, inputs: Sequence[Tensor], of: str, operand: int, index: tuple[int, ...]
    ) -> LocalDerivatives:
        """Wherever the element went."""
        shape = tuple(inputs[0].shape)
        flat = int(np.ravel_multi_index(index, shape)) if shape else 0
        if operation.kind in IN_ORDER:
            out = self.shape(operation, [shape]).shape
            positions = index_row([int(position) for position in np.unravel_index(flat, out)])
        else:
            positions = np.argwhere(self.origins(operation, shape) == flat).astype(np.int64)
        formula = Formula(
            "∂L/∂x = Σ of ∂L/∂y over the positions that x moved to", r"\partial_x L = \sum_{i:\,\pi(i)=x} g_i"
        )
        return LocalDerivatives(positions, np.ones(len(positions)), formula)

    def reads(self, operation: Operation, shapes: Shapes, output: Positions) -> tuple[Positions | None, ...]:
        """Where the elements came from."""
        function, shape = self._function(operation), tuple(shapes[0])
        read = None
        if operation.kind not in BY_INDEX:
            read = read_through_view(operation, function, shape, output, operation.kind in IN_ORDER)
        return (read or moved(operation, lambda: self.origins(operation, shape), shape, output),)

    def reach(self, operation: Operation, shapes: Shapes) -> tuple[Reach, ...] | str:
        """Padding with a constant moves the image; what was enlarged, swapped or cut is no window."""
        rank, single = len(shapes[0]), Fraction(1)
        if operation.kind == "pad":
            if operation.settings["mode"] != "constant":
                return UNKNOWN
            pad = list(operation.settings["pad"]) + [0] * (2 * rank)
            return tuple(Reach(single, single, Fraction(-pad[2 * (rank - 1 - axis)])) for axis in range(2, rank))
        if operation.kind == "nearest":
            result = self.shape(operation, shapes).shape
            return () if result == tuple(shapes[0]) else UNKNOWN
        if operation.kind in IN_ORDER:
            # Images may become rows of numbers; where they become images of another size, their axes have been mixed.
            sizes = self.shape(operation, shapes).shape[2:]
            return UNKNOWN if sizes and sizes != shapes[0][2:] else ()
        return UNKNOWN

    def origins(self, operation: Operation, shape: tuple[int, ...]) -> Integers:
        """Number the inputs and look where the numbers go; float64 holds all integers up to 2^53."""
        count = int(np.prod(shape, dtype=np.int64))
        numbers = torch.arange(count, dtype=torch.float64).reshape(shape)
        return as_array(self._function(operation)(numbers)).astype(np.int64)

    def _function(self, operation: Operation) -> Callable[[Tensor], Tensor]:
        """Return the function that marks what comes from nowhere."""
        function: Callable[[Tensor], Tensor] = operation.settings.get("marking", operation.function)
        return function


def rearranged(kind: str, input: Any, function: Callable[[Tensor], Tensor], **settings: Any) -> Call:
    """Read a call that only moves the elements of its first argument.

    Raises:
        NoArithmetic: that is no floating-point tensor.
    """
    if not is_floating(input):
        raise NoArithmetic(f"no arithmetic for this operation: {kind} of something other than floating-point numbers")
    return Call(rearrangement(kind, function, **settings), (input,))


@for_module(nn.Flatten)
def _from_flatten(module: Any) -> Operation:
    start, end = module.start_dim, module.end_dim
    return rearrangement("flatten", lambda x: x.flatten(start, end), start=start, end=end)


@for_module(nn.Unflatten)
def _from_unflatten(module: Any) -> Operation:
    return rearrangement("unflatten", lambda x: x.unflatten(module.dim, module.unflattened_size))


@for_function(torch.flatten, Tensor.flatten)
def _from_flatten_call(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Call:
    return rearranged("flatten", input, lambda x: x.flatten(start_dim, end_dim), start=start_dim, end=end_dim)


def _register_method(kind: str, method: str, *functions: Any) -> None:
    @for_function(*functions)
    def _(input: Any, *more: Any, **keywords: Any) -> Call:
        return rearranged(kind, input, lambda x: getattr(x, method)(*more, **keywords))


# A view of memory in another order may be impossible where a copy is not, and on plain numbers both are the same.
_register_method("view", "reshape", Tensor.view)
_register_method("reshape", "reshape", Tensor.reshape, torch.reshape)
_register_method("squeeze", "squeeze", Tensor.squeeze, torch.squeeze)
_register_method("unsqueeze", "unsqueeze", Tensor.unsqueeze, torch.unsqueeze)
_register_method("contiguous", "contiguous", Tensor.contiguous)
_register_method("detach", "detach", Tensor.detach, torch.detach)
_register_method("clone", "clone", Tensor.clone, torch.clone)
_register_method("permute", "permute", Tensor.permute, torch.permute)
_register_method("transpose", "transpose", Tensor.transpose, torch.transpose)
_register_method("expand", "expand", Tensor.expand)
_register_method("repeat", "repeat", Tensor.repeat)
_register_method("unflatten", "unflatten", Tensor.unflatten, torch.unflatten)
for _method in MOVING:
    _named = (getattr(Tensor, _method, None), getattr(torch, _method, None))
    _register_method(_method, _method, *(spelling for spelling in _named if spelling is not None))
_register_method("getitem", "__getitem__", operator.getitem, Tensor.__getitem__)


def _pad(pad: Sequence[int], mode: str, value: float | None) -> Operation:
    function = functools.partial(F.pad, pad=list(pad), mode=mode, value=value)
    marking = functools.partial(F.pad, pad=list(pad), mode=mode, value=-1.0 if mode == "constant" else None)
    return rearrangement("pad", function, pad=tuple(pad), mode=mode, value=value, marking=marking)


@for_function(F.pad)
def _from_pad(input: Tensor, pad: Sequence[int], mode: str = "constant", value: float | None = None) -> Call:
    return Call(_pad(pad, mode, value), (input,))


@for_module(nn.ZeroPad1d, nn.ZeroPad2d, nn.ZeroPad3d, nn.ConstantPad1d, nn.ConstantPad2d, nn.ConstantPad3d)
def _from_constant_pad(module: Any) -> Operation:
    return _pad(module.padding, "constant", float(module.value))


@for_module(nn.ReflectionPad1d, nn.ReflectionPad2d, nn.ReflectionPad3d)
def _from_reflection_pad(module: Any) -> Operation:
    return _pad(module.padding, "reflect", None)


@for_module(nn.ReplicationPad1d, nn.ReplicationPad2d, nn.ReplicationPad3d)
def _from_replication_pad(module: Any) -> Operation:
    return _pad(module.padding, "replicate", None)


@for_module(nn.CircularPad1d, nn.CircularPad2d, nn.CircularPad3d)
def _from_circular_pad(module: Any) -> Operation:
    return _pad(module.padding, "circular", None)


@for_function(Tensor.expand_as)
def _from_expand_as(input: Tensor, other: Tensor) -> Call:
    shape = other.shape
    return rearranged("expand_as", input, lambda x: x.expand(shape))


@for_function(F.pixel_shuffle)
def _from_pixel_shuffle_call(input: Tensor, upscale_factor: int) -> Call:
    return rearranged("pixel_shuffle", input, lambda x: F.pixel_shuffle(x, upscale_factor), factor=upscale_factor)


@for_function(F.pixel_unshuffle)
def _from_pixel_unshuffle_call(input: Tensor, downscale_factor: int) -> Call:
    return rearranged("unshuffle", input, lambda x: F.pixel_unshuffle(x, downscale_factor), factor=downscale_factor)


@for_module(nn.PixelUnshuffle)
def _from_pixel_unshuffle(module: Any) -> Operation:
    factor = module.downscale_factor
    return rearrangement("unshuffle", lambda x: F.pixel_unshuffle(x, factor), factor=factor)


@for_module(nn.ChannelShuffle)
def _from_channel_shuffle(module: Any) -> Operation:
    groups = module.groups
    return rearrangement("channel_shuffle", lambda x: shuffled(x, groups), groups=groups)


def shuffled(x: Tensor, groups: int) -> Tensor:
    """Shuffle channels: `(groups, channels)` becomes `(channels, groups)`."""
    # The kernel knows no float64 on some devices, so the numbers that mark the origins are moved by views.
    parted: Tensor = x.unflatten(1, (groups, -1))
    return parted.transpose(1, 2).flatten(1, 2)


@for_module(nn.PixelShuffle)
def _from_pixel_shuffle(module: Any) -> Operation:
    factor = module.upscale_factor
    return rearrangement("pixel_shuffle", lambda x: F.pixel_shuffle(x, factor), factor=factor)


def _resized(
    size: Any, scale_factor: Any, mode: str, align_corners: bool | None, recompute: bool | None, antialias: bool = False
) -> Operation:
    if mode not in ("nearest", "nearest-exact"):
        check_known(mode, antialias)
        return interpolation(mode, size, scale_factor, bool(align_corners), bool(recompute), antialias)
    function = functools.partial(
        F.interpolate, size=size, scale_factor=scale_factor, mode=mode, recompute_scale_factor=recompute
    )
    return rearrangement("nearest", function, size=size, scale=scale_factor)


@for_module(nn.Upsample, nn.UpsamplingNearest2d, nn.UpsamplingBilinear2d)
def _from_upsample(module: Any) -> Operation:
    return _resized(module.size, module.scale_factor, module.mode, module.align_corners, module.recompute_scale_factor)


@for_function(F.interpolate)
def _from_interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Call:
    if mode == "area" and not antialias:  # another name for pooling to an asked size
        lengths, axes = input.shape[2:], input.dim() - 2
        factors = scale_factor if isinstance(scale_factor, list | tuple) else (scale_factor,) * axes
        if size is None:
            size = [math.floor(length * factor) for length, factor in zip(lengths, factors, strict=True)]
        return Call(adaptive_pooling(axes, "avg", size), (input,))
    operation = _resized(size, scale_factor, mode, align_corners, recompute_scale_factor, antialias)
    if operation.kind == "interpolate" and input.dim() != MODES[mode] + 2:
        raise NoArithmetic(f"no arithmetic for this operation: {mode} interpolation of {input.dim()} axes")
    if antialias and rule_of(operation).shape(operation, [tuple(input.shape)]).shape[-1] == 1:
        # On a CPU every row comes out as the first one, which no weights explain.
        raise NoArithmetic(f"no arithmetic for this operation: {mode} interpolation with antialiasing to one column")
    return Call(operation, (input,))


def _register_parts(kind: str, *functions: Any) -> None:
    @for_part_of(*functions)
    def _(part: int, input: Any, *more: Any, **keywords: Any) -> Call:
        return rearranged(kind, input, lambda x: getattr(x, kind)(*more, **keywords)[part], part=part)


for _parts in ("unbind", "split_with_sizes", "tensor_split"):
    _register_parts(_parts, getattr(Tensor, _parts), getattr(torch, _parts))
_register_parts("chunk", Tensor.chunk, torch.chunk)
_register_parts("split", Tensor.split, torch.split)
