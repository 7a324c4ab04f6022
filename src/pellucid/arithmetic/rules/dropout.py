"""Dropout: in training each number is dropped with probability p, or kept and divided by 1 − p; else it passes.

Which were dropped is drawn again in each pass, so a trace needs the mask that was really drawn: given, or recovered
from the output. An input of zero leaves no trace in the output; only its gradient tells, which is then read too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.arithmetic.arrays import as_array, gather, index_row
from pellucid.arithmetic.operation import Call, Formula, NoArithmetic, Operation
from pellucid.arithmetic.reading import for_function, for_module
from pellucid.arithmetic.rule import Decomposition, LocalDerivatives, Rule, Shapes, input_terms, rule_for
from pellucid.ground.errors import UserError

__all__ = ["DropoutRule", "dropout"]


def dropout(p: float = 0.5, training: bool = False, mask: Tensor | None = None) -> Operation:
    """Describe dropout; `mask` has 1 for each element kept, 0 for each dropped."""
    return Operation("dropout", {"p": p, "training": training}, {"mask": mask})


@rule_for("dropout")
class DropoutRule(Rule):
    """Each number times 0 or `1/(1 − p)`; in evaluation, the number itself."""

    def summary(self, operation: Operation, shapes: Shapes) -> str:
        """The probability."""
        return f"p = {operation.settings['p']:g}"

    def remember(self, operation: Operation, inputs: Sequence[Tensor], again: Callable[[Tensor], Tensor]) -> Operation:
        """Keep the mask: what the same dropout, drawn again, leaves of ones."""
        if not operation.settings["training"]:
            return operation
        drawn = again(torch.ones_like(inputs[0]))
        return operation.with_tensors(mask=(drawn != 0).to(inputs[0].dtype))

    def formula(self, operation: Operation) -> Formula:
        """With the mask m in training."""
        if not _drops(operation):
            return Formula("y = x", "y = x")
        return Formula("y = m · x / (1 − p), m drawn as 0 or 1", r"y = \frac{m\,x}{1 - p},\quad m \in \{0, 1\}")

    def compute(self, operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        """Multiply with the mask, as PyTorch does after drawing it."""
        if not _drops(operation):
            return inputs[0]
        return inputs[0] * torch.nan_to_num(operation.tensor("mask").to(inputs[0])) * _scale(operation)

    def prepare(
        self, operation: Operation, inputs: Sequence[Tensor], output: Tensor | None, gradient: Tensor | None
    ) -> Operation:
        """Recover the mask where none was given; NaN where neither output nor gradient tells."""
        if not _drops(operation) or operation.tensors["mask"] is not None:
            return operation
        if output is None and gradient is None:
            raise UserError(
                "this dropout is in training, where each pass draws another mask; expected the output of the pass "
                "(output=...) or its mask (mask=...)"
            )
        x = inputs[0].detach()
        mask = torch.full_like(x, torch.nan)
        if output is not None:
            told = x != 0
            mask[told] = (output.detach()[told] != 0).to(x.dtype)
        if gradient is not None:
            mask[gradient.detach() != 0] = 1.0
            mask[torch.isnan(mask) & (gradient.detach() == 0)] = 0.0
        return operation.with_tensors(mask=mask)

    def decompose(self, operation: Operation, inputs: Sequence[Tensor], index: tuple[int, ...]) -> Decomposition:
        """One product."""
        x, source = inputs[0], index_row(index)
        values = gather(x, source, "the input")
        kept, weight = self._weight(operation, index)
        products = values * weight
        terms = input_terms(x.shape, source, values, weights=np.array([weight]), products=products)
        details: dict[str, Any] = {"kept": kept, "p": operation.settings["p"]} if _drops(operation) else {}
        return Decomposition(terms, float(products[0]), 3 * abs(float(products[0])), details=details)

    def local_derivatives(
        self, operation: Operation, inputs: Sequence[Tensor], of: str, operand: int, index: tuple[int, ...]
    ) -> LocalDerivatives:
        """0 or `1/(1 − p)`."""
        kept, weight = self._weight(operation, index)
        if kept is None:
            raise UserError(
                f"the input at {list(index)} is 0, so the output does not tell whether the dropout kept it; "
                "expected the mask (mask=...) or the gradient (gradient=...)"
            )
        formula = Formula("∂L/∂x = ∂L/∂y · m / (1 − p)", r"\partial_x L = \frac{g\,m}{1 - p}")
        return LocalDerivatives(index_row(index), np.array([weight]), formula, details={"kept": kept})

    def _weight(self, operation: Operation, index: tuple[int, ...]) -> tuple[bool | None, float]:
        if not _drops(operation):
            return True, 1.0
        mask = float(as_array(operation.tensor("mask"))[index])
        if np.isnan(mask):
            return None, 0.0
        return bool(mask), _scale(operation) if mask else 0.0


def _drops(operation: Operation) -> bool:
    return bool(operation.settings["training"]) and operation.settings["p"] > 0


def _scale(operation: Operation) -> float:
    p = float(operation.settings["p"])
    return 0.0 if p == 1 else 1 / (1 - p)


@for_module(nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d)
def _from_module(module: Any) -> Operation:
    return dropout(module.p, module.training)


@for_function(F.dropout, F.dropout1d, F.dropout2d, F.dropout3d)
def _from_call(input: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Call:
    return Call(dropout(p, training), (input,))


@for_function(torch.dropout, torch.dropout_, torch.feature_dropout, torch.feature_dropout_)
def _from_torch_call(input: Tensor, p: float, train: bool) -> Call:
    return Call(dropout(p, train), (input,))


def _without_dropping(training: bool) -> Operation:
    if training:
        raise NoArithmetic("no arithmetic for this operation: alpha dropout in training")
    return dropout(0.0)


@for_module(nn.AlphaDropout, nn.FeatureAlphaDropout)
def _from_alpha_module(module: Any) -> Operation:
    return _without_dropping(module.training)


@for_function(F.alpha_dropout, F.feature_alpha_dropout)
def _from_alpha_call(input: Tensor, p: float = 0.5, training: bool = False, inplace: bool = False) -> Call:
    return Call(_without_dropping(training), (input,))
