"""The temperature: against a grid, against SciPy, by a grid; where it comes from, and that later predictions use it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given
from hypothesis import strategies as st

import pellucid
from pellucid.evaluation import fit_temperature, predictions_of
from pellucid.ground.errors import UserError
from pellucid.prediction import Calibration, read_calibration
from pellucid.prediction.predictions import log_softmax
from pellucid.recipes import Recipe
from pellucid.run import Run
from pellucid.training.preparation import divide


def loss_at(temperature: float, logits: np.ndarray, labels: np.ndarray) -> float:
    return float(-log_softmax(logits / temperature)[np.arange(len(labels)), labels].mean())


def drawn_from(temperature: float, seed: int, images: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and labels drawn with the probabilities that these have at `temperature`."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(0, 3, (images, 5))
    chances = np.exp(log_softmax(logits / temperature)).cumsum(1)
    return logits, (generator.random(images)[:, None] > chances).sum(1).clip(max=4)


@given(st.integers(0, 500), st.floats(0.4, 6))
def test_the_temperature_is_the_best_of_a_grid_and_scipys(seed: int, temperature: float) -> None:
    logits, labels = drawn_from(temperature, seed)
    fitted = fit_temperature(log_softmax(logits), labels)
    assert fitted is not None
    grid = np.geomspace(0.05, 20, 400)
    losses = [loss_at(candidate, logits, labels) for candidate in grid]
    assert loss_at(fitted, logits, labels) <= min(losses) + 1e-12
    assert fitted == pytest.approx(grid[int(np.argmin(losses))], rel=0.02)
    best = scipy.optimize.minimize_scalar(
        loss_at, bounds=(0.05, 20), args=(logits, labels), method="bounded", options={"xatol": 1e-10}
    )
    assert fitted == pytest.approx(best.x, rel=1e-5)


def test_the_temperature_that_the_labels_were_drawn_with_is_found_again() -> None:
    assert fit_temperature(log_softmax(drawn_from(2.5, 1, 50_000)[0]), drawn_from(2.5, 1, 50_000)[1]) == pytest.approx(
        2.5, rel=0.02
    )


def test_where_no_temperature_is_best_there_is_none() -> None:
    logits = np.array([[3.0, 0.0], [0.0, 1.0]])
    assert fit_temperature(log_softmax(logits), np.array([0, 1])) is None  # all correct: the lower, the better
    assert fit_temperature(log_softmax(logits), np.array([1, 0])) is None  # all wrong: the higher, the better
    assert fit_temperature(np.log(np.full((4, 2), 0.5)), np.array([0, 1, 0, 1])) is None  # no difference at all


def test_it_is_fitted_on_the_images_held_out_and_on_no_others(weak: Run) -> None:
    evaluation = pellucid.evaluate(weak)
    images = weak.open_images()
    division = divide(images, Recipe.from_dict(weak.record.recipe), weak.record.seed)
    assert division.val is not None
    assert division.val_subset is not None
    network = weak.network()
    import torch

    with torch.no_grad():
        pixels = torch.from_numpy(np.array(division.val.images[division.val_subset]))
        logits = network(weak.preprocessing(pixels)).double().numpy()
    labels = division.val.labels[division.val_subset]
    expected = scipy.optimize.minimize_scalar(loss_at, bounds=(0.05, 20), args=(logits, labels), method="bounded").x
    assert evaluation.calibrated is not None
    assert evaluation.calibrated.temperature == pytest.approx(expected, rel=1e-3)
    kept = json.loads((weak.directory / "calibration.json").read_text())
    assert kept["temperature"] == evaluation.calibrated.temperature
    assert (kept["fitted_on"], kept["chosen_on"], kept["chosen_images"]) == (60, "val", 60)
    assert kept["before"]["loss"] == pytest.approx(loss_at(1.0, logits, labels), rel=1e-5)
    assert kept["after"]["loss"] == pytest.approx(loss_at(expected, logits, labels), rel=1e-4)
    assert kept["after"]["calibration_error"] < kept["before"]["calibration_error"]
    assert evaluation.calibrated.loss < evaluation.as_trained.loss
    assert evaluation.loss == evaluation.as_trained.loss


def test_later_predictions_use_it_unless_it_is_refused(weak: Run) -> None:
    pellucid.evaluate(weak)
    calibration = read_calibration(weak, 1)
    assert calibration is not None
    assert calibration.temperature is not None
    kept, _, _ = predictions_of(weak)
    (weak.directory / "evaluation.json").unlink()
    again, _, _ = predictions_of(weak)
    np.testing.assert_allclose(again.probabilities, kept.probabilities, rtol=1e-6)

    before = (weak.directory / "calibration.json").read_bytes()
    refused = pellucid.evaluate(weak, calibrate=False)
    assert refused.calibrated is None
    assert "Calibration was switched off: all probabilities are as trained." in refused.notes
    assert (weak.directory / "calibration.json").read_bytes() == before  # the run keeps what it has
    raw, _, _ = predictions_of(weak)
    np.testing.assert_allclose(calibration.apply(raw).probabilities, kept.probabilities, rtol=1e-6)
    assert not np.allclose(raw.probabilities, kept.probabilities)


def test_a_run_without_validation_images_says_so(plain: Run) -> None:
    evaluation = pellucid.evaluate(plain)
    assert evaluation.calibrated is None
    assert any(
        note.startswith("No temperature was fitted: there are no validation images (the recipe holds none out)")
        for note in evaluation.notes
    )
    assert evaluation.abstention.chosen_on == "test"
    assert any("was chosen on test images" in note and note.endswith("is optimistic.") for note in evaluation.notes)
    kept = read_calibration(plain, 1)
    assert kept is not None
    assert (kept.temperature, kept.fitted_on, kept.before, kept.chosen_on) == (None, 0, None, "test")


def test_calibration_belongs_to_an_epoch_and_a_damaged_one_is_told(weak: Run) -> None:
    Calibration(
        epoch=7,
        weights=weak.weights_digest(1),
        error_rate=0.1,
        threshold=0.5,
        coverage=1.0,
        error=0.0,
        chosen_on="val",
        chosen_images=3,
    ).write(weak)
    assert read_calibration(weak, 1) is None
    kept = Calibration(
        epoch=1,
        weights=weak.weights_digest(1),
        error_rate=0.1,
        threshold=0.5,
        coverage=1.0,
        error=0.0,
        chosen_on="val",
        chosen_images=3,
    )
    kept.write(weak)
    assert read_calibration(weak, 1) == kept
    dataclasses.replace(kept, weights="0" * 64).write(weak)
    assert read_calibration(weak, 1) is None
    assert kept.abstains(np.array([0.4, 0.5])).tolist() == [True, False]
    (weak.directory / "calibration.json").write_text("{")
    with pytest.raises(UserError, match=r"calibration.json is damaged .*; evaluate again: pellucid evaluate "):
        read_calibration(weak, 1)
    (weak.directory / "calibration.json").write_text('{"format": 9}')
    with pytest.raises(UserError, match=r"calibration.json has format 9, this pellucid reads format 3; update"):
        read_calibration(weak, 1)
    (weak.directory / "calibration.json").unlink()
    assert read_calibration(weak, 1) is None


def test_refusing_leaves_no_file(weak: Run, tmp_path: Path) -> None:
    (weak.directory / "calibration.json").unlink()  # which the end of training wrote
    pellucid.evaluate(weak, calibrate=False)
    assert not (weak.directory / "calibration.json").exists()
