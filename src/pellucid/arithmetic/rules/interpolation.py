"""Enlarging and shrinking by interpolation: linear, bilinear, trilinear, bicubic and area.

Along each axis an output is a weighted sum of a few inputs, and the weights of the axes are multiplied. Output i lies
at `(i + ½)·s − ½` among the inputs, or at `i·(L − 1)/(O − 1)` with aligned corners, s being L/O or 1/scale factor.
With antialiasing, an image that shrinks is read through a filter s times as wide, whose weights add up to 1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch.nn.functional as F
from torch import Tensor

from pellucid.arithmetic.arrays import Floats, gather, lattice
from pellucid.arithmetic.operation import Formula, NoArithmetic, Operation, ShapeRule
from pellucid.arithmetic.positions import Positions
from pellucid.arithmetic.rounding import sum_slack
from pellucid.arithmetic.rule import (
    UNKNOWN,
    Decomposition,
    LocalDerivatives,
    Reach,
    Rule,
    Shapes,
    check_rank,
    input_terms,
    rule_for,
)

__all__ = ["MODES", "InterpolationRule", "interpolation"]

MODES = {"linear": 1, "bilinear": 2, "trilinear": 3, "bicubic": 2}
"""The axes that each enlarges."""


def interpolation(
    mode: str, size: Any, scale_factor: Any, align_corners: bool, recompute: bool, antialias: bool = False
) -> Operation:
    """Describe an enlargement, in PyTorch's words."""
    settings = {"mode": mode, "size": size, "scale": scale_factor, "align": align_corners, "recompute": recompute}
    return Operation("interpolate", settings | {"antialias": antialias})


@rule_for("interpolate")
class InterpolationRule(Rule):
    """Each output is a weighted sum of the inputs around its place."""

    def noun(self, operation: Operation) -> str:
        """Bilinear enlargement."""
        return f"{operation.settings['mode']} enlargement"

    def formula(self, operation: Operation) -> Formula:
        """Weights of rows times weights of columns."""
        return Formula(
            "y[n,c,i,j] = Σ_k Σ_l a[i,k] · b[j,l] · x[n,c,k,l]", r"y_{ncij} = \sum_{k,l} a_{ik} b_{jl} x_{nckl}"
        )

    def shape(self, operation: Operation, shapes: Shapes) -> ShapeRule:
        """The size asked for, or ⌊length · factor⌋."""
        axes, shape, settings = MODES[operation.settings["mode"]], shapes[0], operation.settings
        check_rank(operation, shape, [axes + 2], "batch, channels, then the axes enlarged")
        if settings["size"] is not None:
            asked = (int(size) for size in _each(settings["size"], axes))
            return ShapeRule((*shape[:2], *asked), "the size asked for")
        factors = _each(settings["scale"], axes)
        sizes = [math.floor(length * float(factor)) for length, factor in zip(shape[2:], factors, strict=True)]
        return ShapeRule((*shape[:2], *sizes), "⌊L · factor⌋")

    def compute(self, operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        """Let PyTorch interpolate."""
        settings = operation.settings
        return F.interpolate(
            inputs[0], settings["size"], settings["scale"], settings["mode"], settings["align"],
            settings["recompute"] or None, settings["antialias"],
        )  # fmt: skip

    def decompose(self, operation: Operation, inputs: Sequence[Tensor], index: tuple[int, ...]) -> Decomposition:
        """One term for each input with a weight."""
        x = inputs[0]
        matrices = self._matrices(operation, tuple(x.shape))
        rows = [matrix[at] for matrix, at in zip(matrices, index[2:], strict=True)]
        read = [np.flatnonzero(row) for row in rows]
        sources = lattice([index[0]], [index[1]], *read)
        weights = _outer([row[some] for row, some in zip(rows, read, strict=True)])
        values = gather(x, sources, "the input")
        products = values * weights
        terms = input_terms(x.shape, sources, values, weights=weights, products=products)
        slack = sum_slack(products) + self._doubt(operation, x.shape) * float(np.abs(values).sum())
        return Decomposition(terms, float(products.sum()), slack)

    def local_derivatives(
        self, operation: Operation, inputs: Sequence[Tensor], of: str, operand: int, index: tuple[int, ...]
    ) -> LocalDerivatives:
        """The same weights, of all outputs that read the input."""
        matrices = self._matrices(operation, tuple(inputs[0].shape))
        columns = [matrix[:, at] for matrix, at in zip(matrices, index[2:], strict=True)]
        # An output just beside may get a weight by rounding alone, so it is named too, where there is any.
        fed = [np.flatnonzero(column) for column in columns]
        positions = lattice([index[0]], [index[1]], *fed)
        weights = _outer([column[some] for column, some in zip(columns, fed, strict=True)])
        formula = Formula("∂L/∂x[k,l] = Σ_i Σ_j ∂L/∂y[i,j] · a[i,k] · b[j,l]", r"\sum_{i,j} g_{ij} a_{ik} b_{jl}")
        return LocalDerivatives(positions, weights, formula, floor=self._doubt(operation, inputs[0].shape))

    def reads(self, operation: Operation, shapes: Shapes, output: Positions) -> tuple[Positions | None, ...]:
        """Inputs with a weight for any of the outputs."""
        matrices = self._matrices(operation, tuple(shapes[0]))
        masks = [(matrix[mask] != 0).any(axis=0) for matrix, mask in zip(matrices, output.axes[2:], strict=True)]
        return (Positions((*output.axes[:2], *masks), output.exact),)

    def reach(self, operation: Operation, shapes: Shapes) -> tuple[Reach, ...] | str:
        """Not the same for all outputs, as the image's edge is repeated."""
        return UNKNOWN

    def _matrices(self, operation: Operation, shape: tuple[int, ...]) -> list[Floats]:
        settings = operation.settings
        sizes = self.shape(operation, [shape]).shape[2:]
        factors = _each(settings["scale"], len(sizes))
        make = _smoothed_weights if settings["antialias"] else _weights
        return [
            make(length, size, settings["mode"] == "bicubic", settings["align"],
                     None if settings["recompute"] or settings["size"] is not None else factor)
            for length, size, factor in zip(shape[2:], sizes, factors, strict=True)
        ]  # fmt: skip

    def _doubt(self, operation: Operation, shape: Sequence[int]) -> float:
        """How far rounding may take a weight: the place, up to L, is rounded a few times."""
        return 16.0 * (max(shape[2:]) + 1) * len(shape[2:])


def _each(value: Any, axes: int) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,) * axes


