"""Functions of several operands, element by element: quotients, powers, the larger one, a choice, comparisons."""

from __future__ import annotations

import operator
from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.arithmetic.operation import Call, Formula, NoArithmetic
from pellucid.arithmetic.pointwise import Function, PointwiseRule, applied
from pellucid.arithmetic.reading import for_function, spellings
from pellucid.arithmetic.rule import is_floating, rule_for

__all__ = ["ComparisonRule", "OperandsRule"]


def _power_slope(x: Any, e: Any) -> Any:
    return np.where(e == 0, 0.0, e * np.power(x, np.where(e == 0, 1.0, e - 1)))


def _exponent_slope(x: Any, e: Any) -> Any:
    return np.where((x == 0) & (e >= 0), 0.0, np.power(x, e) * np.log(x))


def _power_slope_slack(which: int, x: Any, e: Any) -> Any:
    slope = np.abs(_exponent_slope(x, e) if which else _power_slope(x, e))
    # The exponent e − 1 is rounded, which the logarithm magnifies.
    return slope * (8 if which else 8 + np.nan_to_num(np.abs(np.log(np.abs(x)) * (e - 1)), posinf=0.0))


def _clamp(x: Any, low: Any, high: Any) -> Any:
    return np.minimum(np.maximum(x, low), high)


def _torch_clamp(x: Tensor, low: Any, high: Any) -> Tensor:
    return torch.clamp(x, *(None if isinstance(end, float) and np.isinf(end) else end for end in (low, high)))


def _xlogy(x: Any, y: Any) -> Any:
    return np.where(x == 0, 0.0, x * np.log(np.where(x == 0, 1.0, y)))


OPERANDS: dict[str, Function] = {
    "divide": Function(
        "division",
        Formula("y = x0 / x1", r"y = \frac{x_0}{x_1}"),
        lambda x, y: x / y,
        (lambda x, y: 1 / y, lambda x, y: -x / (y * y)),
        lambda x, y: x / y,
        slack=4.0,
    ),
    "power": Function(
        "power",
        Formula("y = x0 ^ x1", r"y = x_0^{x_1}"),
        np.power,
        (_power_slope, _exponent_slope),
        torch.pow,
        slack=8.0,
        slope_slack=_power_slope_slack,
    ),
    "maximum": Function(
        "maximum",
        Formula("y = max(x0, x1)", r"y = \max(x_0, x_1)"),
        np.maximum,
        # Where both are equal, each takes half.
        (lambda x, y: np.where(x == y, 0.5, x > y), lambda x, y: np.where(x == y, 0.5, y > x)),
        torch.maximum,
        slack=0.0,
    ),
    "minimum": Function(
        "minimum",
        Formula("y = min(x0, x1)", r"y = \min(x_0, x_1)"),
        np.minimum,
        (lambda x, y: np.where(x == y, 0.5, x < y), lambda x, y: np.where(x == y, 0.5, y < x)),
        torch.minimum,
        slack=0.0,
    ),
    "clamp": Function(
        "clamping",
        Formula("y = min(max(x0, x1), x2)", r"y = \min(\max(x_0, x_1), x_2)"),
        _clamp,
        (
            lambda x, low, high: (low <= x) & (x <= high),
            lambda x, low, high: (x < low) & (low < high),
            lambda x, low, high: (x > high) | (high < low),
        ),
        _torch_clamp,
        slack=0.0,
    ),
    "where": Function(
        "choice",
        Formula("y = x1 where x0, else x2", r"y = x_1 \text{ where } x_0 \text{, else } x_2"),
        lambda condition, x, y: np.where(condition != 0, x, y),
        (None, lambda condition, x, y: condition != 0, lambda condition, x, y: condition == 0),
        torch.where,
        slack=0.0,
    ),
    "lerp": Function(
        "interpolation",
        Formula("y = x0 + x2 · (x1 − x0)", r"y = x_0 + x_2\,(x_1 - x_0)"),
        lambda x, y, weight: x + weight * (y - x),
        (lambda x, y, weight: 1 - weight, lambda x, y, weight: weight, lambda x, y, weight: y - x),
        torch.lerp,
        slack=lambda value, x, y, weight: 4 * (np.abs(x) + np.abs(y)) * (1 + np.abs(weight)),
        slope_slack=lambda which, x, y, weight: 4 * (1 + np.abs(weight) + (np.abs(y) + np.abs(x)) * (which == 2)),
    ),
    "atan2": Function(
        "arctangent",
        Formula("y = arctan(x0 / x1), in the quadrant of both", r"y = \operatorname{atan2}(x_0, x_1)"),
        np.arctan2,
        (lambda x, y: y / (x * x + y * y), lambda x, y: -x / (x * x + y * y)),
        torch.atan2,
    ),
    "hypot": Function(
        "hypotenuse",
        Formula("y = √(x0² + x1²)", r"y = \sqrt{x_0^2 + x_1^2}"),
        np.hypot,
        (lambda x, y: x / np.hypot(x, y), lambda x, y: y / np.hypot(x, y)),
        torch.hypot,
    ),
    "logaddexp": Function(
        "log-sum-exp",
        Formula("y = log(e^x0 + e^x1)", r"y = \log(e^{x_0} + e^{x_1})"),
        np.logaddexp,
        (lambda x, y: np.exp(x - np.logaddexp(x, y)), lambda x, y: np.exp(y - np.logaddexp(x, y))),
        torch.logaddexp,
        slack=lambda value, x, y: 8 * (np.abs(x) + np.abs(y) + 1),
        slope_slack=lambda which, x, y: 8 * (np.abs(x) + np.abs(y) + 1),
    ),
    "xlogy": Function(
        "logarithmic product",
        Formula("y = x0 · log(x1)", r"y = x_0 \log x_1"),
        _xlogy,
        (lambda x, y: np.log(y), lambda x, y: x / y),
        torch.xlogy,
    ),
    "remainder": Function(
        "remainder",
        Formula("y = x0 − x1 · ⌊x0 / x1⌋", r"y = x_0 - x_1 \lfloor x_0 / x_1 \rfloor"),
        np.mod,
        (lambda x, y: np.ones_like(x), lambda x, y: -np.floor(x / y)),
        torch.remainder,
        slack=lambda value, x, y: 2 * np.abs(y),
    ),
    "fmod": Function(
        "remainder",
        Formula("y = x0 − x1 · trunc(x0 / x1)", r"y = x_0 - x_1 \operatorname{trunc}(x_0 / x_1)"),
        np.fmod,
        (lambda x, y: np.ones_like(x), lambda x, y: -np.trunc(x / y)),
        torch.fmod,
        slack=lambda value, x, y: 2 * np.abs(y),
    ),
    "floor_divide": Function(
        "whole quotient",
        Formula("y = ⌊x0 / x1⌋", r"y = \lfloor x_0 / x_1 \rfloor"),
        np.floor_divide,
        (None, None),
        lambda x, y: torch.div(x, y, rounding_mode="floor"),  # floor_divide itself has no derivative in PyTorch
        slack=0.0,
    ),
    "addcmul": Function(
        "scaled addition",
        Formula("y = x0 + v · x1 · x2", r"y = x_0 + v\,x_1 x_2"),
        lambda x, first, second, value: x + value * first * second,
        (
            lambda x, first, second, value: np.ones_like(x),
            lambda x, first, second, value: value * second,
            lambda x, first, second, value: value * first,
        ),
        torch.addcmul,
        slack=lambda y, x, first, second, value: 6 * (np.abs(x) + np.abs(value * first * second)),
    ),
    "addcdiv": Function(
        "scaled addition",
        Formula("y = x0 + v · x1 / x2", r"y = x_0 + v\,\frac{x_1}{x_2}"),
        lambda x, first, second, value: x + value * first / second,
        (
            lambda x, first, second, value: np.ones_like(x),
            lambda x, first, second, value: value / second,
            lambda x, first, second, value: -value * first / (second * second),
        ),
        torch.addcdiv,
        slack=lambda y, x, first, second, value: 6 * (np.abs(x) + np.abs(value * first / second)),
    ),
}


