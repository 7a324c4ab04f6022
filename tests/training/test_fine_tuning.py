"""Fine-tuning after the fit of the last layer: what moves, what is judged, what is used, and kills at every stage."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from scipy.stats import permutation_test
from torch import nn

import pellucid
from pellucid.ground.errors import UserError
from pellucid.networks import last_stages
from pellucid.run.epochs import best_epoch, kept_epochs
from pellucid.training import loop, recorder
from pellucid.training.frozen import judging
from pellucid.training.frozen import last_layer as fitting
from pellucid.training.frozen.judging import chance_of_gain
from pellucid.training.recorder import Recorder

SETTINGS = {
    "recipe": "photos",
    "size": (16, 16),
    "epochs": 3,
    "seed": 2,
    "weights": "random",
    "normalize": "half",
}
NETWORK = """
from torch import nn

class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 3, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.second = nn.Conv2d(8, 16, 3, padding=1)
        self.norm2 = nn.BatchNorm2d(16)
        self.drop = nn.Dropout(0.2)
        self.last = nn.Linear(16, 2)

    def forward(self, x):
        x = self.norm(self.first(x)).relu()
        x = self.norm2(self.second(x)).relu().mean((2, 3))
        return self.last(self.drop(x))
"""


class Killed(BaseException):
    """Stands for a kill: nothing catches it, and nothing is written after it."""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two kinds of noise that differ in how coarse they are, 24 pictures each to train with and 12 to validate."""
    folder = tmp_path_factory.mktemp("photos") / "noise"
    generator = np.random.default_rng(0)
    for part, count in (("train", 24), ("val", 12)):
        for name, grain in (("coarse", 4), ("fine", 10)):
            (folder / part / name).mkdir(parents=True)
            for number in range(count):
                pixels = generator.integers(0, 256, (grain, grain, 3), np.uint8)
                Image.fromarray(pixels).resize((20, 20)).save(folder / part / name / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> str:
    file = tmp_path_factory.mktemp("own") / "small.py"
    file.write_text(NETWORK)
    return f"{file}:Small"


def tuned(photos: Path, network: str, out: Path, **settings: object) -> pellucid.Run:
    return pellucid.train(photos, network=network, fine_tune=True, out=out, device="cpu", **{**SETTINGS, **settings})


@pytest.fixture(scope="module")
def reference(photos: Path, network: str, tmp_path_factory: pytest.TempPathFactory) -> pellucid.Run:
    """A run that was never interrupted, with the weights of all epochs."""
    folder = tmp_path_factory.mktemp("reference")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_CACHE", str(folder / "cache"))
        return tuned(photos, network, folder / "run", keep="all")


@pytest.fixture(scope="module")
def without_val(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same, with the validation images as test images."""
    folder = tmp_path_factory.mktemp("photos") / "halves"
    shutil.copytree(photos / "train", folder / "train")
    shutil.copytree(photos / "val", folder / "test")
    return folder


def figures(run: pellucid.Run) -> list[dict[str, object]]:
    return [
        {key: value for key, value in line.items() if key not in ("seconds", "images_per_second")}
        for line in run.metrics()
    ]


def assert_same(run: pellucid.Run, reference: pellucid.Run) -> None:
    assert figures(run) == figures(reference)
    for epoch in reference.epochs():
        weights, expected = load_file(run.weights_path(epoch)), load_file(reference.weights_path(epoch))
        assert not [name for name in expected if not torch.equal(weights[name], expected[name])]


def test_only_the_last_stages_move_and_averages_stay(reference: pellucid.Run) -> None:
    fitted, ended = (load_file(reference.weights_path(epoch)) for epoch in (1, 3))
    moved = {name for name in fitted if not torch.equal(fitted[name], ended[name])}
    assert moved == {"second.weight", "second.bias", "last.weight", "last.bias"}
    lines = reference.metrics("epoch")
    assert [line["step"] for line in lines] == [1, 4, 7]  # 48 images in batches of 16, after the fit
    assert ["kept" in line for line in lines] == [False, True, True]
    assert lines[1]["kept"] is False


def test_the_judgement_is_that_of_both_networks_on_the_validation_images(reference: pellucid.Run) -> None:
    [judgement] = reference.metrics("fine-tune")
    val = reference.open_images().splits["val"]
    labels = torch.tensor(np.array(val.labels))
    pixels = reference.preprocessing(torch.tensor(np.array(val.images)))
    losses = {}
    for epoch in (1, 3):
        with torch.no_grad():
            logits = reference.network(epoch)(pixels).double()
        losses[epoch] = nn.functional.cross_entropy(logits, labels, reduction="none")
    assert judgement["images"] == 24
    assert judgement["fitted_loss"] == pytest.approx(float(losses[1].mean()), abs=1e-6)
    assert judgement["loss"] == pytest.approx(float(losses[3].mean()), abs=1e-6)
    assert judgement["kept"] == (judgement["chance"] < 0.05)
    expected = permutation_test(
        ((losses[1] - losses[3]).numpy(),),
        np.mean,
        permutation_type="samples",
        alternative="greater",
        n_resamples=20_000,
        random_state=0,
    )
    assert judgement["chance"] == pytest.approx(expected.pvalue, abs=0.02)


@pytest.mark.parametrize(("chance", "used"), [(0.01, 3), (0.2, 1)])
def test_what_is_used_by_default_is_what_the_judgement_says(chance, used, photos, network, tmp_path, monkeypatch):
    monkeypatch.setattr(judging, "chance_of_gain", lambda gains, seed: chance)
    log = io.StringIO()
    run = tuned(photos, network, tmp_path / "run", stream=log)
    assert run.epochs() == [1, 3]  # what was fitted stays, so that --epoch can choose it
    assert run.resolve_epoch() == run.resolve_epoch("best") == used
    assert run.resolve_epoch("last") == 3
    assert run.resolve_epoch(1) == 1
    [line] = [line for line in log.getvalue().splitlines() if line.startswith("Fine-tuning is ")]
    assert ("is kept: loss" in line) == (used == 3)
    assert " → " in line
    assert f"Used by default: epoch {used} of 3, chosen on validation images" in log.getvalue()


def test_it_is_kept_where_there_is_something_to_learn(photos, network, tmp_path):
    """Random features that the fit can do little with: training the stages gains a lot."""
    run = tuned(photos, network, tmp_path / "run", epochs=40, learning_rate=0.03)
    [judgement] = run.metrics("fine-tune")
    assert judgement["kept"]
    assert run.resolve_epoch() == 40
    assert judgement["loss"] < judgement["fitted_loss"]


def _killed_in(stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the training die in a stage; checkpoints come after every step."""
    monkeypatch.setattr(recorder, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    after_epoch, after_step = Recorder.after_epoch, Recorder.after_step

    def dies(*given: object, **named: object) -> None:
        raise Killed

    def dies_at_step(self: Recorder, rate: float) -> None:
        after_step(self, rate)
        if self.session.position.step == int(stage.partition(" ")[2]):
            raise Killed

    def dies_after_epoch(self: Recorder, *given: object) -> None:
        epoch = self.session.position.epoch
        if stage == f"before keeping epoch {epoch}":
            raise Killed
        after_epoch(self, *given)
        if stage == f"after epoch {epoch}":
            raise Killed

    if stage == "fit":
        monkeypatch.setattr(fitting, "fit", dies)
    elif stage == "judgement":
        monkeypatch.setattr(loop, "judge", dies)
    elif stage.startswith("step"):
        monkeypatch.setattr(Recorder, "after_step", dies_at_step)
    else:
        monkeypatch.setattr(Recorder, "after_epoch", dies_after_epoch)


STAGES = (
    "fit",
    "before keeping epoch 1",
    "after epoch 1",
    "step 2",
    "step 4",
    "step 6",
    "before keeping epoch 2",
    "after epoch 2",
    "judgement",
    "before keeping epoch 3",
    "after epoch 3",
)


@pytest.mark.parametrize("stage", STAGES)
def test_a_kill_in_any_stage_changes_no_bit(stage, reference, photos, network, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        _killed_in(stage, patch)
        with pytest.raises(Killed):
            tuned(photos, network, tmp_path / "run", keep="all")
    run = pellucid.resume(tmp_path / "run")
    assert run.status == "finished"
    assert_same(run, reference)


def test_photos_are_held_out_where_there_is_no_val_and_that_is_said(without_val, network, tmp_path):
    log = io.StringIO()
    run = tuned(without_val, network, tmp_path / "run", stream=log)
    held = run.metrics("fine-tune")[0]["images"]
    assert 6 <= held <= 10
    assert f"only where {held} validation images, held out of the training images, say" in log.getvalue()


def test_class_weights_weigh_the_judgement(photos, network, tmp_path, monkeypatch):
    gains = []
    monkeypatch.setattr(judging, "chance_of_gain", lambda given, seed: gains.append(given) or 1.0)
    shutil.copytree(photos, tmp_path / "unequal")
    for number in range(6, 24):
        (tmp_path / "unequal" / "train" / "fine" / f"{number}.png").unlink()
    run = tuned(tmp_path / "unequal", network, tmp_path / "run", class_weights="balanced")
    [judgement] = run.metrics("fine-tune")
    assert float(gains[0].sum()) == pytest.approx(judgement["fitted_loss"] - judgement["loss"])
    last = run.metrics("epoch")[-1]
    assert judgement["accuracy"] == pytest.approx(last["val_weighted_accuracy"])
    assert last["val_weighted_accuracy"] != last["val_accuracy"] or last["val_accuracy"] in (0.0, 1.0)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"epochs": 1}, "expected 2 or more with --fine-tune"),
        ({"recipe": "standard"}, "trains every weight anyway; leave it out, or give --recipe photos"),
        ({"validation": 0.0}, "fine-tuning is judged by held-out photos, and halves has none"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(settings, message, without_val, network, tmp_path):
    with pytest.raises(UserError, match=message):
        tuned(without_val, network, tmp_path / "run", **settings)
    assert not (tmp_path / "run").exists()


def test_a_frozen_backbone_of_another_recipe_is_fitted_once(photos, network, tmp_path):
    run = pellucid.train(
        photos, network=network, recipe="standard", backbone="frozen", weights="random", size=(16, 16), out="run"
    )
    assert (run.record.recipe["epochs"], run.metrics("epoch")[-1]["step"]) == (1, 1)


def test_the_last_stages_are_the_last_to_compute():
    class Backwards(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(4, 2)
            self.third = nn.Linear(4, 4)
            self.norm = nn.BatchNorm1d(4)
            self.second = nn.Linear(4, 4)
            self.first = nn.Linear(3, 4)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.last(self.third(self.norm(self.second(self.first(x.flatten(1))))))  # type: ignore[no-any-return]

    assert last_stages(Backwards(), (3, 1, 1), 0.3) == ("third.weight", "third.bias")
    assert last_stages(Backwards(), (3, 1, 1), 0.6) == ("second.weight", "second.bias", "third.weight", "third.bias")


def test_a_gain_by_chance_is_told_from_one_that_is_none():
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(50, generator=generator).double()
    assert chance_of_gain(noise - noise.mean(), 0) > 0.3
    assert chance_of_gain(noise - noise.mean() + 1, 0) < 0.001
    assert chance_of_gain(torch.zeros(10).double(), 0) == 1.0
    hits = sum(chance_of_gain(torch.randn(30, generator=generator).double(), 0) < 0.05 for _ in range(200))
    assert 2 <= hits <= 20


def test_which_epoch_is_used_and_which_are_kept():
    lines = [
        {"epoch": 1, "val_accuracy": 0.7},
        {"epoch": 2, "val_accuracy": 0.9, "kept": False},
        {"epoch": 3, "val_accuracy": 0.6, "kept": True},
    ]
    assert best_epoch(lines, [1, 2, 3]) == 3
    assert best_epoch(lines[:2], [1, 2]) == 1
    assert kept_epochs("best-and-last", [1, 2, 3], lines) == {1, 3}
    assert kept_epochs(1, [1, 2], lines[:2]) == {1, 2}
