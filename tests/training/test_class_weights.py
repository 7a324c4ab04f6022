"""Class weights: against scikit-learn's, against a loss written here, and in a step that is taken again."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import accuracy_score, confusion_matrix
from sklearn.utils.class_weight import compute_class_weight

import pellucid
from pellucid.data import open_image_set
from pellucid.recipes import Recipe
from pellucid.run.epochs import best_epoch
from pellucid.stepping import take_step
from pellucid.training.class_weights import class_weights
from pellucid.training.preparation import prepare
from pellucid.training.scoring import Scores

COUNTS = {"common": 40, "rare": 8}


@pytest.fixture
def unequal(tmp_path: Path) -> Path:
    """40 images of one class and 8 of another, which look nearly the same."""
    generator = np.random.default_rng(3)
    for name, count in COUNTS.items():
        (tmp_path / "photos" / name).mkdir(parents=True)
        for index in range(count):
            pixels = generator.integers(0, 220, (14, 14, 3), np.uint8)
            pixels[:, : 6 if name == "rare" else 5] += 30
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{index}.png")
    return tmp_path / "photos"


def test_balanced_is_what_scikit_learn_computes() -> None:
    labels = np.repeat([0, 1, 2], [70, 4, 11])
    expected = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    assert class_weights("balanced", [70, 4, 11]) == pytest.approx(expected.tolist())


@pytest.mark.parametrize("kind", ["balanced", "sqrt"])
def test_the_mean_weight_of_an_image_is_one(kind: str) -> None:
    counts = [70, 4, 0, 11]
    weights = class_weights(kind, counts)
    assert weights is not None
    assert sum(map(lambda count, weight: count * weight, counts, weights)) / sum(counts) == pytest.approx(1)
    assert weights[1] / weights[0] == pytest.approx(70 / 4 if kind == "balanced" else (70 / 4) ** 0.5)
    assert weights[2] == 1.0


@pytest.mark.parametrize("kind", ["balanced", "sqrt"])
def test_the_loss_is_weighted_in_the_training_and_in_its_step(unequal: Path, tiny: str, kind: str) -> None:
    stream = io.StringIO()
    settings = {"recipe": "standard", "epochs": 2, "batch_size": 16, "label_smoothing": 0.1, "log_every": 1}
    run = pellucid.train(
        unequal, network=tiny, size=(14, 14), class_weights=kind, out="weighted", stream=stream, **settings
    )
    assert run.record.recipe["class_weights"] == kind
    assert "an error on rare counts" in stream.getvalue()
    step = take_step(run, "6.bias[1]")
    assert all(check.passed for check in step.checks.values())
    assert step.confirmed

    labels, shares = step.images.labels.numpy(), step.probabilities
    counts = prepare(open_image_set(unequal, size=(14, 14)), Recipe.from_dict(run.record.recipe), 0).counts
    weights = class_weights(kind, counts)
    assert weights is not None
    targets = np.array(weights) * (0.9 * np.eye(2)[labels] + 0.05)
    assert run.metrics("batch")[0]["loss"] == pytest.approx(-(targets * np.log(shares)).sum() / len(labels), rel=1e-5)
    np.testing.assert_allclose(step.targets, targets, rtol=1e-6)

    last = run.metrics("epoch")[-1]
    assert "val_accuracy" in last
    assert 0 <= last["val_weighted_accuracy"] <= 1
    assert "with class weights)" in stream.getvalue()

    plain = pellucid.train(unequal, network=tiny, size=(14, 14), out="plain", **settings)
    recall = [{figures.name: figures.recall for figures in pellucid.evaluate(run).classes} for run in (plain, run)]
    compared = pellucid.compare(plain, run)
    for difference in compared.pairs[0].classes:
        assert (difference.first_recall, difference.second_recall) == tuple(by[difference.name] for by in recall)
    assert f"class weights {kind}" in str(compared)
    assert any("Trained with class weights" in note for note in pellucid.evaluate(run).notes)
    assert not any("Trained with class weights" in note for note in pellucid.evaluate(plain).notes)


def test_the_best_epoch_is_judged_with_the_weights() -> None:
    lines = [
        {"epoch": 1, "val_accuracy": 0.9, "val_loss": 0.2, "val_weighted_accuracy": 0.5},
        {"epoch": 2, "val_accuracy": 0.8, "val_loss": 0.4, "val_weighted_accuracy": 0.8},
    ]
    assert best_epoch(lines, [1, 2]) == 2
    for line in lines:
        del line["val_weighted_accuracy"]
    assert best_epoch(lines, [1, 2]) == 1


@pytest.mark.parametrize("weights", [(0.6, 3.0), (1.0, 1.0)])
def test_the_weighted_accuracy_is_that_of_scikit_learn(weights: tuple[float, float]) -> None:
    truth, predicted = np.repeat([0, 0, 1, 1], [30, 5, 4, 3]), np.repeat([0, 1, 1, 0], [30, 5, 4, 3])
    expected = accuracy_score(truth, predicted, sample_weight=np.array(weights)[truth])
    assert Scores(1.0, confusion_matrix(truth, predicted)).weighted_accuracy(weights) == pytest.approx(expected)


def test_equal_classes_are_said_to_make_no_difference(tiny: str) -> None:
    stream = io.StringIO()
    settings = {"network": tiny, "epochs": 1, "recipe": "tutorial"}
    run = pellucid.train("mnist", class_weights="balanced", out="weighted", stream=stream, **settings)
    assert "all classes have the same number of training images, so they change nothing" in stream.getvalue()
    plain = pellucid.train("mnist", out="plain", **settings)
    for name, value in plain.weights().items():
        assert torch.allclose(run.weights()[name], value, atol=1e-5)
