"""Dividing a vector by its norm: every number by the norm of all along the axes."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from pellucid.arithmetic.arrays import Integers, gather, index_row, lattice
from pellucid.arithmetic.operation import Call, Formula, NoArithmetic, Operation, ShapeRule
from pellucid.arithmetic.positions import Positions
from pellucid.arithmetic.reading import for_function
from pellucid.arithmetic.reducing import growth
from pellucid.arithmetic.rule import (
    Decomposition,
    LocalDerivatives,
    Reach,
    Rule,
    Shapes,
    check_axes,
    input_terms,
    reach_along,
    rule_for,
)
from pellucid.arithmetic.rules.deviations import norm, norm_slopes

__all__ = ["UnitLengthRule"]


@rule_for("normalize")
class UnitLengthRule(Rule):
    """Each number divided by the norm of all along the axes, or by ε where that is larger."""

    group = "normalisation"

    def noun(self, operation: Operation) -> str:
        """As one counts them."""
        return "unit-length scaling"

    def formula(self, operation: Operation) -> Formula:
        """Along the axes."""
        return Formula(
            "y = x / max(‖x‖, ε), ‖x‖ = (Σ |x|^p)^(1/p)",
            r"y = \frac{x}{\max(\lVert x \rVert_p, \varepsilon)}",
        )

    def shape(self, operation: Operation, shapes: Shapes) -> ShapeRule:
        """The input's."""
        check_axes(operation, shapes[0], *operation.settings["axes"])
        return ShapeRule(shapes[0], "the input's shape")

    def compute(self, operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        """Let PyTorch do it."""
        settings = operation.settings
        axes = settings["axes"] if len(settings["axes"]) > 1 else settings["axes"][0]
        return F.normalize(inputs[0], p=settings["p"], dim=axes, eps=settings["eps"])

    def decompose(self, operation: Operation, inputs: Sequence[Tensor], index: tuple[int, ...]) -> Decomposition:
        """All numbers of the vector."""
        settings, x = operation.settings, inputs[0]
        line, own = self._line(operation, x, index)
        values = gather(x, line, "the input")
        length = norm(values, settings["p"])
        value = float(values[own] / max(length, settings["eps"]))
        slack = (12 + growth(len(values))) * abs(value)
        details = {"own": own, "norm": length}
        terms = input_terms(x.shape, line, values)
        return Decomposition(terms, value, slack, combine="function", details=details)

    def local_derivatives(
        self, operation: Operation, inputs: Sequence[Tensor], of: str, operand: int, index: tuple[int, ...]
    ) -> LocalDerivatives:
        """Itself and, through the norm, the whole vector."""
        settings, x = operation.settings, inputs[0]
        line, own = self._line(operation, x, index)
        values = gather(x, line, "the input")
        length = norm(values, settings["p"])
        divisor = max(length, settings["eps"])
        here = np.arange(len(values)) == own
        moves = float(norm_slopes(values, settings["p"])[own]) if length >= settings["eps"] else 0.0
        through = values * moves / (divisor * divisor)
        formula = Formula(
            "∂L/∂x_i = Σ_j ∂L/∂y_j · (δ_ij / ‖x‖ − x_j / ‖x‖² · ∂‖x‖/∂x_i)",
            r"\partial_{x_i} L = \sum_j g_j \Bigl(\frac{\delta_{ij}}{\lVert x \rVert}"
            r" - \frac{x_j}{\lVert x \rVert^2}\,\partial_{x_i} \lVert x \rVert\Bigr)",
        )
        floor = (20 + abs(settings["p"]) + 2 * growth(len(values))) * (here / divisor + np.abs(through))
        return LocalDerivatives(line, here / divisor - through, formula, floor=floor, details={"norm": length})

    def reads(self, operation: Operation, shapes: Shapes, output: Positions) -> tuple[Positions | None, ...]:
        """The whole vector; of a vector of one number the sign alone remains."""
        axes = operation.settings["axes"]
        if not shapes[0]:
            return (output.inexact(),)
        read = output.whole(*axes)
        return (read if prod(shapes[0][axis] for axis in axes) > 1 else read.inexact(),)

    def reach(self, operation: Operation, shapes: Shapes) -> tuple[Reach, ...] | str:
        """The same position of all channels, or no window."""
        return reach_along(len(shapes[0]), *operation.settings["axes"])

    def _line(self, operation: Operation, x: Tensor, index: Sequence[int]) -> tuple[Integers, int]:
        over = {axis % max(x.dim(), 1) for axis in operation.settings["axes"]}
        line = lattice(*[np.arange(x.shape[axis]) if axis in over else [at] for axis, at in enumerate(index)])
        return line, int(np.flatnonzero((line == index_row(index)).all(axis=1))[0])


@for_function(F.normalize)
def _from_call(input: Tensor, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: None = None) -> Call:
    if out is not None:
        raise NoArithmetic("no arithmetic for this operation: normalize into another tensor")
    axes = (dim,) if isinstance(dim, int) else tuple(int(axis) for axis in dim)
    return Call(Operation("normalize", {"p": float(p), "axes": axes, "eps": float(eps)}), (input,))
