"""An evaluation of a run: its files, other images, several processes, and what cannot be."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from filelock import FileLock
from PIL import Image
from run_files import read_plainly, rewrite_weights
from sklearn import metrics

import pellucid
from pellucid.cli import main
from pellucid.evaluation import predictions_of, read_evaluation
from pellucid.ground.errors import UserError
from pellucid.ground.ranks import Ranks
from pellucid.prediction import read_predictions
from pellucid.prediction.chosen_images import choose_images
from pellucid.run import Run
from pellucid.run.weights import seal_weights


def write_digits(folder: Path, classes: dict[str, int], seed: int = 0) -> Path:
    """A folder of PNG files, like the learnable images: class `3` has its block at place 3."""
    generator = np.random.default_rng(seed)
    for name, count in classes.items():
        (folder / name).mkdir(parents=True)
        row, column = divmod(int(name[0]), 3)
        for number in range(count):
            image = generator.integers(0, 100, (28, 28), np.uint8)
            image[2 + 6 * row : 7 + 6 * row, 3 + 8 * column : 8 + 8 * column] += 120
            Image.fromarray(image).save(folder / name / f"{number}.png")
    return folder


def test_the_files_hold_the_same_figures_and_the_table_gives_them_again(weak: Run) -> None:
    evaluation = pellucid.evaluate(weak)
    document = read_plainly(weak.directory / "evaluation.json")
    assert document == json.loads(json.dumps(evaluation.to_dict()))
    assert read_evaluation(weak.directory) == evaluation
    table = read_predictions(weak.directory / "predictions.csv", document["predictions"]["sha256"])
    assert table is not None
    test = weak.open_images().splits["test"]
    assert list(table.sources) == list(test.sources)
    np.testing.assert_array_equal(table.labels, test.labels)
    assert document["accuracy"] == metrics.accuracy_score(table.labels, table.predicted)
    assert document["confusion"] == metrics.confusion_matrix(table.labels, table.predicted, labels=range(10)).tolist()
    assert document["calibrated"]["loss"] == pytest.approx(float(table.losses.mean()), rel=1e-7)
    assert document["predictions"]["temperature"] == document["calibrated"]["temperature"]
    assert (document["own_data"], document["split"], document["epoch"]) == (True, "test", 1)
    low, high = document["accuracy_interval"]
    assert low < document["accuracy"] < high
    assert document["top_k"]["1"] == document["accuracy"] <= document["top_k"]["3"] <= document["top_k"]["5"]


def test_a_class_never_predicted_is_undefined_in_words_and_null_in_json(
    weak: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(weak.directory), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    never = [one["name"] for one in document["classes"] if one["predicted"] == 0]
    assert never  # the run was stopped early enough for that
    for one in document["classes"]:
        assert (one["precision"] is None) == (one["name"] in never)
    assert main(["evaluate", str(weak.directory)]) == 0
    printed = capsys.readouterr().out
    for name in never:
        assert any(line.split()[0] == name and "undefined" in line for line in printed.splitlines() if line.strip())


def test_the_command_draws_and_says_where_everything_is(weak: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(weak.directory), "--figures", "--error-rate", "0.2", "--no-calibration"]) == 0
    captured = capsys.readouterr()
    printed = " ".join(captured.out.split())
    files = ("evaluation.json", "predictions.csv", "confusion.png", "reliability.png", "coverage.png")
    assert f"Wrote {', '.join(str(weak.directory / name) for name in files)}" in captured.err
    assert printed.startswith("The network classifies ")
    assert "chosen on 60 validation images for at most 20.0% wrong predictions" in printed
    assert "out-of-class images" in printed
    assert any(line.split()[:2] == ["noise", "1,000"] for line in captured.out.splitlines())
    assert "Note: Calibration was switched off" in printed
    assert max(map(len, captured.out.splitlines())) <= 100
    for name in ("confusion", "reliability", "coverage"):
        with Image.open(weak.directory / f"{name}.png") as picture:
            assert len(picture.text["Description"]) > 40


def test_val_and_train_are_the_images_of_the_training(weak: Run) -> None:
    val, train = pellucid.evaluate(weak, split="val"), pellucid.evaluate(weak, split="train")
    assert (val.images, train.images) == (60, 580)
    assert val.accuracy == pytest.approx(weak.metrics("epoch")[-1]["val_accuracy"])
    assert val.loss == pytest.approx(weak.metrics("epoch")[-1]["val_loss"], rel=1e-5)
    assert any("the figures are optimistic" in note for note in val.notes)
    assert any("trained on these images" in note for note in train.notes)
    assert val.directory == weak.directory / "evaluations" / "mnist-val"
    assert (val.directory / "predictions.csv").is_file()
    assert read_evaluation(weak.directory).split == "test"  # type: ignore[union-attr]


def test_out_of_class_images(weak: Run, tmp_path: Path) -> None:
    others = write_digits(tmp_path / "others", {"0": 2, "4x": 20, "5x": 20})
    evaluation = pellucid.evaluate(weak, unknown=("noise", "blank", str(others)), error_rate=0.1)
    noise, blank, folder = evaluation.unknown
    assert (noise.images, blank.images, folder.images) == (1000, 256, 40)  # class 0 is known, so it is left out
    table, _, _ = predictions_of(weak)
    network = weak.network()
    grey = np.broadcast_to(np.arange(256, dtype=np.uint8)[:, None, None, None], (256, 28, 28, 1))
    with torch.no_grad():
        logits = network(weak.preprocessing(torch.from_numpy(np.ascontiguousarray(grey))))
    assert evaluation.calibrated is not None
    sure = (logits / evaluation.calibrated.temperature).softmax(1).max(1).values.numpy()
    assert blank.mean_confidence == pytest.approx(float(sure.mean()), rel=1e-4)
    expected = metrics.roc_auc_score([1] * 100 + [0] * 256, np.concatenate([table.confidence, sure]))
    assert blank.auroc == pytest.approx(expected, abs=1e-3)
    threshold = evaluation.abstention.threshold
    assert threshold is not None
    assert blank.accepted == pytest.approx(float((sure >= threshold).mean()), abs=0.01)
    answered = table.confidence >= threshold
    assert evaluation.abstention.coverage == pytest.approx(answered.mean())
    assert evaluation.abstention.error == pytest.approx((~table.right[answered]).mean())
    kept = json.loads((weak.directory / "calibration.json").read_text())
    assert [one["name"] for one in kept["unknown"]] == ["noise", "blank", str(others)]
    assert kept["error"] <= 0.1
    with pytest.raises(
        UserError, match=r"knows every class of mnist; expected images of other classes, or one of: noi"
    ):
        pellucid.evaluate(weak, unknown=("mnist",))


def test_other_images_are_matched_by_the_names_of_their_classes(weak: Run, tmp_path: Path) -> None:
    """The folder's class 0 is the digit 2; without splits of its own all its images are used."""
    folder = write_digits(tmp_path / "digits", {"2": 8, "4": 8, "7": 8})
    (folder / "4" / "middle.png").write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    evaluation = pellucid.evaluate(weak, data=folder)
    assert (evaluation.data, evaluation.split, evaluation.own_data) == ("digits", "all", False)
    assert evaluation.images == 24
    assert evaluation.correct >= 18
    assert [one.images for one in evaluation.classes] == [0, 0, 8, 0, 8, 0, 0, 8, 0, 0]
    assert evaluation.classes[0].recall is None
    assert evaluation.left_out[0]["source"] == "4/middle.png"
    assert "Left out: 4/middle.png" in str(evaluation)
    assert (
        "digits has no class 0, 1, 3, 5, 6, 8, 9; figures of classes without images are undefined." in evaluation.notes
    )
    assert evaluation.directory == weak.directory / "evaluations" / "digits-all"
    assert evaluation.calibrated is not None  # with the temperature that the run has
    assert pellucid.evaluate(weak, data="mnist").own_data  # its own data by another door


