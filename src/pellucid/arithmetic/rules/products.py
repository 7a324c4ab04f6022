"""Products of tensors: matmul, `@`, mm, bmm, mv, dot, outer, einsum, addmm, baddbmm.

All of them are one sum of products, told by a letter for each axis: an axis of the output keeps its letter, and the
letters that the output lacks are summed over. An axis of size 1 is read at 0 whatever its letter says (broadcasting).
"""

from __future__ import annotations

import operator
import string
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.arithmetic.arrays import Floats, Integers, gather, lattice
from pellucid.arithmetic.operation import Call, Formula, NoArithmetic, Operation, ShapeRule
from pellucid.arithmetic.positions import Positions
from pellucid.arithmetic.reading import for_function
from pellucid.arithmetic.result import Terms
from pellucid.arithmetic.rounding import sum_slack
from pellucid.arithmetic.rule import (
    UNKNOWN,
    Decomposition,
    LocalDerivatives,
    Reach,
    Rule,
    Shapes,
    is_floating,
    rule_for,
)
from pellucid.ground.errors import UserError

__all__ = ["ProductRule", "product"]


def product(kind: str, letters: Sequence[str], output: str, **settings: Any) -> Operation:
    """Describe a sum of products by the letters of each factor's axes and of the output's."""
    return Operation(kind, {"letters": tuple(letters), "output": output, **settings})


