"""Activations with a partner: PReLU, whose slope is learned, and GLU, where half of the channels gate the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.arithmetic.arrays import Integers, gather, index_row, lattice
from pellucid.arithmetic.operation import Call, Formula, Operation, ShapeRule
from pellucid.arithmetic.pointwise import logistic
from pellucid.arithmetic.positions import Positions
from pellucid.arithmetic.reading import for_function, for_module
from pellucid.arithmetic.rule import (
    Decomposition,
    LocalDerivatives,
    Reach,
    Rule,
    Shapes,
    input_terms,
    reach_along,
    rule_for,
)
from pellucid.ground.errors import UserError

__all__ = ["GLURule", "PReLURule"]


@rule_for("prelu")
class PReLURule(Rule):
    """A leaky ReLU whose slope is learned, one for all channels or one for each."""

    group = "activation"
    differentiable = ("input", "weight")

    def noun(self, operation: Operation) -> str:
        """As it is called."""
        return "PReLU"

    def formula(self, operation: Operation) -> Formula:
        """The slope is the weight."""
        return Formula("y = x if x > 0, else w·x", r"y = \max(0, x) + w \min(0, x)")

    def shape(self, operation: Operation, shapes: Shapes) -> ShapeRule:
        """The input's, if it has as many channels as there are slopes."""
        slopes, shape = operation.tensor("weight").numel(), shapes[0]
        channels = shape[1] if len(shape) > 1 else 1
        if slopes not in (1, channels):
            raise UserError(f"prelu was given an input of shape {list(shape)}; expected {slopes} channels on axis 1")
        return ShapeRule(shape, "the input's shape")

    def compute(self, operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        """Let PyTorch apply it."""
        return F.prelu(inputs[0], operation.tensor("weight"))

    def decompose(self, operation: Operation, inputs: Sequence[Tensor], index: tuple[int, ...]) -> Decomposition:
        """One product, with one or with the slope."""
        x, source = inputs[0], index_row(index)
        values = gather(x, source, "the input")
        own = self._slopes_of(operation, source)
        slope = gather(operation.tensor("weight"), own, "the weight")
        weights = np.where(values > 0, 1.0, slope)
        where = np.where(values[:, None] > 0, -1, own)
        products = values * weights
        terms = input_terms(x.shape, source, values, weights=weights, products=products, weight_index=where)
        value, details = float(products[0]), {"slope": float(weights[0])}
        return Decomposition(terms, value, 2 * abs(value), details=details)

    def local_derivatives(
        self, operation: Operation, inputs: Sequence[Tensor], of: str, operand: int, index: tuple[int, ...]
    ) -> LocalDerivatives:
        """One or the slope; of the slope, every negative input that it multiplies."""
        x, weight = inputs[0], operation.tensor("weight")
        if of == "input":
            source = index_row(index)
            slope = gather(weight, self._slopes_of(operation, source), "the weight")
            derivative = np.where(gather(x, source, "the input") > 0, 1.0, slope)
            formula = Formula(
                "∂L/∂x = ∂L/∂y · (1 if x > 0, else w)", r"\partial_x L = g\,(1 \text{ if } x > 0 \text{ else } w)"
            )
            return LocalDerivatives(source, derivative, formula)
        axes: list[Any] = [np.arange(size) for size in x.shape]
        if weight.numel() > 1:
            axes[1] = list(index)
        positions = lattice(*axes)
        values = gather(x, positions, "the input")
        formula = Formula("∂L/∂w = Σ_i ∂L/∂y_i · min(0, x_i)", r"\partial_w L = \sum_i g_i \min(0, x_i)")
        return LocalDerivatives(positions, np.minimum(values, 0.0), formula, index=positions, index_of="input")

    def _slopes_of(self, operation: Operation, positions: Integers) -> Integers:
        weight = operation.tensor("weight")
        own = positions[:, 1:2] if weight.numel() > 1 else np.zeros((len(positions), 1), dtype=np.int64)
        return own[:, : weight.dim()]


@rule_for("glu")
class GLURule(Rule):
    """The first half along an axis times the sigmoid of the second."""

    group = "activation"

    def noun(self, operation: Operation) -> str:
        """As it is called."""
        return "GLU"

    def formula(self, operation: Operation) -> Formula:
        """Two halves."""
        return Formula("y = a · σ(b), the input being a followed by b", r"y = a\,\sigma(b),\quad x = [a \,\Vert\, b]")

    def shape(self, operation: Operation, shapes: Shapes) -> ShapeRule:
        """Half as long along the axis."""
        shape, axis = list(shapes[0]), operation.settings["axis"]
        if not -len(shape) <= axis < len(shape) or shape[axis] % 2:
            raise UserError(f"glu along axis {axis} was given an input of shape {shape}; expected an even size there")
        size = shape[axis]
        shape[axis] //= 2
        return ShapeRule(tuple(shape), "half the size along the axis", (f"axis {axis}: {size} / 2 = {shape[axis]}",))

    def compute(self, operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        """Let PyTorch apply it."""
        return F.glu(inputs[0], operation.settings["axis"])

    def decompose(self, operation: Operation, inputs: Sequence[Tensor], index: tuple[int, ...]) -> Decomposition:
        """A number and its gate."""
        x, sources = inputs[0], self._halves(operation, inputs[0], index)
        values = gather(x, sources, "the input")
        gate = float(logistic(values[1]))
        value = float(values[0]) * gate
        details = {"gate": gate}
        terms = input_terms(x.shape, sources, values)
        return Decomposition(terms, value, 8 * abs(value), combine="function", details=details)

    def local_derivatives(
        self, operation: Operation, inputs: Sequence[Tensor], of: str, operand: int, index: tuple[int, ...]
    ) -> LocalDerivatives:
        """The gate, or the number times the slope of its sigmoid."""
        x, axis = inputs[0], operation.settings["axis"] % len(index)
        position, half = list(index), inputs[0].shape[axis] // 2
        position[axis] %= half
        sources, own = self._halves(operation, x, position), int(index[axis] >= half)
        number, gated = gather(x, sources, "the input")
        gate, rest = float(logistic(gated)), float(logistic(-gated))
        derivative = number * gate * rest if own else gate
        formula = Formula(
            "∂L/∂a = ∂L/∂y · σ(b), ∂L/∂b = ∂L/∂y · a σ(b) (1 − σ(b))",
            r"\partial_a L = g\,\sigma(b),\; \partial_b L = g\,a\,\sigma(b)(1 - \sigma(b))",
        )
        floor = 8 * (1 + abs(number)) * gate
        return LocalDerivatives(index_row(position), np.array([derivative]), formula, floor=floor)

    def reads(self, operation: Operation, shapes: Shapes, output: Positions) -> tuple[Positions | None, ...]:
        """The same positions of both halves."""
        axis = operation.settings["axis"] % len(shapes[0])
        return (output.with_axis(axis, np.tile(output.axes[axis], 2)),)

    def reach(self, operation: Operation, shapes: Shapes) -> tuple[Reach, ...] | str:
        """The same position of both halves of the channels, or no window."""
        return reach_along(len(shapes[0]), operation.settings["axis"])

    def _halves(self, operation: Operation, x: Tensor, index: Sequence[int]) -> Integers:
        axis = operation.settings["axis"] % x.dim()
        other = list(index)
        other[axis] += x.shape[axis] // 2
        return np.asarray([index, other], dtype=np.int64)


@for_module(nn.PReLU)
def _from_prelu(module: Any) -> Operation:
    return Operation("prelu", {}, {"weight": module.weight})


@for_function(F.prelu, torch.prelu, Tensor.prelu)
def _from_prelu_call(input: Tensor, weight: Tensor) -> Call:
    return Call(Operation("prelu", {}, {"weight": weight}), (input,))


@for_module(nn.GLU)
def _from_glu(module: Any) -> Operation:
    return Operation("glu", {"axis": int(module.dim)})


@for_function(F.glu)
def _from_glu_call(input: Tensor, dim: int = -1) -> Call:
    return Call(Operation("glu", {"axis": int(dim)}), (input,))
