"""The fully connected layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.arithmetic.arrays import gather, lattice
from pellucid.arithmetic.operation import Call, Formula, Operation, ShapeRule
from pellucid.arithmetic.positions import Positions
from pellucid.arithmetic.reading import for_function, for_module
from pellucid.arithmetic.rounding import sum_slack
from pellucid.arithmetic.rule import (
    UNKNOWN,
    Decomposition,
    LocalDerivatives,
    Reach,
    Rule,
    Shapes,
    input_terms,
    rule_for,
)
from pellucid.ground.errors import UserError

__all__ = ["LinearRule", "linear"]


def linear(weight: Tensor, bias: Tensor | None = None) -> Operation:
    """Describe a fully connected layer; `weight` is `(outputs, inputs)`."""
    return Operation("linear", {}, {"weight": weight, "bias": bias})


@rule_for("linear")
class LinearRule(Rule):
    """Each output is a weighted sum of all inputs, plus its bias."""

    group = "weighted"
    differentiable = ("input", "weight", "bias")

    def noun(self, operation: Operation) -> str:
        """Fully connected layer."""
        return "fully connected layer"

    def summary(self, operation: Operation, shapes: Shapes) -> str:
        """How many inputs become how many outputs."""
        outputs, inputs = operation.tensor("weight").shape
        return f"{inputs} → {outputs}"

    def formula(self, operation: Operation) -> Formula:
        """Weighted sum over all inputs."""
        return Formula("y[n,o] = b[o] + Σ_i w[o,i] · x[n,i]", r"y_{n,o} = b_o + \sum_i w_{o,i}\, x_{n,i}")

    def shape(self, operation: Operation, shapes: Shapes) -> ShapeRule:
        """The last axis becomes the number of outputs."""
        outputs, inputs = operation.tensor("weight").shape
        shape = shapes[0]
        if not shape or shape[-1] != inputs:
            raise UserError(
                f"linear was given an input of shape {list(shape)}; expected {inputs} numbers on the last axis, as its "
                f"weight of shape {[outputs, inputs]} has"
            )
        return ShapeRule((*shape[:-1], outputs), "outputs of the weight", (f"features: {inputs} → {outputs}",))

    def compute(self, operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        """Let PyTorch multiply."""
        return F.linear(inputs[0], operation.tensor("weight"), operation.tensors["bias"])

    def decompose(self, operation: Operation, inputs: Sequence[Tensor], index: tuple[int, ...]) -> Decomposition:
        """One term for each input."""
        x, weight, bias = inputs[0], operation.tensor("weight"), operation.tensors["bias"]
        *position, o = index
        reading = np.arange(x.shape[-1])
        sources = lattice(*[[at] for at in position], reading)
        taps = lattice([o], reading)
        values, weights = gather(x, sources, "the input"), gather(weight, taps, "the weight")
        products = values * weights
        added = None if bias is None else float(gather(bias, np.array([[o]]), "the bias")[0])
        terms = input_terms(x.shape, sources, values, weights=weights, products=products, weight_index=taps)
        return Decomposition(
            terms, float(products.sum()) + (added or 0.0), sum_slack(products, added or 0.0), bias=added
        )

    def reads(self, operation: Operation, shapes: Shapes, output: Positions) -> tuple[Positions | None, ...]:
        """All inputs."""
        return (output.with_axis(-1, np.ones(shapes[0][-1], dtype=bool)),)

    def local_derivatives(
        self, operation: Operation, inputs: Sequence[Tensor], of: str, operand: int, index: tuple[int, ...]
    ) -> LocalDerivatives:
        """Over the outputs for an input; over the batch for a weight or bias."""
        x, weight = inputs[0], operation.tensor("weight")
        if of == "input":
            outputs = np.arange(weight.shape[0])
            taps = lattice(outputs, [index[-1]])
            positions = lattice(*[[position] for position in index[:-1]], outputs)
            formula = Formula(
                "∂L/∂x[n,i] = Σ_o ∂L/∂y[n,o] · w[o,i]", r"\partial_{x_{n,i}} L = \sum_o g_{n,o}\, w_{o,i}"
            )
            return LocalDerivatives(positions, gather(weight, taps, "the weight"), formula, index=taps)
        batch = [np.arange(size) for size in x.shape[:-1]]
        positions = lattice(*batch, [index[0]])
        if of == "weight":
            sources = lattice(*batch, [index[1]])
            formula = Formula(
                "∂L/∂w[o,i] = Σ_n ∂L/∂y[n,o] · x[n,i]", r"\partial_{w_{o,i}} L = \sum_n g_{n,o}\, x_{n,i}"
            )
            return LocalDerivatives(
                positions, gather(x, sources, "the input"), formula, index=sources, index_of="input"
            )
        formula = Formula("∂L/∂b[o] = Σ_n ∂L/∂y[n,o]", r"\partial_{b_o} L = \sum_n g_{n,o}")
        return LocalDerivatives(positions, np.ones(len(positions)), formula)

    def multiply_adds(self, operation: Operation, shapes: Shapes) -> int:
        """Every weight once for each row of the batch."""
        return operation.tensor("weight").numel() * int(np.prod(shapes[0][:-1], dtype=np.int64))

    def reach(self, operation: Operation, shapes: Shapes) -> tuple[Reach, ...] | str:
        """All of it, when the image was flattened before."""
        return UNKNOWN


@for_module(nn.Linear)
def _from_module(module: Any) -> Operation:
    return linear(module.weight, module.bias)


@for_function(F.linear)
def _from_call(input: Tensor, weight: Tensor, bias: Tensor | None = None) -> Call:
    return Call(linear(weight, bias), (input,))