def test_other_classes_are_refused_with_those_that_match(weak: Run, tmp_path: Path) -> None:
    folder = write_digits(tmp_path / "mixed", {"2": 8, "3x": 8, "7": 8})
    with pytest.raises(UserError) as caught:
        pellucid.evaluate(weak, data=folder)
    assert str(caught.value) == (
        f"the classes of mixed are not those of {weak.directory}:\n  - both know: 2, 7\n  - only mixed has: 3x\n"
        "  - only the network knows: 0, 1, 3, 4, 5, 6, 8, 9\n"
        "Measure on the classes that both know with --shared-classes."
    )
    evaluation = pellucid.evaluate(weak, data=folder, shared_classes=True)
    assert evaluation.images == 16
    assert "Left out, because the network does not know their classes: images of 3x." in evaluation.notes
    table, chosen, _ = predictions_of(weak, data=folder, shared_classes=True)
    assert {source.split("/")[0] for source in table.sources} == {"2", "7"}
    assert chosen.path_of(table.sources[0]) == str(folder / table.sources[0])
    foreign = write_digits(tmp_path / "foreign", {"2x": 8, "3x": 8})
    with pytest.raises(UserError, match=r"both know: none(.|\n)*how confident the network is .*: --unknown foreign\."):
        pellucid.evaluate(weak, data=foreign, shared_classes=True)


