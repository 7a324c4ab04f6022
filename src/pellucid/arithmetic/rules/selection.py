"""Elements chosen by their order along an axis: sorting, the k largest, the median, running maxima; their places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.arithmetic.arrays import Integers, as_array, gather, index_row, lattice
from pellucid.arithmetic.operation import Call, Formula, NoArithmetic, Operation, ShapeRule
from pellucid.arithmetic.positions import Positions
from pellucid.arithmetic.reading import for_part_of
from pellucid.arithmetic.rule import (
    EVERYTHING,
    Decomposition,
    LocalDerivatives,
    Reach,
    Rule,
    Shapes,
    input_terms,
    is_floating,
    rule_for,
)
from pellucid.ground.errors import UserError

__all__ = ["SelectionRule"]

KINDS = ("sort", "topk", "kthvalue", "median", "nanmedian", "cummax", "cummin")


@rule_for(*KINDS, *(f"{kind}_index" for kind in KINDS))
class SelectionRule(Rule):
    """Each output is one element of the line that it was chosen from, or that element's place."""

    def noun(self, operation: Operation) -> str:
        """Of an index, whose."""
        kind = operation.kind.removesuffix("_index")
        return f"index of {kind}" if kind != operation.kind else kind

    def formula(self, operation: Operation) -> Formula:
        """One element of the line."""
        if _is_index(operation):
            return Formula("y[i] = j, where the element chosen stands", r"y_i = \sigma(i)")
        return Formula("y[i] = x[j], j chosen by the order along the axis", r"y_i = x_{\sigma(i)}")

    def shape(self, operation: Operation, shapes: Shapes) -> ShapeRule:
        """As PyTorch shapes it."""
        return ShapeRule(tuple(self._chosen(operation, torch.empty(shapes[0], device="meta"))[1].shape), "by its order")

    def compute(self, operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        """Let PyTorch choose."""
        return self._chosen(operation, inputs[0])[int(_is_index(operation))]  # type: ignore[no-any-return]

    def decompose(self, operation: Operation, inputs: Sequence[Tensor], index: tuple[int, ...]) -> Decomposition:
        """The whole line, of which one element counts."""
        x = inputs[0]
        place = self._place(operation, x, index)
        line = self._line(operation, x, index)
        values = gather(x, line, "the input")
        weights = (np.arange(len(values)) == place).astype(np.float64)
        products = np.where(weights > 0, values, 0.0)
        if _is_index(operation):
            terms = input_terms(x.shape, line, values)
            return Decomposition(terms, float(place), 0.0, combine="function", details={"winner": place})
        terms = input_terms(x.shape, line, values, weights=weights, products=products)
        return Decomposition(terms, float(values[place]), 0.0, details={"winner": place})

    def local_derivatives(
        self, operation: Operation, inputs: Sequence[Tensor], of: str, operand: int, index: tuple[int, ...]
    ) -> LocalDerivatives:
        """Wherever the element was chosen."""
        x = inputs[0]
        axis, rank = self._axis(operation, x.dim()), x.dim()
        formula = Formula("∂L/∂x = Σ of ∂L/∂y where x was chosen", r"\partial_x L = \sum_{i:\,\sigma(i)=x} g_i")
        places = as_array(self._chosen(operation, x)[1])
        kept = places.ndim == rank
        picked = tuple(slice(None) if at == axis else place for at, place in enumerate(index) if at != axis or kept)
        along = np.atleast_1d(places[picked])
        chosen = np.flatnonzero(along == (index[axis] if rank else 0))
        if not kept or not rank:
            rows = index_row([place for at, place in enumerate(index) if at != axis])[: len(chosen)]
            rows = rows.reshape(len(chosen), places.ndim)
        else:
            rows = lattice(*[chosen if at == axis else [place] for at, place in enumerate(index)])
        derivatives = np.zeros(len(rows)) if _is_index(operation) else np.ones(len(rows))
        return LocalDerivatives(rows, derivatives, formula)

    def reads(self, operation: Operation, shapes: Shapes, output: Positions) -> tuple[Positions | None, ...]:
        """The whole line."""
        rank = len(shapes[0])
        axis, axes = self._axis(operation, rank), list(output.axes)
        if len(axes) < rank:
            axes.insert(axis, np.ones(shapes[0][axis], dtype=bool))
        elif rank:
            axes[axis] = np.ones(shapes[0][axis], dtype=bool)
        return (Positions(tuple(axes), output.exact),)

    def reach(self, operation: Operation, shapes: Shapes) -> tuple[Reach, ...] | str:
        """All, along an axis of the image."""
        return EVERYTHING if self._axis(operation, len(shapes[0])) >= 2 else ()

    def _chosen(self, operation: Operation, x: Tensor) -> Any:
        assert operation.function is not None
        try:
            return operation.function(x)
        except (RuntimeError, IndexError) as error:
            first = str(error).splitlines()[0]
            raise UserError(f"{operation.kind} cannot take an input of shape {list(x.shape)}: {first}") from error

    def _axis(self, operation: Operation, rank: int) -> int:
        return int(operation.settings["axis"]) % max(rank, 1)

    def _place(self, operation: Operation, x: Tensor, index: Sequence[int]) -> int:
        return int(as_array(self._chosen(operation, x)[1])[tuple(index)])

    def _line(self, operation: Operation, x: Tensor, index: Sequence[int]) -> Integers:
        if not x.dim():
            return np.zeros((1, 0), dtype=np.int64)
        axis, own = self._axis(operation, x.dim()), list(index)
        if len(own) < x.dim():
            own.insert(axis, 0)
        return lattice(*[np.arange(x.shape[axis]) if at == axis else [place] for at, place in enumerate(own)])


def _is_index(operation: Operation) -> bool:
    return operation.kind.endswith("_index")


def _register(kind: str, takes_count: bool) -> None:
    pick: Callable[..., Any] = getattr(torch, kind)

    @for_part_of(pick, getattr(Tensor, kind))
    def _(part: int, input: Tensor, *more: Any, **keywords: Any) -> Call:
        if not is_floating(input):
            raise NoArithmetic(f"no arithmetic for this operation: {kind} of other than floating-point numbers")
        rest = more[1:] if takes_count else more
        axis = keywords.get("dim", keywords.get("axis", rest[0] if rest else -1))
        kind_of_part = f"{kind}_index" if part else kind
        return Call(Operation(kind_of_part, {"axis": int(axis)}, {}, lambda x: pick(x, *more, **keywords)), (input,))


for _kind in KINDS:
    _register(_kind, takes_count=_kind in ("topk", "kthvalue"))