@rule_for(*OPERANDS)
class OperandsRule(PointwiseRule):
    """Several inputs, one output."""

    group = "joining"
    cancels = True
    table = OPERANDS


def _comparison(noun: str, sign: str, latex: str, compare: Callable[..., Any], pytorch: Callable[..., Any]) -> Function:
    formula = Formula(f"y = 1 if x0 {sign} x1, else 0", rf"y = [x_0 {latex} x_1]")
    return Function(noun, formula, compare, (None, None), pytorch, slack=0.0, takes_integers=True)


COMPARISONS: dict[str, Function] = {
    "gt": _comparison("comparison", ">", ">", np.greater, torch.gt),
    "ge": _comparison("comparison", "≥", r"\ge", np.greater_equal, torch.ge),
    "lt": _comparison("comparison", "<", "<", np.less, torch.lt),
    "le": _comparison("comparison", "≤", r"\le", np.less_equal, torch.le),
    "eq": _comparison("comparison", "=", "=", np.equal, torch.eq),
    "ne": _comparison("comparison", "≠", r"\ne", np.not_equal, torch.ne),
    "logical_and": _comparison("conjunction", "and", r"\land", np.logical_and, torch.logical_and),
    "logical_or": _comparison("disjunction", "or", r"\lor", np.logical_or, torch.logical_or),
    "logical_xor": _comparison("exclusive disjunction", "xor", r"\oplus", np.logical_xor, torch.logical_xor),
    "logical_not": Function(
        "negation",
        Formula("y = 1 if x = 0, else 0", r"y = [x = 0]"),
        lambda x: x == 0,
        (None,),
        torch.logical_not,
        slack=0.0,
        takes_integers=True,
    ),
}


@rule_for(*COMPARISONS)
class ComparisonRule(PointwiseRule):
    """Yes or no, as 1 or 0; nothing flows back through it."""

    table = COMPARISONS


