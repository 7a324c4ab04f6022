"""`pellucid.predictor`: whatever a person has at hand as an image gives the same answer."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import pellucid
from pellucid.ground.errors import UserError
from pellucid.prediction.calling import PredictionList, Unreadable


@pytest.fixture
def predictor(model: Path):
    return pellucid.predictor(model)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(3).integers(0, 256, (21, 34, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


def test_every_kind_of_the_same_image_has_the_same_answer(predictor, photo: Path) -> None:
    image = Image.open(photo)
    pixels = np.asarray(image)
    kinds = [
        photo,
        str(photo),
        photo.read_bytes(),
        image,
        pixels,
        torch.from_numpy(pixels.copy()),
        torch.from_numpy(pixels.transpose(2, 0, 1).copy()),
        np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)]),
    ]
    assert len({predictor(kind).probabilities for kind in kinds}) == 1
    assert {entry.probabilities for entry in predictor(kinds)} == {predictor(photo).probabilities}
    assert len(predictor(np.stack([pixels] * 3))) == 3


def test_grey_arrays_of_any_depth(predictor) -> None:
    for level, dtype in ((250, np.uint8), (64_250, np.uint16), (0.98, np.float64), (0.98, np.float32)):
        assert predictor(np.full((5, 9), level, dtype)).name == "bright", dtype
    assert predictor(np.full((5, 9, 1), 3, np.uint8)).name == "dark"


def test_a_pil_image_is_left_as_it_was(predictor) -> None:
    image = Image.new("P", (4, 4), 1)
    image.info["transparency"] = 1
    before = dict(image.info)
    predictor(image)
    assert dict(image.info) == before


def test_one_bad_image_among_several_is_said_and_alone_is_an_error(predictor, photo: Path, tmp_path: Path) -> None:
    (tmp_path / "text.jpg").write_text("no image")
    answers = predictor([photo, tmp_path / "text.jpg", tmp_path / "absent.jpg"])
    assert isinstance(answers, PredictionList)
    assert [isinstance(entry, Unreadable) for entry in answers] == [False, True, True]
    assert "not an image" in answers[1].reason
    for bad in ("text.jpg", "absent.jpg"):
        with pytest.raises(UserError, match=bad):
            predictor(tmp_path / bad)


@pytest.mark.parametrize("image", [3, None, np.zeros((2, 3, 5), np.uint8), np.zeros((0, 3), np.uint8), {"a": 1}])
def test_what_is_no_image_is_told_what_was_expected(predictor, image) -> None:
    with pytest.raises(UserError, match="expected"):
        predictor(image)


def test_it_shows_itself(predictor, photo: Path) -> None:
    bright = predictor(np.full((8, 8), 250, np.uint8))
    assert str(bright) == "bright more than 99.9%, dark less than 0.1%"
    undecided = predictor(np.full((8, 8), 130, np.uint8))
    assert undecided.unsure
    assert str(undecided).startswith("unsure: bright 53.1%")
    several = predictor([np.full((8, 8), 250, np.uint8), b"", np.full((8, 8), 130, np.uint8)])
    assert str(several).splitlines() == [
        "image    answer           confidence  next",
        "image 1  bright      more than 99.9%  dark less than 0.1%",
        "image 2  unreadable                   not an image that can be read: the file is empty",
        "image 3  unsure                53.1%  bright 53.1%, dark 46.9%",
    ]
    for shown in (bright, several):
        assert "<table>" in shown._repr_html_()
    assert several[:2].to_dict()[1] == {"source": "image 2", "reason": several[1].reason}
    assert "2 classes" in repr(predictor)


def test_as_the_run_was_evaluated(run) -> None:
    predictor = pellucid.predictor(run.directory, epoch=1)
    image = run.open_images().splits["test"].images[0]
    file = io.BytesIO()
    Image.fromarray(image[..., 0]).save(file, "PNG")
    assert predictor(image).probabilities == predictor(file.getvalue()).probabilities
    assert predictor.classes == run.classes
