"""Variance, standard deviation and norms over whole axes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.arithmetic.arrays import Floats
from pellucid.arithmetic.operation import Call, Formula, NoArithmetic, Operation
from pellucid.arithmetic.positions import Positions
from pellucid.arithmetic.reading import for_function, for_part_of, spellings
from pellucid.arithmetic.reducing import Reduction, ReductionRule, growth, over_axes, reduction, refuse_type, ties
from pellucid.arithmetic.rule import Shapes, rule_for

__all__ = ["DeviationRule", "norm", "norm_slopes"]


ROUNDOFF = 2.0**-24
"""Of float32. What it decides matters only where numbers are equal but for a millionth."""


UNDERFLOW = 1.1e-19
"""The root of the smallest normal number of float32."""


def _variance(x: Floats, correction: float) -> float:
    return float(np.square(x - x.mean()).sum() / max(len(x) - correction, 0.0))


def _deviation(x: Floats, correction: float) -> float:
    return math.sqrt(_variance(x, correction))


def _off(x: Floats) -> Any:
    """How far each difference to the mean is off: the mean rounds, and so does the difference."""
    return 2 * growth(len(x)) * np.abs(x).mean() + 2 * np.abs(x)


def _deviation_slack(x: Floats, correction: float) -> float:
    """By the triangle inequality, a deviation moves by no more than the root mean square of what moves differences."""
    moved = math.sqrt(np.square(_off(x)).sum() / max(len(x) - correction, 1e-300))
    return moved + (4 + growth(len(x))) * _deviation(x, correction)


def _variance_slack(x: Floats, correction: float) -> float:
    moved = _deviation_slack(x, correction)
    # The square of what rounding moves counts where the numbers are nearly equal.
    return 2 * moved * _deviation(x, correction) + moved * moved * ROUNDOFF


def _deviation_slopes(x: Floats, correction: float) -> Any:
    deviation = _deviation(x, correction)
    # PyTorch gives a deviation of zero the gradient zero.
    return (x - x.mean()) / ((len(x) - correction) * deviation) if deviation else np.zeros(len(x))


def _variance_slope_slack(x: Floats, correction: float) -> Any:
    return 2 * _off(x) / max(len(x) - correction, 1e-300)


def _deviation_slope_slack(x: Floats, correction: float) -> Any:
    deviation, moved = _deviation(x, correction), _deviation_slack(x, correction)
    if moved * ROUNDOFF >= 0.1 * deviation:
        # Rounding makes up the whole deviation: nothing can be said of where it grows, but that no slope exceeds one.
        return np.full(len(x), 2.0**53 if moved else 0.0)
    slopes = np.abs(_deviation_slopes(x, correction))
    return _variance_slope_slack(x, correction) / (2 * deviation) + slopes * (4 + 2 * moved / deviation)


def norm(x: Floats, ord: float) -> float:
    """Return `(Σ |x|^ord)^(1/ord)`: of infinity the largest size, of 0 how many are not zero."""
    if ord == math.inf:
        return float(np.abs(x).max())
    if ord == -math.inf:
        return float(np.abs(x).min())
    if ord == 0:
        return float((x != 0).sum())
    largest = float(np.abs(x).max())
    return largest * float(np.power(np.abs(x / largest), ord).sum()) ** (1 / ord) if largest else 0.0


def norm_slopes(x: Floats, ord: float) -> Any:
    """Return the derivative of a norm with respect to each number; PyTorch's zero where all are zero."""
    whole = norm(x, ord)
    if ord == 0 or whole == 0:
        return np.zeros(len(x))
    if math.isinf(ord):
        return np.sign(x) * ties(np.abs(x), whole)
    if ord == 1:
        return np.sign(x)
    size = np.abs(x) / whole
    return np.sign(x) * np.where(size > 0, np.power(size, ord - 1), 0.0)


def _norm_slack(x: Floats, ord: float) -> float:
    if math.isinf(ord) or ord == 0:
        return 0.0
    # Squares of numbers below 1e-19 vanish in float32.
    vanishing = UNDERFLOW * math.sqrt(len(x)) if ord > 1 else 0.0
    return (8 + growth(len(x))) * norm(x, ord) + vanishing / ROUNDOFF


def _norm_slope_slack(x: Floats, ord: float) -> Any:
    whole = norm(x, ord)
    if math.isinf(ord) or ord in (0, 1) or whole == 0:
        return np.zeros(len(x))
    if ord > 1 and whole < 1e3 * UNDERFLOW * math.sqrt(len(x)):
        return np.full(len(x), 2.0**53)
    return (8 + abs(ord)) * (8 + growth(len(x))) * np.abs(norm_slopes(x, ord))


