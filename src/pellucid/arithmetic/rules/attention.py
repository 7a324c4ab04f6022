"""Scaled dot-product attention: each output is a mean of values, weighted by a softmax of query times key."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.arithmetic.arrays import Floats, as_array, gather, lattice
from pellucid.arithmetic.operation import Call, Formula, NoArithmetic, Operation, ShapeRule
from pellucid.arithmetic.positions import Positions
from pellucid.arithmetic.reading import for_function
from pellucid.arithmetic.result import Terms
from pellucid.arithmetic.rounding import sum_slack
from pellucid.arithmetic.rule import UNKNOWN, Decomposition, LocalDerivatives, Reach, Rule, Shapes, rule_for
from pellucid.ground.errors import UserError

__all__ = ["AttentionRule", "attention"]


def attention(scale: float, mask: Tensor | None = None, causal: bool = False) -> Operation:
    """Describe attention; a mask of truth says which keys are looked at, one of numbers is added to the scores."""
    return Operation("attention", {"scale": scale, "causal": causal}, {"mask": mask})


@rule_for("attention")
class AttentionRule(Rule):
    """Operands are queries `(..., L, E)`, keys `(..., S, E)` and values `(..., S, D)`."""

    group = "weighted"

    def formula(self, operation: Operation) -> Formula:
        """Softmax of the scores times the values."""
        return Formula(
            "y[i,e] = Σ_j p[i,j] · v[j,e], p[i,·] = softmax of scale · Σ_d q[i,d] · k[j,d]",
            r"y_{ie} = \sum_j p_{ij} v_{je},\quad p_{i\cdot} = \mathrm{softmax}(s\, q_i \cdot k_j)",
        )

    def shape(self, operation: Operation, shapes: Shapes) -> ShapeRule:
        """A row for each query, as wide as the values."""
        q, k, v = shapes
        if q[:-2] != k[:-2] or q[:-2] != v[:-2] or q[-1] != k[-1] or k[-2] != v[-2]:
            raise UserError(f"attention was given {list(q)}, {list(k)} and {list(v)}; expected sizes that agree")
        return ShapeRule((*q[:-1], v[-1]), "a row for each query, as wide as the values")

    def compute(self, operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        """Let PyTorch attend."""
        settings = operation.settings
        return F.scaled_dot_product_attention(
            inputs[0], inputs[1], inputs[2], operation.tensors["mask"],
            is_causal=settings["causal"], scale=settings["scale"],
        )  # fmt: skip

    def decompose(self, operation: Operation, inputs: Sequence[Tensor], index: tuple[int, ...]) -> Decomposition:
        """One term for each value, with how much attention it gets."""
        *batch, i, e = index
        q, k = (as_array(x)[tuple(batch)].astype(np.float64) for x in inputs[:2])
        shares, doubt = self._shares(operation, q, k, tuple(batch), inputs[0].shape)
        sources = lattice(*[[at] for at in batch], np.arange(len(k)), [e])
        values = gather(inputs[2], sources, "the values")
        products = values * shares[i]
        terms = Terms(
            values, np.full(len(values), 2, dtype=np.int64), sources, tuple(x.dim() for x in inputs),
            weights=shares[i], products=products,
        )  # fmt: skip
        slack = sum_slack(products) + (2 * doubt[i] + len(k) + 8) * float(np.abs(products).sum())
        return Decomposition(terms, float(products.sum()), slack, details={"attention": shares[i]})

    def local_derivatives(
        self, operation: Operation, inputs: Sequence[Tensor], of: str, operand: int, index: tuple[int, ...]
    ) -> LocalDerivatives:
        """The share of a value; through the softmax for a query or key."""
        *batch, row, column = index
        q, k, v = (as_array(x)[tuple(batch)].astype(np.float64) for x in inputs)
        shares, doubt = self._shares(operation, q, k, tuple(batch), inputs[0].shape)
        scale = operation.settings["scale"]
        queries, columns = np.arange(len(q)), np.arange(v.shape[1])
        if operand == 2:
            positions, derivatives = lattice(*[[at] for at in batch], queries, [column]), shares[:, row]
            floor = np.abs(derivatives) * (2 * doubt + len(k) + 8)
        elif operand == 0:
            centred = k[:, column] - shares[row] @ k[:, column]
            derivatives = scale * ((shares[row] * centred) @ v)
            size = abs(scale) * (
                (shares[row] * (np.abs(k[:, column]) + np.abs(shares[row] @ k[:, column]))) @ np.abs(v)
            )
            positions = lattice(*[[at] for at in batch], [row], columns)
            floor = size * (4 * doubt[row] + 4 * len(k) + v.shape[1] + 16)
        else:
            outputs = shares @ v
            factor = scale * shares[:, row] * q[:, column]
            derivatives = (factor[:, None] * (v[row] - outputs)).ravel()
            size = np.abs(factor)[:, None] * (np.abs(v[row]) + shares @ np.abs(v))
            positions = lattice(*[[at] for at in batch], queries, columns)
            floor = (size * (4 * doubt[:, None] + 4 * len(k) + v.shape[1] + 16)).ravel()
        formula = Formula("∂L/∂x = Σ of ∂L/∂y · ∂y/∂x, through the softmax", r"\partial_x L = \sum g\, \partial_x y")
        return LocalDerivatives(positions, derivatives, formula, floor=floor)

    def multiply_adds(self, operation: Operation, shapes: Shapes) -> int:
        """Scores and weighted means."""
        q, k, v = shapes
        return int(np.prod(q[:-1], dtype=np.int64)) * k[-2] * (q[-1] + v[-1])

    def reads(self, operation: Operation, shapes: Shapes, output: Positions) -> tuple[Positions | None, ...]:
        """A query's row, all keys (a mask may leave some out), and the values of the output's column."""
        exact = operation.tensors["mask"] is None and not operation.settings["causal"]
        batch, rows, columns = output.axes[:-2], output.axes[-2], output.axes[-1]
        every = [np.ones(shape[axis], dtype=bool) for shape, axis in ((shapes[0], -1), (shapes[1], -2))]
        if shapes[1][-2] == 1:  # the softmax of a single score is 1, whatever the query and the key are
            return None, None, Positions((*batch, every[1], columns), output.exact)
        return (
            Positions((*batch, rows, every[0]), output.exact),
            Positions((*batch, every[1], every[0]), output.exact and exact),
            Positions((*batch, every[1], columns), output.exact and exact),
        )

    def reach(self, operation: Operation, shapes: Shapes) -> tuple[Reach, ...] | str:
        """The axes are not an image's."""
        return UNKNOWN

    def _shares(
        self, operation: Operation, q: Floats, k: Floats, batch: tuple[int, ...], shape: Sequence[int]
    ) -> tuple[Floats, Floats]:
        """The softmax, `(L, S)`, and for each query how far rounding may take a score, in unit roundoffs."""
        scale = operation.settings["scale"]
        scores = scale * (q @ k.T)
        doubt = abs(scale) * (np.abs(q) @ np.abs(k).T).max(axis=1) * (q.shape[1] + 4)
        mask = operation.tensors["mask"]
        if operation.settings["causal"]:
            scores = np.where(np.tri(*scores.shape).astype(bool), scores, -np.inf)
        if mask is not None:
            own = as_array(mask.expand(*shape[:-2], *mask.shape[-2:]))[batch]
            scores = np.where(own, scores, -np.inf) if own.dtype == bool else scores + own
        largest = scores.max(axis=1, keepdims=True)
        if not np.isfinite(largest).all():
            raise NoArithmetic("no arithmetic for this operation: attention with a query that may look at no key")
        shares = np.exp(scores - largest)
        return shares / shares.sum(axis=1, keepdims=True), doubt + np.abs(largest[:, 0])


@for_function(F.scaled_dot_product_attention)
def _from_call(
    query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: float | None = None, enable_gqa: bool = False,
) -> Call:  # fmt: skip
    if dropout_p or enable_gqa or key.shape[:-2] != query.shape[:-2] or value.shape[:-2] != query.shape[:-2]:
        raise NoArithmetic("no arithmetic for this operation: attention with dropout, grouped queries or broadcasting")
    scale = float(torch.tensor(query.shape[-1]).double() ** -0.5) if scale is None else scale
    return Call(attention(scale, attn_mask, is_causal), (query, key, value))
