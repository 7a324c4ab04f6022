from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from image_set_fakes import everything_in, write_classes, write_image

from pellucid.cli import main
from pellucid.data import missing_lines, open_image_set, stratified_split
from pellucid.ground.errors import UserError


def values(split: object) -> list[int]:
    """The one value of each plain grey image."""
    return [int(image[0, 0, 0]) for image in split.images]


def test_a_folder_a_class_is_split_by_class_and_seed(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "pets", {"cat": 20, "dog": 40})
    image_set = open_image_set(root)
    assert (image_set.name, image_set.origin, image_set.classes) == ("pets", str(root), ("cat", "dog"))
    assert (image_set.shape, image_set.fit, image_set.flip_allowed, image_set.split_seed) == (
        (3, 64, 64),
        "stretch",
        True,
        0,
    )
    counts = {name: np.bincount(split.labels).tolist() for name, split in image_set.splits.items()}
    assert counts == {"train": [14, 28], "val": [3, 6], "test": [3, 6]}
    sources = [source for split in image_set.splits.values() for source in split.sources]
    assert sorted(sources) == sorted(f"{name}/{n:03}.png" for name, c in (("cat", 20), ("dog", 40)) for n in range(c))
    for split in image_set.splits.values():
        for image, label, source in zip(split.images, split.labels, split.sources, strict=True):
            name, number = source.split("/")
            assert image_set.classes[label] == name
            assert (image == 10 * label + int(number[:3])).all()


def test_the_split_is_the_stratified_one_of_the_sorted_paths(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "pets", {"cat": 13, "dog": 9})
    image_set = open_image_set(root, split_seed=3)
    labels = np.array([0] * 13 + [1] * 9)
    paths = [f"cat/{n:03}.png" for n in range(13)] + [f"dog/{n:03}.png" for n in range(9)]
    _, test = stratified_split(labels, 0.15, 3)
    assert image_set.splits["test"].sources == [paths[row] for row in test]
    assert image_set.split_seed == 3
    assert open_image_set(root, split_seed=4).splits["test"].sources != image_set.splits["test"].sources


def test_the_smallest_set_that_can_be_split(tmp_path: Path) -> None:
    image_set = open_image_set(write_classes(tmp_path / "few", {"cat": 2, "dog": 3}), size=(6, 8), channels=1)
    assert {name: len(split) for name, split in image_set.splits.items()} == {"train": 2, "val": 1, "test": 2}
    assert (image_set.shape, image_set.fit) == ((1, 6, 8), "none")


@pytest.mark.parametrize("validation", ["val", "valid", "Validation"])
def test_splits_of_its_own(tmp_path: Path, validation: str) -> None:
    for split, count in (("train", 4), (validation, 2), ("test", 3)):
        write_classes(tmp_path / "pets" / split, {"cat": count, "dog": count})
    image_set = open_image_set(tmp_path / "pets")
    assert {name: len(split) for name, split in image_set.splits.items()} == {"train": 8, "val": 4, "test": 6}
    assert image_set.split_seed is None
    assert image_set.splits["val"].sources[0] == f"{validation}/cat/000.png"


def test_some_splits_of_its_own(tmp_path: Path) -> None:
    write_classes(tmp_path / "train", {"cat": 1, "dog": 4, "emu": 1})
    write_classes(tmp_path / "test", {"dog": 2, "cat": 0})
    image_set = open_image_set(tmp_path)
    assert list(image_set.splits) == ["train", "test"]
    assert image_set.classes == ("cat", "dog", "emu")
    assert image_set.splits["test"].labels.tolist() == [1, 1]


def test_a_class_may_be_called_test(tmp_path: Path) -> None:
    image_set = open_image_set(write_classes(tmp_path / "moods", {"test": 4, "rest": 4}))
    assert image_set.classes == ("rest", "test")


def test_hidden_and_other_files_are_passed_over_and_deeper_images_found(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "pets", {"cat": 3, "dog": 3})
    write_image(root / "cat" / "old" / "more" / "9.JPG", 50)
    write_image(root / "cat" / ".hidden.png", 60)
    write_image(root / ".trash" / "1.png", 60)
    write_image(root / "loose.png", 60)
    (root / "dog" / "notes.txt").write_text("a dog")
    (root / "dog" / "Thumbs.db").write_text("")
    image_set = open_image_set(root)
    sources = sorted(source for split in image_set.splits.values() for source in split.sources)
    assert sources == [f"cat/00{n}.png" for n in range(3)] + ["cat/old/more/9.JPG"] + [
        f"dog/00{n}.png" for n in range(3)
    ]
    assert image_set.left_out == ()


def test_linked_folders_are_followed_and_circles_are_not(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "pets", {"cat": 3, "dog": 3})
    shutil.move(root / "dog", tmp_path / "elsewhere")
    (root / "dog").symlink_to(tmp_path / "elsewhere")
    (root / "cat" / "again").symlink_to(root / "cat")
    assert sum(len(split) for split in open_image_set(root).splits.values()) == 6


