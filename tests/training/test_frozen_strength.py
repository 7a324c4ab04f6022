"""The strength's cross-validation: near copies in one fold, and images that count more than others."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score

from pellucid.training.class_weights import class_weights
from pellucid.training.frozen import strength
from pellucid.training.frozen.logistic import fit
from pellucid.training.frozen.strength import choose_strength


def unequal(rare: int, common: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Two clouds that overlap, in five dimensions."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.tensor([0] * common + [1] * rare)
    rows = torch.randn(len(labels), 5, generator=generator).double()
    rows[:, 0] += 1.5 * labels
    return rows, labels


def test_near_copies_are_in_one_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = torch.arange(40) % 2
    groups = [torch.tensor([0, 2, 8, 20, 22]), torch.tensor([5, 35])]
    seen = []
    folds = strength._folds

    def watched(*given: Any) -> torch.Tensor:
        seen.append(folds(*given))
        return seen[-1]

    monkeypatch.setattr(strength, "_folds", watched)
    rows = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)).double()
    choose_strength(rows, rows[:0], labels, 2, seed=0, groups=groups)
    choose_strength(rows, rows[:0], labels, 2, seed=0)
    together, apart = seen
    assert [len(together[group].unique()) for group in groups] == [1, 1]
    assert len(apart[groups[0]].unique()) > 1
    assert torch.bincount(apart).tolist() == [8] * 5


def test_bursts_do_not_make_memory_look_like_knowledge() -> None:
    """Labels that nothing tells: only near copies in another fold can be right more often than by guessing."""
    generator = torch.Generator().manual_seed(0)
    scenes = torch.randn(30, 200, generator=generator).double()
    rows = scenes.repeat_interleave(5, 0) + 0.1 * torch.randn(150, 200, generator=generator).double()
    labels = (torch.arange(30) % 2).repeat_interleave(5)
    groups = list(torch.arange(150).split(5))
    apart = choose_strength(rows, rows[:0], labels, 2, seed=0)
    together = choose_strength(rows, rows[:0], labels, 2, seed=0, groups=groups)
    assert apart.accuracy is not None
    assert together.accuracy is not None
    assert apart.accuracy > 0.95
    assert together.accuracy < 0.7


def test_a_class_that_is_one_burst_is_in_several_folds() -> None:
    labels = torch.tensor([0] * 10 + [1] * 5)
    units = strength._units(labels, [torch.arange(10, 15)])
    assert units.tolist() == list(range(15))


def test_shares_raise_the_recall_of_a_rare_class_and_are_judged_by() -> None:
    rows, labels = unequal(rare=12, common=120, seed=0)
    unseen, expected = unequal(rare=500, common=500, seed=1)
    weights = class_weights("balanced", [120, 12])
    assert weights is not None
    shares = torch.tensor(weights).double()[labels]
    plain = choose_strength(rows, rows[:0], labels, 2, seed=0)
    weighted = choose_strength(rows, rows[:0], labels, 2, seed=0, shares=shares)
    recalls = []
    for tried, counts in ((plain, None), (weighted, shares)):
        found = fit(rows, labels, 2, tried.chosen, tolerance=1e-8, shares=counts)
        recalls.append(float((found.logits(unseen)[expected == 1].argmax(1) == 1).double().mean()))
    assert recalls[1] > recalls[0] + 0.2

    # The same folds, fitted and judged by scikit-learn.
    folds = strength._folds(labels, torch.arange(len(labels)), weighted.folds, 0).numpy()
    data, targets, given = rows.numpy(), labels.numpy(), shares.numpy()
    predicted = np.empty_like(targets)
    for fold in range(weighted.folds):
        kept = folds != fold
        inverse = 2 / (weighted.chosen * given[kept].sum())
        probe = LogisticRegression(C=inverse, tol=1e-10, max_iter=10_000)
        probe.fit(data[kept], targets[kept], sample_weight=given[kept])
        predicted[~kept] = probe.predict(data[~kept])
    assert weighted.accuracy == pytest.approx(balanced_accuracy_score(targets, predicted), abs=1e-9)
