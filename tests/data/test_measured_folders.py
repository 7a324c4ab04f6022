"""Folders that are measured on, not trained on: rules that are there for training do not hold."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from image_set_fakes import write_classes

from pellucid.data import open_image_set
from pellucid.ground.errors import UserError

COUNTS = {
    "one class": {"cat": 3},
    "one image each": {"cat": 1, "dog": 1},
    "one image": {"cat": 1},
    "an empty class": {"cat": 2, "dog": 0},
}


def everything(image_set) -> list[str]:
    return sorted(source for split in image_set.splits.values() for source in split.sources)


@pytest.mark.parametrize("kind", COUNTS)
def test_all_images_are_there_in_folder_and_archive(tmp_path: Path, kind: str) -> None:
    root = write_classes(tmp_path / "pets", COUNTS[kind])
    expected = sorted(f"{name}/{number:03}.png" for name, count in COUNTS[kind].items() for number in range(count))
    with zipfile.ZipFile(tmp_path / "pets.zip", "w") as archive:
        for file in root.rglob("*.png"):
            archive.write(file, file.relative_to(root))
    assert everything(open_image_set(root, trainable=False)) == expected
    with pytest.raises(UserError, match=r"one class only|only one image in|no image in the class folder"):
        open_image_set(root)
    archived = open_image_set(tmp_path / "pets.zip", trainable=False)
    assert everything(archived) == expected
    if kind != "an empty class":  # which an archive does not hold
        with pytest.raises(UserError, match=r"one class only|only one image in"):
            open_image_set(tmp_path / "pets.zip")


def test_a_folder_of_test_images_alone_and_classes_of_their_own(tmp_path: Path) -> None:
    write_classes(tmp_path / "pets" / "test", {"cat": 2, "dog": 1})
    with pytest.raises(UserError, match="no train folder"):
        open_image_set(tmp_path / "pets")
    image_set = open_image_set(tmp_path / "pets", trainable=False)
    assert (list(image_set.splits), image_set.classes, image_set.split_seed) == (["test"], ("cat", "dog"), None)
    write_classes(tmp_path / "pets" / "train", {"bird": 2, "dog": 2})
    image_set = open_image_set(tmp_path / "pets", trainable=False)
    assert image_set.classes == ("bird", "cat", "dog")
    assert image_set.splits["test"].labels.tolist() == [1, 1, 2]


def test_what_can_be_trained_on_is_the_same_set_either_way(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "pets", {"cat": 5, "dog": 7})
    measured, trained = open_image_set(root, trainable=False), open_image_set(root)
    assert measured.fingerprint == trained.fingerprint


def test_a_class_of_broken_images_is_measured_and_not_trained_on(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "pets", {"cat": 3, "dog": 2})
    for file in (root / "dog").iterdir():
        file.write_bytes(b"broken")
    assert len(open_image_set(root, trainable=False).left_out) == 2
    with pytest.raises(UserError, match="no readable image is left to learn 'dog' from"):
        open_image_set(root)
    for file in (root / "cat").iterdir():
        file.write_bytes(b"broken")
    with pytest.raises(UserError, match="no image can be read"):
        open_image_set(root, trainable=False)


def test_a_data_folder_that_is_not_there_is_named_whatever_is_asked_for(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "pets", {"cat": 2, "dog": 2})
    with pytest.raises(UserError, match=r"nowhere \(--data-dir\) does not exist"):
        open_image_set(root, data_dir=tmp_path / "nowhere")
