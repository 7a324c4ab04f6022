"""The table of operations: who does the arithmetic of which kind, and which kind a module or a function is.

A family of operations (a file beside this one) adds itself by registration:

- a `Rule` under each kind that it does the arithmetic of (`register_rule`);
- for each module class, how to read an `Operation` off it (`for_module`);
- for each function or tensor method, how to read an `Operation` and its operands off a call (`for_function`).

Somebody's own operation joins in the same way, from outside.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.arithmetic.arrays import Floats, Integers
from pellucid.arithmetic.operation import Call, Formula, NoArithmetic, Operation, ShapeRule
from pellucid.arithmetic.result import Terms
from pellucid.ground.errors import UserError

__all__ = [
    "EVERYTHING",
    "UNKNOWN",
    "Local",
    "Parts",
    "Reach",
    "Rule",
    "describe",
    "describe_call",
    "for_function",
    "for_module",
    "register_rule",
    "rule_of",
]

Shapes = Sequence[tuple[int, ...]]


@dataclass(frozen=True, eq=False)
class Parts:
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
class Local:
    """The output elements that one element takes part in, and the derivative of each with respect to it.

    Attributes:
        places: `(n, rank of the output)` int64.
        derivatives: `(n,)` float64.
        index: `(n, r)` int64, where the derivatives stand in the input or weight they are numbers of, or None.
        index_of: the name of that tensor.
        formula: of the gradient.
        slack: rounding of the framework's derivatives themselves, relative to upstream times derivative, in unit
            roundoffs; the sum's own rounding is added to it.
        floor: the absolute rounding of each derivative, `(n,)` or a number, to be multiplied by the upstream gradient.
    """

    places: Integers
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
    """The arithmetic of one kind of operation."""

    @abstractmethod
    def formula(self, operation: Operation) -> Formula:
        """Return the operation's formula."""

    @abstractmethod
    def shape(self, operation: Operation, shapes: Shapes) -> ShapeRule:
        """Return the output's shape for these operands' shapes; `UserError` where they cannot go in."""

    @abstractmethod
    def compute(self, operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        """Let PyTorch compute the output, without side effects; this is what a trace is checked against."""

    @abstractmethod
    def parts(self, operation: Operation, inputs: Sequence[Tensor], index: tuple[int, ...]) -> Parts:
        """Take one output element apart; the shapes and the index have been checked."""

    @abstractmethod
    def local(
        self, operation: Operation, inputs: Sequence[Tensor], of: str, operand: int, index: tuple[int, ...]
    ) -> Local:
        """Find the outputs that an element of an input (`of="input"`) or tensor takes part in, with the derivatives."""

    def prepare(
        self, operation: Operation, inputs: Sequence[Tensor], output: Tensor | None, gradient: Tensor | None
    ) -> Operation:
        """Fill in what only a run knows: the mask that a dropout drew."""
        return operation

    def multiply_adds(self, operation: Operation, shapes: Shapes) -> int:
        """Count the products that are summed: weighted sums only; padding counts, a bias does not."""
        return 0

    def reach(self, operation: Operation, shapes: Shapes) -> tuple[Reach, ...] | str:
        """Say which inputs an output reads along the image's axes: empty for the element itself, or a word above."""
        return ()


RULES: dict[str, Rule] = {}
MODULES: dict[type[nn.Module], Callable[[Any], Operation]] = {}
FUNCTIONS: dict[Any, Callable[..., Call]] = {}

Made = TypeVar("Made", bound=Callable[..., Any])


def register_rule(rule: Rule, *kinds: str) -> None:
    """Let a rule do the arithmetic of these kinds."""
    RULES.update(dict.fromkeys(kinds, rule))


def for_module(*classes: type[nn.Module]) -> Callable[[Made], Made]:
    """Register a function that reads an `Operation` off a module of these classes."""

    def register(maker: Made) -> Made:
        MODULES.update(dict.fromkeys(classes, maker))
        return maker

    return register


def for_function(*functions: Any) -> Callable[[Made], Made]:
    """Register a function that takes a call's arguments and returns its `Call`."""

    def register(maker: Made) -> Made:
        FUNCTIONS.update(dict.fromkeys(functions, maker))
        return maker

    return register


def rule_of(operation: Operation) -> Rule:
    """Return the rule for an operation; `NoArithmetic` when there is none."""
    rule = RULES.get(operation.kind)
    if rule is None:
        raise NoArithmetic(f"no arithmetic for this operation: {operation.kind}")
    return rule


def describe(module: nn.Module) -> Operation:
    """Read the operation off a module.

    Raises:
        NoArithmetic: no rule does this module's arithmetic, or its class has a `forward` of its own.

    >>> describe(nn.Conv2d(3, 16, 3, padding=1)).settings["padding"]
    ((1, 1), (1, 1))
    """
    for base in type(module).__mro__:
        if base in MODULES:
            if type(module).forward is not base.forward:
                raise NoArithmetic(
                    f"no arithmetic for this operation: {type(module).__name__} replaces the forward of {base.__name__}"
                )
            return MODULES[base](module)
    raise NoArithmetic(f"no arithmetic for this operation: {type(module).__name__}")


def describe_call(function: Any, arguments: Sequence[Any] = (), keywords: Mapping[str, Any] | None = None) -> Call:
    """Read the operation and its operands off a call of a function, of a module, or of a tensor's method by name.

    `function` is what a graph of torch.fx holds: `F.relu`, `torch.cat`, `operator.add`, the word `"view"`, a module.

    Raises:
        NoArithmetic: no rule does this function's arithmetic, or not with these arguments.

    >>> call = describe_call("view", (torch.zeros(2, 3, 4), -1, 12))
    >>> call.operation.kind, call.inputs[0].shape
    ('view', torch.Size([2, 3, 4]))
    """
    keywords = keywords or {}
    if isinstance(function, nn.Module):
        return Call(describe(function), tuple(arguments))
    if isinstance(function, str):
        function = getattr(Tensor, function, function)
    name = getattr(function, "__name__", str(function))
    if function not in FUNCTIONS:
        raise NoArithmetic(f"no arithmetic for this operation: {name}")
    try:
        call = FUNCTIONS[function](*arguments, **keywords)
    except TypeError as error:
        raise NoArithmetic(f"no arithmetic for this operation: {name} with these arguments ({error})") from error
    return call


def check_rank(operation: Operation, shape: Sequence[int], ranks: Sequence[int], layout: str) -> None:
    """Refuse an operand of another rank, saying what the axes mean."""
    if len(shape) not in ranks:
        batch = "; a single image gets its batch axis by x[None]" if len(shape) + 1 in ranks else ""
        raise UserError(
            f"{operation.kind} was given an input of shape {list(shape)} ({len(shape)} axes); "
            f"expected {' or '.join(map(str, ranks))} axes: {layout}{batch}"
        )


def no_gradient(operation: Operation, of: str) -> UserError:
    """Say that there is nothing to take the gradient of."""
    return UserError(f"{operation.kind} has no gradient of {of!r}; expected input, or a tensor it owns")


def single(shape: Sequence[int], index: Integers, values: Floats, **more: Any) -> Terms:
    """Make terms that were all read from the first operand; rows of -1 are padding."""
    outside = (index < 0).any(axis=1) if index.shape[1] else np.zeros(len(index), dtype=bool)
    return Terms(
        values=values, operand=np.where(outside, -1, 0).astype(np.int64), index=index, ranks=(len(shape),), **more
    )


def is_floating(thing: Any) -> bool:
    """Whether it is a tensor that arithmetic is traced on."""
    return isinstance(thing, Tensor) and thing.dtype in (torch.float32, torch.float64, torch.float16, torch.bfloat16)
