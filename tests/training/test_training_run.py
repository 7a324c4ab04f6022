"""What a run holds, through the Python API."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import pellucid
from pellucid import UserError
from pellucid.ground.devices import computes_in_bfloat16
from pellucid.run import Run
from pellucid.training import recorder


def test_a_run_holds_all_that_was_asked_and_measured(tmp_path: Path, tiny: str) -> None:
    run = pellucid.train("mnist", network=tiny, recipe="standard", epochs=4, seed=5, keep="all", out=tmp_path / "run")
    assert run.status == "finished"
    assert run.record.recipe["epochs"] == 4
    assert run.record.seed == 5
    assert run.classes == tuple("0123456789")
    assert run.epochs() == [1, 2, 3, 4]
    epochs = run.metrics("epoch")
    assert [line["epoch"] for line in epochs] == [1, 2, 3, 4]
    for line in epochs:
        assert {"train_loss", "train_accuracy", "images_per_second", "val_loss", "val_accuracy"} <= line.keys()
    assert epochs[-1]["val_accuracy"] > 0.8
    evaluation = json.loads((run.directory / "evaluation.json").read_text())
    assert evaluation["images"] == 100
    assert evaluation["accuracy"] > 0.8
    with Image.open(run.directory / "curves.png") as picture:
        assert "Training curves over 4 epochs" in picture.text["Description"]


def test_the_opened_run_gives_back_the_network_that_was_measured(tmp_path: Path, tiny: str) -> None:
    pellucid.train("mnist", network=tiny, epochs=2, keep="all", out=tmp_path / "run")
    Path("tiny_net.py").unlink()  # the run keeps the file it needs
    run = pellucid.open_run(tmp_path / "run")
    test = run.open_images().splits["test"]
    network = run.network()
    assert not network.training
    with torch.no_grad():
        scores = network(run.preprocessing(torch.from_numpy(np.array(test.images))))
    correct = int((scores.argmax(1).numpy() == test.labels).sum())
    evaluation = pellucid.evaluate(run)
    assert evaluation.correct == correct
    assert np.trace(np.array(evaluation.confusion)) == correct
    assert [one.images for one in evaluation.classes] == np.bincount(test.labels, minlength=10).tolist()
    expected = torch.nn.functional.cross_entropy(scores, torch.from_numpy(np.array(test.labels))).item()
    assert evaluation.loss == pytest.approx(expected, rel=1e-5)
    assert pellucid.evaluate(run, epoch=1).loss != evaluation.loss


def test_the_log_is_the_lessons(tmp_path: Path, tiny: str) -> None:
    stream = io.StringIO()
    run = pellucid.train(
        "mnist", network=tiny, recipe="tutorial", epochs=1, log_every=10, out=tmp_path / "run", stream=stream
    )
    lines = stream.getvalue().splitlines()
    assert lines.pop(0).startswith("Training: ")
    assert lines.pop(0) == (
        "Training images: 64 of each class. 20 steps in all, of 32 images each. Always guessing 0 would be right for "
        "10.0% of them."
    )
    assert lines[0].startswith("Note: 20 steps are hardly a training")
    assert re.fullmatch(r"\[Epoch 1, Batch 10\] Loss: \d\.\d{3}", lines[1])
    assert re.fullmatch(r"\[Epoch 1, Batch 20\] Loss: \d\.\d{3}", lines[2])
    assert re.fullmatch(r"Epoch 1: Loss = \d\.\d{3}, Training Accuracy = \d+\.\d{2}%", lines[3])
    assert lines[4] == "Training finished."
    assert re.match(r"Test Accuracy: \d+\.\d{2}% \([\d,]+ of 100 images\), Loss: ", lines[5])
    first, second = run.metrics("batch")
    epoch = run.metrics("epoch")[0]
    assert (first["loss"] + second["loss"]) / 2 == pytest.approx(epoch["train_loss"], rel=1e-12)


def test_the_tutorial_is_the_lessons_mathematics(tmp_path: Path, learnable: Path) -> None:
    """The same steps written out in plain PyTorch, without anything of pellucid's loop, end with the same weights."""
    run = pellucid.train("mnist", network="simple-cifar", recipe="tutorial", epochs=1, out=tmp_path / "run")
    from pellucid.data.batches import epoch_order
    from pellucid.ground.seeds import derive_seed
    from pellucid.networks import SimpleCifar

    split = run.open_images().splits["train"]
    images = torch.from_numpy(np.array(split.images)).permute(0, 3, 1, 2).float() / 255
    images, labels = (images - 0.5) / 0.5, torch.from_numpy(np.array(split.labels))
    torch.manual_seed(0)
    network = SimpleCifar(input_shape=(1, 28, 28), classes=10)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.001)
    losses = []
    for batch in epoch_order(len(images), derive_seed(0, "order", 1)).split(32):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(network(images[batch]), labels[batch])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert run.metrics("epoch")[0]["train_loss"] == pytest.approx(np.mean(losses), rel=1e-4)
    for name, value in run.weights().items():
        # Sums are rounded in another order; Adam enlarges that where a gradient is almost nothing.
        difference = (value - network.state_dict()[name]).abs()
        assert difference.mean() < 1e-5, name
        assert difference.max() < 2e-3, name


