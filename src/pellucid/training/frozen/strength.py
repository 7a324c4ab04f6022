"""How strongly the weights of the last layer are held down: chosen by cross-validation on the training images.

Shape letters: N images, F features, K classes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.ground.seeds import derive_seed
from pellucid.training.frozen.logistic import Fit, fit

__all__ = ["CrossValidation", "choose_strength"]

STRONGEST, PER_DECADE, DECADES = 100.0, 2, 7
STRENGTHS = tuple(STRONGEST * 10 ** (-number / PER_DECADE) for number in range(PER_DECADE * DECADES + 1))
"""From 100 to 0.00001, the strongest first: each fit begins where the one before it ended."""
PATIENCE = 2
"""Weaker ones are tried until so many in a row are no better: the loss falls once and rises once."""
FOLDS, FOLDS_OF_MANY, MANY = 5, 3, 4000
TOLERANCE = 1e-4
"""Of the gradient: a loss that is only compared needs no more."""
FALLBACK = 1e-2


@dataclass(frozen=True)
class CrossValidation:
    """What was tried and what it gave."""

    folds: int
    """0 where no class has two images, so that nothing could be held out."""
    strengths: tuple[float, ...]
    losses: tuple[float, ...]
    """Mean cross-entropy of the held-out images, one for each strength."""
    accuracies: tuple[float, ...]
    chosen: float

    @property
    def accuracy(self) -> float | None:
        """Of the chosen strength, 0 to 1, on images that were held out; None where none could be."""
        return self.accuracies[self.strengths.index(self.chosen)] if self.folds else None


def choose_strength(
    features: Tensor,
    mirrored: Tensor,
    labels: Tensor,
    classes: int,
    seed: int,
    *,
    shares: Tensor | None = None,
    after_fit: Callable[[], None] = lambda: None,
) -> CrossValidation:
    """Find the strength with the smallest loss on images that the fit has not seen.

    An image and its mirror image are on the same side; only images as they are are judged, each once.

    Args:
        features: `[N, F]` float64, standardised.
        mirrored: `[N, F]` of the mirror images, or `[0, F]`.
        labels: `[N]` int64.
        classes: K.
        seed: of the folds.
        shares: `[N]` float64, how much each image counts in the fit; None counts all alike.
        after_fit: called after each fit, to stop there if need be.
    """
    most = int(torch.bincount(labels, minlength=classes).max())
    count = min(FOLDS if len(labels) <= MANY else FOLDS_OF_MANY, most)
    if count < 2:
        return CrossValidation(0, (), (), (), FALLBACK)
    folds = _folds(labels, count, seed)
    begun: list[Fit | None] = [None] * count
    losses: list[float] = []
    accuracies: list[float] = []
    for strength in STRENGTHS:
        loss = right = 0.0
        for number in range(count):
            kept, held = folds != number, folds == number
            rows, targets, counts = features[kept], labels[kept], None if shares is None else shares[kept]
            if len(mirrored):
                rows, targets = torch.cat((rows, mirrored[kept])), targets.repeat(2)
                counts = None if counts is None else counts.repeat(2)
            found = fit(rows, targets, classes, strength, tolerance=TOLERANCE, shares=counts, begin_at=begun[number])
            begun[number] = found
            logits = found.logits(features[held])
            loss += float(F.cross_entropy(logits, labels[held], reduction="sum"))
            right += float((logits.argmax(1) == labels[held]).sum())
            after_fit()
        losses.append(loss / len(labels))
        accuracies.append(right / len(labels))
        if len(losses) - 1 - losses.index(min(losses)) >= PATIENCE:
            break
    chosen = STRENGTHS[losses.index(min(losses))]
    return CrossValidation(count, STRENGTHS[: len(losses)], tuple(losses), tuple(accuracies), chosen)


def _folds(labels: Tensor, count: int, seed: int) -> Tensor:
    """Give the fold of each image, `[N]` int64: every class spread evenly, the next one beginning where it ended."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "folds"))
    order = torch.randperm(len(labels), generator=generator)
    order = order[torch.sort(labels[order], stable=True).indices]
    folds = torch.empty_like(labels)
    folds[order] = torch.arange(len(labels)) % count
    return folds