def _outer(vectors: Sequence[Floats]) -> Floats:
    result = np.ones(1)
    for vector in vectors:
        result = np.outer(result, vector).ravel()
    return result


def _weights(length: int, size: int, cubic: bool, align: bool, factor: float | None) -> Floats:
    """Weight each input position for each output position, `(size, length)`.

    >>> _weights(2, 4, False, False, None).tolist()
    [[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]
    """
    step = _step(length, size, align, factor)
    matrix = np.zeros((size, length))
    for i in range(size):
        place = i * step if align else (i + 0.5) * step - 0.5
        if not cubic:
            place = max(place, 0.0)
        first = math.floor(place)
        share = place - first
        taps = {0: 1 - share, 1: share}
        if cubic:  # R. Keys's cubic with a = -3/4
            taps = {offset: _cubic(abs(offset - share)) for offset in (-1, 0, 1, 2)}
        for offset, weight in taps.items():
            matrix[i, min(max(first + offset, 0), length - 1)] += weight
    return matrix


def _smoothed_weights(length: int, size: int, cubic: bool, align: bool, factor: float | None) -> Floats:
    """The same with antialiasing: a triangle, or Keys's cubic with a = −1/2, as wide as the outputs lie apart.

    >>> _smoothed_weights(4, 2, False, False, None).round(3).tolist()
    [[0.429, 0.429, 0.143, 0.0], [0.0, 0.143, 0.429, 0.429]]
    """
    step = _step(length, size, align, factor)
    width = max(step, 1.0)
    reach = (2 if cubic else 1) * width
    matrix = np.zeros((size, length))
    for i in range(size):
        middle = step * (i + 0.5)
        first, end = max(int(middle - reach + 0.5), 0), min(int(middle + reach + 0.5), length)
        distances = np.abs((np.arange(first, end) + 0.5 - middle) / width)
        weights = [_cubic(x, -0.5) for x in distances] if cubic else np.maximum(1 - distances, 0.0)
        matrix[i, first:end] = np.asarray(weights) / np.sum(weights)
    return matrix


def _step(length: int, size: int, align: bool, factor: float | None) -> float:
    """How far apart the places of two outputs are."""
    if align:
        return (length - 1) / (size - 1) if size > 1 else 0.0
    return 1 / factor if factor else length / size


def _cubic(distance: float, a: float = -0.75) -> float:
    if distance <= 1:
        return ((a + 2) * distance - (a + 3)) * distance**2 + 1
    return ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a if distance < 2 else 0.0


def check_known(mode: str, antialias: bool) -> None:
    """Refuse what has no arithmetic."""
    if mode not in MODES or (antialias and MODES[mode] != 2):
        how = " with antialiasing" if antialias else ""
        raise NoArithmetic(f"no arithmetic for this operation: enlarging by {mode} interpolation{how}")
