"""Whether a map is faithful to a decision: what happens when the marked pixels go, and when only they are there.

After Petsiuk et al. 2018 (RISE, arXiv:1806.07421). Shape letters: C channels, H rows, W columns, T steps.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.attribution.images import VALUES_AT_ONCE, blurred, mean_colour
from pellucid.attribution.probability import Probability

__all__ = ["Faithfulness", "measure_map", "measure_moved", "measure_random_orders"]

STEPS = 64
TRIES = 5


@dataclass(frozen=True, eq=False)
class Faithfulness:
    """How a class's probability changes as pixels are painted over, or come into a blurred image, in one order.

    Attributes:
        fractions: `[T + 1]`, the share of pixels that is painted over or sharp, 0 to 1.
        deletion_curve: `[T + 1]`, the probability when the first of them are painted over in the mean colour.
        insertion_curve: `[T + 1]`, the probability when only the first of them are sharp in a blurred image.
    """

    fractions: NDArray[np.float64]
    deletion_curve: NDArray[np.float64]
    insertion_curve: NDArray[np.float64]

    def __repr__(self) -> str:
        return f"Faithfulness(deletion={self.deletion:.3f}, insertion={self.insertion:.3f})"

    @property
    def deletion(self) -> float:
        """The area below the deletion curve, 0 to 1; the lower, the better the order."""
        return float(np.trapezoid(self.deletion_curve, self.fractions))

    @property
    def insertion(self) -> float:
        """The area below the insertion curve, 0 to 1; the higher, the better the order."""
        return float(np.trapezoid(self.insertion_curve, self.fractions))

    def to_dict(self) -> dict[str, Any]:
        """Both scores and both curves."""
        return {
            "deletion": self.deletion,
            "insertion": self.insertion,
            "fractions": self.fractions.tolist(),
            "deletion_curve": self.deletion_curve.tolist(),
            "insertion_curve": self.insertion_curve.tolist(),
        }


def measure_map(probability: Probability, x: Tensor, values: NDArray[np.float64]) -> Faithfulness:
    """Paint pixels over, and bring them into a blurred image, the map's largest first; of equal ones the upper left.

    Args:
        probability: of the class that the map explains.
        x: `(1, C, H, W)`, the image as the network takes it.
        values: `[H, W]`, the map.
    """
    return _measure(probability, x, np.argsort(-values.ravel(), kind="stable"))


def measure_random_orders(
    probability: Probability, x: Tensor, count: int = TRIES, seed: int = 0
) -> tuple[Faithfulness, ...]:
    """Do the same in random orders of single pixels, which are independent of the image."""
    generator = np.random.default_rng(seed)
    pixels = x.shape[2] * x.shape[3]
    return tuple(_measure(probability, x, generator.permutation(pixels)) for _ in range(count))


def measure_moved(
    probability: Probability, x: Tensor, values: NDArray[np.float64], count: int = TRIES, seed: int = 0
) -> tuple[Faithfulness, ...]:
    """Do the same with the map moved elsewhere: what a map has to be better than.

    A moved map has patches of the same size; single pixels in random order have not, and scattered holes harm a
    network more than one hole of the same size does. What is moved over one border comes back at the other. Along one
    axis at least the map moves by a quarter of it; a map of one or two pixels moves along both axes by one.
    """
    generator = np.random.default_rng(seed)
    sizes = values.shape
    measured: list[Faithfulness] = []
    while len(measured) < count:
        shift = [int(generator.integers(size)) for size in sizes]
        far = any(min(by, size - by) >= max(1, size // 4) for by, size in zip(shift, sizes, strict=True))
        if far or max(sizes) == 1:
            moved = np.roll(values, shift, axis=(0, 1))
            measured.append(measure_map(probability, x, moved))
    return tuple(measured)


def _measure(probability: Probability, x: Tensor, order: NDArray[np.int64]) -> Faithfulness:
    """Measure one order: `[H·W]`, the pixels' positions, row by row, the first to be painted over and to come first."""
    count = len(order)
    cuts = np.unique(np.linspace(0, count, STEPS + 1).round().astype(np.int64))
    rank = np.empty(count, np.int64)
    rank[order] = np.arange(count)
    ranks = torch.from_numpy(rank.reshape(tuple(x.shape[2:]))).to(x.device)
    blank, soft = mean_colour(x), blurred(x)
    chunk = max(1, VALUES_AT_ONCE // x.numel())
    deletion, insertion = [], []
    with torch.no_grad():
        for start in range(0, len(cuts), chunk):
            limit = torch.from_numpy(cuts[start : start + chunk]).to(x.device)[:, None, None, None]
            first = ranks < limit  # (B, 1, H, W)
            deletion.append(probability(torch.where(first, blank, x)).double().cpu())
            insertion.append(probability(torch.where(first, x, soft)).double().cpu())
    return Faithfulness(cuts / count, torch.cat(deletion).numpy(), torch.cat(insertion).numpy())
