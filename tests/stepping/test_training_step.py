"""A training step recomputed: against autograd and torch.optim, and against what the run recorded."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from pellucid import UserError
from pellucid.arithmetic import TraceMismatch
from pellucid.cli import main
from pellucid.data.batches import epoch_order
from pellucid.ground.devices import computes_in_bfloat16
from pellucid.ground.seeds import derive_seed
from pellucid.recipes import Recipe
from pellucid.stepping import example_weights, take_step
from pellucid.stepping.repetition import repeating
from pellucid.training.preparation import prepare

RECIPES = {
    "tutorial": {},
    "sgd": {"optimizer": "sgd", "learning_rate": 0.05, "weight_decay": 0.01},
    "adamw": {
        "optimizer": "adamw",
        "weight_decay": 0.05,
        "label_smoothing": 0.1,
        "schedule": "one-cycle",
        "warmup": 0.2,
        "shift": 2,
        "validation": 0.1,
        "normalize": "dataset",
    },
    "adam": {"optimizer": "adam", "weight_decay": 0.01, "schedule": "cosine"},
}
WEIGHTS = ["first.weight[0,0,1,1]", "again.weight[2,3,0,1]", "scale[0,4,0,0]", "head.bias[3]", "head.weight[1,7]"]


@pytest.fixture(params=RECIPES)
def any_run(request, make_run):
    return make_run(**RECIPES[request.param])


@pytest.mark.parametrize("weight", WEIGHTS)
def test_the_first_step_is_what_the_run_did(any_run, weight):
    training_step = take_step(any_run, weight)
    assert (training_step.step, training_step.epoch, training_step.batch) == (1, 1, 1)
    assert all(check.passed for check in training_step.checks.values())
    assert training_step.confirmed
    assert all(check.equal for check in training_step.record_checks)
    assert f"in the run itself {weight} went from" in " ".join(str(training_step).split())


def test_the_numbers_are_those_of_a_training_written_here(make_run):
    """The first two steps of the run, with nothing of pellucid but its data and its seeds."""
    run = make_run(**RECIPES["adamw"])
    recipe, images = Recipe.from_dict(run.record.recipe), run.open_images()
    prepared = prepare(images, recipe, 0)
    torch.manual_seed(0)
    network = run.build_network().to(memory_format=torch.channels_last).train()
    weights = [parameter for parameter in network.parameters() if parameter.ndim >= 2]
    others = [parameter for parameter in network.parameters() if parameter.ndim < 2]
    optimizer = torch.optim.AdamW([{"params": weights, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}])
    order = epoch_order(180, derive_seed(0, "order", 1)).split(32)
    steps = 12
    for step in (0, 1):
        torch.manual_seed(derive_seed(0, "step", step))
        rows, columns = prepared.augmentation.draw(32, 28, 28)
        chosen = torch.from_numpy(prepared.train_subset)[order[step]]
        stored = torch.from_numpy(np.array(prepared.train.images))[chosen]
        pixels = stored[torch.arange(32)[:, None, None], rows[:, :, None], columns[:, None, :]]
        labels = torch.from_numpy(prepared.train.labels)[chosen]
        for group in optimizer.param_groups:
            group["lr"] = 1e-3 * (step + 0.5) / steps / 0.2
        before = network.again.weight[2, 3, 0, 1].item()
        loss = F.cross_entropy(network(prepared.preprocessing(pixels)), labels, label_smoothing=0.1)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    training_step = take_step(run, "again.weight[2,3,0,1]", step=2)
    assert training_step.before == before
    assert training_step.after == pytest.approx(network.again.weight[2, 3, 0, 1].item(), abs=1e-9)
    assert training_step.loss.value == pytest.approx(loss.item(), abs=1e-6)
    assert training_step.gradient.check.recomputed == pytest.approx(
        network.again.weight.grad[2, 3, 0, 1].item(), rel=1e-4
    )
    assert training_step.rate == pytest.approx(1e-3 * 1.5 / 12 / 0.2)
    # The layer is used twice, so two operations contribute their sums.
    assert [step.name for step in training_step.gradient.steps] == ["again", "again_2"]
    assert sum(trace.value for trace in training_step.gradient.traces) == pytest.approx(
        training_step.gradient.check.recomputed
    )
    assert training_step.images.augmented
    assert training_step.targets[0].sum() == pytest.approx(1.0)
    assert sorted({round(float(target), 6) for target in training_step.targets.ravel()}) == [0.01, 0.91]


def test_the_gradient_at_the_logits_is_softmax_minus_target(run):
    training_step = take_step(run, "head.weight[0,0]", verify=False)
    labels = training_step.images.labels.numpy()
    assert training_step.logit_gradient.shape == (32, 10)
    assert np.allclose(training_step.logit_gradient.sum(axis=1), 0, atol=1e-12)
    expected = training_step.probabilities - np.eye(10)[labels]
    assert np.allclose(training_step.logit_gradient, expected / 32, atol=1e-15)


def test_the_sum_over_images_is_the_gradient(run):
    training_step = take_step(run, "first.weight[3,0,2,0]", verify=False)
    assert training_step.gradient.images.shape == (32,)
    assert training_step.gradient.images.sum() == pytest.approx(training_step.gradient.check.recomputed, abs=1e-12)
    assert training_step.gradient.traces[0].terms.index[:, 0].max() == 31
    assert training_step.chain[0].unit.startswith("first[")
    assert training_step.chain[-1].unit.startswith("mul_2[")
    assert all(link.check.passed for link in training_step.chain[:-1])


def test_each_image_contributes_its_own_part(run):
    training_step = take_step(run, "head.bias[4]", verify=False)
    # The logits are half of what the last layer computes, so its bias gets half of each image's gradient at the logit.
    assert np.allclose(training_step.gradient.images, 0.5 * training_step.logit_gradient[:, 4], rtol=1e-5, atol=1e-9)


@pytest.mark.parametrize("step", [2, 6, 7, 12])
def test_later_steps_remember_the_ones_before(any_run, step):
    training_step = take_step(any_run, "first.weight[0,0,1,1]", step=step)
    assert training_step.step == step
    assert training_step.confirmed
    in_epoch = training_step.steps // 2
    assert (training_step.epoch, training_step.batch) == ((step - 1) // in_epoch + 1, (step - 1) % in_epoch + 1)


def test_the_last_step_of_an_epoch_ends_at_the_weights_the_run_kept(any_run):
    in_epoch = take_step(any_run, "head.bias[0]", verify=False).steps // 2
    training_step = take_step(any_run, "head.bias[0]", epoch=1, batch=in_epoch)
    assert training_step.after == float(any_run.weights(1)["head.bias"][0])
    assert training_step.record_checks[-1].what == "all weights after epoch 1"
    following = take_step(any_run, "head.bias[0]", epoch=2)
    assert following.before == training_step.after
    assert following.step == in_epoch + 1


def test_a_step_after_a_checkpoint_needs_no_repetition_of_what_was_before(make_run):
    run = make_run(epochs=3)
    first = take_step(run, "head.bias[0]", step=15, verify=False)
    assert first.started_at == 14  # the checkpoint of the second epoch's end, one of the two that are kept
    assert first.confirmed is False
    assert any("not checked against the run's next record" in remark for remark in first.remarks)
    assert take_step(run, "head.bias[0]", step=15).confirmed


def test_a_run_whose_record_says_something_else_is_not_confirmed(make_run, tmp_path):
    import shutil

    from run_files import write_metrics

    from pellucid.run import open_run

    shutil.copytree(make_run().directory, tmp_path / "other")
    lines = open_run(tmp_path / "other").metrics()
    assert lines[0]["event"] == "device"
    lines[1]["loss"] += 1e-7
    write_metrics(tmp_path / "other" / "metrics.jsonl", lines)
    training_step = take_step(open_run(tmp_path / "other"), "head.bias[0]")
    assert not training_step.confirmed
    assert "different by up to 1.0e-07" in str(training_step)
    said = " ".join(str(training_step).split())
    assert "the repetition differs from the run's record by up to 1.0e-07, and nothing that was recorded" in said
    assert "in the run itself" not in str(training_step)


@pytest.mark.skipif(not computes_in_bfloat16(torch.device("cpu")), reason="this CPU has no bfloat16 instructions")
def test_a_run_in_bfloat16_is_repeated_in_bfloat16_and_its_step_shown_in_float32(make_run):
    run = make_run(precision="mixed")
    [computation] = run.computations
    assert (computation.device, computation.precision) == ("cpu", "bfloat16")
    with repeating(run, 0) as repetition:
        for _ in range(repetition.steps):
            repetition.step()
    assert len(repetition.record_checks) > 2
    assert all(check.equal for check in repetition.record_checks)
    step = take_step(run, "head.bias[0]", step=6)
    assert [check.step for check in step.record_checks] == [4]
    assert step.record_checks[0].equal
    assert any("computed this step in bfloat16" in remark for remark in step.remarks)


def test_nothing_is_left_changed(run):
    torch.manual_seed(5)
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    before = {path: path.stat().st_mtime_ns for path in run.directory.rglob("*")}
    take_step(run, "head.bias[0]")
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)
    assert {path: path.stat().st_mtime_ns for path in run.directory.rglob("*")} == before


def test_a_wrong_number_is_an_error(run, monkeypatch):
    import pellucid.stepping.taking as module

    real = module.recompute_update
    monkeypatch.setattr(
        module,
        "recompute_update",
        lambda *given: real(*given[:-1], given[-1] * 1.01 if given[0] == "sgd" else -given[-1]),
    )
    with pytest.raises(TraceMismatch, match=r"head.bias\[0\] after the step: recomputed"):
        take_step(run, "head.bias[0]")


def test_text_html_and_json(any_run):
    training_step = take_step(any_run, "first.weight[0,0,1,1]", verify=False)
    document = json.loads(json.dumps(training_step.to_dict(), allow_nan=False))
    assert document["before"] == training_step.before
    assert document["checks"]["loss"]["passed"]
    assert len(document["gradient"]["by_image"]) == 32
    assert len(document["gradient"]["sums"][0]["strongest"]) == 20
    text, page = str(training_step), training_step._repr_html_()
    for heading in ("1. Loss", "2. Gradient at the logits", "3. Back to first.weight", "4. Gradient of the weight"):
        assert heading in text
        assert heading[3:] in page
    assert {"sgd": "5. SGD", "adam": "5. Adam", "adamw": "5. AdamW"}[training_step.update.optimizer] in text


def test_the_text_fits_a_hundred_columns(any_run):
    training_step = take_step(any_run, "first.weight[0,0,1,1]", verify=False)
    assert [line for line in str(training_step).splitlines() if len(line) > 100 and "/" not in line] == []


def test_the_command_without_a_weight_lists_some_of_this_network(run, capsys):
    assert main(["step", str(run.directory)]) == 0
    text = capsys.readouterr().out
    assert f"pellucid step {run.directory} --weight 'first.weight[0,0,1,1]'" in text
    for name, shape in example_weights(run.build_network()).items():
        assert name in text
        assert "×".join(map(str, shape)) in text
    assert main(["step", str(run.directory), "--json"]) == 0
    examples = [weight["example"] for weight in json.loads(capsys.readouterr().out)["weights"]]
    assert take_step(run, examples[-1], verify=False).weight == examples[-1]


def test_the_command_writes_as_many_digits_as_asked_for(run, capsys):
    before = take_step(run, "head.bias[0]", verify=False).before
    for digits, count in (((), 4), (("--digits", "all"), 9)):
        assert main(["step", str(run.directory), "--weight", "head.bias[0]", "--no-verify", *digits]) == 0
        assert f"changes head.bias[0] from {before:.{count}g} to" in capsys.readouterr().out


BAD = [
    ("frist.weight[0,0,0,0]", {}, r"no weight is called 'frist.weight'; did you mean 'first.weight'\?"),
    ("first.weight[0,0,3,0]", {}, r"first.weight has the shape 6×1×3×3, .*nearest unit is first.weight\[0,0,2,0\]"),
    ("first.weight", {}, r"gives 0 numbers, expected 4, like first.weight\[3,0,1,1\]"),
    ("head.bias[0]", {"step": 15}, r"there is no step 15: the run has 14, counted from 1"),
    ("head.bias[0]", {"step": 0}, r"there is no step 0"),
    ("head.bias[0]", {"epoch": 3}, r"there is no epoch 3: the run has 2"),
    ("head.bias[0]", {"epoch": 1, "batch": 8}, r"there is no batch 8: an epoch of this run has 7"),
    ("head.bias[0]", {"epoch": 1, "step": 2}, r"a step and an epoch or batch were given"),
]


@pytest.mark.parametrize(("weight", "asked", "message"), BAD)
def test_what_cannot_be_asked_for(run, weight, asked, message):
    with pytest.raises(UserError, match=message):
        take_step(run, weight, **asked)


@pytest.mark.parametrize("weight", ["conv1.weight[5,0,2,2]", "batch1.weight[3]", "batch2.bias[9]", "fc1.weight[7,900]"])
def test_batch_normalisation_and_dropout(make_run, weight):
    run = make_run(network="simple-mnist", epochs=1)
    for step in (1, 4):
        training_step = take_step(run, weight, step=step)
        assert training_step.confirmed
        assert all(check.passed for check in training_step.checks.values())


@pytest.mark.parametrize("weight", ["stem.0.weight[3,0,1,1]", "stage2.1.first.1.bias[8]", "classify.weight[2,5]"])
def test_residual_connections_and_the_strong_recipe(make_run, weight):
    training_step = take_step(make_run(network="small-resnet", recipe="strong", epochs=1, log_every=2), weight, step=3)
    assert training_step.confirmed
    assert training_step.update.optimizer == "sgd"
    assert {"v", "n", "w'"} <= {line.name for line in training_step.update.lines}