def test_a_run_without_a_test_split(tmp_path: Path, shelf: Path) -> None:
    for split, count in (("train", 12), ("val", 6)):
        write_digits(tmp_path / "photos" / split, {"1": count, "8": count})
    run = pellucid.train(
        tmp_path / "photos", network=f"{shelf / 'tiny_net.py'}:TinyNet", size=(28, 28), channels=1, epochs=1,
        batch_size=8, out=tmp_path / "run",
    )  # fmt: skip
    with pytest.raises(
        UserError, match=r"photos has no test images, only: train, val; measure on those with --split val, or on other"
    ):
        pellucid.evaluate(run, split="test")
    evaluation = pellucid.evaluate(run)
    assert (evaluation.split, evaluation.images) == ("val", 12)
    assert any(
        note.startswith("photos has no test images: these are its validation images.") for note in evaluation.notes
    )
    with pytest.raises(UserError, match=r"photos has no split 'vla'; did you mean 'val'\?"):
        choose_images(run, None, "vla")


def test_a_broken_image_in_the_middle_is_left_out_and_named(tmp_path: Path, shelf: Path) -> None:
    folder = write_digits(tmp_path / "photos", {"1": 20, "8": 20})
    content = (folder / "8" / "7.png").read_bytes()
    (folder / "8" / "7.png").write_bytes(content[: len(content) // 2])
    run = pellucid.train(
        folder, network=f"{shelf / 'tiny_net.py'}:TinyNet", size=(28, 28), channels=1, epochs=1, batch_size=8,
        out=tmp_path / "run",
    )  # fmt: skip
    document = json.loads((run.directory / "evaluation.json").read_text())
    assert [one["source"] for one in document["left_out"]] == ["8/7.png"]
    assert document["images"] == 6
    table, chosen, _ = predictions_of(run)
    for index, source in enumerate(table.sources):
        with Image.open(folder / source) as picture:
            np.testing.assert_array_equal(chosen.pixels(index)[:, :, 0], np.array(picture))


def test_a_run_that_is_being_trained(weak: Run) -> None:
    lines = (weak.directory / "metrics.jsonl").read_text().splitlines()
    (weak.directory / "metrics.jsonl").write_text("\n".join(lines[:-1]) + "\n")  # without the line of its end
    with FileLock(weak.directory / ".lock"):
        evaluation = pellucid.evaluate(weak)
        assert (
            f"{weak.directory} is being trained at this moment: these are the figures of epoch 1 of 1, whose weights "
            "are complete." in evaluation.notes
        )
        weak.weights_path(1).rename(weak.directory / "weights" / "aside")
        with pytest.raises(UserError, match=r"is being trained, and its first epoch is not complete yet; wait for it"):
            pellucid.evaluate(weak)
        (weak.directory / "weights" / "aside").rename(weak.weights_path(1))
    assert any("was stopped before its end" in note for note in pellucid.evaluate(weak).notes)


def test_an_epoch_removed_between_looking_and_reading_is_looked_for_again(
    weak: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = weak.weights(1)
    weak.weights_path(2).write_bytes(seal_weights(weights, weak.record.identity, 2))
    original, looked = Run.resolve_epoch, []

    def vanishing(run: Run, epoch: int | str | None = None) -> int:
        found = original(run, epoch)
        if not looked:
            run.weights_path(2).unlink()
            run.weights_path(3).write_bytes(seal_weights(weights, run.record.identity, 3))
        looked.append(found)
        return found

    monkeypatch.setattr(Run, "resolve_epoch", vanishing)
    assert pellucid.evaluate(weak, epoch="last").epoch == 3


@pytest.mark.parametrize("rate", [-0.1, 1.0, float("nan")])
def test_an_error_rate_that_cannot_be(weak: Run, rate: float) -> None:
    with pytest.raises(UserError, match=r"the error rate is .*; expected a share from 0 to below 1"):
        pellucid.evaluate(weak, error_rate=rate)


def test_logits_that_are_not_finite(weak: Run) -> None:

    rewrite_weights(weak, 1, lambda weights: weights["6.weight"].fill_(3e38))
    with pytest.raises(UserError, match=r"after epoch 1 gives logits that are not finite for 100 of 100 images"):
        pellucid.evaluate(weak)


def test_a_damaged_evaluation_is_told_and_an_edited_table_is_not_believed(weak: Run) -> None:
    pellucid.evaluate(weak)
    table, _, _ = predictions_of(weak)
    file = weak.directory / "predictions.csv"
    file.write_text(file.read_text().replace("test/0,", "test/1,", 1))
    again, _, _ = predictions_of(weak)
    assert list(again.sources) == list(table.sources)
    (weak.directory / "evaluation.json").write_text("{}")
    with pytest.raises(UserError, match=r"evaluation.json is damaged: its format is None, expected 4; evaluate again"):
        read_evaluation(weak.directory)
    again, _, _ = predictions_of(weak)
    np.testing.assert_allclose(again.probabilities, table.probabilities, rtol=1e-6)


def test_two_gloo_processes_find_what_one_does(weak: Run, tmp_path: Path) -> None:
    shutil.copytree(weak.directory, tmp_path / "two")
    one = pellucid.evaluate(weak)
    launch = ["-m", "torch.distributed.run", "--nproc-per-node", "2", "--master-port", "0", "--standalone"]
    command = ["-m", "pellucid", "evaluate", str(tmp_path / "two"), "--json"]
    together = subprocess.run(
        [sys.executable, *launch, *command], capture_output=True, text=True, timeout=300, check=False
    )
    assert together.returncode == 0, together.stderr
    two = json.loads(together.stdout)  # rank 0 alone speaks
    first, second = (read_predictions(Path(folder) / "predictions.csv") for folder in (weak.directory, two["run"]))
    assert first is not None
    assert second is not None
    assert list(first.sources) == list(second.sources)
    np.testing.assert_array_equal(first.predicted, second.predicted)
    np.testing.assert_allclose(first.probabilities, second.probabilities, rtol=1e-4, atol=1e-7)
    assert two["confusion"] == json.loads(json.dumps(one.to_dict()))["confusion"]
    assert two["loss"] == pytest.approx(one.loss, rel=1e-6)
    assert two["calibrated"]["temperature"] == pytest.approx(one.calibrated.temperature, rel=1e-4)  # type: ignore[union-attr]


@pytest.mark.parametrize("count", [1, 4, 5, 7])
def test_uneven_shares_are_put_together_in_their_old_order(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = torch.arange(2 * count).reshape(count, 2)
    ranks = [Ranks(rank, 3) for rank in range(3)]
    shares = [one.share(rows) for one in ranks]

    def all_gather(parts: list[torch.Tensor], own: torch.Tensor) -> None:
        for part, share in zip(parts, shares, strict=True):
            assert part.shape == own.shape  # which is what the processes have to agree on
            part[: len(share)] = share

    monkeypatch.setattr(torch.distributed, "all_gather", all_gather)
    for one, share in zip(ranks, shares, strict=True):
        assert torch.equal(one.gather(share, count), rows)


def test_a_notebook_shows_an_evaluation_and_a_run(weak: Run) -> None:
    evaluation = pellucid.evaluate(weak)
    page = evaluation._repr_html_()
    assert f"The network classifies {evaluation.accuracy:.2%} of the 100 test images of mnist correctly." in page
    assert page.count("<td style=") == 100  # the confusion matrix
    assert "Is its confidence reliable? (calibration)" in page
    assert evaluation.figure().get_label().startswith("Confusion matrix of 10 classes: ")
    shown = weak._repr_html_()
    assert f"{evaluation.accuracy:.2%} (95% interval " in shown
    assert 'src="data:image/png;base64,' in shown
    assert "weak" in str(weak)
    (weak.directory / "evaluation.json").write_text("{")
    assert "test accuracy" not in weak._repr_html_()
