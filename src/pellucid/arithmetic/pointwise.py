"""Functions of each element by itself, of one operand or of several that are broadcast: one rule and a table.

An entry of a table says everything about a function: its value and its derivatives in float64, PyTorch's own of it,
how far rounding may take that, formula and noun. A family of functions (`rules/activations.py`, `rules/elementary.py`,
`rules/operands.py`) is a table and a subclass of the rule below, which does shapes, broadcasting and traces for all.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.arithmetic.arrays import Floats, Integers, gather, index_row
from pellucid.arithmetic.broadcasting import broadcast, narrowed, spread
from pellucid.arithmetic.operation import Call, Formula, NoArithmetic, Operation, ShapeRule
from pellucid.arithmetic.reading import for_function, for_module, spellings
from pellucid.arithmetic.rule import Decomposition, LocalDerivatives, Rule, Shapes, operand_terms
from pellucid.ground.writing import number

__all__ = ["Function", "PointwiseRule", "applied", "erf", "erfc", "logistic", "read_function"]

Slack = float | Callable[..., Any]


@dataclass(frozen=True)
class Function:
    """A function of numbers, applied element by element.

    Every callable takes the arguments as float64 arrays of one shape, and the operation's settings as keywords.

    Attributes:
        noun: what text calls it, in the singular.
        formula: in `x`, or in `x0`, `x1`, … where it takes several arguments.
        value: the function.
        slopes: its derivative with respect to each argument; None where there is none (a condition).
        torch: PyTorch's own.
        slack: how far rounding may take PyTorch's value, in unit roundoffs: a number is relative to the value's size,
            a function returns it. Zero where a number is copied or cut off.
        slope_slack: the same for the derivatives; a function is given the number of the argument first.
        takes_integers: whether operands may be booleans or integers alone.
    """

    noun: str
    formula: Formula
    value: Callable[..., Any]
    slopes: tuple[Callable[..., Any] | None, ...]
    torch: Callable[..., Tensor]
    slack: Slack = 8.0
    slope_slack: Slack = 8.0
    takes_integers: bool = False


erf: Callable[[Any], Any] = np.vectorize(math.erf, otypes=[np.float64])
erfc: Callable[[Any], Any] = np.vectorize(math.erfc, otypes=[np.float64])


def logistic(x: Any) -> Any:
    """Return `1 / (1 + e^−x)`, written so that nothing overflows.

    >>> logistic(np.array([-1000.0, 0.0])).tolist()
    [0.0, 0.5]
    """
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1.0, small) / (1 + small)


def applied(kind: str, *arguments: Any, **settings: Any) -> Call:
    """Describe a function applied to tensors and numbers, in the order of its arguments.

    >>> applied("divide", 2, torch.ones(3)).operation.settings
    {'arguments': (2.0, None)}
    """
    tensors = tuple(argument for argument in arguments if isinstance(argument, Tensor))
    if len(arguments) > 1:
        numbers = tuple(None if isinstance(argument, Tensor) else float(argument) for argument in arguments)
        settings = {"arguments": numbers} | settings
    return Call(Operation(kind, settings), tensors)


def read_function(kind: str, *names: str, module: type[nn.Module] | None = None, **defaults: Any) -> None:
    """Register a function of one operand under these names, and a module of it.

    `defaults` are the names and usual values of its settings, in the order in which a call gives them; a module has
    attributes of these names.
    """

    def from_module(module: nn.Module) -> Operation:
        return Operation(kind, {name: getattr(module, name) for name in defaults})

    def from_call(input: Tensor, *more: Any, inplace: bool = False, out: None = None, **keywords: Any) -> Call:
        # What stands after the settings is `inplace`, as in F.leaky_relu(x, 0.1, True).
        given = dict(zip(defaults, more, strict=False)) | keywords
        if out is not None or set(given) - set(defaults):
            unknown = ", ".join(sorted(set(given) - set(defaults))) or "out"
            raise NoArithmetic(f"no arithmetic for this operation: {kind} with {unknown}")
        return Call(Operation(kind, defaults | given), (input,))

    if module is not None:
        for_module(module)(from_module)
    for_function(*spellings(*names))(from_call)


class PointwiseRule(Rule):
    """Each output is a function of the inputs at its position."""

    table: Mapping[str, Function] = {}

    def formula(self, operation: Operation) -> Formula:
        """The function's, with the numbers among its arguments put in."""
        formula = self.table[operation.kind].formula
        text, latex = formula.text, formula.latex
        constants = _constants(operation)
        alone = len(constants) > 1 and constants.count(None) == 1
        for position, constant in enumerate(constants if len(constants) > 1 else ()):
            if constant is None and not alone:
                continue
            shown = "x" if constant is None else number(constant).replace("inf", "∞")
            text = re.sub(rf"\bx{position}\b", shown, text)
            latex = latex.replace(f"x_{position}", shown.replace("∞", r"\infty "))
        return Formula(text, latex)

    def noun(self, operation: Operation) -> str:
        """The function's."""
        return self.table[operation.kind].noun

    def takes_integers(self, operation: Operation) -> bool:
        """The function's."""
        return self.table[operation.kind].takes_integers

    def shape(self, operation: Operation, shapes: Shapes) -> ShapeRule:
        """The operands', broadcast."""
        return broadcast(operation.kind, shapes)

    def compute(self, operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        """Let PyTorch apply it."""
        given = iter(inputs)
        arguments = [next(given) if constant is None else constant for constant in _constants(operation)]
        settings = {name: value for name, value in operation.settings.items() if name != "arguments"}
        return self.table[operation.kind].torch(*arguments, **settings)

    def decompose(self, operation: Operation, inputs: Sequence[Tensor], index: tuple[int, ...]) -> Decomposition:
        """One term an operand."""
        function, settings = self.table[operation.kind], _settings(operation, inputs)
        position, constants = index_row(index), _constants(operation)
        sources, values = _read(inputs, position)
        arguments = _arguments(operation, inputs, values)
        with np.errstate(all="ignore"):
            value = np.asarray(function.value(*arguments, **settings), dtype=np.float64)
            slack = _slack(function.slack, np.abs(value), value, *arguments, **settings)
            slopes = [
                float(_array(slope(*arguments, **settings), value)[0])
                for slope, constant in zip(function.slopes, constants, strict=True)
                if slope is not None and constant is None
            ]
        products = value.copy() if len(inputs) == 1 else None
        terms = operand_terms(sources, np.concatenate(values), products=products)
        details: dict[str, Any] = {}
        if slopes:
            details = {"slope": slopes[0]} if len(slopes) == 1 else {"slopes": np.array(slopes)}
        return Decomposition(terms, float(value[0]), float(slack[0]), combine="function", details=details)

    def local_derivatives(
        self, operation: Operation, inputs: Sequence[Tensor], of: str, operand: int, index: tuple[int, ...]
    ) -> LocalDerivatives:
        """The slope there, at every position that the element was broadcast to."""
        function, settings = self.table[operation.kind], _settings(operation, inputs)
        shape = self.shape(operation, [tuple(x.shape) for x in inputs]).shape
        positions = spread(tuple(inputs[operand].shape), shape, index)
        arguments = _arguments(operation, inputs, _read(inputs, positions)[1])
        which = [argument for argument, constant in enumerate(_constants(operation)) if constant is None][operand]
        slope = function.slopes[which]
        if slope is None:
            derivatives = floor = np.zeros(len(positions))
        else:
            with np.errstate(all="ignore"):
                derivatives = _array(slope(*arguments, **settings), arguments[which])
                floor = _slack(function.slope_slack, np.abs(derivatives), which, *arguments, **settings)
        if len(function.slopes) == 1:
            formula = Formula("∂L/∂x = ∂L/∂y · f′(x)", r"\partial_x L = g\, f'(x)")
        else:
            summed = ", summed where it was broadcast" if len(positions) > 1 else ""
            formula = Formula(
                f"∂L/∂x{which} = ∂L/∂y · ∂y/∂x{which}{summed}",
                rf"\partial_{{x_{which}}} L = g\,\partial_{{x_{which}}} y",
            )
        details = {"input": float(arguments[which][0])} if len(positions) == 1 else {}
        return LocalDerivatives(positions, derivatives, formula, floor=floor, details=details)


def _constants(operation: Operation) -> tuple[float | None, ...]:
    """Return the numbers among the arguments, None where an operand stands."""
    return tuple(operation.settings.get("arguments", (None,)))


def _rounded(value: Any, dtype: torch.dtype) -> Any:
    """Round a number as PyTorch does before it meets tensors of this type; a clamp to 0.1 returns that."""
    return float(torch.tensor(value, dtype=dtype)) if isinstance(value, float) and dtype.is_floating_point else value


def _dtype(inputs: Sequence[Tensor]) -> torch.dtype:
    """The type that PyTorch computes in; among floating-point types, tensors with axes outweigh those without."""
    floating = [x for x in inputs if x.is_floating_point()] or inputs
    dtypes = [x.dtype for x in floating if x.dim()] or [x.dtype for x in floating]
    return functools.reduce(torch.promote_types, dtypes)


def _settings(operation: Operation, inputs: Sequence[Tensor]) -> dict[str, Any]:
    dtype = _dtype(inputs)
    return {name: _rounded(value, dtype) for name, value in operation.settings.items() if name != "arguments"}


def _read(inputs: Sequence[Tensor], positions: Integers) -> tuple[list[Integers], list[Floats]]:
    """Find where every operand is read for positions of the result, and the numbers there."""
    sources = [narrowed(tuple(x.shape), positions) for x in inputs]
    names = ["the input"] if len(inputs) == 1 else [f"operand {number}" for number in range(len(inputs))]
    return sources, [gather(x, source, name) for x, source, name in zip(inputs, sources, names, strict=True)]


def _arguments(operation: Operation, inputs: Sequence[Tensor], values: Sequence[Floats]) -> list[Floats]:
    """Put the constants between the numbers read, all in the type that PyTorch computes in."""
    dtype, given = _dtype(inputs), iter(zip(inputs, values, strict=True))
    arguments = []
    for constant in _constants(operation):
        if constant is not None:
            arguments.append(np.full(len(values[0]), _rounded(constant, dtype)))
            continue
        x, read = next(given)
        if x.dtype != dtype and dtype.is_floating_point:
            read = torch.from_numpy(read).to(dtype).double().numpy()
        arguments.append(read)
    return arguments


def _slack(slack: Slack, sizes: Floats, *arguments: Any, **settings: Any) -> Floats:
    if callable(slack):
        return _array(slack(*arguments, **settings), sizes)
    return slack * np.nan_to_num(sizes)


def _array(values: Any, like: Floats) -> Floats:
    return np.broadcast_to(np.asarray(values, dtype=np.float64), like.shape)
