"""Activations without learned numbers: each output is a function of the one input at its position."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.arithmetic.operation import Call, Formula, NoArithmetic, Operation
from pellucid.arithmetic.pointwise import Function, PointwiseRule, erfc, logistic, read_function
from pellucid.arithmetic.reading import for_function, for_module, spellings
from pellucid.arithmetic.rule import rule_for

__all__ = ["ActivationRule"]

ROOT = math.sqrt(2 / math.pi)
CUBIC = 0.044715
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def _smooth(which: int, x: Any, **settings: Any) -> Any:
    """The rounding of a slope of the order of one, made of exponentials."""
    return 8 * (1 + np.abs(x))


def _cancelling(y: Any, x: Any, **settings: Any) -> Any:
    """Far to the left it is a difference of numbers near one, so its error is one of the argument."""
    return 8 * np.abs(y) + 8 * np.minimum(np.abs(x), 6.0)


def _gelu_tanh_slope(x: Any) -> Any:
    inner = np.tanh(ROOT * (x + CUBIC * x**3))
    return 0.5 * (1 + inner) + 0.5 * x * (1 - inner * inner) * ROOT * (1 + 3 * CUBIC * x * x)


def _softplus(x: Any, beta: float, threshold: float) -> Any:
    return np.where(x * beta > threshold, x, np.logaddexp(0, x * beta) / beta)


def _celu_slope(x: Any, alpha: float) -> Any:
    # PyTorch rounds α to float32 here, whatever the type of x.
    inverse = 1 / float(np.float32(alpha))
    return np.where(x > 0, 1.0, alpha * inverse * np.exp(x * inverse))


def _mish_slope(x: Any) -> Any:
    inner = np.tanh(np.logaddexp(0, x))
    return inner + x * (1 - inner * inner) * logistic(x)


CURVES: dict[str, Function] = {
    "relu": Function(
        "ReLU",
        Formula("y = max(0, x)", r"y = \max(0, x)"),
        lambda x: np.maximum(x, 0.0),
        (lambda x: x > 0,),
        F.relu,
        slack=0.0,
    ),
    "leaky_relu": Function(
        "leaky ReLU",
        Formula("y = x if x > 0, else a·x", r"y = \max(0, x) + a \min(0, x)"),
        lambda x, negative_slope: np.where(x > 0, x, negative_slope * x),
        (lambda x, negative_slope: np.where(x > 0, 1.0, negative_slope),),
        F.leaky_relu,
    ),
    "gelu": Function(
        "GELU",
        Formula(
            "y = x · Φ(x) = x/2 · (1 + erf(x/√2))",
            r"y = x\,\Phi(x) = \tfrac{x}{2}\bigl(1 + \operatorname{erf}(x/\sqrt2)\bigr)",
        ),
        lambda x: 0.5 * x * erfc(-x / math.sqrt(2)),
        (lambda x: 0.5 * erfc(-x / math.sqrt(2)) + x * np.exp(-x * x / 2) / math.sqrt(2 * math.pi),),
        F.gelu,
        slack=_cancelling,
        slope_slack=_smooth,
    ),
    "gelu_tanh": Function(
        "GELU",
        Formula(
            "y = x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³)))",
            r"y = \tfrac{x}{2}\bigl(1 + \tanh(\sqrt{2/\pi}\,(x + 0.044715\,x^3))\bigr)",
        ),
        lambda x: 0.5 * x * (1 + np.tanh(ROOT * (x + CUBIC * x**3))),
        (_gelu_tanh_slope,),
        lambda x: F.gelu(x, approximate="tanh"),
        slack=_cancelling,
        slope_slack=_smooth,
    ),
    "silu": Function(
        "SiLU",
        Formula("y = x · σ(x) = x / (1 + e^−x)", r"y = x\,\sigma(x) = \frac{x}{1 + e^{-x}}"),
        lambda x: x * logistic(x),
        (lambda x: logistic(x) * (1 + x * logistic(-x)),),
        F.silu,
        slope_slack=_smooth,
    ),
    "mish": Function(
        "Mish",
        Formula("y = x · tanh(log(1 + e^x))", r"y = x \tanh(\log(1 + e^x))"),
        lambda x: x * np.tanh(np.logaddexp(0, x)),
        (_mish_slope,),
        F.mish,
        slack=12.0,
        slope_slack=_smooth,
    ),
    "hardswish": Function(
        "hard swish",
        Formula("y = x · min(max(x + 3, 0), 6) / 6", r"y = x \min(\max(x + 3, 0), 6) / 6"),
        lambda x: x * np.clip(x + 3, 0, 6) / 6,
        (lambda x: np.where(x <= -3, 0.0, np.where(x < 3, x / 3 + 0.5, 1.0)),),
        F.hardswish,
        slope_slack=_smooth,
    ),
    "hardsigmoid": Function(
        "hard sigmoid",
        Formula("y = min(max(x + 3, 0), 6) / 6", r"y = \min(\max(x + 3, 0), 6) / 6"),
        lambda x: np.clip(x + 3, 0, 6) / 6,
        # PyTorch holds this sixth in float32, whatever the type of x.
        (lambda x: (np.abs(x) < 3) * float(np.float32(1 / 6)),),
        F.hardsigmoid,
    ),
    "sigmoid": Function(
        "sigmoid",
        Formula("y = σ(x) = 1 / (1 + e^−x)", r"y = \sigma(x) = \frac{1}{1 + e^{-x}}"),
        logistic,
        (lambda x: logistic(x) * logistic(-x),),
        torch.sigmoid,
        slope_slack=_smooth,
    ),
    "log_sigmoid": Function(
        "log sigmoid",
        Formula("y = log σ(x) = −log(1 + e^−x)", r"y = \log \sigma(x) = -\log(1 + e^{-x})"),
        lambda x: -np.logaddexp(0, -x),
        (lambda x: logistic(-x),),
        F.logsigmoid,
        slope_slack=_smooth,
    ),
    "tanh": Function(
        "tanh",
        Formula("y = tanh(x) = (e^x − e^−x) / (e^x + e^−x)", r"y = \tanh x = \frac{e^x - e^{-x}}{e^x + e^{-x}}"),
        np.tanh,
        (lambda x: 1 - np.tanh(x) ** 2,),
        torch.tanh,
        slope_slack=_smooth,
    ),
    "tanhshrink": Function(
        "tanh shrinkage",
        Formula("y = x − tanh(x)", r"y = x - \tanh x"),
        lambda x: x - np.tanh(x),
        (lambda x: np.tanh(x) ** 2,),
        F.tanhshrink,
        slack=lambda y, x: 4 * np.abs(x),
        slope_slack=_smooth,
    ),
    "elu": Function(
        "ELU",
        Formula("y = x if x > 0, else α·(e^x − 1)", r"y = \max(0, x) + \min(0, \alpha(e^x - 1))"),
        lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(x)),
        (lambda x, alpha: np.where(x > 0, 1.0, alpha * np.exp(x)),),
        F.elu,
        slack=_cancelling,
        slope_slack=lambda which, x, alpha: 8 * (1 + np.abs(x) + abs(alpha)),
    ),
    "celu": Function(
        "CELU",
        Formula("y = x if x > 0, else α·(e^(x/α) − 1)", r"y = \max(0, x) + \min(0, \alpha(e^{x/\alpha} - 1))"),
        lambda x, alpha: np.where(x > 0, x, alpha * np.expm1(x / alpha)),
        (_celu_slope,),
        F.celu,
        slack=_cancelling,
        slope_slack=lambda which, x, alpha: 8 * (1 + np.abs(x / alpha)),
    ),
    "selu": Function(
        "SELU",
        Formula(
            "y = 1.0507·x if x > 0, else 1.7581·(e^x − 1)",
            r"y = \lambda(\max(0, x) + \min(0, \alpha(e^x - 1))),\; \lambda = 1.0507,\; \alpha = 1.6733",
        ),
        lambda x: SELU_SCALE * np.where(x > 0, x, SELU_ALPHA * np.expm1(x)),
        (lambda x: SELU_SCALE * np.where(x > 0, 1.0, SELU_ALPHA * np.exp(x)),),
        F.selu,
        slack=_cancelling,
        slope_slack=_smooth,
    ),
    "softplus": Function(
        "softplus",
        Formula("y = log(1 + e^(β·x)) / β", r"y = \tfrac1\beta \log(1 + e^{\beta x})"),
        _softplus,
        (lambda x, beta, threshold: np.where(x * beta > threshold, 1.0, logistic(x * beta)),),
        F.softplus,
        slack=lambda y, x, beta, threshold: 8 * np.abs(y) + 4 * np.abs(x) * logistic(x * beta),
        slope_slack=lambda which, x, beta, threshold: 8 * (1 + np.abs(x * beta)),
    ),
    "softsign": Function(
        "softsign",
        Formula("y = x / (1 + |x|)", r"y = \frac{x}{1 + |x|}"),
        lambda x: x / (1 + np.abs(x)),
        (lambda x: 1 / (1 + np.abs(x)) ** 2,),
        F.softsign,
        # Autograd subtracts |x|/(1 + |x|)² from 1/(1 + |x|).
        slope_slack=lambda which, x: 8 / (1 + np.abs(x)),
    ),
    "softshrink": Function(
        "soft shrinkage",
        Formula("y = x − λ if x > λ, x + λ if x < −λ, else 0", r"y = \operatorname{sign}(x) \max(|x| - \lambda, 0)"),
        lambda x, lambd: np.sign(x) * np.maximum(np.abs(x) - lambd, 0.0),
        (lambda x, lambd: np.abs(x) > lambd,),
        F.softshrink,
        slack=2.0,
    ),
    "hardshrink": Function(
        "hard shrinkage",
        Formula("y = x if |x| > λ, else 0", r"y = x\,[|x| > \lambda]"),
        lambda x, lambd: np.where(np.abs(x) > lambd, x, 0.0),
        (lambda x, lambd: np.abs(x) > lambd,),
        F.hardshrink,
        slack=0.0,
    ),
    "hardtanh": Function(
        "hard tanh",
        Formula("y = x cut off below and above", r"y = \min(\max(x, a), b)"),
        lambda x, min_val, max_val: np.minimum(np.maximum(x, min_val), max_val),
        (lambda x, min_val, max_val: (min_val < x) & (x < max_val),),
        F.hardtanh,
        slack=0.0,
    ),
    "threshold": Function(
        "threshold",
        Formula("y = x if x > a, else b", r"y = x \text{ if } x > a \text{ else } b"),
        lambda x, threshold, value: np.where(x > threshold, x, value),
        (lambda x, threshold, value: x > threshold,),
        F.threshold,
        slack=0.0,
    ),
}


@rule_for(*CURVES)
class ActivationRule(PointwiseRule):
    """One input, one output."""

    group = "activation"
    table = CURVES


read_function("relu", "relu", module=nn.ReLU)
read_function("leaky_relu", "leaky_relu", module=nn.LeakyReLU, negative_slope=0.01)
read_function("silu", "silu", module=nn.SiLU)
read_function("mish", "mish", module=nn.Mish)
read_function("hardswish", "hardswish", module=nn.Hardswish)
read_function("hardsigmoid", "hardsigmoid", module=nn.Hardsigmoid)
read_function("sigmoid", "sigmoid", "expit", module=nn.Sigmoid)
read_function("log_sigmoid", "logsigmoid", module=nn.LogSigmoid)
read_function("tanh", "tanh", module=nn.Tanh)
read_function("tanhshrink", "tanhshrink", module=nn.Tanhshrink)
read_function("elu", "elu", module=nn.ELU, alpha=1.0)
read_function("celu", "celu", module=nn.CELU, alpha=1.0)
read_function("selu", "selu", module=nn.SELU)
read_function("softplus", "softplus", module=nn.Softplus, beta=1.0, threshold=20.0)
read_function("softsign", "softsign", module=nn.Softsign)
read_function("softshrink", "softshrink", module=nn.Softshrink, lambd=0.5)
read_function("hardshrink", "hardshrink", module=nn.Hardshrink, lambd=0.5)
read_function("hardtanh", "hardtanh", module=nn.Hardtanh, min_val=-1.0, max_val=1.0)
read_function("threshold", "threshold", module=nn.Threshold, threshold=0.0, value=0.0)


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


def _random_leaky(lower: float, upper: float, training: bool) -> Operation:
    if training:
        raise NoArithmetic("no arithmetic for this operation: RReLU in training, where slopes are drawn at random")
    return Operation("leaky_relu", {"negative_slope": (lower + upper) / 2})


@for_module(nn.RReLU)
def _from_rrelu(module: Any) -> Operation:
    return _random_leaky(module.lower, module.upper, module.training)


@for_function(*spellings("rrelu"))
def _from_rrelu_call(
    input: Tensor, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, inplace: bool = False
) -> Call:
    return Call(_random_leaky(lower, upper, training), (input,))
