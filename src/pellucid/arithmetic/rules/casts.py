"""Changes of type: every number rounded to the nearest of the new type, or cut off to a whole number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.arithmetic.arrays import gather, index_row
from pellucid.arithmetic.operation import Call, Formula, NoArithmetic, Operation
from pellucid.arithmetic.reading import for_function
from pellucid.arithmetic.rule import Decomposition, LocalDerivatives, Rule, Shapes, input_terms, rule_for

__all__ = ["CastRule", "cast"]


TYPES = (
    *(torch.float32, torch.float64, torch.float16, torch.bfloat16),
    *(torch.int32, torch.int64, torch.bool),
)
"""Numbers too large for a smaller integer type would begin again from its other end."""


def cast(dtype: torch.dtype) -> Operation:
    """Describe a change to another type: of floating-point numbers, of integers, of booleans."""
    return Operation("cast", {"dtype": dtype})


@rule_for("cast")
class CastRule(Rule):
    """The nearest number of the other type."""

    def noun(self, operation: Operation) -> str:
        """As one counts them."""
        return "type change"

    def summary(self, operation: Operation, shapes: Shapes) -> str:
        """The new type."""
        return _name(operation)

    def takes_integers(self, operation: Operation) -> bool:
        """Integers and booleans become floating-point numbers too."""
        return True

    def formula(self, operation: Operation) -> Formula:
        """Rounded."""
        name, dtype = _name(operation), operation.settings["dtype"]
        if dtype == torch.bool:
            return Formula("y = 1 if x is not 0, else 0", r"y = [x \ne 0]")
        if not dtype.is_floating_point:
            return Formula("y = x without its fraction", r"y = \operatorname{trunc} x")
        return Formula(f"y = x, rounded to {name}", rf"y = \operatorname{{{name}}}(x)")

    def compute(self, operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        """Let PyTorch round."""
        return inputs[0].to(operation.settings["dtype"])

    def decompose(self, operation: Operation, inputs: Sequence[Tensor], index: tuple[int, ...]) -> Decomposition:
        """One term; the check allows one rounding, where the new type does not hold every number of the old one."""
        source, dtype = index_row(index), operation.settings["dtype"]
        values = gather(inputs[0], source, "the input")
        if not dtype.is_floating_point:
            whole = values != 0 if dtype == torch.bool else np.trunc(values)
            terms = input_terms(inputs[0].shape, source, values, products=whole.astype(np.float64))
            return Decomposition(terms, float(whole[0]), 0.0, combine="function")
        terms = input_terms(inputs[0].shape, source, values, weights=np.ones(1), products=values.copy())
        exact = torch.promote_types(inputs[0].dtype, dtype) == dtype and inputs[0].is_floating_point()
        return Decomposition(terms, float(values[0]), 0.0 if exact else abs(float(values[0])))

    def local_derivatives(
        self, operation: Operation, inputs: Sequence[Tensor], of: str, operand: int, index: tuple[int, ...]
    ) -> LocalDerivatives:
        """As if nothing were rounded, which is what autograd says too; through integers nothing flows back."""
        if not operation.settings["dtype"].is_floating_point:
            return LocalDerivatives(index_row(index), np.zeros(1), Formula("∂L/∂x = 0", r"\partial_x L = 0"))
        return LocalDerivatives(index_row(index), np.ones(1), Formula("∂L/∂x = ∂L/∂y", r"\partial_x L = g"))


def _name(operation: Operation) -> str:
    return str(operation.settings["dtype"]).removeprefix("torch.")


def _call(input: Any, dtype: torch.dtype) -> Call:
    if dtype not in TYPES or not isinstance(input, Tensor) or input.is_complex():
        raise NoArithmetic(f"no arithmetic for this operation: a change to {dtype} of {getattr(input, 'dtype', input)}")
    return Call(cast(dtype), (input,))


@for_function(Tensor.to)
def _from_to(input: Tensor, *more: Any, dtype: Any = None, other: Any = None, **rest: Any) -> Call:
    for given in (*more, other):
        if isinstance(given, torch.dtype):
            dtype = given
        elif isinstance(given, Tensor):
            dtype = given.dtype
    return _call(input, input.dtype if dtype is None else dtype)


@for_function(Tensor.type_as)
def _from_type_as(input: Tensor, other: Tensor) -> Call:
    return _call(input, other.dtype)


@for_function(Tensor.type)
def _from_type(input: Tensor, dtype: Any, non_blocking: bool = False) -> Call:
    if isinstance(dtype, str):
        dtype = getattr(torch, dtype.rpartition(".")[2].removesuffix("Tensor").lower(), None)
    if not isinstance(dtype, torch.dtype):
        raise NoArithmetic("no arithmetic for this operation: a change to a type of this name")
    return _call(input, dtype)


def _register(method: Any, dtype: torch.dtype | None) -> None:
    @for_function(method)
    def _(input: Tensor, *rest: Any, **keywords: Any) -> Call:
        return _call(input, input.dtype if dtype is None else dtype)


_register(Tensor.float, torch.float32)
_register(Tensor.double, torch.float64)
_register(Tensor.half, torch.float16)
_register(Tensor.bfloat16, torch.bfloat16)
_register(Tensor.long, torch.int64)
_register(Tensor.int, torch.int32)
_register(Tensor.bool, torch.bool)
_register(Tensor.cpu, None)
_register(Tensor.cuda, None)
