"""How strongly the weights of the last layer are held down: chosen by cross-validation on the training images.

Shape letters: N images, F features, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.ground.seeds import derive_seed
from pellucid.training.frozen.logistic import Fit, fit

__all__ = ["CrossValidation", "choose_strength"]

STRENGTHS = (100.0, 10.0, 1.0, 0.1, 0.01, 0.001, 0.0001)
"""The strongest first: each fit begins where the one before it ended."""
FOLDS, FOLDS_OF_MANY, MANY = 5, 3, 4000
SHARPNESSES = tuple(10 ** (step / 20) for step in range(-20, 61))
"""From 0.1 to 1,000, each 12 % above the one before."""
TOLERANCE = 1e-4
"""Of the gradient: a loss that is only compared needs no more."""
FALLBACK = 1.0


@dataclass(frozen=True)
class CrossValidation:
    """What was tried and what it gave."""

    folds: int
    """0 where no class has two images, so that nothing could be held out."""
    strengths: tuple[float, ...]
    losses: tuple[float, ...]
    """Mean cross-entropy of the held-out images at the best sharpness, one for each strength."""
    accuracies: tuple[float, ...]
    """Share of the held-out images that were right; like the loss, each image counts as much as it does in the fit."""
    chosen: float
    sharpness: float
    """What the logits of the chosen strength are to be multiplied by, as strong holding down makes them small."""

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
    groups: Sequence[Tensor] = (),
    after_fit: Callable[[], None] = lambda: None,
) -> CrossValidation:
    """Find the strength with the smallest loss on images that the fit has not seen, after its logits were sharpened.

    Strong holding down makes all logits small, which the loss as it is finds fault with although the order of classes
    is good: on CIFAR-10 with 20 or 50 photos of each of 2 or 10 classes that cost half a point of accuracy. So each
    strength is judged with its logits multiplied by what suits held-out images best, and the weights are, too.

    An image and its mirror image are on the same side, and so are near copies; only images as they are are judged,
    each once.

    Args:
        features: `[N, F]` float64, standardised.
        mirrored: `[N, F]` of the mirror images, or `[0, F]`.
        labels: `[N]` int64.
        classes: K.
        seed: of the folds.
        shares: `[N]` float64, how much each image counts in the fit and when it is judged; None counts all alike.
        groups: indices of images, each of one class, that are to be in one fold, as they show nearly the same.
        after_fit: called after each fit, to stop there if need be.
    """
    units = _units(labels, groups)
    most = max(len(units[labels == label].unique()) for label in range(classes))
    count = min(FOLDS if len(labels) <= MANY else FOLDS_OF_MANY, most)
    if count < 2:
        return CrossValidation(0, (), (), (), FALLBACK, 1.0)
    folds = _folds(labels, units, count, seed)
    judged = torch.ones(len(labels)).double() if shares is None else shares
    begun: list[Fit | None] = [None] * count
    sharpened: list[tuple[float, float]] = []
    accuracies: list[float] = []
    for strength in STRENGTHS:
        logits = torch.zeros(len(labels), classes, dtype=torch.float64)
        for number in range(count):
            kept, held = folds != number, folds == number
            rows, targets, counts = features[kept], labels[kept], None if shares is None else shares[kept]
            if len(mirrored):
                rows, targets = torch.cat((rows, mirrored[kept])), targets.repeat(2)
                counts = None if counts is None else counts.repeat(2)
            found = fit(rows, targets, classes, strength, tolerance=TOLERANCE, shares=counts, begin_at=begun[number])
            begun[number] = found
            logits[held] = found.logits(features[held])
            after_fit()
        sharpened.append(_sharpness(logits, labels, judged))
        accuracies.append(float(judged @ (logits.argmax(1) == labels).double() / judged.sum()))
    losses = tuple(loss for loss, _ in sharpened)
    best = losses.index(min(losses))
    return CrossValidation(count, STRENGTHS, losses, tuple(accuracies), STRENGTHS[best], sharpened[best][1])


def _sharpness(logits: Tensor, labels: Tensor, judged: Tensor) -> tuple[float, float]:
    """Find what logits `[N, K]` are best multiplied by; give the mean cross-entropy then, and the factor.

    The mean is over images by what each counts, `[N]`.

    The targets are a little softer than 0 and 1, as Platt 1999 has it ("Probabilistic outputs for support vector
    machines", section 2.2): N correct answers of N do not say that an answer is always correct.
    """
    count, classes = logits.shape
    targets = torch.full_like(logits, 1 / (count + 2) / (classes - 1))
    targets[torch.arange(count), labels] = (count + 1) / (count + 2)
    shares = judged / judged.sum()
    return min((float(shares @ F.cross_entropy(logits * by, targets, reduction="none")), by) for by in SHARPNESSES)


def _units(labels: Tensor, groups: Sequence[Tensor]) -> Tensor:
    """Give each image's unit, `[N]` int64: images of one unit go into one fold. Most are a unit by themselves.

    A class that is one group altogether stays apart: a fold would be fitted without any image of it otherwise.
    """
    units = torch.arange(len(labels))
    for group in groups:
        if len(group) < int((labels == labels[group[0]]).sum()):
            units[group] = group[0]
    return units


def _folds(labels: Tensor, units: Tensor, count: int, seed: int) -> Tensor:
    """Give the fold of each image, `[N]` int64: every class spread evenly, the next one beginning where it ended."""
    generator = torch.Generator().manual_seed(derive_seed(seed, "folds"))
    order = torch.randperm(len(labels), generator=generator)
    order = order[torch.sort(labels[order], stable=True).indices]
    fold_of: dict[int, int] = {}
    for unit in units[order].tolist():
        fold_of.setdefault(unit, len(fold_of) % count)
    return torch.tensor([fold_of[unit] for unit in units.tolist()])
