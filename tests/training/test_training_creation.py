"""A run's directory: no two runs begin in one, whatever the names and whoever else begins at that moment."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from PIL import Image

import pellucid
from pellucid.run import Run
from pellucid.training import creation


def write_images(folder: Path) -> str:
    for shade, name in ((40, "cat"), (200, "dog")):
        (folder / name).mkdir(parents=True)
        for number in range(4):
            Image.fromarray(np.full((8, 8, 3), shade + number, np.uint8)).save(folder / name / f"{number}.png")
    return folder.name


@pytest.mark.parametrize("name", ["p[1]", "data [v2]", "what?", "a*b", "n" * 250, "ä" * 120])
def test_the_second_run_of_a_name_gets_a_directory_of_its_own(name: str, tmp_path: Path) -> None:
    """A name is no pattern: with `p[1]` in one, the second run once was written over the first."""
    data = write_images(tmp_path / name)
    for seed in (0, 7):
        pellucid.train(data, size=(8, 8), epochs=1, seed=seed, device="cpu")
    runs = sorted(Path("runs").iterdir())
    assert [json.loads((run / "run.json").read_text())["seed"] for run in runs] == [0, 7]
    assert [run.name.rpartition("-")[2] for run in runs] == ["1", "2"]
    assert all(len(run.name.encode()) <= 210 for run in runs)


def test_a_run_that_another_process_begins_after_the_check_is_not_written_over(
    tiny: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The directory is looked at again under the lock, after the images were opened."""
    real = creation.prepare

    def slow(*given: object) -> object:
        monkeypatch.setattr(creation, "prepare", real)
        pellucid.train("mnist", network=tiny, epochs=1, seed=1, device="cpu", out="run")
        return real(*given)

    monkeypatch.setattr(creation, "prepare", slow)
    with pytest.raises(pellucid.UserError, match="run exists and is not empty; choose another --out"):
        pellucid.train("mnist", network=tiny, epochs=1, seed=2, device="cpu", out="run")
    assert pellucid.open_run("run").record.seed == 1
    assert pellucid.open_run("run").status == "finished"


def test_a_directory_that_another_process_holds(tiny: str, tmp_path: Path) -> None:
    Path("run").mkdir()
    with FileLock("run/.lock"), pytest.raises(pellucid.UserError, match="another process is training in run"):
        pellucid.train("mnist", network=tiny, epochs=1, device="cpu", out="run")
    assert Run.can_begin_in(Path("run"))


@pytest.mark.parametrize(("out", "reason"), [("file/run", "Not a directory"), ("x" * 300, "File name too long")])
def test_a_directory_that_cannot_be_made(out: str, reason: str, tiny: str) -> None:
    Path("file").write_text("in the way")
    expected = f"cannot be made: {reason}; choose another --out"
    with pytest.raises(pellucid.UserError, match=expected):
        pellucid.train("mnist", network=tiny, epochs=1, device="cpu", out=out)


def test_a_file_where_runs_would_be_made(tiny: str) -> None:
    Path("runs").write_text("in the way")
    with pytest.raises(pellucid.UserError, match=r"runs/mnist-TinyNet-1 cannot be made: .*; choose another --out"):
        pellucid.train("mnist", network=tiny, epochs=1, device="cpu")


BAD_IN_TRAINING = {
    "Two": (
        "return (x, x) if self.training else x",
        r"net.py:Two returns tuple in training mode .*\(2, 10\), as in eval",
    ),
    "Fails": (
        "assert not self.training, 'no'\n        return x",
        "net.py:Fails fails in training mode on 2 images: no",
    ),
}


@pytest.mark.parametrize("name", BAD_IN_TRAINING)
def test_a_network_that_answers_otherwise_in_training_mode(name: str) -> None:
    code, expected = BAD_IN_TRAINING[name]
    layers = "nn.Module.__init__(self); self.last = nn.Linear(784, classes)"
    Path("net.py").write_text(
        f"from torch import nn\nclass {name}(nn.Module):\n    def __init__(self, classes):\n        {layers}\n"
        f"    def forward(self, x):\n        x = self.last(x.flatten(1))\n        {code}\n"
    )
    with pytest.raises(pellucid.UserError, match=expected):
        pellucid.train("mnist", network=f"net.py:{name}", epochs=1, device="cpu")
    assert not Path("runs").exists()


@pytest.mark.parametrize(("batch_size", "fits"), [(2, False), (3, True)])
def test_a_last_batch_of_one_with_batch_normalisation(batch_size: int, fits: bool, tmp_path: Path) -> None:
    """Over one value there is no variance; layers with rows and columns have more than one value an image."""
    data = write_images(tmp_path / "few" / "train")
    (tmp_path / "few" / data / "cat" / "0.png").unlink()  # seven images
    Path("net.py").write_text(
        "from torch import nn\nclass Net(nn.Sequential):\n    def __init__(self, classes):\n"
        "        super().__init__(nn.Flatten(), nn.Linear(192, 8), nn.BatchNorm1d(8), nn.Linear(8, classes))\n"
    )
    settings = {"size": (8, 8), "epochs": 1, "batch_size": batch_size, "recipe": "tutorial", "device": "cpu"}
    if not fits:
        with pytest.raises(
            pellucid.UserError, match=r"the last batch of an epoch has 1 image.*try another --batch-size"
        ):
            pellucid.train("few", network="net.py:Net", **settings)
        assert not Path("runs").exists()
        pellucid.train("few", network="simple-cifar", **settings)
    else:
        with pytest.raises(pellucid.UserError, match="the last batch of an epoch has 1 image"):
            pellucid.train("few", network="net.py:Net", **settings)
        pellucid.train("few", network="net.py:Net", **settings | {"batch_size": 4})


def test_the_settings_of_a_recipe_that_does_not_exist_are_looked_at_too() -> None:
    with pytest.raises(pellucid.UserError) as caught:
        pellucid.train("mnits", recipe="totorial", epochs=0, network="simple-mnsit", seed=-1)
    message = str(caught.value)
    for part in ("data set, folder or archive 'mnits'", "recipe is called 'totorial'", "epochs is 0", "seed is -1"):
        assert part in message
    assert "no network is called 'simple-mnsit'; did you mean 'simple-mnist'?" in message
