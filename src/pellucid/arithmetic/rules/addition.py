"""Adding, subtracting, scaling and multiplying whole tensors, element by element, with PyTorch's broadcasting."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.arithmetic.arrays import gather, index_row
from pellucid.arithmetic.broadcasting import broadcast, narrowed, spread
from pellucid.arithmetic.operation import Call, Formula, NoArithmetic, Operation, ShapeRule
from pellucid.arithmetic.pointwise import applied
from pellucid.arithmetic.reading import for_function, for_module, spellings
from pellucid.arithmetic.result import Terms
from pellucid.arithmetic.rule import Decomposition, LocalDerivatives, Rule, Shapes, is_floating, operand_terms, rule_for

__all__ = ["AdditionRule", "MultiplicationRule", "addition", "multiplication"]


def addition(factors: Sequence[float], constant: float = 0.0) -> Operation:
    """Describe `factors[0]·x0 + factors[1]·x1 + … + constant`; a single factor makes it a scaling."""
    kind = "add" if len(factors) > 1 or constant else "scale"
    return Operation(kind, {"factors": tuple(float(factor) for factor in factors), "constant": float(constant)})


def multiplication() -> Operation:
    """Describe the product of two tensors, element by element."""
    return Operation("multiply")


@rule_for("add", "scale")
class AdditionRule(Rule):
    """A sum of operands, each with a fixed factor (1, −1, or the α of `torch.add`), and of a constant."""

    group = "joining"
    cancels = True

    def noun(self, operation: Operation) -> str:
        """Addition, or scaling."""
        return "addition" if operation.kind == "add" else "scaling"

    def summary(self, operation: Operation, shapes: Shapes) -> str:
        """The factor of a scaling."""
        return f"times {operation.settings['factors'][0]:g}" if operation.kind == "scale" else ""

    def formula(self, operation: Operation) -> Formula:
        """Written with its numbers."""
        factors, constant = operation.settings["factors"], operation.settings["constant"]
        names = ["x"] if len(factors) == 1 else [f"x{number}" for number in range(len(factors))]
        text = " + ".join(
            name if factor == 1 else f"{factor:g}·{name}" for name, factor in zip(names, factors, strict=True)
        )
        text = f"y = {text}" + (f" + {constant:g}" if constant else "")
        return Formula(text.replace("+ -1·", "− "), text.replace("·", r"\,").replace("+ -1\\,", "- "))

    def shape(self, operation: Operation, shapes: Shapes) -> ShapeRule:
        """The operands', broadcast."""
        return broadcast(operation.kind, shapes)

    def compute(self, operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        """Let PyTorch add."""
        factors, constant = operation.settings["factors"], operation.settings["constant"]
        result = inputs[0] if factors[0] == 1 else inputs[0] * factors[0]
        for x, factor in zip(inputs[1:], factors[1:], strict=True):
            result = torch.add(result, x, alpha=factor)
        return result + constant if constant else result

    def decompose(self, operation: Operation, inputs: Sequence[Tensor], index: tuple[int, ...]) -> Decomposition:
        """One term an operand."""
        weights = np.asarray(operation.settings["factors"])
        terms = _gathered(inputs, index, weights)
        constant = operation.settings["constant"]
        assert terms.products is not None
        slack = 2 * len(inputs) * (float(np.abs(terms.products).sum()) + abs(constant))
        value = float(terms.products.sum()) + constant
        return Decomposition(terms, value, slack, bias=constant if constant else None)

    def local_derivatives(
        self, operation: Operation, inputs: Sequence[Tensor], of: str, operand: int, index: tuple[int, ...]
    ) -> LocalDerivatives:
        """The factor, at every position that the element was broadcast to."""
        shape = self.shape(operation, [tuple(x.shape) for x in inputs]).shape
        positions = spread(tuple(inputs[operand].shape), shape, index)
        derivatives = np.full(len(positions), operation.settings["factors"][operand])
        formula = Formula("∂L/∂x = factor · ∂L/∂y, summed where x was broadcast", r"\partial_x L = \sum_i a\, g_i")
        return LocalDerivatives(positions, derivatives, formula)


@rule_for("multiply")
class MultiplicationRule(Rule):
    """A product of two tensors: gates, attention of channels."""

    multiplies = True

    group = "joining"

    def noun(self, operation: Operation) -> str:
        """Multiplication."""
        return "multiplication"

    def formula(self, operation: Operation) -> Formula:
        """Element by element."""
        return Formula("y = x0 · x1", r"y = x_0 \cdot x_1")

    def shape(self, operation: Operation, shapes: Shapes) -> ShapeRule:
        """The operands', broadcast."""
        return broadcast(operation.kind, shapes)

    def compute(self, operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        """Let PyTorch multiply."""
        return inputs[0] * inputs[1]

    def decompose(self, operation: Operation, inputs: Sequence[Tensor], index: tuple[int, ...]) -> Decomposition:
        """Two factors."""
        terms = _gathered(inputs, index, None)
        value = float(terms.values.prod())
        return Decomposition(terms, value, 2 * abs(value), combine="product")

    def local_derivatives(
        self, operation: Operation, inputs: Sequence[Tensor], of: str, operand: int, index: tuple[int, ...]
    ) -> LocalDerivatives:
        """The other factor, at every position that the element was broadcast to."""
        shape = self.shape(operation, [tuple(x.shape) for x in inputs]).shape
        positions = spread(tuple(inputs[operand].shape), shape, index)
        other = inputs[1 - operand]
        sources = narrowed(tuple(other.shape), positions)
        formula = Formula(
            "∂L/∂x = Σ ∂L/∂y · the other factor, over where x was broadcast", r"\partial_{x_0} L = \sum_i g_i\, x_{1,i}"
        )
        return LocalDerivatives(
            positions, gather(other, sources, "the other factor"), formula, index=sources, index_of="input"
        )


def _gathered(inputs: Sequence[Tensor], index: tuple[int, ...], weights: Any) -> Terms:
    sources = [narrowed(tuple(x.shape), index_row(index)) for x in inputs]
    read = zip(inputs, sources, strict=True)
    values = np.concatenate([gather(x, source, f"operand {number}") for number, (x, source) in enumerate(read)])
    return operand_terms(sources, values, weights=weights, products=None if weights is None else values * weights)


def _are_tensors(*values: Any) -> bool:
    """Whether they are real tensors, one of them of floating-point numbers; others may hold integers or booleans."""
    if all(map(is_floating, values)):
        return True
    real = all(isinstance(value, Tensor) and not value.is_complex() for value in values)
    return real and any(map(is_floating, values))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | Real)


def _sum(first: Any, second: Any, sign: float) -> Call:
    if _are_tensors(first, second):
        return Call(addition((1.0, sign)), (first, second))
    if is_floating(first) and _is_number(second):
        return Call(addition((1.0,), sign * float(second)), (first,))
    if _is_number(first) and is_floating(second):
        return Call(addition((sign,), float(first)), (second,))
    raise NoArithmetic(
        "no arithmetic for this operation: a sum of other things than floating-point tensors and numbers"
    )


def _product(first: Any, second: Any) -> Call:
    if _are_tensors(first, second):
        return Call(multiplication(), (first, second))
    if is_floating(first) and _is_number(second):
        return Call(addition((float(second),)), (first,))
    if _is_number(first) and is_floating(second):
        return Call(addition((float(first),)), (second,))
    raise NoArithmetic("no arithmetic for this operation: a product of other things than floating-point tensors")


def _quotient(first: Any, second: Any, rounding_mode: str | None = None) -> Call:
    if rounding_mode == "trunc":
        raise NoArithmetic("no arithmetic for this operation: a division that cuts its result off to whole numbers")
    if (
        rounding_mode is None
        and is_floating(first)
        and _is_number(second)
        and second
        and math.isfinite(1 / float(second))
    ):
        return Call(addition((1 / float(second),)), (first,))
    operands = [value for value in (first, second) if not _is_number(value)]
    if not operands or not _are_tensors(*operands):
        raise NoArithmetic("no arithmetic for this operation: a quotient of other things than floating-point tensors")
    return applied("floor_divide" if rounding_mode else "divide", first, second)


@for_function(*spellings("add", "__add__", "__radd__", "__iadd__"), operator.add, operator.iadd)
def _from_add(input: Any, other: Any, *, alpha: float = 1, out: None = None) -> Call:
    return _sum(input, other, 1.0 * alpha)


@for_function(*spellings("sub", "subtract", "__sub__", "__isub__"), operator.sub, operator.isub)
def _from_sub(input: Any, other: Any, *, alpha: float = 1, out: None = None) -> Call:
    return _sum(input, other, -1.0 * alpha)


@for_function(Tensor.__rsub__)
def _from_reversed_sub(input: Any, other: Any) -> Call:
    return _sum(other, input, -1.0)


@for_function(torch.rsub)
def _from_rsub(input: Any, other: Any, *, alpha: float = 1) -> Call:
    if alpha != 1:
        raise NoArithmetic("no arithmetic for this operation: rsub with a factor")
    return _sum(other, input, -1.0)


@for_function(*spellings("neg", "negative", "__neg__"), operator.neg)
def _from_neg(input: Any) -> Call:
    return _product(input, -1.0)


@for_function(*spellings("positive", "__pos__"), operator.pos)
def _from_pos(input: Any) -> Call:
    return _product(input, 1.0)


@for_function(*spellings("mul", "multiply", "__mul__", "__rmul__", "__imul__"), operator.mul, operator.imul)
def _from_mul(input: Any, other: Any, *, out: None = None) -> Call:
    return _product(input, other)


@for_function(
    *spellings("div", "divide", "true_divide", "__div__", "__truediv__", "__idiv__", "__itruediv__"),
    operator.truediv,
    operator.itruediv,
)
def _from_div(input: Any, other: Any, *, rounding_mode: str | None = None, out: None = None) -> Call:
    return _quotient(input, other, rounding_mode)


@for_function(*spellings("__rdiv__", "__rtruediv__"))
def _from_reversed_div(input: Any, other: Any) -> Call:
    return _quotient(other, input)


@for_module(nn.Identity)
def _from_identity(module: Any) -> Operation:
    return addition((1.0,))
