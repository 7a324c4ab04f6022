"""A trace: one number of a network, decomposed into the numbers that made it, and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pellucid.arithmetic.arrays import Floats, Integers
from pellucid.arithmetic.operation import Formula, Operation
from pellucid.ground.errors import UserError
from pellucid.ground.plain import plain
from pellucid.ground.shown import Shown
from pellucid.ground.writing import number

__all__ = ["Check", "Terms", "Trace", "TraceMismatch"]


class TraceMismatch(UserError, ArithmeticError):
    """The recomputed value and the network's value differ by more than rounding explains: one of the two is wrong."""


@dataclass(frozen=True, eq=False)
class Terms:
    """What a number is made of, one row a term, as arrays.

    Attributes:
        values: `(n,)` float64, the numbers read: inputs of a forward trace, upstream gradients of a gradient's.
        operand: `(n,)` int64, which operand each was read from; -1 for padding, which comes from nowhere.
        index: `(n, rank)` int64, its index in that operand; -1 for padding, and in the columns that an operand of
            lower rank does not have. Of a gradient trace: its index in the output's gradient.
        weights: `(n,)` float64, what each is multiplied by, or None where nothing is multiplied. Of a gradient trace:
            the local derivatives.
        products: `(n,)` float64, values · weights, or what else each contributes (exponentials of a softmax).
        weight_index: `(n, r)` int64, where each weight stands in `weight_of`; -1 where it stands nowhere; None where
            weights are no tensor's elements.
        weight_of: the name of that tensor: `weight`, or `input` in the gradient of a weight.
        ranks: the rank of each operand.
    """

    values: Floats
    operand: Integers
    index: Integers
    ranks: tuple[int, ...]
    weights: Floats | None = None
    products: Floats | None = None
    weight_index: Integers | None = None
    weight_of: str = "weight"

    def __len__(self) -> int:
        return len(self.values)

    def source(self, term: int) -> tuple[int, tuple[int, ...]] | None:
        """Say where a term was read: the operand's number and the index in it, or None for padding."""
        operand = int(self.operand[term])
        if operand < 0:
            return None
        return operand, tuple(int(position) for position in self.index[term, : self.ranks[operand]])

    def strongest(self, count: int) -> Integers:
        """Return the rows of the `count` terms that contribute most, by size, the largest first."""
        size = np.abs(self.values if self.products is None else self.products)
        size = np.where(np.isfinite(size), size, -1.0)
        # Among terms that contribute nothing (a factor of zero, padding) the larger value read comes first.
        tie = np.where(np.isfinite(self.values), np.abs(self.values), -1.0)
        return np.lexsort((-tie, -size))[:count].astype(np.int64)

    def to_dict(self) -> dict[str, Any]:
        """The same arrays as lists; what is infinite (padding of a maximum) is null."""
        names = ("values", "operand", "index", "weights", "products", "weight_index")
        document: dict[str, Any] = {name: plain(getattr(self, name)) for name in names}
        return document | {"weight_of": self.weight_of if self.weight_index is not None else None}


@dataclass(frozen=True)
class Check:
    """The value recomputed in float64 beside PyTorch's."""

    recomputed: float
    pytorch: float
    tolerance: float

    @property
    def difference(self) -> float:
        """Recomputed minus PyTorch's; none between equal infinities."""
        return 0.0 if self.recomputed == self.pytorch else self.recomputed - self.pytorch

    @property
    def passed(self) -> bool:
        """Whether rounding explains the difference."""
        return abs(self.difference) <= self.tolerance

    def __str__(self) -> str:
        return (
            f"recomputed {number(self.recomputed)}, PyTorch {number(self.pytorch)}, "
            f"difference {abs(self.difference):.1e} (rounding explains up to {self.tolerance:.1e})"
        )

    def to_dict(self) -> dict[str, Any]:
        """All four numbers and the verdict."""
        return {
            "recomputed": plain(self.recomputed),
            "pytorch": plain(self.pytorch),
            "difference": plain(self.difference),
            "tolerance": plain(self.tolerance),
            "passed": self.passed,
        }


@dataclass(frozen=True, eq=False)
class Trace(Shown):
    """One element of an operation's output, or of a gradient, decomposed.

    Attributes:
        operation: what was traced.
        of: `output`, or for a gradient the tensor it belongs to: `input`, `weight`, `bias`.
        operand: for the gradient of an input, which operand; otherwise 0.
        index: of the element.
        shape: of the tensor that the element stands in.
        terms: what it is made of.
        bias: what is added after the sum, or None.
        combine: how the terms make the value: `sum` (products, then the bias), `maximum`, `product`, or `function`
            (see the formula and `details`).
        value: recomputed, in float64.
        details: what else took part, by name: the winner of a maximum, mean and variance, exponentials.
        formula: of the operation, or of its gradient.
        check: beside PyTorch's number.
    """

    operation: Operation
    of: str
    operand: int
    index: tuple[int, ...]
    shape: tuple[int, ...]
    terms: Terms
    bias: float | None
    combine: str
    value: float
    details: Mapping[str, Any]
    formula: Formula
    check: Check = field(repr=False)

    @property
    def kind(self) -> str:
        """The operation's kind."""
        return self.operation.kind

    @property
    def title(self) -> str:
        """What is traced, like `conv2d output[0, 3, 4, 5]`."""
        index = ", ".join(map(str, self.index))
        if self.of == "output":
            return f"{self.kind} output[{index}]"
        which = f"{self.of} {self.operand}" if self.operand else self.of
        return f"{self.kind} gradient of {which}[{index}]"

    def to_dict(self) -> dict[str, Any]:
        """Everything as numbers, words and lists, under the same names, what is infinite as null; ready for JSON."""
        return {
            "kind": self.kind,
            "of": self.of,
            "operand": self.operand,
            "index": list(self.index),
            "shape": list(self.shape),
            "value": plain(self.value),
            "combine": self.combine,
            "terms": self.terms.to_dict(),
            "bias": self.bias,
            "details": {name: plain(detail) for name, detail in self.details.items()},
            "formula": self.formula.text,
            "check": self.check.to_dict(),
        }
