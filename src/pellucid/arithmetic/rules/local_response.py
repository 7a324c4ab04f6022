"""Local response normalisation: each number is divided by a power of the squares of the channels near it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.arithmetic.arrays import Integers, gather, lattice
from pellucid.arithmetic.operation import Call, Formula, Operation, ShapeRule
from pellucid.arithmetic.positions import Positions
from pellucid.arithmetic.reading import for_function, for_module
from pellucid.arithmetic.rule import Decomposition, LocalDerivatives, Rule, Shapes, check_rank, input_terms, rule_for

__all__ = ["LocalResponseRule", "local_response_norm"]


def local_response_norm(size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Operation:
    """Describe local response normalisation over `size` neighbouring channels."""
    return Operation("local_response_norm", {"size": size, "alpha": alpha, "beta": beta, "k": k})


@rule_for("local_response_norm")
class LocalResponseRule(Rule):
    """`y = x / (k + α/size · Σ x²)^β`, the sum over the channels nearby at the same position."""

    group = "normalisation"

    def noun(self, operation: Operation) -> str:
        """In full."""
        return "local response normalisation"

    def summary(self, operation: Operation, shapes: Shapes) -> str:
        """Over how many channels."""
        return f"over {operation.settings['size']} channels"

    def formula(self, operation: Operation) -> Formula:
        """With the sum S of squares."""
        return Formula(
            "y_c = x_c / (k + α/size · S)^β, S = Σ x² over the channels nearby",
            r"y_c = x_c \Bigl(k + \tfrac{\alpha}{n} \sum_{c'} x_{c'}^2\Bigr)^{-\beta}",
        )

    def shape(self, operation: Operation, shapes: Shapes) -> ShapeRule:
        """The input's."""
        check_rank(operation, shapes[0], [3, 4, 5], "batch, channels, then the image's")
        return ShapeRule(shapes[0], "the input's shape")

    def compute(self, operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        """Let PyTorch do it."""
        return F.local_response_norm(inputs[0], **operation.settings)

    def decompose(self, operation: Operation, inputs: Sequence[Tensor], index: tuple[int, ...]) -> Decomposition:
        """The number and the squares near it."""
        settings, x = operation.settings, inputs[0]
        sources = self._near(operation, x, index)
        values = gather(x, sources, "the input")
        own = int(np.flatnonzero(sources[:, 1] == index[1])[0])
        divisor = self._base(operation, values) ** settings["beta"]
        value = float(values[own] / divisor)
        slack = (16 + (8 + 2 * settings["size"]) * abs(settings["beta"])) * abs(value)
        details = {"own": own, "divisor": float(divisor)}
        terms = input_terms(x.shape, sources, values)
        return Decomposition(terms, value, slack, combine="function", details=details)

    def local_derivatives(
        self, operation: Operation, inputs: Sequence[Tensor], of: str, operand: int, index: tuple[int, ...]
    ) -> LocalDerivatives:
        """Itself and, through their divisors, the channels that have it nearby."""
        settings, x = operation.settings, inputs[0]
        size, beta = settings["size"], settings["beta"]
        channels = [
            channel for channel in range(x.shape[1]) if channel - size // 2 <= index[1] <= channel + (size - 1) // 2
        ]
        positions = lattice([index[0]], channels, *[[at] for at in index[2:]])
        own = float(gather(x, np.asarray([index], dtype=np.int64), "the input")[0])
        derivatives, floor = np.zeros(len(channels)), np.zeros(len(channels))
        for row, position in enumerate(positions.tolist()):
            values = gather(x, self._near(operation, x, position), "the input")
            base = self._base(operation, values)
            here = float(gather(x, positions[row : row + 1], "the input")[0])
            direct = (position[1] == index[1]) * base**-beta
            through = here * beta * base ** (-beta - 1) * 2 * settings["alpha"] / size * own
            derivatives[row] = direct - through
            floor[row] = (16 + (8 + 2 * size) * (1 + abs(beta))) * (abs(direct) + abs(through))
        formula = Formula(
            "∂L/∂x_c = Σ_j ∂L/∂y_j · (δ_cj D^−β − x_j · 2αβ/size · x_c D^(−β − 1)), D = k + α/size · S_j",
            r"\partial_{x_c} L = \sum_j g_j \bigl(\delta_{cj} D_j^{-\beta}"
            r" - \tfrac{2\alpha\beta}{n} x_j x_c D_j^{-\beta-1}\bigr)",
        )
        return LocalDerivatives(positions, derivatives, formula, floor=floor)

    def reads(self, operation: Operation, shapes: Shapes, output: Positions) -> tuple[Positions | None, ...]:
        """The channels near those."""
        size, channels = operation.settings["size"], np.arange(shapes[0][1])
        offsets = channels[:, None] - np.flatnonzero(output.axes[1])[None, :]
        near = ((-(size // 2) <= offsets) & (offsets <= (size - 1) // 2)).any(axis=1)
        return (output.with_axis(1, near),)

    def _base(self, operation: Operation, values: Any) -> float:
        settings = operation.settings
        return float(settings["k"] + settings["alpha"] * np.square(values).sum() / settings["size"])

    def _near(self, operation: Operation, x: Tensor, index: Sequence[int]) -> Integers:
        """List the channels that divide this one: `size` of them, one more before than after where that is even."""
        size, channel = operation.settings["size"], index[1]
        near = np.arange(max(channel - size // 2, 0), min(channel + (size - 1) // 2, x.shape[1] - 1) + 1)
        return lattice([index[0]], near, *[[at] for at in index[2:]])


@for_module(nn.LocalResponseNorm)
def _from_module(module: Any) -> Operation:
    return local_response_norm(module.size, module.alpha, module.beta, module.k)


@for_function(F.local_response_norm)
def _from_call(input: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Call:
    return Call(local_response_norm(size, alpha, beta, k), (input,))
