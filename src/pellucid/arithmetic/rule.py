"""Rules: what pellucid knows of an operation, and the table of them.

A file in `rules/` knows everything about a family of operations: its shapes, formula and arithmetic, how diagrams tint
it and what text calls it (a `Rule`, put into the table by `@rule_for`), and how it is read off modules and calls of
functions (`reading.py`). Somebody's own operation joins in the same way, from outside.

The letters of formulas are explained in `operation.LETTERS`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from pellucid.arithmetic.arrays import Floats, Integers
from pellucid.arithmetic.operation import Formula, NoArithmetic, Operation, ShapeRule
from pellucid.arithmetic.positions import Positions
from pellucid.arithmetic.result import Terms
from pellucid.ground.errors import UserError

__all__ = [
    "EVERYTHING",
    "UNKNOWN",
    "Decomposition",
    "LocalDerivatives",
    "Reach",
    "Rule",
    "Shapes",
    "check_axes",
    "check_rank",
    "input_terms",
    "is_floating",
    "operand_terms",
    "reach_along",
    "rule_for",
    "rule_of",
]

Shapes = Sequence[tuple[int, ...]]


@dataclass(frozen=True, eq=False)
class Decomposition:
    """What a rule finds out about one output element; see `Trace` for the names.

    `slack` is how far rounding may take the framework's own result, in unit roundoffs.
    """

    terms: Terms
    value: float
    slack: float
    bias: float | None = None
    combine: str = "sum"
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class LocalDerivatives:
    """The output elements that one element takes part in, and the derivative of each with respect to it.

    Attributes:
        positions: `(n, rank of the output)` int64.
        derivatives: `(n,)` float64.
        index: `(n, r)` int64, where the derivatives stand in the input or weight they are numbers of, or None.
        index_of: the name of that tensor.
        formula: of the gradient.
        slack: rounding of the framework's derivatives themselves, relative to upstream times derivative, in unit
            roundoffs; the sum's own rounding is added to it.
        floor: the absolute rounding of each derivative, `(n,)` or a number, to be multiplied by the upstream gradient.
    """

    positions: Integers
    derivatives: Floats
    formula: Formula
    index: Integers | None = None
    index_of: str = "weight"
    slack: float = 2.0
    floor: Floats | float = 0.0
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Reach:
    """Along one axis, output i reads inputs from `stride`·i + `start`, `size` of them, holes of a dilation too."""

    size: Fraction
    stride: Fraction
    start: Fraction


EVERYTHING = "everything"
"""What `Rule.reach` returns for an operation whose outputs read the whole image."""

UNKNOWN = "unknown"
"""What `Rule.reach` returns where the axes are not an image's, so that nobody can say."""