DEVIATIONS: dict[str, Reduction] = {
    "variance": Reduction(
        "variance",
        Formula("y = Σ (x − mean)² / (m − c)", r"y = \frac{1}{m - c} \sum_j (x_j - \bar x)^2"),
        Formula("∂L/∂x = ∂L/∂y · 2 (x − mean) / (m − c)", r"\partial_x L = g\,\frac{2 (x - \bar x)}{m - c}"),
        _variance,
        lambda x, correction: 2 * (x - x.mean()) / (len(x) - correction),
        over_axes(torch.var),
        slack=_variance_slack,
        slope_slack=_variance_slope_slack,
    ),
    "standard_deviation": Reduction(
        "standard deviation",
        Formula("y = √(Σ (x − mean)² / (m − c))", r"y = \sqrt{\frac{1}{m - c} \sum_j (x_j - \bar x)^2}"),
        Formula("∂L/∂x = ∂L/∂y · (x − mean) / ((m − c) y)", r"\partial_x L = g\,\frac{x - \bar x}{(m - c)\,y}"),
        _deviation,
        _deviation_slopes,
        over_axes(torch.std),
        slack=_deviation_slack,
        slope_slack=_deviation_slope_slack,
    ),
    "norm": Reduction(
        "norm",
        Formula("y = (Σ |x|^p)^(1/p)", r"y = \Bigl(\sum_j |x_j|^p\Bigr)^{1/p}"),
        Formula("∂L/∂x = ∂L/∂y · sign(x) (|x|/y)^(p − 1)", r"\partial_x L = g\,\operatorname{sign}(x) (|x|/y)^{p-1}"),
        norm,
        norm_slopes,
        lambda x, axes, keepdim, ord: torch.linalg.vector_norm(x, ord, dim=axes, keepdim=keepdim),
        slack=_norm_slack,
        slope_slack=_norm_slope_slack,
    ),
}


@rule_for(*DEVIATIONS)
class DeviationRule(ReductionRule):
    """How far numbers are from their mean, or from zero."""

    table = DEVIATIONS

    def formula(self, operation: Operation) -> Formula:
        """The table's; the usual norm is written as the root that it is."""
        if operation.kind == "norm" and operation.settings["ord"] == 2:
            return Formula("y = √(Σ x²)", r"y = \sqrt{\sum_j x_j^2}")
        return super().formula(operation)

    def reads(self, operation: Operation, shapes: Shapes, output: Positions) -> tuple[Positions | None, ...]:
        """All along the axes; a single number differs from its mean by zero, whatever it is."""
        (read,) = super().reads(operation, shapes, output)
        assert read is not None
        return (read.inexact() if operation.kind != "norm" and read.count == output.count else read,)


def _spread_of(kind: str, input: Tensor, dim: Any, unbiased: bool, correction: Any, keepdim: bool, axis: Any) -> Call:
    if isinstance(dim, bool):  # as in x.var(False)
        dim, unbiased = None, dim
    correction = float(unbiased) if correction is None else float(correction)
    return Call(reduction(kind, dim if axis is None else axis, keepdim, correction=correction), (input,))


def _register_spread(kind: str, name: str) -> None:
    @for_function(*spellings(name))
    def _(
        input: Tensor,
        dim: Any = None,
        unbiased: bool = True,
        keepdim: bool = False,
        *,
        correction: Any = None,
        axis: Any = None,
    ) -> Call:
        return _spread_of(kind, input, dim, unbiased, correction, keepdim, axis)

    @for_part_of(*spellings(f"{name}_mean"))
    def _(
        part: int,
        input: Tensor,
        dim: Any = None,
        unbiased: bool = True,
        keepdim: bool = False,
        *,
        correction: Any = None,
        axis: Any = None,
    ) -> Call:
        if part:
            over = None if isinstance(dim, bool) else (dim if axis is None else axis)
            return Call(reduction("mean", over, keepdim), (input,))
        return _spread_of(kind, input, dim, unbiased, correction, keepdim, axis)


_register_spread("variance", "var")
_register_spread("standard_deviation", "std")


def _vector_norm(input: Tensor, p: Any, dim: Any, keepdim: bool, dtype: Any) -> Call:
    refuse_type("norm", dtype)
    if p in (None, "fro"):
        p = 2
    if not isinstance(p, int | float):
        raise NoArithmetic(f"no arithmetic for this operation: the {p!r} norm of a matrix")
    return Call(reduction("norm", dim, keepdim, ord=float(p)), (input,))


@for_function(torch.norm, Tensor.norm)
def _from_norm(
    input: Tensor, p: Any = "fro", dim: Any = None, keepdim: bool = False, out: None = None, dtype: Any = None
) -> Call:
    return _vector_norm(input, p, dim, keepdim, dtype)


@for_function(torch.linalg.vector_norm)
def _from_vector_norm(
    x: Tensor, ord: Any = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: None = None
) -> Call:
    return _vector_norm(x, ord, dim, keepdim, dtype)


@for_function(torch.linalg.norm)
def _from_linalg_norm(
    A: Tensor, ord: Any = None, dim: Any = None, keepdim: bool = False, *, dtype: Any = None, out: None = None
) -> Call:
    of_matrix = not isinstance(dim, int) and (len(dim) if dim is not None else A.dim()) == 2
    if ord is not None and of_matrix and ord != "fro":
        raise NoArithmetic(f"no arithmetic for this operation: the norm {ord!r} of a matrix")
    return _vector_norm(A, ord, dim, keepdim, dtype)
