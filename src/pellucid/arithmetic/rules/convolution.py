"""Convolution and transposed convolution, over 1, 2 or 3 axes.

Shape letters: N images, C input channels, O output channels, G groups, L a length; the letters of formulas are in
`operation.LETTERS`. Both operations are one table of triples an axis (`axes.py`), read in different directions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.arithmetic.arrays import gather, lattice
from pellucid.arithmetic.axes import WindowAxis, kept_axes, transposed_axis, window_axis
from pellucid.arithmetic.operation import Call, Formula, NoArithmetic, Operation, ShapeRule
from pellucid.arithmetic.positions import Positions
from pellucid.arithmetic.reading import for_function, for_module
from pellucid.arithmetic.rounding import sum_slack
from pellucid.arithmetic.rule import (
    UNKNOWN,
    Decomposition,
    LocalDerivatives,
    Reach,
    Rule,
    Shapes,
    check_rank,
    input_terms,
    rule_for,
)
from pellucid.arithmetic.shapes import (
    TRANSPOSED_RULE,
    WINDOW_RULE,
    axis_names,
    per_axis,
    transposed_length,
    window_length,
    window_summary,
)
from pellucid.ground.errors import UserError
from pellucid.ground.writing import counted

__all__ = ["ConvolutionRule", "convolution", "transposed_convolution"]

LAYOUTS = {
    1: "batch, channels, length",
    2: "batch, channels, height, width",
    3: "batch, channels, depth, height, width",
}
FUNCTIONALS = (F.conv1d, F.conv2d, F.conv3d)
TRANSPOSED_FUNCTIONALS = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)


def convolution(
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    padding_mode: str = "zeros",
) -> Operation:
    """Describe a convolution (the cross-correlation that every framework calls so); `weight` is `(O, C/G, k...)`."""
    axes = weight.dim() - 2
    kernel = tuple(weight.shape[2:])
    dilations = per_axis(dilation, axes)
    if padding == "same":
        totals = [d * (k - 1) for d, k in zip(dilations, kernel, strict=True)]
        paddings = tuple((total // 2, total - total // 2) for total in totals)
    else:
        paddings = tuple((side, side) for side in per_axis(0 if padding == "valid" else padding, axes))
    settings = {
        "kernel": kernel,
        "stride": per_axis(stride, axes),
        "padding": paddings,
        "dilation": dilations,
        "groups": groups,
        "padding_mode": padding_mode,
    }
    return Operation(f"conv{axes}d", settings, {"weight": weight, "bias": bias})


def transposed_convolution(
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Operation:
    """Describe a transposed convolution; `weight` is `(C, O/G, k...)`."""
    axes = weight.dim() - 2
    settings = {
        "kernel": tuple(weight.shape[2:]),
        "stride": per_axis(stride, axes),
        "padding": tuple((side, side) for side in per_axis(padding, axes)),
        "output_padding": per_axis(output_padding, axes),
        "dilation": per_axis(dilation, axes),
        "groups": groups,
        "padding_mode": "zeros",
    }
    return Operation(f"conv_transpose{axes}d", settings, {"weight": weight, "bias": bias})


@rule_for("conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d")
class ConvolutionRule(Rule):
    """Each output is a weighted sum over a window in every channel of its group, plus its channel's bias."""

    group = "weighted"
    differentiable = ("input", "weight", "bias")

    def noun(self, operation: Operation) -> str:
        """Convolution, or transposed convolution."""
        return "transposed convolution" if _is_transposed(operation) else "convolution"

    def summary(self, operation: Operation, shapes: Shapes) -> str:
        """Kernel, and what of stride, padding, dilation and groups is unusual."""
        groups = operation.settings["groups"]
        return window_summary(operation.settings) + (f", {groups} groups" if groups > 1 else "")

    def window(self, operation: Operation) -> tuple[int, ...] | None:
        """The kernel; the terms of a transposed convolution are scattered over its kernel."""
        return None if _is_transposed(operation) else operation.settings["kernel"]

    def formula(self, operation: Operation) -> Formula:
        """Weighted sum over the channels c of the group and the positions k, l in the kernel."""
        axes = len(operation.settings["kernel"])
        outer, taps = ["i", "ij", "hij"][axes - 1], ["k", "kl", "mkl"][axes - 1]
        pairs = list(zip(outer, taps, strict=True))
        at, tap = ",".join(outer), ",".join(taps)
        if _is_transposed(operation):
            read = ", ".join(f"({i} + p − d·{k})/s" for i, k in pairs)
            weight, remark = f"w[c,o,{tap}]", ", where the division has no remainder"
            inner = ",\\,".join(f"\\frac{{{i}+p-d{k}}}{{s}}" for i, k in pairs)
            weight_latex = f"w_{{c,o,{tap}}}"
        else:
            read = ", ".join(f"s·{i} + d·{k} − p" for i, k in pairs)
            weight, remark = f"w[o,c,{tap}]", ""
            inner = ",\\,".join(f"s{i}+d{k}-p" for i, k in pairs)
            weight_latex = f"w_{{o,c,{tap}}}"
        return Formula(
            f"y[n,o,{at}] = b[o] + Σ_c Σ_{{{tap}}} {weight} · x[n,c, {read}]{remark}",
            f"y_{{n,o,{at}}} = b_o + \\sum_c \\sum_{{{tap}}} {weight_latex}\\, x_{{n,c,\\,{inner}}}",
        )

    def shape(self, operation: Operation, shapes: Shapes) -> ShapeRule:
        """Windows that fit along each axis; channels as the weights have them."""
        settings, weight = operation.settings, operation.tensor("weight")
        axes, groups = len(settings["kernel"]), settings["groups"]
        shape = shapes[0]
        check_rank(operation, shape, [axes + 2], LAYOUTS[axes])
        transposed = _is_transposed(operation)
        channels = weight.shape[0] if transposed else weight.shape[1] * groups
        if shape[1] != channels:
            raise UserError(
                f"{operation.kind} was given {shape[1]} channels (input of shape {list(shape)}); "
                f"expected {channels}, as its weight of shape {list(weight.shape)} has with {counted(groups, 'group')}"
            )
        sizes, lines = [], []
        for axis, name in enumerate(axis_names(axes)):
            kernel, stride = settings["kernel"][axis], settings["stride"][axis]
            dilation, padding = settings["dilation"][axis], settings["padding"][axis]
            length = shape[2 + axis]
            if transposed:
                more = settings["output_padding"][axis]
                size, line = transposed_length(name, length, kernel, stride, dilation, padding[0], more)
            else:
                size, line = window_length(name, length, kernel, stride, dilation, padding)
            sizes.append(size)
            lines.append(line)
        out = weight.shape[1] * groups if transposed else weight.shape[0]
        return ShapeRule((shape[0], out, *sizes), TRANSPOSED_RULE if transposed else WINDOW_RULE, tuple(lines))

    def compute(self, operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        """Let PyTorch convolve."""
        settings, weight, bias = operation.settings, operation.tensor("weight"), operation.tensors["bias"]
        axes, padding = len(settings["kernel"]), settings["padding"]
        if _is_transposed(operation):
            first = [before for before, _ in padding]
            transposed: Callable[..., Tensor] = TRANSPOSED_FUNCTIONALS[axes - 1]
            more = (settings["output_padding"], settings["groups"], settings["dilation"])
            return transposed(inputs[0], weight, bias, settings["stride"], first, *more)
        x = inputs[0]
        if settings["padding_mode"] == "zeros" and all(before == after for before, after in padding):
            first = [before for before, _ in padding]
        else:
            around = [side for pair in reversed(padding) for side in pair]
            mode = settings["padding_mode"]
            x = F.pad(x, around, mode="constant" if mode == "zeros" else mode)
            first = [0] * axes
        straight: Callable[..., Tensor] = FUNCTIONALS[axes - 1]
        return straight(x, weight, bias, settings["stride"], first, settings["dilation"], settings["groups"])

    def decompose(self, operation: Operation, inputs: Sequence[Tensor], index: tuple[int, ...]) -> Decomposition:
        """Read the window: `C/G·k·k` terms, those of the padding marked."""
        x, weight, bias = inputs[0], operation.tensor("weight"), operation.tensors["bias"]
        n, o, *position = index
        axes = self._axes(operation, x.shape)
        picks = [axis.reading(at) for axis, at in zip(axes, position, strict=True)]
        groups = operation.settings["groups"]
        if _is_transposed(operation):
            size = weight.shape[0] // groups
            group, within = divmod(o, weight.shape[1])
        else:
            size = weight.shape[1]
            group, within = o // (weight.shape[0] // groups), o
        rows = lattice(np.arange(size), *[np.arange(len(pick)) for pick in picks])
        index_of_input = np.empty((len(rows), x.dim()), dtype=np.int64)
        index_of_weight = np.empty((len(rows), weight.dim()), dtype=np.int64)
        index_of_input[:, 0] = n
        index_of_input[:, 1] = rows[:, 0] + group * size
        if _is_transposed(operation):
            index_of_weight[:, 0], index_of_weight[:, 1] = index_of_input[:, 1], within
        else:
            index_of_weight[:, 0], index_of_weight[:, 1] = within, rows[:, 0]
        for k, (axis, pick) in enumerate(zip(axes, picks, strict=True)):
            chosen = pick[rows[:, 1 + k]]
            index_of_input[:, 2 + k], index_of_weight[:, 2 + k] = axis.source[chosen], axis.tap[chosen]
        index_of_input[(index_of_input < 0).any(axis=1)] = -1
        values = gather(x, index_of_input, "the input")
        weights = gather(weight, index_of_weight, "the weight")
        products = values * weights
        added = None if bias is None else float(gather(bias, np.array([[o]]), "the bias")[0])
        terms = input_terms(
            x.shape, index_of_input, values, weights=weights, products=products, weight_index=index_of_weight
        )
        return Decomposition(
            terms, float(products.sum()) + (added or 0.0), sum_slack(products, added or 0.0), bias=added
        )

    def local_derivatives(
        self, operation: Operation, inputs: Sequence[Tensor], of: str, operand: int, index: tuple[int, ...]
    ) -> LocalDerivatives:
        """Sum over the positions that read the element, or where the weight is used, and over the batch."""
        x, weight = inputs[0], operation.tensor("weight")
        axes = self._axes(operation, x.shape)
        if of == "input":
            return self._input_derivatives(operation, axes, weight, index)
        if of == "weight":
            return self._weight_derivatives(operation, axes, x, weight, index)
        shape = self.shape(operation, [tuple(x.shape)]).shape
        positions = lattice(np.arange(shape[0]), [index[0]], *[np.arange(size) for size in shape[2:]])
        formula = Formula("∂L/∂b[o] = Σ_n Σ_i ∂L/∂y[n,o,i]", r"\partial_{b_o} L = \sum_n \sum_i g_{n,o,i}")
        return LocalDerivatives(positions, np.ones(len(positions)), formula)

    def _input_derivatives(
        self, operation: Operation, axes: list[WindowAxis], weight: Tensor, index: tuple[int, ...]
    ) -> LocalDerivatives:
        n, c, *position = index
        groups, transposed = operation.settings["groups"], _is_transposed(operation)
        if transposed:
            size = weight.shape[1]
            group, within = c // (weight.shape[0] // groups), c
        else:
            size = weight.shape[0] // groups
            group, within = divmod(c, weight.shape[1])
        picks = [axis.fed_by(at) for axis, at in zip(axes, position, strict=True)]
        rows = lattice(np.arange(size), *[np.arange(len(pick)) for pick in picks])
        positions = np.empty((len(rows), len(index)), dtype=np.int64)
        taps = np.empty((len(rows), len(index)), dtype=np.int64)
        positions[:, 0], positions[:, 1] = n, rows[:, 0] + group * size
        taps[:, 0], taps[:, 1] = (within, rows[:, 0]) if transposed else (positions[:, 1], within)
        for k, (axis, pick) in enumerate(zip(axes, picks, strict=True)):
            chosen = pick[rows[:, 1 + k]]
            positions[:, 2 + k], taps[:, 2 + k] = axis.output[chosen], axis.tap[chosen]
        formula = Formula(
            "∂L/∂x = Σ over outputs that read x of ∂L/∂y · the weight it is read with",
            r"\partial_x L = \sum_{(o,i)\,\ni\,x} g_{o,i}\, w_{o,x}",
        )
        return LocalDerivatives(positions, gather(weight, taps, "the weight"), formula, index=taps)

    def _weight_derivatives(
        self, operation: Operation, axes: list[WindowAxis], x: Tensor, weight: Tensor, index: tuple[int, ...]
    ) -> LocalDerivatives:
        groups = operation.settings["groups"]
        if _is_transposed(operation):
            c, within, *taps = index
            o = c // (weight.shape[0] // groups) * weight.shape[1] + within
        else:
            o, within, *taps = index
            c = o // (weight.shape[0] // groups) * weight.shape[1] + within
        picks = [axis.using(tap) for axis, tap in zip(axes, taps, strict=True)]
        rows = lattice(np.arange(x.shape[0]), *[np.arange(len(pick)) for pick in picks])
        positions = np.empty((len(rows), x.dim()), dtype=np.int64)
        sources = np.empty((len(rows), x.dim()), dtype=np.int64)
        positions[:, 0], positions[:, 1] = rows[:, 0], o
        sources[:, 0], sources[:, 1] = rows[:, 0], c
        for k, (axis, pick) in enumerate(zip(axes, picks, strict=True)):
            chosen = pick[rows[:, 1 + k]]
            positions[:, 2 + k], sources[:, 2 + k] = axis.output[chosen], axis.source[chosen]
        formula = Formula(
            "∂L/∂w = Σ_n Σ_i ∂L/∂y[n,o,i] · the input that w meets at position i",
            r"\partial_w L = \sum_n \sum_i g_{n,o,i}\, x_{n,c,\,i\,\text{under}\,w}",
        )
        return LocalDerivatives(positions, gather(x, sources, "the input"), formula, index=sources, index_of="input")

    def multiply_adds(self, operation: Operation, shapes: Shapes) -> int:
        """Taps times positions: of the output, or for a transposed convolution of the input."""
        weight = operation.tensor("weight")
        shape = shapes[0] if _is_transposed(operation) else self.shape(operation, shapes).shape
        return weight.numel() * shape[0] * int(np.prod(shape[2:], dtype=np.int64))

    def reads(self, operation: Operation, shapes: Shapes, output: Positions) -> tuple[Positions | None, ...]:
        """The windows, in all channels of the groups."""
        shape, groups, channels = shapes[0], operation.settings["groups"], output.axes[1]
        chosen = channels.reshape(groups, len(channels) // groups).any(axis=1)
        read = [output.axes[0], np.repeat(chosen, shape[1] // groups)]
        read += [axis.read_by(mask) for axis, mask in zip(self._axes(operation, shape), output.axes[2:], strict=True)]
        return (Positions(tuple(read), output.exact),)

    def reach(self, operation: Operation, shapes: Shapes) -> tuple[Reach, ...] | str:
        """The window: `d(k−1) + 1` wide, starting the padding earlier."""
        settings = operation.settings
        if settings["padding_mode"] != "zeros" and any(map(any, settings["padding"])):
            return UNKNOWN  # the border reads other pixels again
        if _is_transposed(operation) and any(stride > 1 for stride in settings["stride"]):
            return UNKNOWN  # outputs differ in how many taps meet an input
        reaches = []
        for kernel, stride, (before, _), dilation in zip(
            settings["kernel"], settings["stride"], settings["padding"], settings["dilation"], strict=True
        ):
            span = dilation * (kernel - 1)
            if _is_transposed(operation):
                # Output i reads the whole numbers from (i + p − d(k−1))/s to (i + p)/s.
                start = Fraction(before - span, stride)
                reaches.append(Reach(1 + Fraction(span, stride), Fraction(1, stride), start))
            else:
                reaches.append(Reach(Fraction(span + 1), Fraction(stride), Fraction(-before)))
        return tuple(reaches)

    def _axes(self, operation: Operation, shape: Sequence[int]) -> list[WindowAxis]:
        return kept_axes(operation, shape, lambda: self._new_axes(operation, shape))

    def _new_axes(self, operation: Operation, shape: Sequence[int]) -> list[WindowAxis]:
        settings = operation.settings
        outputs = self.shape(operation, [tuple(shape)]).shape[2:]
        table = zip(
            shape[2:],
            outputs,
            settings["kernel"],
            settings["stride"],
            settings["dilation"],
            settings["padding"],
            strict=True,
        )
        if _is_transposed(operation):
            return [
                transposed_axis(length, out, kernel, stride, dilation, padding[0])
                for length, out, kernel, stride, dilation, padding in table
            ]
        return [
            window_axis(length, out, kernel, stride, dilation, padding, settings["padding_mode"])
            for length, out, kernel, stride, dilation, padding in table
        ]


def _is_transposed(operation: Operation) -> bool:
    return operation.kind.startswith("conv_transpose")


@for_function(*FUNCTIONALS, torch.conv1d, torch.conv2d, torch.conv3d)
def _from_call(input: Tensor, weight: Tensor, bias: Tensor | None = None, *more: Any, **keywords: Any) -> Call:
    return Call(convolution(weight, bias, *more, **keywords), (input,))


@for_function(*TRANSPOSED_FUNCTIONALS, torch.conv_transpose1d, torch.conv_transpose2d, torch.conv_transpose3d)
def _from_transposed_call(
    input: Tensor, weight: Tensor, bias: Tensor | None = None, *more: Any, **keywords: Any
) -> Call:
    return Call(transposed_convolution(weight, bias, *more, **keywords), (input,))


@for_module(nn.Conv1d, nn.Conv2d, nn.Conv3d)
def _from_module(module: Any) -> Operation:
    return convolution(
        module.weight,
        module.bias,
        module.stride,
        module.padding,
        module.dilation,
        module.groups,
        module.padding_mode,
    )


@for_module(nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
def _from_transposed_module(module: Any) -> Operation:
    if module.padding_mode != "zeros":
        raise NoArithmetic(f"no arithmetic for this operation: transposed convolution padded by {module.padding_mode}")
    return transposed_convolution(
        module.weight,
        module.bias,
        module.stride,
        module.padding,
        module.output_padding,
        module.groups,
        module.dilation,
    )
