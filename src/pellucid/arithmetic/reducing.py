"""Reductions over axes, where several numbers make one: one rule and a table.

An entry of a table says everything about a reduction, as functions of the numbers reduced to one. A family of them
(`rules/reductions.py`, `rules/deviations.py`) is a table and a subclass of the rule below.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from pellucid.arithmetic.arrays import Integers, gather, index_row, lattice
from pellucid.arithmetic.operation import Formula, NoArithmetic, Operation, ShapeRule
from pellucid.arithmetic.positions import Positions
from pellucid.arithmetic.rule import (
    EVERYTHING,
    UNKNOWN,
    Decomposition,
    LocalDerivatives,
    Reach,
    Rule,
    Shapes,
    check_axes,
    input_terms,
)

__all__ = ["Reduction", "ReductionRule", "growth", "over_axes", "reduction", "refuse_type", "ties"]


@dataclass(frozen=True)
class Reduction:
    """A function of several numbers.

    Every callable takes the numbers as float64, and the operation's settings but the axes as keywords.

    Attributes:
        noun: what text calls it, in the singular.
        formula: its formula.
        gradient: the formula of its gradient.
        value: the function.
        slopes: its derivative with respect to each number.
        torch: PyTorch's own of it; takes the axes and `keepdim`.
        shares: what each number contributes to a sum, or None where the value is no sum.
        slack: how far rounding may take PyTorch's value, in unit roundoffs.
        slope_slack: the same of each derivative.
        combine: see `Trace.combine`.
    """

    noun: str
    formula: Formula
    gradient: Formula
    value: Callable[..., Any]
    slopes: Callable[..., Any]
    torch: Callable[..., Tensor]
    slack: Callable[..., Any]
    slope_slack: Callable[..., Any] = lambda x, **_: 0.0
    shares: Callable[..., Any] | None = None
    combine: str = "function"


def growth(count: int) -> float:
    """How a sum of this many terms of one sign may round, relative to its size."""
    return min(count + 1, 4 * math.sqrt(count + 1))


def ties(x: Any, winner: float) -> Any:
    """Share one among those that are equal to the winner."""
    here = x == winner
    return here / here.sum()


def over_axes(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    """Give PyTorch's function the axes under the names that it knows."""
    return lambda x, axes, keepdim, **settings: function(x, dim=axes, keepdim=keepdim, **settings)


def reduction(kind: str, axes: Any = None, keepdim: bool = False, **settings: Any) -> Operation:
    """Describe a reduction over some axes, or over all.

    >>> reduction("sum", 1).settings
    {'axes': (1,), 'keepdim': False}
    """
    chosen = None if axes is None else ((axes,) if isinstance(axes, int) else tuple(int(axis) for axis in axes))
    return Operation(kind, {"axes": chosen or None, "keepdim": bool(keepdim), **settings})


