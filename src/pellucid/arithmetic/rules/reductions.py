"""Sum, mean, largest and smallest, product, logarithm of a sum of exponentials, over whole axes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.arithmetic.arrays import Floats
from pellucid.arithmetic.operation import Call, Formula, Operation
from pellucid.arithmetic.pointwise import applied
from pellucid.arithmetic.reading import for_function, for_part_of, spellings
from pellucid.arithmetic.reducing import Reduction, ReductionRule, growth, over_axes, reduction, refuse_type, ties
from pellucid.arithmetic.rule import rule_for

__all__ = ["TotalRule"]


def _first(x: Floats, position: int) -> Any:
    return (np.arange(len(x)) == position).astype(np.float64)


def _log_sum(x: Floats) -> float:
    return float(x.max() + np.log(np.exp(x - x.max()).sum()))


def _log_sum_slack(x: Floats) -> float:
    return 4 * (float(np.abs(x).max()) + abs(_log_sum(x))) + growth(len(x)) + 8


def _others(x: Floats) -> Any:
    """The product of all numbers but one, for each; without a division, as one may be zero."""
    before = np.cumprod(np.concatenate([[1.0], x[:-1]]))
    after = np.cumprod(np.concatenate([[1.0], x[:0:-1]]))[::-1]
    return before * after


def _index_of(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """An index is of one axis, or of all elements in order."""
    return lambda x, axes, keepdim: function(x, axes[0] if len(axes) == 1 else None, keepdim)


REDUCTIONS: dict[str, Reduction] = {
    "sum": Reduction(
        "sum",
        Formula("y = Σ over the axes of x", r"y = \sum_{j} x_j"),
        Formula("∂L/∂x = ∂L/∂y", r"\partial_x L = g"),
        np.sum,
        np.ones_like,
        over_axes(torch.sum),
        # Equal numbers round the same way every time, so the worst case is what is allowed here.
        slack=lambda x: (len(x) + 1) * float(np.abs(x).sum()),
        shares=lambda x: np.ones(len(x)),
        combine="sum",
    ),
    "mean": Reduction(
        "mean",
        Formula("y = (1/m) Σ over the axes of x", r"y = \frac1m \sum_{j} x_j"),
        Formula("∂L/∂x = ∂L/∂y / m", r"\partial_x L = g / m"),
        np.mean,
        lambda x: np.full(len(x), 1 / len(x)),
        over_axes(torch.mean),
        slack=lambda x: (len(x) + 2) * float(np.abs(x).mean()),
        shares=lambda x: np.full(len(x), 1 / len(x)),
        combine="sum",
    ),
    "amax": Reduction(
        "largest value",
        Formula("y = max over the axes of x", r"y = \max_j x_j"),
        Formula("∂L/∂x = ∂L/∂y / ties where x is the largest, else 0", r"\partial_x L = g\,[x = y] / t"),
        np.max,
        lambda x: ties(x, x.max()),
        over_axes(torch.amax),
        slack=lambda x: 0.0,
        combine="maximum",
    ),
    "amin": Reduction(
        "smallest value",
        Formula("y = min over the axes of x", r"y = \min_j x_j"),
        Formula("∂L/∂x = ∂L/∂y / ties where x is the smallest, else 0", r"\partial_x L = g\,[x = y] / t"),
        np.min,
        lambda x: ties(x, x.min()),
        over_axes(torch.amin),
        slack=lambda x: 0.0,
    ),
    "max_along": Reduction(
        "largest value",
        Formula("y = max along the axis of x", r"y = \max_j x_j"),
        Formula("∂L/∂x = ∂L/∂y where x is the largest (the first of several), else 0", r"\partial_x L = g\,[x = y]"),
        np.max,
        lambda x: _first(x, int(np.argmax(x))),
        lambda x, axes, keepdim: torch.max(x, dim=axes[0], keepdim=keepdim).values,
        slack=lambda x: 0.0,
        combine="maximum",
    ),
    "min_along": Reduction(
        "smallest value",
        Formula("y = min along the axis of x", r"y = \min_j x_j"),
        Formula("∂L/∂x = ∂L/∂y where x is the smallest (the first of several), else 0", r"\partial_x L = g\,[x = y]"),
        np.min,
        lambda x: _first(x, int(np.argmin(x))),
        lambda x, axes, keepdim: torch.min(x, dim=axes[0], keepdim=keepdim).values,
        slack=lambda x: 0.0,
    ),
    "all": Reduction(
        "conjunction",
        Formula("y = 1 if no x is 0, else 0", r"y = \bigwedge_j x_j"),
        Formula("∂L/∂x = 0", r"\partial_x L = 0"),
        np.all,
        np.zeros_like,
        over_axes(torch.all),
        slack=lambda x: 0.0,
    ),
    "any": Reduction(
        "disjunction",
        Formula("y = 0 if every x is 0, else 1", r"y = \bigvee_j x_j"),
        Formula("∂L/∂x = 0", r"\partial_x L = 0"),
        np.any,
        np.zeros_like,
        over_axes(torch.any),
        slack=lambda x: 0.0,
    ),
    "argmax": Reduction(
        "argmax",
        Formula("y = the first index of the largest x", r"y = \arg\max_j x_j"),
        Formula("∂L/∂x = 0", r"\partial_x L = 0"),
        np.argmax,
        np.zeros_like,
        _index_of(torch.argmax),
        slack=lambda x: 0.0,
    ),
    "argmin": Reduction(
        "argmin",
        Formula("y = the first index of the smallest x", r"y = \arg\min_j x_j"),
        Formula("∂L/∂x = 0", r"\partial_x L = 0"),
        np.argmin,
        np.zeros_like,
        _index_of(torch.argmin),
        slack=lambda x: 0.0,
    ),
    "log_sum_exp": Reduction(
        "log-sum-exp",
        Formula("y = log Σ e^x", r"y = \log \sum_j e^{x_j}"),
        Formula("∂L/∂x = ∂L/∂y · e^(x − y)", r"\partial_x L = g\,e^{x - y}"),
        _log_sum,
        lambda x: np.exp(x - _log_sum(x)),
        over_axes(torch.logsumexp),
        slack=_log_sum_slack,
        slope_slack=lambda x: np.exp(x - _log_sum(x)) * (_log_sum_slack(x) + 2 * np.abs(x) + 8),
    ),
    "product": Reduction(
        "product",
        Formula("y = Π over the axes of x", r"y = \prod_{j} x_j"),
        Formula("∂L/∂x = ∂L/∂y · the product of the others", r"\partial_x L = g \prod_{j \ne i} x_j"),
        np.prod,
        _others,
        lambda x, axes, keepdim: (
            torch.prod(x) if len(axes) == x.dim() and not keepdim else torch.prod(x, axes[0], keepdim)
        ),
        slack=lambda x: (len(x) + 2) * abs(float(np.prod(x))),
        slope_slack=lambda x: (2 * len(x) + 4) * np.abs(_others(x)),
        combine="product",
    ),
}


@rule_for(*REDUCTIONS)
class TotalRule(ReductionRule):
    """Sums, products and extremes."""

    table = REDUCTIONS

    def takes_integers(self, operation: Operation) -> bool:
        """Whether all or any of several booleans hold."""
        return operation.kind in ("all", "any")


def _register(kind: str, *names: str) -> None:
    @for_function(*spellings(*names))
    def _(
        input: Tensor, dim: Any = None, keepdim: bool = False, *, axis: Any = None, dtype: Any = None, out: None = None
    ) -> Call:
        refuse_type(kind, None if dtype == input.dtype else dtype)
        return Call(reduction(kind, dim if axis is None else axis, keepdim), (input,))


_register("sum", "sum")
_register("mean", "mean")
_register("amax", "amax")
_register("amin", "amin")
_register("log_sum_exp", "logsumexp")
_register("product", "prod")
_register("all", "all")
_register("any", "any")


def _register_extreme(whole: str, along: str, pair: str, index: str, name: str) -> None:
    """Register `max` or `min`: over everything, along an axis with indices, or of two tensors; and indices alone."""

    @for_function(*spellings(name))
    def _(input: Tensor, other: Any = None) -> Call:
        if isinstance(other, Tensor):
            return Call(applied(pair, input, other).operation, (input, other))
        return Call(reduction(whole), (input,))

    @for_part_of(*spellings(name))
    def _(part: int, input: Tensor, dim: Any = None, keepdim: bool = False, *, axis: Any = None) -> Call:
        return Call(reduction(index if part else along, dim if axis is None else axis, keepdim), (input,))

    @for_function(*spellings(index))
    def _(input: Tensor, dim: Any = None, keepdim: bool = False, *, axis: Any = None) -> Call:
        return Call(reduction(index, dim if axis is None else axis, keepdim), (input,))


_register_extreme("amax", "max_along", "maximum", "argmax", "max")
_register_extreme("amin", "min_along", "minimum", "argmin", "min")
