"""What cannot be is said clearly, all at once, before anything is written."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import pellucid
from pellucid import UserError

CASES: list[tuple[dict[str, Any], str]] = [
    ({"recipe": "tutorail"}, "no recipe is called 'tutorail'; did you mean 'tutorial'?"),
    ({"network": "simple-cifer"}, "no network is called 'simple-cifer'; did you mean 'simple-cifar'?"),
    ({"epochs": 0}, "epochs is 0; expected a whole number of at least 1"),
    ({"batch_size": -1}, "batch_size is -1; expected a whole number of at least 1"),
    ({"learning_rate": 0.0}, "learning_rate is 0.0; expected a finite number above 0"),
    ({"learning_rate": float("nan")}, "learning_rate is nan; expected a finite number above 0"),
    ({"label_smoothing": 1.0}, "label_smoothing is 1.0; expected a number from 0 to below 1"),
    ({"optimizer": "adan"}, "optimizer is 'adan'; expected adam or adamw or sgd; did you mean 'adam'?"),
    ({"epochs": 2.5}, "epochs is 2.5; expected a whole number of at least 1"),
    ({"epochz": 3}, "no setting of a recipe is called 'epochz'; did you mean 'epochs'?"),
    ({"device": "gpu"}, "the device is 'gpu'; did you mean 'cpu'? (one of: auto, cpu, cuda, cuda:1, mps)"),
    ({"device": "tpu"}, "the device is 'tpu'; did you mean 'cpu'?"),
    ({"keep": 0}, "keep is 0; expected best-and-last, all, or a number from 1"),
    ({"seed": -1}, "seed is -1; expected a whole number from 0"),
    ({"fit": "strech"}, "did you mean 'stretch'?"),
    ({"network": "nowhere.py:Net"}, "the network's file nowhere.py does not exist"),
    ({"network": "nets.py"}, "expected file.py:ClassName"),
    ({"network": "simple-mnist", "size": (12, 12)}, "simple-mnist cannot take 12×12 images"),
    ({"data": "cifar11"}, "did you mean 'cifar10'?"),
]


@pytest.mark.parametrize(("arguments", "message"), CASES, ids=[str(case[0]) for case in CASES])
def test_message(arguments: dict[str, Any], message: str, tmp_path: Path) -> None:
    given = {"data": "mnist", "device": "cpu", "out": tmp_path / "run", **arguments}
    with pytest.raises(UserError, match=re.escape(message)):
        pellucid.train(given.pop("data"), **given)
    assert not (tmp_path / "run").exists()


def test_mixed_precision_needs_a_device_that_has_it(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.ground.devices.computes_in_bfloat16", lambda device: False)
    with pytest.raises(UserError, match=r"precision is mixed, but cpu \(\d+ threads?\) does not compute in bfloat16"):
        pellucid.train("mnist", network=tiny, precision="mixed", device="cpu")


def test_all_mistakes_are_reported_together(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        pellucid.train("mnist", epochs=0, optimizer="adan", shift=-1)
    assert str(caught.value).count("\n  - ") == 3
    with pytest.raises(UserError) as caught:
        pellucid.train("mnist", keep=0, seed=-1, device="gpu")
    assert str(caught.value).count("\n  - ") == 3


def test_a_wrong_network_is_named_although_the_images_are_missing(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        pellucid.train("no_such_folder/", network="simple-cifer", fit="strech", epochs=0, epochz=3, device="cpu")
    message = str(caught.value)
    assert message.startswith("this training cannot begin:\n")
    for problem in (
        "no_such_folder does not exist; expected a folder of images",
        "no network is called 'simple-cifer'; did you mean 'simple-cifar'?",
        "fit is 'strech': did you mean 'stretch'?",
        "epochs is 0; expected a whole number of at least 1",
        "no setting of a recipe is called 'epochz'; did you mean 'epochs'?",
    ):
        assert problem in message
    assert message.count("\n  - ") == 5
    assert not Path("runs").exists()


def test_a_directory_in_use_is_not_overwritten(tmp_path: Path, tiny: str) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("mine")
    with pytest.raises(UserError, match=r"full exists and is not empty; choose another --out"):
        pellucid.train("mnist", network=tiny, out=tmp_path / "full")
    pellucid.train("mnist", network=tiny, epochs=1, out=tmp_path / "run")
    with pytest.raises(UserError, match=r"resume it with: pellucid resume .*run"):
        pellucid.train("mnist", network=tiny, epochs=1, out=tmp_path / "run")


def test_a_network_that_does_not_fit_names_its_layer(tmp_path: Path) -> None:
    (tmp_path / "nets.py").write_text(
        "from torch import nn\n"
        "class Fixed(nn.Sequential):\n"
        "    def __init__(self):\n"
        "        super().__init__(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(7200, 10))\n"
        "class Needy(nn.Module):\n"
        "    def __init__(self, depth):\n"
        "        super().__init__()\n"
        "class Narrow(nn.Sequential):\n"
        "    def __init__(self):\n"
        "        super().__init__(nn.Flatten(), nn.Linear(784, 3))\n"
        "class Failing(nn.Module):\n"
        "    def __init__(self):\n"
        "        raise RuntimeError('no weights today')\n"
    )
    for name, message in {
        "Fixed": r"Fixed cannot take 1×28×28 images: it fails at layer 0, Conv2d.* which receives \[2, 1, 28, 28\]",
        "Needy": r"Needy needs depth, which pellucid cannot give",
        "Narrow": r"Narrow returns \(2, 3\) for two 1×28×28 images; expected one logit for each of 10 classes",
        "Failing": r"cannot be made with \{\}: RuntimeError: no weights today",
        "Fixd": r"the class Fixd is not in .*nets.py; did you mean 'Fixed'\?",
    }.items():
        with pytest.raises(UserError, match=message):
            pellucid.train("mnist", network=f"{tmp_path / 'nets.py'}:{name}")


def test_a_network_file_that_fails_says_how(tmp_path: Path) -> None:
    (tmp_path / "nets.py").write_text("import no_such_library\n")
    with pytest.raises(UserError, match=r"nets.py fails on import: ModuleNotFoundError: No module named"):
        pellucid.train("mnist", network=f"{tmp_path / 'nets.py'}:Net")


def test_a_loss_that_is_not_finite_stops_before_the_step(tmp_path: Path) -> None:
    (tmp_path / "nets.py").write_text(
        "import torch\n"
        "from torch import nn\n"
        "class Cursed(nn.Module):\n"
        "    '''Works until its seventh training batch.'''\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.linear = nn.Linear(784, 10)\n"
        "        self.calls = 0\n"
        "    def forward(self, x):\n"
        "        self.calls += self.training\n"
        "        scores = self.linear(x.flatten(1))\n"
        "        return scores * float('nan') if self.calls == 7 else scores\n"
    )
    with pytest.raises(UserError, match=r"the loss is nan in epoch 1, batch 7; training stopped before that step"):
        pellucid.train("mnist", network=f"{tmp_path / 'nets.py'}:Cursed", recipe="tutorial", out=tmp_path / "run")
    from safetensors.torch import load_file

    newest = max((tmp_path / "run" / "checkpoints").glob("*.safetensors"))
    assert newest.name == "step-00000006.safetensors"
    assert all(tensor.isfinite().all() for tensor in load_file(newest).values())


def test_weights_that_overflow_never_replace_good_ones(tmp_path: Path, tiny: str) -> None:
    with pytest.raises(UserError, match=r"(no longer finite|the loss is (nan|inf)).*lower --learning-rate than 1e\+30"):
        pellucid.train(
            "mnist", network=tiny, recipe="tutorial", optimizer="sgd", learning_rate=1e30, out=tmp_path / "run"
        )
    from safetensors.torch import load_file

    for file in (tmp_path / "run").rglob("*.safetensors"):
        assert all(tensor.isfinite().all() for tensor in load_file(file).values())


def test_opening_what_is_no_run(tmp_path: Path, tiny: str) -> None:
    with pytest.raises(UserError, match=r"nowhere is not a run: it does not exist"):
        pellucid.open_run(tmp_path / "nowhere")
    run = pellucid.train("mnist", network=tiny, epochs=1, out=tmp_path / "runs" / "a")
    with pytest.raises(UserError, match=r"runs is not a run: it has no run.json; it holds runs: a"):
        pellucid.open_run(tmp_path / "runs")
    with pytest.raises(UserError, match=r"has no validation figures, so no epoch is the best one"):
        pellucid.train("mnist", network=tiny, recipe="tutorial", epochs=1, out=tmp_path / "b").network("best")
    with pytest.raises(UserError, match=r"mnist has no split 'tset'; did you mean 'test'\?"):
        pellucid.evaluate(run, split="tset")
    content = run.weights_path(1).read_bytes()
    run.weights_path(1).write_bytes(content[:-10])
    with pytest.raises(UserError, match=r"epoch-001.safetensors is damaged"):
        run.weights()
    (run.directory / "run.json").write_text("{}")
    with pytest.raises(UserError, match=r"run.json is damaged: its format is None, expected 5"):
        pellucid.open_run(run.directory)
    (run.directory / "run.json").write_text('{"format": 99}')
    with pytest.raises(UserError, match=r"has format 99, this pellucid reads format 5; update pellucid"):
        pellucid.open_run(run.directory)


def test_images_that_changed_are_noticed(tmp_path: Path, tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from learnable_sets import write_learnable_mnist

    run = pellucid.train("mnist", network=tiny, epochs=1, out=tmp_path / "run")
    write_learnable_mnist(tmp_path / "other" / "MNIST" / "raw", train=320)
    (tmp_path / "run" / "metrics.jsonl").write_text("")  # as if it had not finished
    record = (tmp_path / "run" / "run.json").read_text()
    monkeypatch.setenv("PELLUCID_DATA", str(tmp_path / "other"))
    (tmp_path / "run" / "run.json").write_text(re.sub(r'"data_dir": "[^"]*"', '"data_dir": null', record))
    with pytest.raises(UserError, match=r"the images of mnist are not those that .*run began with"):
        pellucid.resume(run.directory)