@pytest.mark.skipif(not computes_in_bfloat16(torch.device("cpu")), reason="this CPU has no bfloat16 instructions")
def test_mixed_precision_learns_on_a_cpu_that_has_it(tmp_path: Path, tiny: str) -> None:
    run = pellucid.train("mnist", network=tiny, epochs=10, precision="mixed", device="cpu", out=tmp_path / "run")
    assert run.metrics("epoch")[-1]["val_accuracy"] > 0.85
    assert {tensor.dtype for tensor in run.weights().values()} == {torch.float32, torch.int64}


def test_the_run_says_on_what_it_was_computed(tmp_path: Path, tiny: str) -> None:
    run = pellucid.train("mnist", network=tiny, epochs=1, device="auto", recipe="tutorial", out=tmp_path / "run")
    [computation] = pellucid.open_run(run.directory).computations
    assert run.record.device == "auto"
    assert computation.step == 0
    assert computation.device in ("cpu", "cuda", "mps")
    assert computation.precision == ("bfloat16" if computation.device == "cuda" else "float32")
    assert run.computation_of(1) == computation


def test_the_request_for_images_survives_the_record(tmp_path: Path, tiny: str, learnable: Path) -> None:
    from pellucid.data import DataRequest

    run = pellucid.train("mnist", network=tiny, epochs=1, data_dir=learnable, size=(28, 28), out=tmp_path / "run")
    asked = DataRequest(source="mnist", data_dir=str(learnable.resolve()), size=(28, 28))
    assert pellucid.open_run(run.directory).record.data == asked


def test_a_network_that_flattens_by_view_trains_resumes_and_is_evaluated(tmp_path: Path) -> None:
    """The lesson's own network does; it cannot take tensors whose channels come last."""
    (tmp_path / "nets.py").write_text(
        "from torch import nn\n"
        "class Viewing(nn.Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.conv, self.pool = nn.Conv2d(1, 4, 5, stride=2), nn.MaxPool2d(2)\n"
        "        self.linear = nn.Linear(144, 10)\n"
        "    def forward(self, x):\n"
        "        return self.linear(self.pool(self.conv(x)).view(-1, 144))\n"
    )
    run = pellucid.train("mnist", network=f"{tmp_path / 'nets.py'}:Viewing", epochs=8, out=tmp_path / "run")
    assert pellucid.evaluate(run).accuracy > 0.5


def test_keep_leaves_the_newest_epochs(tmp_path: Path, tiny: str) -> None:
    run = pellucid.train("mnist", network=tiny, recipe="tutorial", epochs=4, keep=2, out=tmp_path / "run")
    assert run.epochs() == [3, 4]
    with pytest.raises(UserError, match="keeps no weights of epoch 1; expected last, best or one of: 3, 4"):
        run.weights(1)
    assert run.resolve_epoch() == 4