def test_a_broken_image_is_left_out_and_listed(tmp_path: Path, cache: Path) -> None:
    for split in ("train", "test"):
        write_classes(tmp_path / "pets" / split, {"cat": 5, "dog": 5})
    root = tmp_path / "pets"
    (root / "train" / "cat" / "001.png").write_bytes(b"no picture")
    cut = (root / "train" / "dog" / "000.png").read_bytes()[:45]
    (root / "train" / "dog" / "000.png").write_bytes(cut)
    (root / "train" / "dog" / "link.png").symlink_to(root / "nothing")
    image_set = open_image_set(root)
    assert [image.source for image in image_set.left_out] == [
        "train/cat/001.png",
        "train/dog/000.png",
    ]
    assert image_set.left_out[0].reason == "not an image that can be read, or a damaged one"
    assert [picture.source for picture in image_set.passed_over.pictures] == ["train/dog/link.png"]
    train = image_set.splits["train"]
    assert values(train) == [0, 2, 3, 4, 11, 12, 13, 14]
    assert train.labels.tolist() == [0] * 4 + [1] * 4
    assert train.sources[1] == "train/cat/002.png"
    with pytest.raises(UserError, match=r"1 picture passed over .*train/dog/link.png: a link to nothing"):
        open_image_set(root, strict=True)
    (root / "train" / "dog" / "link.png").unlink()
    with pytest.raises(UserError, match=r"2 broken images \(without --strict they are left out\):\n.*cat/001.png: not"):
        open_image_set(root, strict=True)


def test_strict_keeps_nothing(tmp_path: Path, cache: Path) -> None:
    root = write_classes(tmp_path / "pets", {"cat": 5, "dog": 5})
    (root / "cat" / "001.png").write_bytes(b"no picture")
    with pytest.raises(UserError, match=r"1 broken image .*cat/001.png: not an image"):
        open_image_set(root, strict=True)
    assert everything_in(cache) == []


def test_a_changed_file_is_decoded_again(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "pets", {"cat": 5, "dog": 5})
    before = open_image_set(root)
    write_image(root / "cat" / "000.png", 200)
    os.utime(root / "cat" / "000.png", ns=(1, 1))
    after = open_image_set(root)
    assert after.fingerprint != before.fingerprint
    assert 200 in [value for split in after.splits.values() for value in values(split)]


def test_several_processes_give_what_one_gives(tmp_path: Path) -> None:
    root = tmp_path / "many"
    for split, count in (("train", 170), ("test", 40)):
        write_classes(root / split, {"cat": count, "dog": count})
    for number in (3, 80, 169):
        (root / "train" / "dog" / f"{number:03}.png").write_bytes(b"broken")
    by_one = open_image_set(root, workers=1, cache_dir=tmp_path / "a")
    by_two = open_image_set(root, workers=2, cache_dir=tmp_path / "b")
    assert by_one.fingerprint == by_two.fingerprint
    assert [image.source for image in by_two.left_out] == [f"train/dog/{n:03}.png" for n in (3, 80, 169)]
    assert len(by_two.splits["train"]) == 337
    for split in ("train", "test"):
        np.testing.assert_array_equal(by_one.splits[split].images, by_two.splits[split].images)
        assert by_two.splits[split].sources == by_one.splits[split].sources


def make(root: Path, what: dict[str, int]) -> Path:
    root.mkdir(exist_ok=True)
    for name, count in what.items():
        write_classes(root / Path(name).parent, {Path(name).name: count})
    return root


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ({}, r"pets is empty; expected a folder per class with images in it, such as cat/1.jpg"),
        ({"cat": 0, "dog": 0}, r"pets: no image in its 2 folders; expected a folder per class"),
        ({"cat": 5}, r"pets: one class only, 'cat'; expected at least 2 folders"),
        ({"cat": 5, "dog": 1}, r"only one image in 'dog'; a class needs at least 2"),
        ({"cat": 5, "dog": 5, "emu": 0}, r"no image in the class folder 'emu'"),
        ({"train/cat": 5, "train/dog": 5, "test/emu": 2}, r"test has the class 'emu', which .*train lacks"),
        ({"train/cat": 5, "train/dog": 5, "test/Cat": 2}, r"which .*train lacks: did you mean 'cat'"),
        ({"train/cat": 5, "train/dog": 0, "test/dog": 2}, r"train: no image to learn 'dog' from"),
        ({"train/cat": 5, "test/cat": 2}, r"train: one class only, 'cat'"),
        ({"val/cat": 5, "val/dog": 5, "test/cat": 2, "test/dog": 1}, r"has 'test', 'val' and no train folder"),
        ({"train/cat": 2, "train/dog": 2, "val/cat": 1, "valid/cat": 1}, r"both 'val' and 'valid'; expected one"),
        ({"train/cat": 2, "train/dog": 2, "emu": 3}, r"has 'train' and beside them 'emu'; expected either folders of"),
    ],
)
def test_folders_that_cannot_be_used(tmp_path: Path, cache: Path, what: dict[str, int], message: str) -> None:
    root = make(tmp_path / "pets", what)
    with pytest.raises(UserError, match=message):
        open_image_set(root)
    assert not cache.exists() or everything_in(cache) == []


