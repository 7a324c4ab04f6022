"""A run and an exported model answer alike: in order, at the run's temperature, a bad image refused by itself."""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pellucid
from pellucid.ground.errors import UserError
from pellucid.prediction import Answer, Calibration, Refusal, open_classifier, read_predictions


def png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def grey(level: int, size: tuple[int, int] = (8, 8)) -> bytes:
    return png(np.full((*size, 3), level, np.uint8))


def test_a_run_answers_as_evaluate_does(run) -> None:
    """For every test image, though the images come from files here and in other batches."""
    pellucid.evaluate(run)
    table = read_predictions(run.directory / "predictions.csv")
    assert table is not None
    images = run.open_images().splits["test"].images
    answers = open_classifier(run.directory).answer([png(image[..., 0]) for image in images])
    assert [answer.index for answer in answers] == table.predicted.tolist()
    assert np.allclose([answer.probabilities for answer in answers], table.probabilities, atol=1e-6)


def test_the_temperature_is_that_of_evaluate(run, tmp_path: Path) -> None:
    copy = pellucid.open_run(shutil.copytree(run.directory, tmp_path / "copy"), trust=True)
    pixels = [png(image[..., 0]) for image in run.open_images().splits["test"].images[:5]]
    before = open_classifier(copy.directory).answer(pixels)
    epoch = copy.resolve_epoch()
    Calibration(
        epoch=epoch,
        weights=copy.weights_digest(epoch),
        temperature=2.0,
        error_rate=0.05,
        threshold=0.5,
        coverage=None,
        error=None,
        chosen_on="val",
        chosen_images=1,
    ).write(copy)
    classifier = open_classifier(copy.directory)
    assert classifier.threshold == 0.5
    for old, new in zip(before, classifier.answer(pixels), strict=True):
        assert isinstance(old, Answer)
        assert isinstance(new, Answer)
        flatter = np.sqrt(old.probabilities)
        assert np.allclose(new.probabilities, flatter / flatter.sum(), atol=1e-9)


def test_threshold_and_temperature_are_the_runs_own(run) -> None:
    evaluation = pellucid.evaluate(run)
    classifier = open_classifier(run.directory)
    assert classifier.threshold == evaluation.abstention.threshold
    assert classifier.classes == run.classes
    assert open_classifier(run.directory, threshold=0.5).threshold == 0.5
    assert open_classifier(run.directory, epoch=1).model != classifier.model


def test_a_bad_image_is_refused_and_the_others_are_answered(model: Path) -> None:
    dark, text, bright, empty, undecided = open_classifier(model).answer(
        [grey(10), b"no image", grey(250, (3, 40)), b"", grey(130)]
    )
    assert isinstance(dark, Answer)
    assert (dark.label, dark.unsure) == ("dark", False)
    assert dark.confidence == pytest.approx(1 / (1 + np.exp(-118 / 16)), abs=1e-5)
    assert isinstance(text, Refusal)
    assert isinstance(empty, Refusal)
    assert "empty" in empty.reason
    assert isinstance(bright, Answer)
    assert bright.label == "bright"
    assert isinstance(undecided, Answer)
    assert undecided.unsure
    assert not any(answer.unsure for answer in open_classifier(model, threshold=0.0).answer([grey(130)]))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"format": 2}, "format 2"),
        ({"format": None}, "did not export"),
        ({"classes": ["only"]}, "damaged"),
        ({"height": "8"}, "height"),
        ({"fit": "twist"}, "damaged"),
    ],
)
def test_metadata_of_another_kind_is_refused(make_model, changes, words: str) -> None:
    with pytest.raises(UserError, match=words):
        open_classifier(make_model(**changes))


@pytest.mark.parametrize(
    "changes", [{"height": 10**30}, {"width": 8193}, {"classes": ["dark", "dark"]}, {"classes": ["dark", "light\n"]}]
)
def test_metadata_that_no_export_writes_are_refused(make_model, changes) -> None:
    with pytest.raises(UserError, match=r"metadata of .* are damaged"):
        open_classifier(make_model(**changes))


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.onnx").write_text("no model")
    with pytest.raises(UserError, match="no ONNX model"):
        open_classifier(tmp_path / "text.onnx")
    with pytest.raises(UserError, match="there is no file"):
        open_classifier(tmp_path / "absent.onnx")
    with pytest.raises(UserError, match="is not a run"):
        open_classifier(tmp_path / "absent")
    with pytest.raises(UserError, match="from 0 to 1"):
        open_classifier(tmp_path / "absent", threshold=1.5)


def test_a_model_file_needs_no_torch(model: Path) -> None:
    script = f"""
import sys
sys.modules["torch"] = None
from pellucid.prediction import open_classifier
print(open_classifier({str(model)!r}).answer([{grey(10)!r}])[0].label)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == ("dark\n", "")