@rule_for("matmul", "einsum", "addmm")
class ProductRule(Rule):
    """Each output is a sum of products, one factor from each operand."""

    multiplies = True

    group = "weighted"

    def noun(self, operation: Operation) -> str:
        """Matrix product."""
        return "tensor product" if operation.kind == "einsum" else "matrix product"

    def formula(self, operation: Operation) -> Formula:
        """The letters written out."""
        letters, output = operation.settings["letters"], operation.settings["output"]
        summed = sorted(set("".join(letters)) - set(output))
        factors = " · ".join(f"x{number}[{','.join(own)}]" for number, own in enumerate(letters))
        latex = r"\, ".join(f"x_{{{number},{own}}}" for number, own in enumerate(letters))
        sign = f"Σ_{','.join(summed)} " if summed else ""
        latex_sign = rf"\sum_{{{','.join(summed)}}} " if summed else ""
        text, alpha, beta = f"y[{','.join(output)}] = ", self._alpha(operation), operation.settings.get("beta")
        added, latex_added = (f"{beta} · c + {alpha} · ", rf"{beta} c + {alpha} ") if beta is not None else ("", "")
        return Formula(text + added + sign + factors, f"y_{{{output}}} = {latex_added}{latex_sign}{latex}")

    def shape(self, operation: Operation, shapes: Shapes) -> ShapeRule:
        """The sizes of the output's letters."""
        sizes = self._sizes(operation, shapes)
        result = tuple(sizes[letter] for letter in operation.settings["output"])
        if self._added(operation) is not None:
            result = tuple(np.broadcast_shapes(result, shapes[-1]))
        summed = " · ".join(str(size) for letter, size in sizes.items() if letter not in operation.settings["output"])
        return ShapeRule(result, "an axis for each letter kept", (f"summed: {summed or 1} products",))

    def compute(self, operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        """Let PyTorch multiply."""
        settings = operation.settings
        if operation.kind == "matmul" and len(inputs) == 2:
            return torch.matmul(inputs[0], inputs[1])
        factors = inputs[: len(settings["letters"])]
        if operation.kind == "addmm":
            return settings["beta"] * inputs[-1] + settings["alpha"] * torch.matmul(*factors)  # type: ignore[no-any-return]
        return torch.einsum(f"{','.join(settings['letters'])}->{settings['output']}", *factors)

    def decompose(self, operation: Operation, inputs: Sequence[Tensor], index: tuple[int, ...]) -> Decomposition:
        """One term for each product, read from the first factor; the other factors are what it is multiplied by."""
        letters, output = operation.settings["letters"], operation.settings["output"]
        columns = self._columns(operation, inputs, dict(zip(output, index, strict=True)))
        sources = [_rows(columns, own, x) for own, x in zip(letters, inputs, strict=False)]
        values = gather(inputs[0], sources[0], "operand 0")
        weights = np.full(len(values), self._alpha(operation))
        for number in range(1, len(letters)):
            weights = weights * gather(inputs[number], sources[number], f"operand {number}")
        operand = np.zeros(len(values), dtype=np.int64)
        width = max(x.dim() for x in inputs)
        rows = _widened(sources[0], width)
        added = self._added(operation)
        if added is not None:
            source = _broadcast_row(index, inputs[added])
            values = np.append(values, gather(inputs[added], source, "what is added"))
            weights = np.append(weights, operation.settings["beta"])
            operand = np.append(operand, added)
            rows = np.concatenate([rows, _widened(source, width)])
        products = values * weights
        terms = Terms(values, operand, rows, tuple(x.dim() for x in inputs), weights=weights, products=products)
        slack = sum_slack(products) + 2 * len(inputs) * float(np.abs(products).sum())
        return Decomposition(terms, float(products.sum()), slack)

    def local_derivatives(
        self, operation: Operation, inputs: Sequence[Tensor], of: str, operand: int, index: tuple[int, ...]
    ) -> LocalDerivatives:
        """Over the outputs that the element's letters leave open: the other factors, summed."""
        letters, output = operation.settings["letters"], operation.settings["output"]
        shape = self.shape(operation, [tuple(x.shape) for x in inputs]).shape
        if operand == self._added(operation):
            axes = [np.arange(size) for size in shape]
            for axis, at in enumerate(index, start=len(shape) - len(index)):
                if inputs[operand].shape[axis - len(shape) + len(index)] > 1:
                    axes[axis] = np.array([at])
            positions = lattice(*axes)
            return LocalDerivatives(positions, np.full(len(positions), operation.settings["beta"]), _GRADIENT)
        fixed: dict[str, int] = {}
        sizes = self._sizes(operation, [tuple(x.shape) for x in inputs])
        for letter, at, size in zip(letters[operand], index, inputs[operand].shape, strict=True):
            own = size > 1 or sizes[letter] == 1
            if own and fixed.setdefault(letter, at) != at:  # off the diagonal that is read
                return LocalDerivatives(np.zeros((0, len(output)), dtype=np.int64), np.zeros(0), _GRADIENT)
        columns = self._columns(operation, inputs, fixed)
        count = len(next(iter(columns.values()))) if columns else 1
        derivatives: Floats = np.full(count, self._alpha(operation))
        for number, own in enumerate(letters):
            if number != operand:
                derivatives = derivatives * gather(
                    inputs[number], _rows(columns, own, inputs[number]), f"operand {number}"
                )
        every = np.stack([columns[letter] for letter in output], axis=1) if output else np.zeros((count, 0), np.int64)
        if output:
            positions, which = np.unique(every, axis=0, return_inverse=True)
        else:
            positions, which = np.zeros((1, 0), dtype=np.int64), np.zeros(count, dtype=np.int64)
        place = which.ravel()
        summed: Floats = np.bincount(place, derivatives, len(positions)).astype(np.float64)
        magnitudes: Floats = np.bincount(place, np.abs(derivatives), len(positions)).astype(np.float64)
        return LocalDerivatives(positions, summed, _GRADIENT, slack=4.0, floor=2.0 * count**0.5 * magnitudes)

    def multiply_adds(self, operation: Operation, shapes: Shapes) -> int:
        """A product for every combination of all letters."""
        return int(np.prod(list(self._sizes(operation, shapes).values()), dtype=np.int64))

    def reads(self, operation: Operation, shapes: Shapes, output: Positions) -> tuple[Positions | None, ...]:
        """Kept letters as the output has them, summed ones whole."""
        masks = dict(zip(operation.settings["output"], output.axes, strict=True))
        read: list[Positions | None] = []
        for own, shape in zip(operation.settings["letters"], shapes, strict=False):
            axes = [
                masks[letter] if letter in masks and len(masks[letter]) == size else np.ones(size, dtype=bool)
                for letter, size in zip(own, shape, strict=True)
            ]
            read.append(Positions(tuple(axes), output.exact and len(set(own)) == len(own)))
        if self._added(operation) is not None:
            read.append(output.broadcast_from(shapes[-1]))
        return tuple(read)

    def reach(self, operation: Operation, shapes: Shapes) -> tuple[Reach, ...] | str:
        """The axes need not be an image's."""
        return UNKNOWN

    def _alpha(self, operation: Operation) -> float:
        return float(operation.settings.get("alpha", 1.0))

    def _added(self, operation: Operation) -> int | None:
        return len(operation.settings["letters"]) if operation.kind == "addmm" else None

    def _sizes(self, operation: Operation, shapes: Shapes) -> dict[str, int]:
        sizes: dict[str, int] = {}
        for own, shape in zip(operation.settings["letters"], shapes, strict=False):
            if len(own) != len(shape):
                raise UserError(f"{operation.kind} was given shape {list(shape)}; expected {len(own)} axes, {own}")
            for letter, size in zip(own, shape, strict=True):
                if size != sizes.get(letter, size) and 1 not in (size, sizes[letter]):
                    listed = " and ".join(str(list(each)) for each in shapes)
                    raise UserError(
                        f"{operation.kind} was given shapes {listed}; expected equal sizes where letters are equal: "
                        + ", ".join(operation.settings["letters"])
                    )
                sizes[letter] = size if sizes.get(letter, 1) == 1 else sizes[letter]
        return sizes

    def _columns(self, operation: Operation, inputs: Sequence[Tensor], fixed: dict[str, int]) -> dict[str, Integers]:
        sizes = self._sizes(operation, [tuple(x.shape) for x in inputs])
        rows = lattice(*[[fixed[letter]] if letter in fixed else np.arange(size) for letter, size in sizes.items()])
        return {letter: rows[:, column] for column, letter in enumerate(sizes)}


_GRADIENT = Formula(
    "∂L/∂x = Σ of ∂L/∂y · the product of the other factors", r"\partial_x L = \sum_i g_i \prod_{x' \neq x} x'"
)


def _rows(columns: dict[str, Integers], own: str, x: Tensor) -> Integers:
    if not own:
        return np.zeros((len(next(iter(columns.values()))) if columns else 1, 0), dtype=np.int64)
    picked = [columns[letter] if size > 1 else columns[letter] * 0 for letter, size in zip(own, x.shape, strict=True)]
    return np.stack(picked, axis=1)


def _broadcast_row(index: Sequence[int], x: Tensor) -> Integers:
    last = index[len(index) - x.dim() :]
    row = [at if size > 1 else 0 for at, size in zip(last, x.shape, strict=True)]
    return np.asarray([row], dtype=np.int64).reshape(1, x.dim())


def _widened(rows: Integers, width: int) -> Integers:
    return np.pad(rows, ((0, 0), (0, width - rows.shape[1])), constant_values=-1)


def _matmul_letters(left: int, right: int) -> tuple[str, str, str]:
    """Give letters to the axes of a matmul: i k and k j last, the batch's before them, aligned at their end."""
    batch = "abcdefgh"[: max(left - 2, right - 2, 0)]
    rows, columns = "i" if left > 1 else "", "j" if right > 1 else ""
    first = batch[len(batch) - max(left - 2, 0) :] + rows + "k"
    second = batch[len(batch) - max(right - 2, 0) :] + ("k" + columns)
    return first, second, batch + rows + columns


@for_function(
    torch.matmul, Tensor.matmul, Tensor.__matmul__, operator.matmul, torch.mm, Tensor.mm, torch.bmm, Tensor.bmm,
    torch.mv, Tensor.mv, torch.dot, Tensor.dot, torch.inner, Tensor.inner,
)  # fmt: skip
def _from_matmul(input: Tensor, other: Any = None, **named: Any) -> Call:
    for name in ("mat2", "vec", "tensor"):
        other = named.pop(name, other)
    if named or not (is_floating(input) and is_floating(other)):
        raise NoArithmetic("no arithmetic for this operation: matmul with these arguments")
    first, second, output = _matmul_letters(input.dim(), other.dim())
    return Call(product("matmul", (first, second), output), (input, other))


@for_function(Tensor.__rmatmul__)
def _from_reversed(input: Tensor, other: Tensor) -> Call:
    return _from_matmul(other, input)


@for_function(torch.outer, Tensor.outer, torch.ger)
def _from_outer(input: Tensor, vec2: Tensor) -> Call:
    return Call(product("einsum", ("i", "j"), "ij"), (input, vec2))


@for_function(torch.addmm, Tensor.addmm, torch.baddbmm, Tensor.baddbmm, torch.addmv, Tensor.addmv)
def _from_added(
    input: Tensor, first: Any = None, second: Any = None, *, beta: Any = 1, alpha: Any = 1, **named: Any
) -> Call:
    first = named.get("mat1", named.get("batch1", named.get("mat", first)))
    second = named.get("mat2", named.get("batch2", named.get("vec", second)))
    letters = _matmul_letters(first.dim(), second.dim())
    operation = product("addmm", letters[:2], letters[2], beta=float(beta), alpha=float(alpha))
    return Call(operation, (first, second, input))


@for_function(torch.einsum)
def _from_einsum(equation: Any, *operands: Any) -> Call:
    if not isinstance(equation, str):
        raise NoArithmetic("no arithmetic for this operation: einsum with lists of axes; expected an equation")
    if len(operands) == 1 and isinstance(operands[0], list | tuple):
        operands = tuple(operands[0])
    letters, output = _read_equation(equation, [x.dim() for x in operands])
    return Call(product("einsum", letters, output), operands)


def _read_equation(equation: str, ranks: Sequence[int]) -> tuple[tuple[str, ...], str]:
    """Read an equation; the axes of an ellipsis get letters that are free, aligned at their end.

    >>> _read_equation("...ij,jk", [3, 2])
    (('aij', 'jk'), 'aik')
    """
    left, arrow, right = equation.replace(" ", "").partition("->")
    factors = left.split(",")
    free = [letter for letter in string.ascii_letters if letter not in equation]
    hidden = [
        rank - len(own.replace("...", "")) if "..." in own else 0 for own, rank in zip(factors, ranks, strict=True)
    ]
    batch = "".join(free[: max(hidden)])
    letters = tuple(own.replace("...", batch[len(batch) - count :]) for own, count in zip(factors, hidden, strict=True))
    if not arrow:
        every = left.replace("...", "").replace(",", "")
        return letters, batch + "".join(sorted(letter for letter in set(every) if every.count(letter) == 1))
    return letters, right.replace("...", batch)
