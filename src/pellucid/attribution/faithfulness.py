"""Whether a map is faithful to a decision: what happens when the marked pixels go, and when only they are there.

After Petsiuk et al. 2018 (RISE, arXiv:1806.07421). Shape letters: C channels, H rows, W columns, T steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pellucid.attribution.images import VALUES_AT_ONCE, blurred, mean_colour
from pellucid.attribution.probability import Probability

__all__ = ["LEVEL", "TEST_STEPS", "Faithfulness", "MovedTest", "against_moved", "measure_map", "measure_random_orders"]

STEPS = 64
TEST_STEPS = 16
"""The test needs many curves, so that each has fewer points."""
RANDOM_ORDERS = 5
LEVEL = 0.05


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


@dataclass(frozen=True, eq=False)
class MovedTest:
    """A map's deletion and insertion beside those of the same map moved to random positions: a permutation test.

    If it did not matter where the map is, each of the positions would be the best with equal chance; the p-value is
    the share of positions, the map's own among them, that are at least as good as its own. It is multiplied by the
    number of maps that this one was chosen among (Bonferroni), so that trying many maps does not make one pass.

    Attributes:
        scores: of the map, measured as those of the moved maps are.
        moved: of the map at each other position.
        tries: among how many maps this one was chosen.
    """

    scores: Faithfulness
    moved: tuple[Faithfulness, ...]
    tries: int

    @property
    def deletion_p_value(self) -> float:
        """The corrected p-value of deletion, 0 to 1."""
        return self._corrected(sum(moved.deletion <= self.scores.deletion for moved in self.moved))

    @property
    def insertion_p_value(self) -> float:
        """The corrected p-value of insertion, 0 to 1."""
        return self._corrected(sum(moved.insertion >= self.scores.insertion for moved in self.moved))

    @property
    def smallest_p_value(self) -> float:
        """The corrected p-value of a map that is better than at every other position."""
        return self._corrected(0)

    @property
    def passes_deletion(self) -> bool:
        """Whether the corrected p-value of deletion is at most 0.05."""
        return self.deletion_p_value <= LEVEL

    @property
    def passes_insertion(self) -> bool:
        """Whether the corrected p-value of insertion is at most 0.05."""
        return self.insertion_p_value <= LEVEL

    def to_dict(self) -> dict[str, Any]:
        """The positions, the p-values and what they were corrected for."""
        return {
            "positions": len(self.moved),
            "maps_tried": self.tries,
            "deletion_p_value": self.deletion_p_value,
            "insertion_p_value": self.insertion_p_value,
            "moved": [{"deletion": moved.deletion, "insertion": moved.insertion} for moved in self.moved],
        }

    def _corrected(self, at_least_as_good: int) -> float:
        return min(1.0, self.tries * (1 + at_least_as_good) / (1 + len(self.moved)))


def measure_map(probability: Probability, x: Tensor, values: NDArray[np.float64], steps: int = STEPS) -> Faithfulness:
    """Paint pixels over, and bring them into a blurred image, the map's largest first; of equal ones the upper left.

    Args:
        probability: of the class that the map explains.
        x: `(1, C, H, W)`, the image as the network takes it.
        values: `[H, W]`, the map.
        steps: into how many parts the pixels are divided.
    """
    return _measure(probability, x, np.argsort(-values.ravel(), kind="stable"), steps)


def measure_random_orders(
    probability: Probability, x: Tensor, count: int = RANDOM_ORDERS, seed: int = 0
) -> tuple[Faithfulness, ...]:
    """Do the same in random orders of single pixels, which are independent of the image."""
    generator = np.random.default_rng(seed)
    pixels = x.shape[2] * x.shape[3]
    return tuple(_measure(probability, x, generator.permutation(pixels), STEPS) for _ in range(count))


def against_moved(
    probability: Probability, x: Tensor, values: NDArray[np.float64], tries: int = 1, steps: int = TEST_STEPS
) -> MovedTest:
    """Test a map against itself moved elsewhere: what a map has to be better than.

    A moved map has patches of the same size; single pixels in random order have not, and scattered holes harm a
    network more than one hole of the same size does. What is moved over one border comes back at the other. The
    positions lie evenly over the whole image, as far from each other as so many can: were the near ones left out, a map
    at a random place would pass more often than in one of twenty. There are so many that a map better than all others
    passes, with the correction for `tries`.

    Args:
        probability: of the class that the map explains.
        x: `(1, C, H, W)`, the image as the network takes it.
        values: `[H, W]`, the map.
        tries: among how many maps this one was, or is going to be, chosen.
        steps: into how many parts the pixels are divided.
    """
    return MovedTest(
        scores=measure_map(probability, x, values, steps),
        moved=tuple(
            measure_map(probability, x, np.roll(values, shift, axis=(0, 1)), steps)
            for shift in _shifts(values.shape[0], values.shape[1], math.ceil(tries / LEVEL))
        ),
        tries=tries,
    )


def _shifts(rows: int, columns: int, positions: int) -> list[tuple[int, int]]:
    """Spread at least so many positions evenly over an image, or all it has; the first is where the map is, left out.

    >>> _shifts(8, 8, 4)
    [(0, 4), (4, 0), (4, 4)]
    """
    down = _parts(rows, math.ceil(math.sqrt(positions)))
    across = _parts(columns, math.ceil(positions / down))
    down = _parts(rows, math.ceil(positions / across))
    grid = [(row * rows // down, column * columns // across) for row in range(down) for column in range(across)]
    return grid[1:]


def _parts(length: int, wanted: int) -> int:
    """Divide an axis into so many parts, or into single pixels where parts would be of one pixel and of two."""
    return wanted if 2 * wanted <= length else length


def _measure(probability: Probability, x: Tensor, order: NDArray[np.int64], steps: int) -> Faithfulness:
    """Measure one order: `[H·W]`, the pixels' positions, row by row, the first to be painted over and to come first."""
    count = len(order)
    cuts = np.unique(np.linspace(0, count, steps + 1).round().astype(np.int64))
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
