"""Pooling over windows: the maximum, the mean, and both with windows fitted to an asked output size.

Shape letters: N images, C channels, L a length; the letters of formulas are in `operation.LETTERS`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.arithmetic.arrays import Floats, Integers, gather, lattice
from pellucid.arithmetic.axes import WindowAxis, adaptive_axis, kept_axes, window_axis
from pellucid.arithmetic.operation import Call, Formula, NoArithmetic, Operation, ShapeRule
from pellucid.arithmetic.positions import Positions
from pellucid.arithmetic.reading import for_function, for_module, for_part_of
from pellucid.arithmetic.rule import (
    EVERYTHING,
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
    CEILED_RULE,
    WINDOW_RULE,
    axis_names,
    per_axis,
    sizes_text,
    window_length,
    window_summary,
)

__all__ = ["PoolingRule", "adaptive_pooling", "average_pooling", "max_pooling"]

LAYOUTS = {
    1: "batch, channels, length",
    2: "batch, channels, height, width",
    3: "batch, channels, depth, height, width",
}
MAXIMA = (F.max_pool1d, F.max_pool2d, F.max_pool3d)
MEANS = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)
ADAPTIVE_MAXIMA = (F.adaptive_max_pool1d, F.adaptive_max_pool2d, F.adaptive_max_pool3d)
EMPTY_WINDOW = (
    "no arithmetic for this operation: max pooling with a window of nothing but padding, whose maximum is minus "
    "infinity and whose gradient PyTorch gives to an element outside of it; expected less padding or dilation"
)
WITH_INDICES: Any = (F.max_pool1d_with_indices, F.max_pool2d_with_indices, F.max_pool3d_with_indices)
ADAPTIVE_WITH_INDICES: Any = (
    F.adaptive_max_pool1d_with_indices,
    F.adaptive_max_pool2d_with_indices,
    F.adaptive_max_pool3d_with_indices,
)
ADAPTIVE_MEANS = (F.adaptive_avg_pool1d, F.adaptive_avg_pool2d, F.adaptive_avg_pool3d)


def max_pooling(
    axes: int, kernel: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False
) -> Operation:
    """Describe max pooling over the last 1, 2 or 3 axes; its padding is smaller than any number."""
    return Operation(f"max_pool{axes}d", _window(axes, kernel, stride, padding, dilation, ceil_mode))


def indices_of(pooling: Operation) -> Operation:
    """Describe where a max pooling found its maxima, as numbers in memory order of the image."""
    return replace(pooling, settings={**pooling.settings, "indices": True})


def average_pooling(
    axes: int,
    kernel: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Operation:
    """Describe average pooling; `count_include_pad` counts the zeros of the padding in the mean."""
    settings = _window(axes, kernel, stride, padding, 1, ceil_mode)
    settings |= {"count_include_pad": count_include_pad, "divisor_override": divisor_override}
    return Operation(f"avg_pool{axes}d", settings)


def adaptive_pooling(axes: int, how: str, output_size: Any) -> Operation:
    """Describe pooling to an asked size (`how` is `avg` or `max`); a size of None keeps the input's."""
    sizes = (output_size,) * axes if output_size is None or isinstance(output_size, int) else tuple(output_size)
    return Operation(f"adaptive_{how}_pool{axes}d", {"output_size": sizes})


