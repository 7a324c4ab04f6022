"""Logistic regression with several classes, fitted to convergence in float64: the same numbers give the same weights.

Of weights W `[K, F]` and biases b `[K]`, with the features standardised, it finds those with the smallest

    sum of weight_n · cross-entropy of image n  /  sum of weight_n   +   strength / 2 · sum of all W²

There is one minimum only, as the function is convex and W is held down. Biases are not.

Shape letters: N images, F features, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

__all__ = ["FeatureScale", "Fit", "fit", "turned"]

MOST_ITERATIONS = 2000
HISTORY = 20
LEAST = 0.1
"""The smallest deviation of a feature, as a share of the root mean square of all of them."""


@dataclass(frozen=True)
class Fit:
    """What was found, for standardised features."""

    weight: Tensor
    """`[K, F]` float64."""
    bias: Tensor
    """`[K]` float64."""
    gradient: float
    """The largest entry of the gradient that is left: how far from the minimum it may be."""
    iterations: int

    def logits(self, features: Tensor) -> Tensor:
        """Give `[N, K]` for standardised features `[N, F]`."""
        return features @ self.weight.T + self.bias

    def sharpened(self, factor: float) -> Fit:
        """Multiply all logits by a factor."""
        return replace(self, weight=self.weight * factor, bias=self.bias * factor)


@dataclass(frozen=True)
class FeatureScale:
    """Mean and standard deviation of each feature, `[F]` float64.

    A feature that is (nearly) the same for all images is divided by no less than a share of what others vary: one that
    is zero for each training image and not for a later one would otherwise decide that one alone.
    """

    mean: Tensor
    deviation: Tensor

    @classmethod
    def of(cls, features: Tensor) -> FeatureScale:
        """Measure features `[N, F]`.

        >>> FeatureScale.of(torch.tensor([[0.0, 5.0], [2.0, 5.0]])).deviation
        tensor([1.0000, 0.0707], dtype=torch.float64)
        """
        exact = features.double()
        deviation = exact.std(0, correction=0)
        usual = float(deviation.square().mean().sqrt())
        return cls(exact.mean(0), deviation.clamp_min(LEAST * usual if usual else 1.0))

    def apply(self, features: Tensor) -> Tensor:
        """Standardise features `[N, F]` to float64."""
        return (features.double() - self.mean) / self.deviation

    def folded(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Give weight `[K, F]` and bias `[K]`, float32, for features as they are, of those for standardised ones."""
        weight = weight / self.deviation
        return weight.float(), (bias - weight @ self.mean).float()


def turned(rows: Tensor) -> tuple[Tensor, Tensor | None]:
    """Turn N rows `[N, F]` so that they need no more than N coordinates; give them and the `[F, N]` axes.

    Weights that are held down lie in the span of the images, and their length does not change when all is turned: the
    same minimum with fewer unknowns. With N of F or more, the rows stay and there are no axes.
    """
    if len(rows) >= rows.shape[1]:
        return rows, None
    axes, upper = torch.linalg.qr(rows.T)
    return upper.T.contiguous(), axes


def fit(
    features: Tensor,
    labels: Tensor,
    classes: int,
    strength: float,
    *,
    tolerance: float,
    shares: Tensor | None = None,
    begin_at: Fit | None = None,
) -> Fit:
    """Find the minimum by L-BFGS with all images in every step (Liu & Nocedal 1989).

    Args:
        features: `[N, F]` float64, standardised.
        labels: `[N]` int64.
        classes: K.
        strength: how strongly weights are held down, above 0.
        tolerance: stop where no entry of the gradient is larger.
        shares: `[N]` float64, how much each image counts; None counts all alike.
        begin_at: weights to begin with, those of a strength nearby; None is zero.

    >>> points, labels = torch.tensor([[-1.0], [1.0]]).double(), torch.tensor([0, 1])
    >>> fit(points, labels, 2, 0.1, tolerance=1e-9).logits(points).argmax(1)
    tensor([0, 1])
    """
    counts = torch.ones(len(labels), dtype=torch.float64) if shares is None else shares
    counts = counts / counts.sum()
    if begin_at is None:
        weight, bias = torch.zeros(classes, features.shape[1]).double(), torch.zeros(classes).double()
    else:
        weight, bias = begin_at.weight.clone(), begin_at.bias.clone()
    weight.requires_grad_(), bias.requires_grad_()
    optimizer = torch.optim.LBFGS(
        [weight, bias],
        max_iter=MOST_ITERATIONS,
        history_size=HISTORY,
        tolerance_grad=tolerance,
        tolerance_change=0.0,
        line_search_fn="strong_wolfe",
    )

    def loss() -> Tensor:
        optimizer.zero_grad()
        entropies = F.cross_entropy(features @ weight.T + bias, labels, reduction="none")
        value = counts @ entropies + strength / 2 * weight.square().sum()
        value.backward()
        return value

    with torch.enable_grad():
        optimizer.step(loss)
        loss()
    assert weight.grad is not None
    assert bias.grad is not None
    left = max(float(weight.grad.abs().max()), float(bias.grad.abs().max()))
    iterations = int(optimizer.state[weight]["n_iter"])
    return Fit(weight.detach(), bias.detach(), left, iterations)