def test_the_best_epoch_on_validation_images_is_kept_and_used_by_default(
    tmp_path: Path, tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At this rate the network learns first and is ruined then, so the best epoch is not the last."""
    settings = {"schedule": "constant", "warmup": 0.0, "learning_rate": 0.1, "batch_size": 16, "seed": 3}
    everything = pellucid.train("mnist", network=tiny, epochs=6, keep="all", out=tmp_path / "all", **settings)
    accuracies = [line["val_accuracy"] for line in everything.metrics("epoch")]
    best = everything.resolve_epoch()
    assert accuracies[best - 1] == max(accuracies)
    assert best < 6, accuracies
    assert everything.epoch_words(best) == f"epoch {best} of 6, the best on validation images"

    counts, original = [], recorder.save_epoch_weights

    def counting(run: Run, network: torch.nn.Module, epoch: int) -> None:
        original(run, network, epoch)
        counts.append(len(run.epochs()))

    monkeypatch.setattr(recorder, "save_epoch_weights", counting)
    run = pellucid.train("mnist", network=tiny, epochs=6, out=tmp_path / "run", **settings)
    assert max(counts) <= 3  # the best, the one before, and this one until those before are removed
    assert run.epochs() == [best, 6]
    assert pellucid.evaluate(run).epoch == pellucid.look(run, "test/0").epoch == run.resolve_epoch() == best
    assert any(f"epoch {best} of 6, the best on validation images" in note for note in pellucid.evaluate(run).notes)
    assert pellucid.evaluate(run, epoch="last").epoch == 6
    assert all(torch.equal(value, run.weights()[name]) for name, value in everything.weights(best).items())


def test_training_leaves_the_callers_random_state_alone(tmp_path: Path, tiny: str) -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    pellucid.train("mnist", network=tiny, epochs=1, out=tmp_path / "run")
    assert torch.equal(torch.rand(3), expected)


def test_equal_seeds_give_equal_runs_and_others_do_not(tmp_path: Path, tiny: str) -> None:
    weights = [
        pellucid.train("mnist", network=tiny, epochs=1, seed=seed, out=tmp_path / str(index)).weights()
        for index, seed in enumerate((1, 1, 2))
    ]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert not torch.equal(weights[0]["0.weight"], weights[2]["0.weight"])


def test_resuming_a_finished_run_changes_nothing(tmp_path: Path, tiny: str) -> None:
    run = pellucid.train("mnist", network=tiny, epochs=1, out=tmp_path / "run")
    before = run.weights_path(1).stat().st_mtime_ns, (run.directory / "metrics.jsonl").read_bytes()
    pellucid.resume(run)
    assert (run.weights_path(1).stat().st_mtime_ns, (run.directory / "metrics.jsonl").read_bytes()) == before


def test_runs_are_numbered_and_listed(tiny: str) -> None:
    for _ in range(2):
        pellucid.train("mnist", network=tiny, epochs=1)
    assert [run.directory.name for run in pellucid.find_runs("runs")] == ["mnist-TinyNet-1", "mnist-TinyNet-2"]


def test_a_folder_without_splits_is_split_and_the_split_is_recorded(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for number, name in enumerate(("dark", "light")):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for image in range(20):
            pixels = generator.integers(0, 60, (20, 30, 3), np.uint8) + np.uint8(150 * number)
            Image.fromarray(pixels).save(tmp_path / "photos" / name / f"{image}.png")
    (tmp_path / "photos" / "dark" / "broken.png").write_bytes(b"no picture")
    run = pellucid.train(tmp_path / "photos", size=(16, 16), fit="crop", batch_size=4, epochs=4, out=tmp_path / "run")
    assert run.data["images"] == {"train": 28, "val": 6, "test": 6}
    assert [one["source"] for one in run.data["left_out"]] == ["dark/broken.png"]
    assert run.preprocessing.fit == "crop"
    splits = json.loads((run.directory / "splits.json").read_text())
    assert {name: len(paths) for name, paths in splits.items()} == {"train": 28, "val": 6, "test": 6}
    assert not set(splits["train"]) & set(splits["test"])
    assert json.loads((run.directory / "evaluation.json").read_text())["accuracy"] == 1.0