class Rule(ABC):
    """What pellucid knows of one kind of operation, or of several alike.

    Four methods are needed: `formula`, `compute`, `decompose`, `local_derivatives`. The others have a default that is
    right for a function of each element by itself.
    """

    group: str = ""
    """How diagrams tint it: `weighted`, `pooling`, `normalisation`, `activation` or `joining`; empty leaves it grey."""

    multiplies: bool = False
    """Whether operands multiply each other, so that one may be read without mattering: the other may be zero."""

    cancels: bool = False
    """Whether a value that is two of the operands may cancel out: x − x, x / x."""

    differentiable: tuple[str, ...] = ("input",)
    """What a gradient can be taken of: `input`, and the tensors of the operation that are learned."""

    @abstractmethod
    def formula(self, operation: Operation) -> Formula:
        """Return the operation's formula."""

    @abstractmethod
    def compute(self, operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        """Let PyTorch compute the output, without side effects; this is what a trace is checked against."""

    @abstractmethod
    def decompose(self, operation: Operation, inputs: Sequence[Tensor], index: tuple[int, ...]) -> Decomposition:
        """Decompose one output element; the shapes and the index have been checked."""

    @abstractmethod
    def local_derivatives(
        self, operation: Operation, inputs: Sequence[Tensor], of: str, operand: int, index: tuple[int, ...]
    ) -> LocalDerivatives:
        """Find the outputs that an element of an input (`of="input"`) or tensor takes part in, with the derivatives."""

    def shape(self, operation: Operation, shapes: Shapes) -> ShapeRule:
        """Return the output's shape for these operands' shapes; `UserError` where they cannot go in."""
        return ShapeRule(shapes[0], "the input's shape")

    def takes_integers(self, operation: Operation) -> bool:
        """Say whether its operands may all be booleans or integers, which have no gradient."""
        return False

    def noun(self, operation: Operation) -> str:
        """Return what text calls it, in the singular: `convolution`, `max pooling`."""
        return operation.kind.replace("_", " ")

    def summary(self, operation: Operation, shapes: Shapes) -> str:
        """Return what matters of its settings in a few words, for diagrams: `3×3, padding 1`."""
        return ""

    def window(self, operation: Operation) -> tuple[int, ...] | None:
        """Return the sizes of the window that its terms fill channel by channel; None where they fill no window."""
        return None

    def remember(self, operation: Operation, inputs: Sequence[Tensor], again: Callable[[Tensor], Tensor]) -> Operation:
        """Keep what this very run drew at random.

        `again(x)` repeats the call that has just run on another first input, with the same random numbers.
        """
        return operation

    def prepare(
        self, operation: Operation, inputs: Sequence[Tensor], output: Tensor | None, gradient: Tensor | None
    ) -> Operation:
        """Fill in what only a run knows, from its output or gradient: the mask that a dropout drew."""
        return operation

    def multiply_adds(self, operation: Operation, shapes: Shapes) -> int:
        """Count the products that are summed: weighted sums only; padding counts, a bias does not."""
        return 0

    def reads(self, operation: Operation, shapes: Shapes, output: Positions) -> tuple[Positions | None, ...]:
        """Find what each operand is read at for some positions of the output; None where nothing of it is read.

        Args:
            operation: its weights and statistics are no operands.
            shapes: of the operands.
            output: never empty. What is returned contains all that is read and says whether it holds more.
        """
        return tuple(output.broadcast_from(shape) for shape in shapes)

    def reads_statistics(self, operation: Operation, shapes: Shapes, output: Positions) -> tuple[Positions | None, ...]:
        """Find what is read besides, through a mean and a variance of the operand itself: normalisations alone."""
        return (None,) * len(shapes)

    def reach(self, operation: Operation, shapes: Shapes) -> tuple[Reach, ...] | str:
        """Say which inputs an output reads along the image's axes: empty for the element itself, or a word above."""
        return ()


RULES: dict[str, Rule] = {}

RuleClass = TypeVar("RuleClass", bound=type[Rule])


def rule_for(*kinds: str) -> Callable[[RuleClass], RuleClass]:
    """Register a class of rules for these kinds of operations; it is made once, without arguments."""

    def register(rule_class: RuleClass) -> RuleClass:
        rule = rule_class()
        for kind in kinds:
            earlier = RULES.get(kind)
            if earlier is not None and type(earlier).__qualname__ != rule_class.__qualname__:
                raise ValueError(f"{kind!r} has a rule already, {type(earlier).__qualname__}; expected another kind")
            RULES[kind] = rule
        return rule_class

    return register


def rule_of(operation: Operation) -> Rule:
    """Return the rule for an operation; `NoArithmetic` when there is none."""
    rule = RULES.get(operation.kind)
    if rule is None:
        raise NoArithmetic(f"no arithmetic for this operation: {operation.kind}")
    return rule


def check_rank(operation: Operation, shape: Sequence[int], ranks: Sequence[int], layout: str) -> None:
    """Refuse an operand of another rank, saying what the axes mean."""
    if len(shape) not in ranks:
        batch = "; a single image gets its batch axis by x[None]" if len(shape) + 1 in ranks else ""
        raise UserError(
            f"{operation.kind} was given an input of shape {list(shape)} ({len(shape)} axes); "
            f"expected {' or '.join(map(str, ranks))} axes: {layout}{batch}"
        )


def check_axes(operation: Operation, shape: Sequence[int], *axes: int) -> None:
    """Refuse an axis that an operand has not; a single number counts as having one."""
    size = max(len(shape), 1)
    for axis in axes:
        if not -size <= axis < size:
            raise UserError(
                f"{operation.kind.replace('_', ' ')} along axis {axis} was given an input of shape {list(shape)}; "
                f"expected an axis from {-size} to {size - 1}"
            )


def reach_along(rank: int, *axes: int) -> tuple[Reach, ...] | str:
    """Say what outputs reach that read along these axes: the same position of an image's channels, or no window."""
    return () if rank >= 3 and all(axis % rank < 2 for axis in axes) else UNKNOWN


def input_terms(shape: Sequence[int], index: Integers, values: Floats, **more: Any) -> Terms:
    """Make terms that were all read from the first operand; rows of -1 are padding."""
    outside = (index < 0).any(axis=1) if index.shape[1] else np.zeros(len(index), dtype=bool)
    return Terms(
        values=values, operand=np.where(outside, -1, 0).astype(np.int64), index=index, ranks=(len(shape),), **more
    )


def operand_terms(sources: Sequence[Integers], values: Floats, **more: Any) -> Terms:
    """Make one term for each operand.

    Args:
        sources: where each operand is read, `[1, rank]` each; shorter ones are filled up with -1.
        values: the numbers there, `[operands]`.
        more: further fields of the terms, such as `weights` and `products`.

    >>> operand_terms([np.array([[0, 2]]), np.array([[2]])], np.array([1.0, 5.0])).index.tolist()
    [[0, 2], [2, -1]]
    """
    ranks = tuple(source.shape[1] for source in sources)
    index = np.full((len(sources), max(ranks)), -1, dtype=np.int64)
    for row, source in zip(index, sources, strict=True):
        row[: source.shape[1]] = source[0]
    return Terms(values=values, operand=np.arange(len(sources), dtype=np.int64), index=index, ranks=ranks, **more)


def is_floating(value: Any) -> bool:
    """Whether it is a tensor that arithmetic is traced on."""
    return isinstance(value, Tensor) and value.dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16)
