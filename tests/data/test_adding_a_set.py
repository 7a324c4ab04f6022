"""A named set added from outside: one entry with a reader of its own, and nothing else is touched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pellucid.cli import main
from pellucid.data import NAMED, Block, NamedSet, describe_images, is_here, open_image_set, register_data_set
from pellucid.data.located_files import LocatedFiles
from pellucid.ground.errors import UserError

IMAGES = np.random.default_rng(0).integers(0, 256, (12, 3, 4, 1), np.uint8)


def read_lines(files: LocatedFiles, names: tuple[str, ...]) -> Iterator[Block]:
    """Read a format that no other set has: a line an image, its label and then its pixels."""
    for name, content in files.read(names):
        rows = np.array([line.split() for line in content.decode().splitlines()], np.int64)
        pixels = rows[:, 1:].astype(np.uint8).reshape(-1, 3, 4, 1)
        yield Block(pixels, rows[:, 0], files.where(name), files.where(name))


def write_lines(path: Path, images: np.ndarray, labels: list[int]) -> None:
    path.parent.mkdir(exist_ok=True)
    lines = [" ".join(map(str, (label, *image.ravel().tolist()))) for label, image in zip(labels, images, strict=True)]
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def shapes(monkeypatch: pytest.MonkeyPatch) -> NamedSet:
    for name in list(NAMED):  # what the test registers is gone afterwards
        monkeypatch.setitem(NAMED, name, NAMED[name])
    named = register_data_set(
        NamedSet(
            name="shapes",
            title="Shapes: circles and squares",
            classes=("circle", "square"),
            shape=(1, 3, 4),
            counts=(8, 4),
            flip_allowed=True,
            read=read_lines,
            layout="Shapes",
            train_files=("train.txt",),
            test_files=("test.txt",),
        )
    )
    yield named
    del NAMED["shapes"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    write_lines(tmp_path / "Shapes" / "train.txt", IMAGES[:8], [0, 1] * 4)
    write_lines(tmp_path / "Shapes" / "test.txt", IMAGES[8:], [1, 0] * 2)
    return tmp_path


def test_it_is_opened_by_its_name(shapes: NamedSet, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image_set = open_image_set("shapes", data_dir=data)
    np.testing.assert_array_equal(image_set.splits["train"].images, IMAGES[:8])
    assert image_set.splits["test"].labels.tolist() == [1, 0, 1, 0]
    assert (image_set.classes, image_set.flip_allowed) == (("circle", "square"), True)
    assert describe_images(image_set)["images"] == {"train": 8, "test": 4}
    monkeypatch.setenv("PELLUCID_DATA", str(data))
    assert is_here("shapes")


def test_it_is_listed_and_named_in_errors(shapes: NamedSet, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["datasets", "--data-dir", str(data), "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["shapes"]["where"] == str(data / "Shapes")
    assert rows["shapes"]["images"] == {"train": 8, "test": 4}
    assert main(["datasets"]) == 0
    assert "shapes" in capsys.readouterr().out
    with pytest.raises(UserError, match=r"did you mean 'shapes'.*, shapes"):
        open_image_set("shape")


def test_its_files_are_checked_like_those_of_the_others(shapes: NamedSet, data: Path) -> None:
    write_lines(data / "Shapes" / "test.txt", IMAGES[8:], [1, 0, 2, 0])
    with pytest.raises(UserError, match=r"test.txt has the label 2 at record 2; shapes has labels 0 to 1"):
        open_image_set("shapes", data_dir=data)
    (data / "Shapes" / "test.txt").unlink()
    with pytest.raises(UserError) as caught:
        open_image_set("shapes", data_dir=data)
    assert "Shapes lacks test.txt" in str(caught.value)
    assert "shapes has no published address" in str(caught.value)
    assert str(caught.value).endswith(f"Put train.txt, test.txt into {data}/Shapes.")


def test_a_name_is_given_once(shapes: NamedSet) -> None:
    with pytest.raises(UserError, match=r"there is a data set 'shapes' already \(Shapes: circles and squares\)"):
        register_data_set(shapes)