def _window(axes: int, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> dict[str, Any]:
    # PyTorch reads a missing stride, None or an empty list, as the kernel.
    kernels = per_axis(kernel, axes)
    strides = kernels if stride is None or stride == [] else per_axis(stride, axes)
    return {
        "kernel": kernels * axes if len(kernels) < axes else kernels,
        "stride": strides * axes if len(strides) < axes else strides,
        "padding": per_axis(padding, axes),
        "dilation": per_axis(dilation, axes),
        "ceil_mode": ceil_mode,
    }


@rule_for(
    *(f"{fitted}{how}_pool{axes}d" for fitted in ("", "adaptive_") for how in ("max", "avg") for axes in (1, 2, 3))
)
class PoolingRule(Rule):
    """Each output is the maximum or the mean of a window in its own channel."""

    group = "pooling"

    def noun(self, operation: Operation) -> str:
        """Max or average pooling."""
        if _gives_indices(operation):
            return "index of the largest value"
        return "max pooling" if _is_maximum(operation) else "average pooling"

    def summary(self, operation: Operation, shapes: Shapes) -> str:
        """The window, or the size asked for."""
        settings = operation.settings
        if "output_size" in settings:
            return f"to {sizes_text(settings['output_size'])}"
        return window_summary(settings)

    def window(self, operation: Operation) -> tuple[int, ...] | None:
        """The kernel; windows that are fitted to an output size differ."""
        return operation.settings.get("kernel")

    def formula(self, operation: Operation) -> Formula:
        """Maximum or mean over the window W of a position."""
        if _gives_indices(operation):
            return Formula("y[n,c,i] = the first j of the window W(i) with the largest x[n,c,j]",
                           r"y_{n,c,i} = \arg\max_{j\in W(i)} x_{n,c,j}")  # fmt: skip
        if _is_maximum(operation):
            return Formula("y[n,c,i] = max over the window W(i) of x[n,c,·]", r"y_{n,c,i} = \max_{j\in W(i)} x_{n,c,j}")
        return Formula(
            "y[n,c,i] = (1/|W(i)|) Σ over the window W(i) of x[n,c,·]",
            r"y_{n,c,i} = \frac{1}{|W(i)|} \sum_{j\in W(i)} x_{n,c,j}",
        )

    def shape(self, operation: Operation, shapes: Shapes) -> ShapeRule:
        """Windows that fit along each axis, or the size asked for."""
        settings, shape = operation.settings, shapes[0]
        axes = _count(operation)
        check_rank(operation, shape, [axes + 2], LAYOUTS[axes])
        if "output_size" in settings:
            asked = zip(settings["output_size"], shape[2:], strict=True)
            sizes = [length if size is None else int(size) for size, length in asked]
            lines = [
                f"{name}: windows from ⌊i·{length}/{size}⌋ to ⌈(i+1)·{length}/{size}⌉ − 1, {size} of them"
                for name, length, size in zip(axis_names(axes), shape[2:], sizes, strict=True)
            ]
            return ShapeRule((*shape[:2], *sizes), "the size asked for", tuple(lines))
        windows = [
            window_length(name, length, kernel, stride, dilation, (padding, padding), settings["ceil_mode"])
            for name, length, kernel, stride, dilation, padding in zip(
                axis_names(axes),
                shape[2:],
                settings["kernel"],
                settings["stride"],
                settings["dilation"],
                settings["padding"],
                strict=True,
            )
        ]
        rule = CEILED_RULE if settings["ceil_mode"] else WINDOW_RULE
        return ShapeRule((*shape[:2], *(size for size, _ in windows)), rule, tuple(line for _, line in windows))

    def compute(self, operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        """Let PyTorch pool."""
        settings, x, which = operation.settings, inputs[0], _count(operation) - 1
        if _gives_indices(operation):
            return self._indices(operation, x)
        if "output_size" in settings:
            adaptive: Any = (ADAPTIVE_MAXIMA if _is_maximum(operation) else ADAPTIVE_MEANS)[which]
            size = self.shape(operation, [tuple(x.shape)]).shape[2:]
            pooled: Tensor = adaptive(x, size)
            return pooled
        kernel, stride, padding = settings["kernel"], settings["stride"], settings["padding"]
        if _is_maximum(operation):
            maximum: Any = MAXIMA[which]
            pooled = maximum(x, kernel, stride, padding, settings["dilation"], settings["ceil_mode"])
            return pooled
        mean: Any = MEANS[which]
        more = (settings["ceil_mode"], settings["count_include_pad"])
        if settings["divisor_override"] is not None:
            return mean(x, kernel, stride, padding, *more, settings["divisor_override"])  # type: ignore[no-any-return]
        return mean(x, kernel, stride, padding, *more)  # type: ignore[no-any-return]

    def decompose(self, operation: Operation, inputs: Sequence[Tensor], index: tuple[int, ...]) -> Decomposition:
        """Show the window and which element is the largest, or the shares of the mean."""
        x = inputs[0]
        sources = self._reads(operation, self._axes(operation, x.shape), index)
        if _is_maximum(operation):
            if (sources < 0).all():
                raise NoArithmetic(EMPTY_WINDOW)
            values = gather(x, sources, "the input", padding=-np.inf)
            winner = int(np.argmax(values))  # the first of equals, as PyTorch chooses
            if _gives_indices(operation):
                place = np.ravel_multi_index(tuple(sources[winner][2:]), tuple(x.shape[2:]))
                return Decomposition(input_terms(x.shape, sources, values), float(place), 0.0, combine="function")
            weights = np.zeros(len(values))
            weights[winner] = 1.0
            products = np.zeros(len(values))
            products[winner] = values[winner]
            terms = input_terms(x.shape, sources, values, weights=weights, products=products)
            details = {"winner": winner, "winner_index": terms.index[winner].tolist()}
            return Decomposition(terms, float(values[winner]), 0.0, combine="maximum", details=details)
        weights = self._shares(operation, sources)
        sources = sources[weights > 0]
        weights = weights[weights > 0]
        values = gather(x, sources, "the input")
        products = values * weights
        # A mean of equal numbers rounds the same way every time, so the worst case is what is allowed here.
        slack = (len(values) + 2) * float(np.abs(products).sum())
        details = {"divisor": round(1 / float(weights[0]))} if len(weights) else {}
        terms = input_terms(x.shape, sources, values, weights=weights, products=products)
        return Decomposition(terms, float(products.sum()), slack, details=details)

    def local_derivatives(
        self, operation: Operation, inputs: Sequence[Tensor], of: str, operand: int, index: tuple[int, ...]
    ) -> LocalDerivatives:
        """Over the windows that hold the input: 1 where it is the largest, or its share in the mean."""
        x = inputs[0]
        axes = self._axes(operation, x.shape)
        n, c, *position = index
        if _gives_indices(operation):
            nowhere = np.zeros((0, x.dim()), dtype=np.int64)
            return LocalDerivatives(nowhere, np.zeros(0), Formula("∂L/∂x = 0", r"\partial_x L = 0"))
        if _is_maximum(operation) and any(set(axis.output) - set(axis.output[axis.source >= 0]) for axis in axes):
            raise NoArithmetic(EMPTY_WINDOW)
        outputs = [np.unique(axis.output[axis.fed_by(at)]) for axis, at in zip(axes, position, strict=True)]
        positions = lattice([n], [c], *outputs)
        derivatives = np.empty(len(positions))
        for row, output in enumerate(positions):
            sources = self._reads(operation, axes, tuple(int(at) for at in output))
            here = (sources == np.asarray(index)).all(axis=1)
            if _is_maximum(operation):
                winner = int(np.argmax(gather(x, sources, "the input", padding=-np.inf)))
                derivatives[row] = float(here[winner])
            else:
                derivatives[row] = float(self._shares(operation, sources)[here].sum())
        if _is_maximum(operation):
            formula = Formula(
                "∂L/∂x = Σ of ∂L/∂y over the windows in which x is the largest",
                r"\partial_x L = \sum_{i:\,x = \max W(i)} g_i",
            )
        else:
            formula = Formula(
                "∂L/∂x = Σ over the windows W that hold x of ∂L/∂y / |W|",
                r"\partial_x L = \sum_{i:\,x\in W(i)} \frac{g_i}{|W(i)|}",
            )
        return LocalDerivatives(positions, derivatives, formula)

    def reads(self, operation: Operation, shapes: Shapes, output: Positions) -> tuple[Positions | None, ...]:
        """The windows, each in its own channel."""
        axes = zip(self._axes(operation, shapes[0]), output.axes[2:], strict=True)
        return (Positions((*output.axes[:2], *(axis.read_by(mask) for axis, mask in axes)), output.exact),)

    def reach(self, operation: Operation, shapes: Shapes) -> tuple[Reach, ...] | str:
        """The window."""
        settings = operation.settings
        if "output_size" not in settings:
            return tuple(
                Reach(Fraction(dilation * (kernel - 1) + 1), Fraction(stride), Fraction(-padding))
                for kernel, stride, padding, dilation in zip(
                    settings["kernel"], settings["stride"], settings["padding"], settings["dilation"], strict=True
                )
            )
        sizes = self.shape(operation, shapes).shape[2:]
        if all(size == 1 for size in sizes):
            return EVERYTHING
        reaches = []
        for length, size in zip(shapes[0][2:], sizes, strict=True):
            if length % size:
                return UNKNOWN  # windows differ in size
            reaches.append(Reach(Fraction(length // size), Fraction(length // size), Fraction(0)))
        return tuple(reaches)

    def _indices(self, operation: Operation, x: Tensor) -> Tensor:
        settings, which = operation.settings, _count(operation) - 1
        if "output_size" in settings:
            size = self.shape(operation, [tuple(x.shape)]).shape[2:]
            _, indices = ADAPTIVE_WITH_INDICES[which](x, size)
            return torch.as_tensor(indices)
        window = [settings[name] for name in ("kernel", "stride", "padding", "dilation", "ceil_mode")]
        _, indices = WITH_INDICES[which](x, *window)
        return torch.as_tensor(indices)

    def _axes(self, operation: Operation, shape: Sequence[int]) -> list[WindowAxis]:
        return kept_axes(operation, shape, lambda: self._new_axes(operation, shape))

    def _new_axes(self, operation: Operation, shape: Sequence[int]) -> list[WindowAxis]:
        settings = operation.settings
        outputs = self.shape(operation, [tuple(shape)]).shape[2:]
        if "output_size" in settings:
            return [adaptive_axis(length, out) for length, out in zip(shape[2:], outputs, strict=True)]
        return [
            window_axis(length, out, kernel, stride, dilation, (padding, padding), counted_beyond=False)
            for length, out, kernel, stride, dilation, padding in zip(
                shape[2:],
                outputs,
                settings["kernel"],
                settings["stride"],
                settings["dilation"],
                settings["padding"],
                strict=True,
            )
        ]

    def _reads(self, operation: Operation, axes: list[WindowAxis], index: Sequence[int]) -> Integers:
        """List the window of one output, its padding as rows of -1."""
        n, c, *position = index
        picks = [axis.source[axis.reading(at)] for axis, at in zip(axes, position, strict=True)]
        sources = lattice([n], [c], *picks)
        sources[(sources < 0).any(axis=1)] = -1
        return sources

    def _shares(self, operation: Operation, sources: Integers) -> Floats:
        """What each element of a window counts in the mean; zero for padding that is not counted."""
        settings = operation.settings
        real = (sources >= 0).all(axis=1)
        counted = np.ones(len(sources), dtype=bool) if settings.get("count_include_pad", True) else real
        divisor = settings.get("divisor_override") or int(counted.sum())
        return np.where(counted, 1.0 / divisor if divisor else 0.0, 0.0)


def _count(operation: Operation) -> int:
    return int(operation.kind[-2])


def _gives_indices(operation: Operation) -> bool:
    return bool(operation.settings.get("indices"))


def _is_maximum(operation: Operation) -> bool:
    return "max" in operation.kind


def _register(axes: int) -> None:
    @for_module((nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)[axes - 1])
    def _(module: Any) -> Operation:
        if module.return_indices:
            raise NoArithmetic("no arithmetic for this operation: max pooling that returns indices too")
        return max_pooling(axes, module.kernel_size, module.stride, module.padding, module.dilation, module.ceil_mode)

    @for_module((nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)[axes - 1])
    def _(module: Any) -> Operation:
        divisor = getattr(module, "divisor_override", None)
        return average_pooling(
            axes,
            module.kernel_size,
            module.stride,
            module.padding,
            module.ceil_mode,
            module.count_include_pad,
            divisor,
        )

    @for_module((nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d)[axes - 1])
    def _(module: Any) -> Operation:
        return adaptive_pooling(axes, "avg", module.output_size)

    @for_module((nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d)[axes - 1])
    def _(module: Any) -> Operation:
        return adaptive_pooling(axes, "max", module.output_size)

    @for_function(MAXIMA[axes - 1], getattr(torch, f"max_pool{axes}d"))
    def _(
        input: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Call:
        if return_indices:
            raise NoArithmetic("no arithmetic for this operation: max pooling that returns indices too")
        return Call(max_pooling(axes, kernel_size, stride, padding, dilation, ceil_mode), (input,))

    @for_part_of(WITH_INDICES[axes - 1])
    def _(
        part: int,
        input: Tensor,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = True,
    ) -> Call:
        pooling = max_pooling(axes, kernel_size, stride, padding, dilation, ceil_mode)
        return Call(indices_of(pooling) if part else pooling, (input,))

    @for_part_of(ADAPTIVE_WITH_INDICES[axes - 1])
    def _(part: int, input: Tensor, output_size: Any, return_indices: bool = True) -> Call:
        pooling = adaptive_pooling(axes, "max", output_size)
        return Call(indices_of(pooling) if part else pooling, (input,))

    @for_function(MEANS[axes - 1])
    def _(input: Tensor, kernel_size: Any, *more: Any, **keywords: Any) -> Call:
        return Call(average_pooling(axes, kernel_size, *more, **keywords), (input,))

    @for_function(ADAPTIVE_MEANS[axes - 1])
    def _(input: Tensor, output_size: Any) -> Call:
        return Call(adaptive_pooling(axes, "avg", output_size), (input,))

    @for_function(ADAPTIVE_MAXIMA[axes - 1])
    def _(input: Tensor, output_size: Any, return_indices: bool = False) -> Call:
        if return_indices:
            raise NoArithmetic("no arithmetic for this operation: max pooling that returns indices too")
        return Call(adaptive_pooling(axes, "max", output_size), (input,))


for _axes in (1, 2, 3):
    _register(_axes)
