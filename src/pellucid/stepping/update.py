"""The optimizer's arithmetic on one weight, line by line: SGD with momentum, Adam and AdamW, as in torch.optim.

Letters: w the weight, g its gradient, η the learning rate, λ the weight decay, μ the momentum, t the step's number.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pellucid.arithmetic import Check
from pellucid.arithmetic.rounding import tolerance
from pellucid.ground.shown import Shown
from pellucid.ground.writing import number

__all__ = ["Quantity", "Update", "recompute_update"]

LEAST = 2.0**-125
"""The spacing of the smallest float32 numbers, 2⁻¹⁴⁹, in unit roundoffs of 2⁻²⁴."""


@dataclass(frozen=True)
class Quantity(Shown):
    """One line of the arithmetic: what is computed, its formula, the formula with the numbers, and what comes out."""

    name: str
    formula: str
    numbers: str
    value: float


@dataclass(frozen=True)
class Update:
    """How an optimizer changed one weight.

    Attributes:
        optimizer: `sgd`, `adam` or `adamw`.
        before: the weight.
        after: the weight, recomputed in float64.
        lines: the arithmetic in order; the last one gives `after`.
        slack: how far rounding may move torch.optim's weight, in unit roundoffs.
    """

    optimizer: str
    before: float
    after: float
    lines: tuple[Quantity, ...]
    slack: float

    def check(self, after: float, dtype: Any) -> Check:
        """Check the recomputed weight against torch.optim's."""
        return Check(self.after, after, tolerance(self.slack, dtype))

    def to_dict(self) -> dict[str, Any]:
        """The same as words and numbers."""
        return {
            "optimizer": self.optimizer,
            "before": self.before,
            "after": self.after,
            "lines": [vars(line) for line in self.lines],
        }


def recompute_update(
    optimizer: str, group: Mapping[str, Any], state: Mapping[str, float], weight: float, gradient: float
) -> Update:
    """Recompute an optimizer's step for one weight.

    Args:
        optimizer: `sgd` (with or without momentum, plain or Nesterov's), `adam` or `adamw`.
        group: the settings, named as torch.optim names them in a parameter group: `lr`, `weight_decay`, and
            `momentum`, `nesterov` or `betas`, `eps`.
        state: the optimizer's state of this weight: `momentum_buffer`, or `step`, `exp_avg`, `exp_avg_sq`;
            empty before the first step.
        weight: before the step.
        gradient: of the loss with respect to it.

    SGD: Sutskever et al. 2013, "On the importance of initialization and momentum"; Adam: Kingma & Ba 2015,
    arXiv:1412.6980; AdamW: Loshchilov & Hutter 2019, arXiv:1711.05101.

    >>> print(recompute_update("sgd", {"lr": 0.1, "weight_decay": 0.0, "momentum": 0.0}, {}, 1.0, 2.0).lines[-1])
    w' = w − η·g = 1 − 0.1·2 = 0.8
    """
    if optimizer == "sgd":
        return _sgd(group, state, weight, gradient)
    return _adam(optimizer, group, state, weight, gradient)


