"""Elementary functions of one operand: exponentials, logarithms, roots, angles, sizes, whole numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from pellucid.arithmetic.operation import Formula
from pellucid.arithmetic.pointwise import Function, PointwiseRule, Slack, erf, erfc, read_function
from pellucid.arithmetic.rule import rule_for

__all__ = ["ElementaryRule"]


def _function(
    noun: str,
    text: str,
    latex: str,
    value: Callable[..., Any],
    slope: Callable[..., Any],
    pytorch: Callable[..., Any],
    slack: Slack = 4.0,
    slope_slack: Slack = 8.0,
) -> Function:
    return Function(noun, Formula(f"y = {text}", f"y = {latex}"), value, (slope,), pytorch, slack, slope_slack)


def _near_one(which: int, x: Any) -> Any:
    """Autograd subtracts x² from one, or adds it."""
    return 8 * (1 + x * x) / np.maximum(np.abs(1 - x * x), 1e-300) ** 1.5


def _sinc_slope(x: Any) -> Any:
    nonzero = np.where(x == 0, 1.0, x)
    return np.where(x == 0, 0.0, (np.cos(np.pi * nonzero) - np.sinc(nonzero)) / nonzero)


ELEMENTARY: dict[str, Function] = {
    "exp": _function("exponential", "e^x", "e^x", np.exp, np.exp, torch.exp),
    "exp2": _function("power", "2^x", "2^x", np.exp2, lambda x: math.log(2) * np.exp2(x), torch.exp2, slack=8.0),
    "expm1": _function(
        "exponential",
        "e^x − 1",
        "e^x - 1",
        np.expm1,
        np.exp,
        torch.expm1,
        # Autograd adds one to what was computed.
        slope_slack=lambda which, x: 8 * (1 + np.exp(x)),
    ),
    "log": _function("logarithm", "log(x)", r"\log x", np.log, lambda x: 1 / x, torch.log),
    "log2": _function(
        "logarithm", "log2(x)", r"\log_2 x", np.log2, lambda x: 1 / (x * math.log(2)), torch.log2, slack=8.0
    ),
    "log10": _function(
        "logarithm", "log10(x)", r"\log_{10} x", np.log10, lambda x: 1 / (x * math.log(10)), torch.log10, slack=8.0
    ),
    "log1p": _function("logarithm", "log(1 + x)", r"\log(1 + x)", np.log1p, lambda x: 1 / (1 + x), torch.log1p),
    "sqrt": _function("square root", "√x", r"\sqrt x", np.sqrt, lambda x: 0.5 / np.sqrt(x), torch.sqrt),
    "rsqrt": _function(
        "inverse square root",
        "1 / √x",
        r"\frac{1}{\sqrt x}",
        lambda x: 1 / np.sqrt(x),
        lambda x: -0.5 * x**-1.5,
        torch.rsqrt,
    ),
    "square": _function("square", "x²", "x^2", np.square, lambda x: 2 * x, torch.square),
    "reciprocal": _function(
        "reciprocal", "1 / x", r"\frac1x", lambda x: 1 / x, lambda x: -1 / (x * x), torch.reciprocal
    ),
    "abs": _function("absolute value", "|x|", "|x|", np.abs, np.sign, torch.abs, slack=0.0),
    "sign": _function("sign", "sign(x)", r"\operatorname{sign} x", np.sign, lambda x: 0.0, torch.sign, slack=0.0),
    "sin": _function(
        "sine", "sin(x)", r"\sin x", np.sin, np.cos, torch.sin, lambda y, x: 4 * np.abs(y) + 2, lambda which, x: 6.0
    ),
    "cos": _function(
        "cosine",
        "cos(x)",
        r"\cos x",
        np.cos,
        lambda x: -np.sin(x),
        torch.cos,
        lambda y, x: 4 * np.abs(y) + 2,
        lambda which, x: 6.0,
    ),
    "tan": _function(
        "tangent",
        "tan(x)",
        r"\tan x",
        np.tan,
        lambda x: 1 + np.tan(x) ** 2,
        torch.tan,
        lambda y, x: 8 * (np.abs(y) + y * y),
        lambda which, x: 16 * (1 + np.abs(np.tan(x))) ** 3,
    ),
    "asin": _function(
        "arcsine",
        "arcsin(x)",
        r"\arcsin x",
        np.arcsin,
        lambda x: 1 / np.sqrt((1 - x) * (1 + x)),
        torch.asin,
        slope_slack=_near_one,
    ),
    "acos": _function(
        "arccosine",
        "arccos(x)",
        r"\arccos x",
        np.arccos,
        lambda x: -1 / np.sqrt((1 - x) * (1 + x)),
        torch.acos,
        lambda y, x: 4 * np.abs(y) + 2,
        _near_one,
    ),
    "atan": _function("arctangent", "arctan(x)", r"\arctan x", np.arctan, lambda x: 1 / (1 + x * x), torch.atan),
    "sinh": _function(
        "hyperbolic sine", "(e^x − e^−x) / 2", r"\frac{e^x - e^{-x}}{2}", np.sinh, np.cosh, torch.sinh, slack=8.0
    ),
    "cosh": _function(
        "hyperbolic cosine", "(e^x + e^−x) / 2", r"\frac{e^x + e^{-x}}{2}", np.cosh, np.sinh, torch.cosh, slack=8.0
    ),
    "asinh": _function(
        "inverse hyperbolic sine",
        "log(x + √(x² + 1))",
        r"\log(x + \sqrt{x^2 + 1})",
        np.arcsinh,
        lambda x: 1 / np.sqrt(1 + x * x),
        torch.asinh,
        slack=8.0,
    ),
    "atanh": _function(
        "inverse hyperbolic tangent",
        "log((1 + x) / (1 − x)) / 2",
        r"\tfrac12 \log\frac{1 + x}{1 - x}",
        np.arctanh,
        lambda x: 1 / ((1 - x) * (1 + x)),
        torch.atanh,
        slack=8.0,
        slope_slack=lambda which, x: 8 * (1 + x * x) / np.maximum(np.abs(1 - x * x), 1e-300) ** 2,
    ),
    "erf": _function(
        "error function",
        "erf(x)",
        r"\operatorname{erf} x",
        erf,
        lambda x: 2 / math.sqrt(math.pi) * np.exp(-x * x),
        torch.erf,
        # The square is rounded before its exponential is taken.
        slope_slack=lambda which, x: 4 * (2 + x * x) * np.exp(-x * x),
    ),
    "erfc": _function(
        "complementary error function",
        "1 − erf(x)",
        r"1 - \operatorname{erf} x",
        erfc,
        lambda x: -2 / math.sqrt(math.pi) * np.exp(-x * x),
        torch.erfc,
        slack=lambda y, x: (8 + 4 * x * x) * np.abs(y),
        slope_slack=lambda which, x: 4 * (2 + x * x) * np.exp(-x * x),
    ),
    "logit": _function(
        "logit",
        "log(x / (1 − x))",
        r"\log\frac{x}{1 - x}",
        lambda x: np.log(x) - np.log1p(-x),
        lambda x: 1 / (x * (1 - x)),
        torch.logit,
        # The quotient rounds before its logarithm is taken.
        slack=lambda y, x: 8 * np.abs(y) + 4,
        slope_slack=lambda which, x: 8 / np.abs(x * (1 - x)),
    ),
    "sinc": _function(
        "sinc",
        "sin(πx) / (πx)",
        r"\frac{\sin \pi x}{\pi x}",
        np.sinc,
        _sinc_slope,
        torch.sinc,
        # The multiple of π rounds before its sine is taken.
        slack=lambda y, x: 8 * (1 + np.abs(y)),
        slope_slack=lambda which, x: 16 * (1 + np.abs(x)) * (1 + 1 / np.maximum(np.abs(x), 1e-300)),
    ),
    "deg2rad": _function(
        "conversion", "x · π / 180", r"x\,\pi / 180", np.deg2rad, lambda x: math.pi / 180, torch.deg2rad
    ),
    "rad2deg": _function(
        "conversion", "x · 180 / π", r"180\,x / \pi", np.rad2deg, lambda x: 180 / math.pi, torch.rad2deg
    ),
    "floor": _function("floor", "⌊x⌋", r"\lfloor x \rfloor", np.floor, lambda x: 0.0, torch.floor, slack=0.0),
    "ceil": _function("ceiling", "⌈x⌉", r"\lceil x \rceil", np.ceil, lambda x: 0.0, torch.ceil, slack=0.0),
    "round": _function(
        "rounding",
        "x rounded, halves to the even number",
        r"\operatorname{round} x",
        np.round,
        lambda x: 0.0,
        torch.round,
        slack=0.0,
    ),
    "trunc": _function(
        "truncation",
        "x without its fraction",
        r"\operatorname{trunc} x",
        np.trunc,
        lambda x: 0.0,
        torch.trunc,
        slack=0.0,
    ),
    "frac": _function(
        "fraction",
        "x − trunc(x)",
        r"x - \operatorname{trunc} x",
        lambda x: x - np.trunc(x),
        lambda x: 1.0,
        torch.frac,
        slack=0.0,
    ),
}


@rule_for(*ELEMENTARY)
class ElementaryRule(PointwiseRule):
    """One input, one output."""

    table = ELEMENTARY


SPELLINGS = {
    "abs": ("abs", "absolute", "__abs__"),
    "sign": ("sign", "sgn"),
    "asin": ("asin", "arcsin"),
    "acos": ("acos", "arccos"),
    "atan": ("atan", "arctan"),
    "asinh": ("asinh", "arcsinh"),
    "atanh": ("atanh", "arctanh"),
    "trunc": ("trunc", "fix"),
}

for _kind in ELEMENTARY:
    read_function(_kind, *SPELLINGS.get(_kind, (_kind,)))
