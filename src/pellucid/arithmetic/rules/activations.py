"""Activations: each output is a function of the one input at its position."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.arithmetic.arrays import gather, index_row
from pellucid.arithmetic.operation import Call, Formula, NoArithmetic, Operation
from pellucid.arithmetic.reading import for_function, for_module
from pellucid.arithmetic.rule import Decomposition, LocalDerivatives, Rule, input_terms, rule_for

__all__ = ["ActivationRule"]


@dataclass(frozen=True)
class Curve:
    """A function of one number: what text calls it, itself, its derivative, its formula, and PyTorch's own of it.

    The settings are given as keywords: the slope of a leaky ReLU.
    """

    noun: str
    value: Callable[..., float]
    slope: Callable[..., float]
    formula: Formula
    torch: Callable[..., Tensor]
    copies: bool = False
    """It copies a number or cuts it off, without rounding."""
    cancels: bool = False
    """Far to the left it is a difference of numbers near one, so its error is one of the argument."""


def _logistic(x: float) -> float:
    # Written so that neither branch overflows.
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def _logistic_slope(x: float) -> float:
    return _logistic(x) * _logistic(-x)


def _gelu(x: float) -> float:
    return 0.5 * x * math.erfc(-x / math.sqrt(2))


def _gelu_slope(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2)) + x * math.exp(-x * x / 2) / math.sqrt(2 * math.pi)


_ROOT = math.sqrt(2 / math.pi)


def _gelu_tanh(x: float) -> float:
    return 0.5 * x * (1 + math.tanh(_ROOT * (x + 0.044715 * x**3)))


def _gelu_tanh_slope(x: float) -> float:
    inner = math.tanh(_ROOT * (x + 0.044715 * x**3))
    return 0.5 * (1 + inner) + 0.5 * x * (1 - inner * inner) * _ROOT * (1 + 3 * 0.044715 * x * x)


CURVES: dict[str, Curve] = {
    "relu": Curve(
        "ReLU",
        lambda x: max(x, 0.0),
        lambda x: float(x > 0),
        Formula("y = max(0, x)", r"y = \max(0, x)"),
        F.relu,
        copies=True,
    ),
    "leaky_relu": Curve(
        "leaky ReLU",
        lambda x, negative_slope: x if x > 0 else negative_slope * x,
        lambda x, negative_slope: 1.0 if x > 0 else negative_slope,
        Formula("y = x if x > 0, else a·x", r"y = \max(0, x) + a \min(0, x)"),
        F.leaky_relu,
    ),
    "gelu": Curve(
        "GELU",
        _gelu,
        _gelu_slope,
        Formula(
            "y = x · Φ(x) = x/2 · (1 + erf(x/√2))",
            r"y = x\,\Phi(x) = \tfrac{x}{2}\bigl(1 + \operatorname{erf}(x/\sqrt2)\bigr)",
        ),
        F.gelu,
        cancels=True,
    ),
    "gelu_tanh": Curve(
        "GELU",
        _gelu_tanh,
        _gelu_tanh_slope,
        Formula(
            "y = x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³)))",
            r"y = \tfrac{x}{2}\bigl(1 + \tanh(\sqrt{2/\pi}\,(x + 0.044715\,x^3))\bigr)",
        ),
        lambda x: F.gelu(x, approximate="tanh"),
        cancels=True,
    ),
    "silu": Curve(
        "SiLU",
        lambda x: x * _logistic(x),
        lambda x: _logistic(x) * (1 + x * _logistic(-x)),
        Formula("y = x · σ(x) = x / (1 + e^−x)", r"y = x\,\sigma(x) = \frac{x}{1 + e^{-x}}"),
        F.silu,
    ),
    "sigmoid": Curve(
        "sigmoid",
        _logistic,
        _logistic_slope,
        Formula("y = σ(x) = 1 / (1 + e^−x)", r"y = \sigma(x) = \frac{1}{1 + e^{-x}}"),
        torch.sigmoid,
    ),
    "tanh": Curve(
        "tanh",
        math.tanh,
        lambda x: 1 - math.tanh(x) ** 2,
        Formula("y = tanh(x) = (e^x − e^−x) / (e^x + e^−x)", r"y = \tanh x = \frac{e^x - e^{-x}}{e^x + e^{-x}}"),
        torch.tanh,
    ),
    "elu": Curve(
        "ELU",
        lambda x, alpha: x if x > 0 else alpha * math.expm1(x),
        lambda x, alpha: 1.0 if x > 0 else alpha * math.exp(x),
        Formula("y = x if x > 0, else α·(e^x − 1)", r"y = \max(0, x) + \min(0, \alpha(e^x - 1))"),
        F.elu,
        cancels=True,
    ),
    "hardtanh": Curve(
        "hard tanh",
        lambda x, min_val, max_val: min(max(x, min_val), max_val),
        lambda x, min_val, max_val: float(min_val < x < max_val),
        Formula("y = x cut off below and above", r"y = \min(\max(x, a), b)"),
        F.hardtanh,
        copies=True,
    ),
}


@rule_for(*CURVES)
class ActivationRule(Rule):
    """One input, one output."""

    group = "activation"

    def formula(self, operation: Operation) -> Formula:
        """The curve's."""
        return CURVES[operation.kind].formula

    def noun(self, operation: Operation) -> str:
        """The curve's."""
        return CURVES[operation.kind].noun

    def compute(self, operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        """Let PyTorch apply it."""
        return CURVES[operation.kind].torch(inputs[0], **operation.settings)

    def decompose(self, operation: Operation, inputs: Sequence[Tensor], index: tuple[int, ...]) -> Decomposition:
        """One term."""
        x, source = inputs[0], index_row(index)
        values = gather(x, source, "the input")
        x_value = float(values[0])
        curve = CURVES[operation.kind]
        result = curve.value(x_value, **operation.settings)
        terms = input_terms(x.shape, source, values, products=np.array([result]))
        slack = 0.0 if curve.copies else 8 * abs(result)
        if curve.cancels:
            slack += 8 * min(abs(x_value), 6.0)
        slope = curve.slope(x_value, **operation.settings)
        return Decomposition(terms, result, slack, combine="function", details={"slope": slope})

    def local_derivatives(
        self, operation: Operation, inputs: Sequence[Tensor], of: str, operand: int, index: tuple[int, ...]
    ) -> LocalDerivatives:
        """The slope of the curve at the input."""
        source = index_row(index)
        x_value = float(gather(inputs[0], source, "the input")[0])
        curve = CURVES[operation.kind]
        slope = curve.slope(x_value, **operation.settings)
        floor = 0.0 if curve.copies else 8 * (1 + abs(x_value))
        formula = Formula("∂L/∂x = ∂L/∂y · f′(x)", r"\partial_x L = g\, f'(x)")
        return LocalDerivatives(source, np.array([slope]), formula, floor=floor, details={"input": x_value})


def _register(kind: str, module_class: type[nn.Module], *functions: Any, **names: Any) -> None:
    """Register a kind whose settings are the module's attributes of these names, with the functions' defaults."""

    def from_module(module: nn.Module) -> Operation:
        return Operation(kind, {name: getattr(module, name) for name in names})

    def from_call(input: Tensor, *more: Any, inplace: bool = False, **keywords: Any) -> Call:
        given = dict(zip(names, more, strict=False)) | keywords
        if unknown := set(given) - set(names):
            raise NoArithmetic(f"no arithmetic for this operation: {kind} with {', '.join(sorted(unknown))}")
        return Call(Operation(kind, names | given), (input,))

    for_module(module_class)(from_module)
    for_function(*functions)(from_call)


_register("relu", nn.ReLU, F.relu, F.relu_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_)
_register("leaky_relu", nn.LeakyReLU, F.leaky_relu, negative_slope=0.01)
_register("silu", nn.SiLU, F.silu)
_register("sigmoid", nn.Sigmoid, F.sigmoid, torch.sigmoid, Tensor.sigmoid, Tensor.sigmoid_)
_register("tanh", nn.Tanh, F.tanh, torch.tanh, Tensor.tanh, Tensor.tanh_)
_register("elu", nn.ELU, F.elu, alpha=1.0)
_register("hardtanh", nn.Hardtanh, F.hardtanh, min_val=-1.0, max_val=1.0)


def _gelu_kind(approximate: str) -> Operation:
    return Operation("gelu_tanh" if approximate == "tanh" else "gelu")


@for_module(nn.GELU)
def _from_gelu(module: Any) -> Operation:
    return _gelu_kind(module.approximate)


@for_function(F.gelu)
def _from_gelu_call(input: Tensor, approximate: str = "none") -> Call:
    return Call(_gelu_kind(approximate), (input,))


@for_module(nn.ReLU6)
def _from_relu6(module: Any) -> Operation:
    return Operation("hardtanh", {"min_val": 0.0, "max_val": 6.0})


@for_function(F.relu6)
def _from_relu6_call(input: Tensor, inplace: bool = False) -> Call:
    return Call(Operation("hardtanh", {"min_val": 0.0, "max_val": 6.0}), (input,))
