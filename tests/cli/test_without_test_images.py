"""A folder with train/ and val/ but no test/, the usual layout: every command measures on val and says so."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import numpy as np
import pytest
from learnable_sets import TINY_NETWORK
from PIL import Image

import pellucid
from pellucid.cli import main
from pellucid.evaluation import own_evaluation
from pellucid.run import Run

NOTE = "photos has no test images: these are its validation images."


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("layout")
    rng = np.random.default_rng(0)
    for split, count in (("train", 24), ("val", 9)):
        for label, level in (("dark", 60), ("light", 190)):
            (folder / "photos" / split / label).mkdir(parents=True)
            for index in range(count):
                pixels = np.clip(rng.normal(level, 40, (12, 12, 3)), 0, 255).astype(np.uint8)
                Image.fromarray(pixels).save(folder / "photos" / split / label / f"{index}.png")
    (folder / "tiny_net.py").write_text(TINY_NETWORK)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_CACHE", str(folder / "cache"))
        patch.chdir(folder)
        yield pellucid.train("photos", network="tiny_net.py:TinyNet", epochs=2, batch_size=8, out=folder / "run")


def test_every_command_falls_back_to_the_validation_images(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    directory = str(run.directory)
    assert (run.measured_split, run.example_image) == ("val", "val/0")
    for command in ("evaluate", "mistakes"):
        assert main([command, directory]) == 0
        assert NOTE in " ".join(capsys.readouterr().out.split())
    assert main(["robustness", directory, "--images", "6"]) == 0
    assert NOTE in " ".join(capsys.readouterr().out.split())
    shutil.copytree(run.directory, run.directory.with_name("again"))
    assert main(["compare", directory, str(run.directory.with_name("again"))]) == 0
    assert "18 validation images of photos" in " ".join(capsys.readouterr().out.split())
    evaluation = own_evaluation(run)
    assert evaluation is not None
    assert (evaluation.split, evaluation.images, evaluation.data) == ("val", 18, "photos")
    assert evaluation.headline().startswith("Validation Accuracy: ")
    assert main(["report", directory]) == 0
    report = (run.directory / "report.html").read_text()
    assert f"{evaluation.accuracy:.2%}" in report
    assert "neither test nor validation" not in report


def test_no_message_offers_an_image_that_is_not_there(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", str(run.directory), "absent.png"]) == 2
    assert "or val/0 for an image of" in capsys.readouterr().err
    assert main(["trace", str(run.directory), "val/0"]) == 0


def test_the_list_of_runs_shows_the_score_that_there_is(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["runs", str(run.directory.parent)]) == 0
    assert f"{run.metrics('epoch')[-1]['val_accuracy']:.2%} val" in capsys.readouterr().out


def test_the_split_that_was_asked_for_is_not_replaced(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", str(run.directory), "--split", "test"]) == 2
    assert "photos has no test images, only: train, val" in capsys.readouterr().err
