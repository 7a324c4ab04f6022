"""Folding: patches put back into an image, added where they overlap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.arithmetic.arrays import Integers, gather, index_row
from pellucid.arithmetic.operation import Call, Formula, Operation, ShapeRule
from pellucid.arithmetic.positions import Positions
from pellucid.arithmetic.reading import for_function, for_module
from pellucid.arithmetic.rule import (
    UNKNOWN,
    Decomposition,
    LocalDerivatives,
    Reach,
    Rule,
    Shapes,
    input_terms,
    rule_for,
)
from pellucid.ground.errors import UserError

__all__ = ["FoldingRule"]

SETTINGS = ("kernel_size", "dilation", "padding", "stride")


@rule_for("fold")
class FoldingRule(Rule):
    """Each pixel is the sum of the patches' elements that fall on it."""

    def noun(self, operation: Operation) -> str:
        """Folding."""
        return "folding"

    def formula(self, operation: Operation) -> Formula:
        """A sum over the patches."""
        return Formula("y[i] = Σ of x[j] over the elements of patches that fall on i", r"y_i = \sum_{j \mapsto i} x_j")

    def shape(self, operation: Operation, shapes: Shapes) -> ShapeRule:
        """The size asked for."""
        result = self.compute(operation, [torch.empty(shapes[0], device="meta")])
        return ShapeRule(tuple(result.shape), "the size asked for")

    def compute(self, operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        """Let PyTorch fold."""
        try:
            return F.fold(inputs[0], operation.settings["output_size"], *(operation.settings[n] for n in SETTINGS))
        except (RuntimeError, ValueError) as error:
            first = str(error).splitlines()[0]
            raise UserError(f"fold cannot take an input of shape {list(inputs[0].shape)}: {first}") from error

    def decompose(self, operation: Operation, inputs: Sequence[Tensor], index: tuple[int, ...]) -> Decomposition:
        """The elements that fall on the pixel."""
        x = inputs[0]
        targets, shape = self._targets(operation, tuple(x.shape))
        sources = np.argwhere(targets == np.ravel_multi_index(index, shape)).astype(np.int64)
        values = gather(x, sources, "the input")
        terms = input_terms(x.shape, sources, values, weights=np.ones(len(values)), products=values.copy())
        return Decomposition(terms, float(values.sum()), (len(values) + 1) * float(np.abs(values).sum()))

    def local_derivatives(
        self, operation: Operation, inputs: Sequence[Tensor], of: str, operand: int, index: tuple[int, ...]
    ) -> LocalDerivatives:
        """The one pixel that the element falls on; none where it falls on the padding."""
        targets, shape = self._targets(operation, tuple(inputs[0].shape))
        target = int(targets[index])
        if target < 0:
            positions = np.zeros((0, len(shape)), dtype=np.int64)
        else:
            positions = index_row([int(at) for at in np.unravel_index(target, shape)])
        formula = Formula("∂L/∂x[j] = ∂L/∂y[i], i being where j falls", r"\partial_{x_j} L = g_i,\; j \mapsto i")
        return LocalDerivatives(positions, np.ones(len(positions)), formula)

    def reads(self, operation: Operation, shapes: Shapes, output: Positions) -> tuple[Positions | None, ...]:
        """The elements that fall on these pixels."""
        targets, shape = self._targets(operation, shapes[0])
        marked = np.zeros(shape, dtype=bool)
        marked[np.ix_(*output.axes)] = True
        read = np.flatnonzero((targets >= 0) & marked.ravel()[np.maximum(targets, 0)])
        return (Positions.around(read, shapes[0], output.exact),)

    def reach(self, operation: Operation, shapes: Shapes) -> tuple[Reach, ...] | str:
        """The patches are no image."""
        return UNKNOWN

    def _targets(self, operation: Operation, shape: tuple[int, ...]) -> tuple[Integers, tuple[int, ...]]:
        """Number the pixels and unfold the numbers: which pixel each element of the patches falls on, −1 for none."""
        result = self.shape(operation, [shape]).shape
        numbers = torch.arange(1, int(np.prod(result, dtype=np.int64)) + 1, dtype=torch.float64).reshape(result)
        unfolded = F.unfold(numbers, *(operation.settings[name] for name in SETTINGS))
        return unfolded.numpy().astype(np.int64) - 1, result


def _fold(output_size: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1) -> Operation:
    settings = dict(zip(SETTINGS, (kernel_size, dilation, padding, stride), strict=True))
    return Operation("fold", {"output_size": output_size, **settings})


@for_module(nn.Fold)
def _from_module(module: Any) -> Operation:
    return _fold(module.output_size, module.kernel_size, module.dilation, module.padding, module.stride)


@for_function(F.fold)
def _from_call(input: Tensor, output_size: Any, kernel_size: Any, *more: Any, **keywords: Any) -> Call:
    return Call(_fold(output_size, kernel_size, *more, **keywords), (input,))