def test_loose_images_and_other_files_only(tmp_path: Path) -> None:
    write_image(tmp_path / "loose" / "1.png")
    write_image(tmp_path / "loose" / "2.png")
    with pytest.raises(UserError, match="2 images directly in it, outside any class folder"):
        open_image_set(tmp_path / "loose")
    for name in ("cat", "dog"):
        (tmp_path / "texts" / name).mkdir(parents=True)
        (tmp_path / "texts" / name / "a.txt").write_text("")
    with pytest.raises(UserError, match=r"no image in its 2 folders; 2 files of other kinds passed over \(2 .txt\)"):
        open_image_set(tmp_path / "texts")


def test_a_class_whose_images_are_all_broken(tmp_path: Path, cache: Path) -> None:
    root = write_classes(tmp_path / "pets", {"cat": 5, "dog": 2})
    for file in (root / "dog").iterdir():
        file.write_bytes(b"x")
    with pytest.raises(
        UserError, match=r"no readable image is left to learn 'dog' from; broken:\n  - dog/000.png: not"
    ):
        open_image_set(root)
    assert everything_in(cache) == []


@pytest.mark.skipif(os.name == "nt", reason="file names are text there")
def test_file_names_that_are_no_text(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "pets", {"cat": 5, "dog": 5})
    odd = os.fsencode(root / "cat") + b"/caf\xe9.png"
    shutil.copy(root / "cat" / "000.png", odd)
    image_set = open_image_set(root)
    assert "cat/caf\\xe9.png" in [source for split in image_set.splits.values() for source in split.sources]


def test_splits_in_folders_of_their_own_names_are_not_classes(tmp_path: Path) -> None:
    for split in ("seg_train", "seg_test"):
        for name in ("cat", "dog"):
            folder = tmp_path / split / split / name
            folder.mkdir(parents=True)
            for number in range(2):
                (folder / f"{number}.png").touch()
    with pytest.raises(UserError, match="are they splits or classes"):
        open_image_set(tmp_path)


@pytest.mark.parametrize(
    ("first", "second"),
    [("entrenamiento", "prueba"), ("Treino", "validação"), ("Trainingsdaten", "Prüfung"), ("训练集", "测试集")],
)
def test_splits_in_other_languages_are_not_classes(tmp_path: Path, first: str, second: str) -> None:
    root = write_classes(tmp_path / "pets", {f"{split}/{name}": 2 for split in (first, second) for name in ("a", "b")})
    with pytest.raises(UserError, match="are they splits or classes"):
        open_image_set(root)
    flat = write_classes(tmp_path / "flat", {first: 2, second: 2})
    assert open_image_set(flat).passed_over.notes == ()


def test_folders_that_hold_the_same_folders_are_noted_as_splits_perhaps(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "pets", {f"{split}/{name}": 2 for split in ("ispit", "ucenje") for name in "ab"})
    image_set = open_image_set(root)
    assert image_set.classes == ("ispit", "ucenje")
    assert missing_lines(image_set) == [
        "ispit: holds folders of the same names as 'ucenje' ('a', 'b'): they look like splits, and are read as "
        "classes; call splits train, val and test"
    ]


@pytest.mark.parametrize("outer", ["", "train/"])
def test_classes_of_folders_are_noted_unless_these_mean_nothing(tmp_path: Path, outer: str) -> None:
    counts = {"animals/cat": 2, "plants/oak": 1, "plants/elm": 1, "rock/images": 2, "sea": 2, "sea/b": 1}
    image_set = open_image_set(write_classes(tmp_path, {outer + name: count for name, count in counts.items()}))
    assert [(note.source, note.reason) for note in image_set.passed_over.notes] == [
        (f"{outer}animals", "has all images in folders inside ('cat'), which are read as one class"),
        (f"{outer}plants", "has all images in folders inside ('elm', 'oak'), which are read as one class"),
    ]


def test_data_shows_what_training_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = write_classes(tmp_path / "pets", {"cat": 5, "dog": 5, "emu": 0})
    assert main(["data", str(root)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "emu         0    0     0" in lines
    text = " ".join(" ".join(lines).split())
    assert "Training refuses this set." in text
    assert "no image in the class folder 'emu'; put images into each class folder, or remove it" in text
    assert main(["data", str(root), "--json"]) == 0
    assert "'emu'" in json.loads(capsys.readouterr().out)["refused_by_training"]
    (root / "emu").rmdir()
    assert main(["data", str(root), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["refused_by_training"] is None
    assert main(["data", str(tmp_path / "nowhere")]) == 2


@pytest.mark.parametrize("columns", ["60", "80", "200"])
def test_data_fits_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    root = write_classes(tmp_path / "pets", {"cat": 5, "dog": 5})
    for number in range(30):
        (root / "cat" / f"a.{number:03}").write_text("")
    (root / "cat" / "000.png").write_bytes(b"")
    (root / "cat" / "001.png").write_bytes(b"no")
    assert main(["data", str(root)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines if str(root) not in line) <= min(100, int(columns))