def _operands(kind: str, *arguments: Any, **settings: Any) -> Call:
    """Describe a function of tensors and numbers; at least one tensor, none of them complex."""
    tensors = [argument for argument in arguments if isinstance(argument, Tensor)]
    numbers = [argument for argument in arguments if not isinstance(argument, Tensor)]
    if not any(map(is_floating, tensors)) and kind not in COMPARISONS:
        raise NoArithmetic(f"no arithmetic for this operation: {kind} without a tensor of floating-point numbers")
    if any(tensor.is_complex() for tensor in tensors) or not all(isinstance(value, Real) for value in numbers):
        raise NoArithmetic(f"no arithmetic for this operation: {kind} of other things than real tensors and numbers")
    return applied(kind, *arguments, **settings)


def _register(kind: str, *names: str, more: tuple[Any, ...] = ()) -> None:
    """Register a function of two arguments under these names."""

    @for_function(*spellings(*names), *more)
    def _(input: Any, other: Any, *, out: None = None) -> Call:
        return _operands(kind, input, other)


_register("maximum", "maximum", "fmax")
_register("minimum", "minimum", "fmin")
_register("atan2", "atan2", "arctan2")
_register("hypot", "hypot")
_register("logaddexp", "logaddexp")
_register("xlogy", "xlogy")
_register("remainder", "remainder", "__mod__", more=(operator.mod, operator.imod))
_register("fmod", "fmod")
_register("floor_divide", "floor_divide", "__floordiv__", more=(operator.floordiv, operator.ifloordiv))
_register("gt", "gt", "greater", "__gt__", more=(operator.gt,))
_register("ge", "ge", "greater_equal", "__ge__", more=(operator.ge,))
_register("lt", "lt", "less", "__lt__", more=(operator.lt,))
_register("le", "le", "less_equal", "__le__", more=(operator.le,))
_register("eq", "eq", "__eq__", more=(operator.eq,))
_register("ne", "ne", "not_equal", "__ne__", more=(operator.ne,))
_register("logical_and", "logical_and")
_register("logical_or", "logical_or")
_register("logical_xor", "logical_xor")


@for_function(*spellings("logical_not"))
def _from_logical_not(input: Tensor) -> Call:
    return Call(applied("logical_not", input).operation, (input,))


def _is_boolean(*values: Any) -> bool:
    return all(isinstance(value, Tensor) and value.dtype == torch.bool for value in values)


def _register_bits(kind: str, *names: str, more: tuple[Any, ...] = ()) -> None:
    """Register an operator of bits, which on booleans is one of logic."""

    @for_function(*spellings(*names), *more)
    def _(*operands: Any) -> Call:
        if not _is_boolean(*operands):
            raise NoArithmetic("no arithmetic for this operation: an operator of bits on other things than booleans")
        return applied(kind, *operands)


_register_bits("logical_and", "bitwise_and", "__and__", more=(operator.and_,))
_register_bits("logical_or", "bitwise_or", "__or__", more=(operator.or_,))
_register_bits("logical_xor", "bitwise_xor", "__xor__", more=(operator.xor,))
_register_bits("logical_not", "bitwise_not", "__invert__", more=(operator.invert,))


@for_function(*spellings("pow", "__pow__", "__ipow__"), operator.pow, operator.ipow)
def _from_pow(input: Any, exponent: Any, *, out: None = None) -> Call:
    return _operands("power", input, exponent)


@for_function(Tensor.__rpow__)
def _from_reversed_pow(input: Any, base: Any) -> Call:
    return _operands("power", base, input)


@for_function(*spellings("clamp", "clip"))
def _from_clamp(input: Tensor, min: Any = None, max: Any = None, *, out: None = None) -> Call:
    return _operands("clamp", input, -np.inf if min is None else min, np.inf if max is None else max)


@for_function(*spellings("clamp_min"))
def _from_clamp_min(input: Tensor, min: Any) -> Call:
    return _operands("clamp", input, min, np.inf)


@for_function(*spellings("clamp_max"))
def _from_clamp_max(input: Tensor, max: Any) -> Call:
    return _operands("clamp", input, -np.inf, max)


@for_function(torch.where)
def _from_where(condition: Any, input: Any = None, other: Any = None) -> Call:
    if input is None or other is None:
        raise NoArithmetic("no arithmetic for this operation: where, as a search for indices")
    return _operands("where", condition, input, other)


@for_function(Tensor.where)
def _from_where_method(input: Any, condition: Any, other: Any) -> Call:
    return _operands("where", condition, input, other)


@for_function(*spellings("masked_fill"))
def _from_masked_fill(input: Tensor, mask: Tensor, value: Any) -> Call:
    return _operands("where", mask, value, input)


@for_function(*spellings("lerp"))
def _from_lerp(input: Tensor, end: Tensor, weight: Any) -> Call:
    return _operands("lerp", input, end, weight)


@for_function(*spellings("addcmul"))
def _from_addcmul(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Call:
    return _operands("addcmul", input, tensor1, tensor2, value=float(value))


@for_function(*spellings("addcdiv"))
def _from_addcdiv(input: Tensor, tensor1: Tensor, tensor2: Tensor, *, value: float = 1) -> Call:
    return _operands("addcdiv", input, tensor1, tensor2, value=float(value))