class ReductionRule(Rule):
    """All elements along the axes make one."""

    group = "pooling"
    table: Mapping[str, Reduction] = {}

    def noun(self, operation: Operation) -> str:
        """The table's."""
        return self.table[operation.kind].noun

    def formula(self, operation: Operation) -> Formula:
        """The table's."""
        return self.table[operation.kind].formula

    def shape(self, operation: Operation, shapes: Shapes) -> ShapeRule:
        """Without the axes, or with a size of 1 in their place."""
        shape, keepdim = shapes[0], operation.settings["keepdim"]
        check_axes(operation, shape, *(operation.settings["axes"] or ()))
        over = _over(operation, len(shape))
        kept = tuple(1 if axis in over else size for axis, size in enumerate(shape) if keepdim or axis not in over)
        return ShapeRule(kept, f"the axes of the {self.noun(operation)} are dropped")

    def compute(self, operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        """Let PyTorch do it."""
        axes, keepdim = _over(operation, inputs[0].dim()), operation.settings["keepdim"]
        return self.table[operation.kind].torch(inputs[0], axes, keepdim, **_settings(operation))

    def decompose(self, operation: Operation, inputs: Sequence[Tensor], index: tuple[int, ...]) -> Decomposition:
        """Each element and its share."""
        entry, settings, x = self.table[operation.kind], _settings(operation), inputs[0]
        sources = self._members(operation, tuple(x.shape), index)
        values = gather(x, sources, "the input")
        with np.errstate(all="ignore"):
            value, slack = float(entry.value(values, **settings)), float(entry.slack(values, **settings))
        if entry.shares is None:
            terms = input_terms(x.shape, sources, values)
        else:
            weights = entry.shares(values)
            terms = input_terms(x.shape, sources, values, weights=weights, products=values * weights)
        details: dict[str, Any] = {"divisor": len(values)} if operation.kind == "mean" else {}
        if entry.combine == "maximum":
            details = {"winner": int(np.argmax(values))}
        return Decomposition(terms, value, slack, combine=entry.combine, details=details)

    def local_derivatives(
        self, operation: Operation, inputs: Sequence[Tensor], of: str, operand: int, index: tuple[int, ...]
    ) -> LocalDerivatives:
        """The one output that the element is part of."""
        entry, settings, x = self.table[operation.kind], _settings(operation), inputs[0]
        over, keepdim = _over(operation, x.dim()), operation.settings["keepdim"]
        position = [0 if axis in over else at for axis, at in enumerate(index) if keepdim or axis not in over]
        sources = self._members(operation, tuple(x.shape), position)
        values = gather(x, sources, "the input")
        here = np.flatnonzero((sources == index_row(index)).all(axis=1))
        with np.errstate(all="ignore"):
            slopes = np.asarray(entry.slopes(values, **settings), dtype=np.float64)[here]
            floor = np.broadcast_to(entry.slope_slack(values, **settings), values.shape)[here]
        return LocalDerivatives(index_row(position), slopes, entry.gradient, slack=4.0, floor=floor)

    def reads(self, operation: Operation, shapes: Shapes, output: Positions) -> tuple[Positions | None, ...]:
        """All along the axes, at the positions of the others."""
        over, given = _over(operation, len(shapes[0])), iter(output.axes)
        axes = []
        for axis, size in enumerate(shapes[0]):
            if axis not in over:
                axes.append(next(given))
                continue
            axes.append(np.ones(size, dtype=bool))
            if operation.settings["keepdim"]:
                next(given)
        return (Positions(tuple(axes), output.exact),)

    def reach(self, operation: Operation, shapes: Shapes) -> tuple[Reach, ...] | str:
        """All, when the image's axes are among them; the same position of all channels; or no window."""
        rank = len(shapes[0])
        over, image = set(_over(operation, rank)), set(range(2, rank))
        if rank >= 3 and over >= image:
            return EVERYTHING
        return () if rank >= 3 and not over & image and operation.settings["keepdim"] else UNKNOWN

    def _members(self, operation: Operation, shape: tuple[int, ...], index: Sequence[int]) -> Integers:
        over, given = _over(operation, len(shape)), iter(index)
        axes: list[Sequence[int] | Integers] = []
        for axis, size in enumerate(shape):
            if axis in over:
                axes.append(np.arange(size))
                if operation.settings["keepdim"]:
                    next(given)
            else:
                axes.append([next(given)])
        return lattice(*axes)


def _settings(operation: Operation) -> Mapping[str, Any]:
    return {name: value for name, value in operation.settings.items() if name not in ("axes", "keepdim")}


def _over(operation: Operation, rank: int) -> tuple[int, ...]:
    axes = operation.settings["axes"]
    if axes is None:
        return tuple(range(rank))
    return tuple(sorted({axis % rank for axis in axes} if rank else ()))


def refuse_type(name: str, dtype: Any) -> None:
    """Refuse a call that changes the type on the way."""
    if dtype is not None:
        raise NoArithmetic(f"no arithmetic for this operation: {name} with a change of type")
