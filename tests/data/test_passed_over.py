from __future__ import annotations

import os
import shutil
import socket
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from image_set_fakes import write_classes, write_image

from pellucid.data import ImageSet, LeftOut, file_kinds, file_of, formats, missing_lines, open_image_set
from pellucid.data.split_names import mentions_split, nfc, split_of
from pellucid.ground.errors import UserError


def sources(image_set: ImageSet) -> list[str]:
    return sorted(source for split in image_set.splits.values() for source in split.sources)


def notes(image_set: ImageSet) -> dict[str, str]:
    return {note.source: note.reason for note in image_set.passed_over.notes}


def nfd(text: str) -> str:
    return unicodedata.normalize("NFD", text)


@pytest.fixture
def _no_heic(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Stand on a machine without a library that reads HEIC."""
    monkeypatch.setattr(formats, "HEIF_READERS", ())
    file_kinds.readable_endings.cache_clear()
    yield
    file_kinds.readable_endings.cache_clear()


@pytest.mark.usefixtures("_no_heic")
def test_what_is_missing_is_said(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "pets", {"cat": 6, "dog": 6})
    for number in range(3):
        (root / "cat" / f"IMG_{number}.HEIC").write_bytes(b"\0\0\0\x18ftypheic")
        shutil.copy(root / "cat" / "000.png", root / "dog" / f"{number:032x}")
        (root / "dog" / f"00{number}.png").write_bytes(b"<html>404</html>")
    (root / "cat" / "notes.txt").write_text("a cat")
    image_set = open_image_set(root)
    lines = missing_lines(image_set, "data.json")
    assert lines[0].startswith("3 of 12 images are broken and left out (see data.json): 3 × not an image")
    assert lines[1] == "1 file of other kinds passed over (1 .txt)"
    assert lines[2].startswith("6 passed over are pictures: 3 × ")
    assert "pip install 'pellucid[heif]'" in lines[2]
    assert len(image_set.passed_over.pictures) == 6
    with pytest.raises(UserError, match=r"6 pictures passed over \(without --strict they are left out\)"):
        open_image_set(root, strict=True)
    write_image(root / "cat" / "new.bmp").rename(root / "cat" / "new.NEF")
    assert "cat/new.NEF" in [picture.source for picture in open_image_set(root).passed_over.pictures]


def test_a_files_first_bytes_are_asked_only_where_it_has_no_ending(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "pets", {"cat": 3, "dog": 3})
    (root / "cat" / "LICENSE").write_text("do what you like")
    image_set = open_image_set(root, strict=True)
    assert image_set.passed_over.endings == {"": 1}
    assert image_set.passed_over.pictures == ()


@pytest.mark.parametrize(
    "name",
    ["@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found", "__MACOSX", "#recycle", "Thumbnails"],
)
def test_system_folders_are_no_classes_and_leak_nothing(tmp_path: Path, name: str) -> None:
    root = write_classes(tmp_path / "pets", {"cat": 3, "dog": 3, name: 3, f"cat/{name}": 3, ".thumbnails": 2})
    image_set = open_image_set(root)
    assert image_set.classes == ("cat", "dog")
    assert len(sources(image_set)) == 6
    assert image_set.passed_over.system == {name: 2}
    assert image_set.passed_over.hidden == 1


@pytest.mark.parametrize("target", ["..", "../..", ".", "../dog", "../../pets", "../../../train", "../../test"])
def test_a_link_within_the_set_brings_nothing_in(tmp_path: Path, target: str) -> None:
    for split in ("train", "test"):
        write_classes(tmp_path / "pets" / split, {"cat": 3, "dog": 3})
    plain = sources(open_image_set(tmp_path / "pets"))
    (tmp_path / "pets" / "train" / "cat" / "up").symlink_to(target)
    image_set = open_image_set(tmp_path / "pets")
    assert sources(image_set) == plain
    assert "train/cat/up" in notes(image_set)


@pytest.mark.parametrize("link", ["val", "train/kitty"])
def test_a_class_or_split_that_is_a_link_to_another_is_passed_over(tmp_path: Path, link: str) -> None:
    for split in ("train", "test"):
        write_classes(tmp_path / split, {"cat": 3, "dog": 3})
    (tmp_path / link).symlink_to(tmp_path / ("test" if link == "val" else "train/cat"))
    image_set = open_image_set(tmp_path)
    assert list(image_set.splits) == ["train", "test"]
    assert image_set.classes == ("cat", "dog")
    assert "of the same set; passed over" in notes(image_set)[link]


def test_links_that_lead_nowhere_do_not_fail_the_folder(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "pets", {"cat": 3, "dog": 3})
    (root / "cat" / "self").symlink_to("self")
    (root / "cat" / "gone.png").symlink_to("nothing.png")
    (root / "cat" / "a").symlink_to("b")
    (root / "cat" / "b").symlink_to("a")
    (root / "around").symlink_to("around")
    image_set = open_image_set(root)
    assert len(sources(image_set)) == 6
    assert set(notes(image_set)) == {"cat/self", "cat/a", "cat/b", "around"}
    assert image_set.passed_over.pictures == (LeftOut("cat/gone.png", "a link to nothing"),)
    assert sum("gone.png" in line or "a link to nothing" in line for line in missing_lines(image_set)) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_pipes_sockets_and_devices_are_never_opened(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "pets", {"cat": 3, "dog": 3})
    os.mkfifo(root / "cat" / "pipe.png")
    os.mkfifo(root / "cat" / "pipe")
    (root / "dog" / "link.png").symlink_to(root / "cat" / "pipe.png")
    (root / "dog" / "zero.png").symlink_to("/dev/zero")
    with socket.socket(socket.AF_UNIX) as listener:
        here = os.getcwd()
        os.chdir(root / "dog")
        try:
            listener.bind("s.png")
        finally:
            os.chdir(here)
        image_set = open_image_set(root)
    assert len(sources(image_set)) == 6
    assert set(notes(image_set)) == {"cat/pipe.png", "cat/pipe", "dog/link.png", "dog/zero.png", "dog/s.png"}


def test_links_out_of_the_set_are_followed_and_end(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "pets", {"cat": 3, "dog": 3})
    elsewhere = write_classes(tmp_path / "elsewhere", {"a": 2, "b": 2})
    (elsewhere / "a" / "b").symlink_to("../b")
    (elsewhere / "b" / "a").symlink_to("../a")
    (elsewhere / "b" / "dogs").symlink_to(root / "dog")
    (root / "cat" / "more").symlink_to(elsewhere)
    image_set = open_image_set(root)
    assert len(sources(image_set)) == 10
    assert not any("dogs" in source for source in sources(image_set))


def test_one_file_under_two_splits_stays_in_train_only(tmp_path: Path) -> None:
    for split in ("train", "test"):
        write_classes(tmp_path / "pets" / split, {"cat": 3, "dog": 3})
    photo = write_image(tmp_path / "photo.png", 99)
    for split in ("train", "test"):
        (tmp_path / "pets" / split / "cat" / "same.png").symlink_to(photo)
    image_set = open_image_set(tmp_path / "pets")
    assert "train/cat/same.png" in image_set.splits["train"].sources
    assert notes(image_set)["test/cat/same.png"] == "the same file as train/cat/same.png; passed over"


@pytest.mark.parametrize("link", [os.symlink, os.link])
def test_one_file_under_two_classes_is_in_neither(tmp_path: Path, link: object) -> None:
    root = write_classes(tmp_path / "pets", {"cat": 3, "dog": 3})
    photo = write_image(tmp_path / "photo.png", 99)
    for name in ("cat", "dog"):
        link(photo, root / name / "same.png")
    image_set = open_image_set(root)
    assert not any("same" in source for source in sources(image_set))
    assert {picture.source for picture in image_set.passed_over.pictures} == {"cat/same.png", "dog/same.png"}
    assert notes(image_set) == {}
    with pytest.raises(UserError, match="one file under several classes"):
        open_image_set(root, strict=True)


def test_a_folder_by_a_link_is_decoded_once(tmp_path: Path, cache: Path) -> None:
    root = write_classes(tmp_path / "pets", {"cat": 3, "dog": 3})
    (tmp_path / "alias").symlink_to(root)
    assert open_image_set(root).origin == str(root)
    assert open_image_set(tmp_path / "alias").origin == str(root)
    assert len([path for path in (cache / "image-sets").iterdir() if path.name != ".locks"]) == 1


def test_two_unicode_forms_are_one_name(tmp_path: Path) -> None:
    write_classes(tmp_path / "set" / "train", {"café": 2, "dog": 2})
    write_classes(tmp_path / "set" / "test", {nfd("café"): 1, "dog": 1})
    image_set = open_image_set(tmp_path / "set")
    assert image_set.classes == ("café", "dog")
    assert image_set.splits["test"].sources[0] == "test/café/000.png"
    assert file_of(image_set.origin, "test/café/000.png") == tmp_path / "set" / "test" / nfd("café") / "000.png"
    write_classes(tmp_path / "flat", {"café": 2, nfd("café"): 2, "dog": 2})
    flat = open_image_set(tmp_path / "flat")
    assert flat.classes == ("café", "dog")
    assert len(sources(flat)) == len(set(sources(flat))) == 6
    assert any("Unicode form: read as one class" in reason for reason in notes(flat).values())


def test_the_form_of_names_changes_no_split(tmp_path: Path) -> None:
    names = ["café", "zoë", "naïve"]
    write_classes(tmp_path / "a", dict.fromkeys(names, 8))
    write_classes(tmp_path / "b", {nfd(name): 8 for name in names})
    one, other = open_image_set(tmp_path / "a"), open_image_set(tmp_path / "b")
    assert one.fingerprint == other.fingerprint
    assert sources(one) == sources(other)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="/."), min_size=1, max_size=30)
)
def test_every_form_of_a_name_is_read_alike(name: str) -> None:
    assert nfc(nfd(name)) == nfc(name)
    assert split_of(nfc(nfd(name))) == split_of(nfc(name))
    assert not (split_of(name) and mentions_split(name))


@pytest.mark.parametrize(
    ("folders", "splits"),
    [
        (("Train", "Test"), ["train", "test"]),
        (("training", "validation", "testing"), ["train", "val", "test"]),
        (("train_images", "val_images", "test_images"), ["train", "val", "test"]),
        (("images-train", "images-dev"), ["train", "val"]),
        (("TrainSet", "TestSet"), ["train", "test"]),
        (("train", "eval"), ["train", "val"]),
    ],
)
def test_splits_under_other_names(tmp_path: Path, folders: tuple[str, ...], splits: list[str]) -> None:
    for folder in folders:
        write_classes(tmp_path / folder, {"cat": 2, "dog": 2})
    assert list(open_image_set(tmp_path).splits) == splits


def test_folders_that_may_be_splits_never_become_classes(tmp_path: Path) -> None:
    for folder in ("seg_train", "seg_test"):
        write_classes(tmp_path / "scenes" / folder, {"forest": 2, "sea": 2})
    with pytest.raises(UserError, match="are they splits or classes"):
        open_image_set(tmp_path / "scenes")
    for name in ("cat", "dog"):
        write_classes(tmp_path / "pets" / name, {"train": 2, "test": 2})
    with pytest.raises(UserError, match="splits inside of classes"):
        open_image_set(tmp_path / "pets")
    trains = write_classes(tmp_path / "trains", {"steam_train": 3, "electric_train": 3})
    assert open_image_set(trains).classes == ("electric_train", "steam_train")


def test_a_wrapped_folder_is_read_like_a_wrapped_archive(tmp_path: Path) -> None:
    write_classes(tmp_path / "outer" / "pets", {"cat": 3, "dog": 3})
    (tmp_path / "outer" / "around").symlink_to(".")
    image_set = open_image_set(tmp_path / "outer")
    assert image_set.classes == ("cat", "dog")
    assert sources(image_set)[0] == "pets/cat/000.png"
    assert "pets" in notes(image_set)


def test_images_beside_the_class_folders_are_counted(tmp_path: Path) -> None:
    root = write_classes(tmp_path / "pets", {"cat": 3, "dog": 3})
    write_image(root / "cover.png")
    assert [picture.source for picture in open_image_set(root).passed_over.pictures] == ["cover.png"]


@pytest.mark.parametrize("place", ["", "wrapper/", "train/", "wrapper/train/"])
def test_nothing_beside_the_classes_is_passed_over_in_silence(tmp_path: Path, place: str) -> None:
    pets = tmp_path / "pets"
    write_classes(pets / place, {"cat": 3, "dog": 3})
    levels = {pets, *(pets / place).parents, pets / place} - set(pets.parents)
    for level in levels:
        (level / "labels.txt").write_text("cat")
        (level / "photo.dng").write_bytes(b"raw")
        (level / ".hidden").write_text("")
        os.mkfifo(level / "pipe")
    loose = {"": ["loose.png"], "train/": ["loose.png", "train/loose.png"]}.get(place, [])
    for path in loose:
        write_image(pets / path)
    passed_over = open_image_set(pets).passed_over
    below = {str(level.relative_to(pets) / "x")[:-1] for level in levels}
    assert passed_over.endings == {".txt": len(levels)}
    assert passed_over.hidden == len(levels)
    assert {f"{level}photo.dng" for level in below} <= {picture.source for picture in passed_over.pictures}
    assert {f"{level}pipe" for level in below} <= {note.source for note in passed_over.notes}
    no_class = [picture.source for picture in passed_over.pictures if "so it has no class" in picture.reason]
    assert no_class == loose


def test_a_folder_named_as_a_set_is_recorded_as_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pellucid.data import DataRequest

    monkeypatch.chdir(tmp_path)
    (tmp_path / "mnist").mkdir()
    assert DataRequest(source="mnist").absolute().source == "mnist"
    for path in ("./mnist", "mnist/", Path("mnist")):
        request = DataRequest(source=path).absolute()
        assert (request.source, request.is_named) == (str(tmp_path / "mnist"), False)