def _sgd(group: Mapping[str, Any], state: Mapping[str, float], weight: float, gradient: float) -> Update:
    rate, decay, momentum = float(group["lr"]), float(group["weight_decay"]), float(group["momentum"])
    lines: list[Quantity] = []
    direction, letter = gradient, "g"
    size = abs(gradient) + abs(decay * weight)
    if decay:
        direction, letter = gradient + decay * weight, "d"
        numbers = f"{number(gradient)} + {number(decay)}·{_signed(weight)}"
        lines.append(Quantity("d", "g + λ·w", numbers, direction))
    if momentum:
        old = state.get("momentum_buffer")
        if old is None:
            buffer = direction
            lines.append(Quantity("v", f"{letter} (the first step)", number(direction), buffer))
        else:
            buffer = momentum * old + direction
            size += abs(momentum * old)
            numbers = f"{number(momentum)}·{_signed(old)} + {_signed(direction)}"
            lines.append(Quantity("v", f"μ·v + {letter}", numbers, buffer))
        if group.get("nesterov"):
            ahead = direction + momentum * buffer
            numbers = f"{number(direction)} + {number(momentum)}·{_signed(buffer)}"
            lines.append(Quantity("n", f"{letter} + μ·v", numbers, ahead))
            direction, letter = ahead, "n"
            size *= 1 + momentum
        else:
            direction, letter = buffer, "v"
    after = weight - rate * direction
    lines.append(Quantity("w'", f"w − η·{letter}", f"{number(weight)} − {number(rate)}·{_signed(direction)}", after))
    return Update("sgd", weight, after, tuple(lines), 2 * abs(after) + 2 * abs(weight) + 6 * rate * size)


def _adam(
    optimizer: str, group: Mapping[str, Any], state: Mapping[str, float], weight: float, gradient: float
) -> Update:
    rate, decay, epsilon = float(group["lr"]), float(group["weight_decay"]), float(group["eps"])
    first, second = (float(beta) for beta in group["betas"])
    step = round(state.get("step", 0.0)) + 1
    lines: list[Quantity] = []
    start, letter = weight, "g"
    if decay and optimizer == "adamw":
        start = weight * (1 - rate * decay)
        numbers = f"{_signed(weight)}·(1 − {number(rate)}·{number(decay)})"
        lines.append(Quantity("w", "w·(1 − η·λ)", numbers, start))
    elif decay:
        letter = "d"
        numbers = f"{number(gradient)} + {number(decay)}·{_signed(weight)}"
        gradient = gradient + decay * weight
        lines.append(Quantity("d", "g + λ·w", numbers, gradient))
    old_mean, old_square = state.get("exp_avg", 0.0), state.get("exp_avg_sq", 0.0)
    mean = first * old_mean + (1 - first) * gradient
    square = second * old_square + (1 - second) * gradient**2
    mean_corrected, square_corrected = mean / (1 - first**step), square / (1 - second**step)
    divisor = math.sqrt(square_corrected) + epsilon
    change = rate * mean_corrected / divisor
    after = start - change
    share_first, share_second = number(1 - first), number(1 - second)
    lines += [
        Quantity(
            "m",
            f"β₁·m + (1 − β₁)·{letter}",
            f"{number(first)}·{_signed(old_mean)} + {share_first}·{_signed(gradient)}",
            mean,
        ),
        Quantity(
            "v",
            f"β₂·v + (1 − β₂)·{letter}²",
            f"{number(second)}·{number(old_square)} + {share_second}·{_signed(gradient)}²",
            square,
        ),
        Quantity("m̂", "m / (1 − β₁ᵗ)", f"{number(mean)} / (1 − {number(first)}^{step})", mean_corrected),
        Quantity("v̂", "v / (1 − β₂ᵗ)", f"{number(square)} / (1 − {number(second)}^{step})", square_corrected),
        Quantity(
            "step",
            "η·m̂ / (√v̂ + ε)",
            f"{number(rate)}·{_signed(mean_corrected)} / (√{number(square_corrected)} + {number(epsilon)})",
            change,
        ),
        Quantity("w'", "w − step", f"{number(start)} − {_signed(change)}", after),
    ]
    # The moments are rounded in float32; where the old mean and the gradient cancel, that error is all that is left.
    kept = abs(first * old_mean) + abs((1 - first) * gradient)
    slack = 4 * abs(weight) + 2 * abs(after) + 8 * abs(change)
    slack += 4 * (kept + LEAST) * rate / (1 - first**step) / divisor
    return Update(optimizer, weight, after, tuple(lines), slack)


def _signed(value: float) -> str:
    """Write a factor; a negative one in brackets."""
    return f"({number(value)})" if value < 0 else number(value)
