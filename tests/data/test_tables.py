"""A table of files and labels as a source: the same images as a folder for each class, however the table is written."""

from __future__ import annotations

import csv
import io
import random
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pellucid import UserError
from pellucid.cli import main
from pellucid.data import missing_lines, open_image_set
from pellucid.data.image_set import ImageSet

NAMES = [f"{number}.png" for number in range(12)]
LABELS = ["cat" if number % 2 else "dog" for number in range(12)]
ROWS = [f"{name},{label}" for name, label in zip(NAMES, LABELS, strict=True)]
PLAIN = "file,label\n" + "\n".join(ROWS) + "\n"


def write(folder: Path, table: str | bytes, names: list[str] = NAMES, called: str = "labels.csv") -> Path:
    """Write a picture of its own colour for each name, and a table."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, 255 - number, 7)).save(folder / name, format="PNG")
    (folder / called).write_bytes(table if isinstance(table, bytes) else table.encode())
    return folder


def opened(source: Path, **options: object) -> ImageSet:
    return open_image_set(source, size=(8, 8), workers=1, **options)  # type: ignore[arg-type]


def content(images: ImageSet) -> dict[int, str]:
    """By a picture's own colour its class: what matters, whatever files and splits are called."""
    return {
        int(pixels[0, 0, 0]): images.classes[label]
        for split in images.splits.values()
        for pixels, label in zip(split.images, split.labels, strict=True)
    }


ODD = "ab ,;\"'é"
EXPECTED = dict(enumerate(LABELS))


@pytest.mark.parametrize(
    ("table", "called"),
    [
        (PLAIN, "labels.csv"),
        (b"\xef\xbb\xbf" + PLAIN.encode(), "labels.csv"),
        (PLAIN.encode("utf-16"), "labels.csv"),
        (PLAIN.replace("\n", "\r\n"), "labels.csv"),
        (PLAIN.replace("\n", "\r"), "labels.csv"),
        (PLAIN.replace("\n", "\n\n"), "labels.csv"),
        (PLAIN.replace(",", ";"), "LABELS.CSV"),
        (PLAIN.replace(",", "\t"), "labels.tsv"),
        (PLAIN.replace(",", "|"), "labels.csv"),
        (PLAIN.replace(",", " , "), "labels.csv"),
        ("sep=;\r\n" + PLAIN.replace(",", ";"), "labels.csv"),
        ("\n".join(ROWS), "labels.csv"),  # no header
        ("a,b\n" + "\n".join(ROWS), "anything.csv"),
        ("file,label,,\n" + "\n".join(row + ",," for row in ROWS), "labels.csv"),
        (
            "label,age,Image ID\n" + "\n".join(f"{label},7,{number}" for number, label in enumerate(LABELS)),
            "labels.csv",
        ),
        ("file,label\n" + "\n".join(f"./{row}" for row in ROWS), "labels.csv"),
        ("file,label\n" + "\n".join(f"sub/../{row}" for row in ROWS), "labels.csv"),
        ("file,label\n" + "\n".join(f"C:\\Users\\anna\\{row}" for row in ROWS), "labels.csv"),
        ("file,label\n" + "\n".join(f"/home/anna/{row}" for row in ROWS), "labels.csv"),
        ("file,label\n" + "\n".join(row.replace("png", "PNG") for row in ROWS), "labels.csv"),
    ],
)
def test_a_table_is_read_however_it_is_written(tmp_path: Path, table: str | bytes, called: str) -> None:
    folder = write(tmp_path / "photos", table, called=called)
    images = opened(folder)
    assert images.classes == ("cat", "dog")
    assert content(images) == EXPECTED
    assert {name: len(split) for name, split in images.splits.items()} == {"train": 8, "val": 2, "test": 2}
    assert images.name == "photos"
    assert images.passed_over.pictures == images.passed_over.missing == ()
    assert images.passed_over.endings == {}
    assert opened(folder / called).fingerprint == images.fingerprint


def test_it_is_the_image_set_of_a_folder_for_each_class(tmp_path: Path) -> None:
    folder = tmp_path / "classes"
    write(folder, "", [f"{label}/{name}" for name, label in zip(NAMES, LABELS, strict=True)])
    (folder / "labels.csv").unlink()
    assert content(opened(folder)) == content(opened(write(tmp_path / "table", PLAIN)))


@pytest.mark.parametrize("place", ["images/", "train/", "deep/er/"])
@pytest.mark.parametrize("written", ["", "images/", "train/", "deep/er/"])
def test_pictures_may_lie_in_a_folder_beside_the_table(tmp_path: Path, place: str, written: str) -> None:
    """The table may say so or not; a path that begins elsewhere is found by its end, and that is said."""
    table = "file,label\n" + "\n".join(written + row for row in ROWS)
    images = opened(write(tmp_path / "photos", table, [place + name for name in NAMES]) / "labels.csv")
    assert content(images) == EXPECTED
    assert file_is_known(images, tmp_path / "photos")
    said = any("begins elsewhere" in note.reason for note in images.passed_over.notes)
    assert said == (written not in ("", place))


def file_is_known(images: ImageSet, folder: Path) -> bool:
    from pellucid.data.file_of import file_of

    sources = [source for split in images.splits.values() for source in split.sources]
    return Path(images.origin) == folder and all(file_of(images.origin, source) for source in sources)


def test_an_archive_with_a_table_is_the_same_set(tmp_path: Path) -> None:
    folder = write(tmp_path / "photos", PLAIN)
    with zipfile.ZipFile(tmp_path / "set.zip", "w") as archive:
        for path in folder.iterdir():
            archive.write(path, f"wrapped/{path.name}")
    images = opened(tmp_path / "set.zip")
    assert content(images) == EXPECTED
    assert images.passed_over.endings == {}


def test_names_and_labels_with_quotes_commas_and_lines_come_back_as_the_csv_module_wrote_them(tmp_path: Path) -> None:
    letters = random.Random(4)
    odd = ["".join(letters.choices(ODD, k=6)) + f"{number}.png" for number in range(40)]
    names = [name.strip() for name in odd]
    labels = [letters.choice(["cat, big", 'dog "x"', "a;b"]) for _ in names]
    for separator in ",;\t":
        buffer = io.StringIO()
        csv.writer(buffer, delimiter=separator).writerows([("file", "label"), *zip(names, labels, strict=True)])
        folder = write(tmp_path / f"photos{ord(separator)}", buffer.getvalue(), names)
        assert content(opened(folder)) == dict(enumerate(labels))


def test_windows_letters_are_read_and_that_is_said(tmp_path: Path) -> None:
    images = opened(write(tmp_path / "photos", PLAIN.replace("cat", "kätzchen").encode("cp1252")))
    assert images.classes == ("dog", "kätzchen")
    assert any("Windows-1252" in note.reason for note in images.passed_over.notes)


def test_files_that_are_not_there_are_named_and_strict_refuses_them(tmp_path: Path) -> None:
    folder = write(tmp_path / "photos", PLAIN + "gone.png,cat\nhttps://x.org/a.png,dog\n")
    images = opened(folder)
    assert content(images) == EXPECTED
    said = "\n".join(missing_lines(images))
    assert "1 file of the table left out: there is no such file (gone.png)" in said
    assert "an address, not a file (https://x.org/a.png)" in said
    with pytest.raises(UserError, match=r"2 pictures passed over .*\n.*gone.png: there is no such file"):
        opened(folder, strict=True)


def test_no_file_outside_of_the_folder_is_read(tmp_path: Path) -> None:
    write(tmp_path / "elsewhere", "", ["secret.png"])
    secret = tmp_path / "elsewhere" / "secret.png"
    rows = (
        f"../elsewhere/secret.png,cat\n{secret},cat\n..\\elsewhere\\secret.png,cat\na/../../elsewhere/secret.png,cat\n"
    )
    images = opened(write(tmp_path / "photos", PLAIN + rows))
    assert content(images) == EXPECTED
    assert len(images.passed_over.missing) == 4
    assert all("so it is not read" in file.reason for file in images.passed_over.missing)
    with pytest.raises(UserError, match=r"none of its files is there\. Line 2 names '\.\./elsewhere.*leads out"):
        opened(write(tmp_path / "only", "file,label\n../elsewhere/secret.png,cat\n"))


def test_absolute_paths_into_the_folder_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    write(folder, "file,label\n" + "\n".join(f"{folder}/{row}" for row in ROWS))
    assert content(opened(folder)) == EXPECTED


def test_rows_that_say_a_thing_twice_or_two_things(tmp_path: Path) -> None:
    images = opened(write(tmp_path / "photos", f"{PLAIN}{ROWS[0]}\n1.png,dog\n3.png,\n"))
    assert content(images) == {number: label for number, label in EXPECTED.items() if number not in (1,)}
    said = "\n".join(missing_lines(images))
    assert "0.png: in several rows of labels.csv; it is read once" in said
    assert "under several labels in labels.csv ('cat', 'dog'), so it is in no class" in said
    assert "1 × its row in labels.csv has no label" in said


def test_pictures_in_no_row_are_said(tmp_path: Path) -> None:
    images = opened(write(tmp_path / "photos", "file,label\n" + "\n".join(ROWS[:8])))
    assert len(content(images)) == 8
    assert "4 passed over are pictures: 4 × in no row of labels.csv" in "\n".join(missing_lines(images))


def test_a_column_of_splits_is_kept(tmp_path: Path) -> None:
    parts = ["train"] * 6 + ["valid"] * 3 + ["Test"] * 3
    rows = [f"{row},{part}" for row, part in zip(ROWS, parts, strict=True)]
    images = opened(write(tmp_path / "photos", "\n".join(["file,label,split", *rows, "0.png,dog,Test"])))
    assert {name: len(split) for name, split in images.splits.items()} == {"train": 6, "val": 3, "test": 3}
    assert "0.png" in images.splits["train"].sources
    assert images.split_seed is None
    assert any("in several splits; it is in train" in note.reason for note in images.passed_over.notes)
    with pytest.raises(UserError, match="the column 'split' has 'later' beside 'test', 'train'"):
        opened(write(tmp_path / "odd", "file,label,split\n0.png,a,train\n1.png,b,test\n2.png,b,later"))


def test_classes_that_are_numbers_are_in_their_order(tmp_path: Path) -> None:
    table = "file,label\n" + "\n".join(f"{name},{number % 2 + 9}" for number, name in enumerate(NAMES))
    assert opened(write(tmp_path / "photos", table)).classes == ("9", "10")


def test_columns_are_chosen_by_name_or_number(tmp_path: Path) -> None:
    table = "a,label,target,b\n" + "\n".join(f"x{i},{'mf'[i % 2]},{i % 3},{name}" for i, name in enumerate(NAMES))
    folder = write(tmp_path / "photos", table)
    with pytest.raises(UserError, match=r"labels may be in 'label' \(m, f, …\) or 'target' .*--label-column label"):
        opened(folder)
    assert opened(folder, label_column="target").classes == ("0", "1", "2")
    assert opened(folder, label_column="2", file_column="B").classes == ("f", "m")
    with pytest.raises(UserError, match=r"no column 'tagret' \(--label-column\); did you mean 'target'"):
        opened(folder, label_column="tagret")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("", "labels.csv is empty"),
        ("file,label\n", "names of columns and no rows"),
        ("file\n0.png\n", "has one column only"),
        (b"PK\0\0", "is no text"),
        ('file,label\n"0.png,cat\n1.png,dog\n', "is a quote left open"),
        ("file,label\n0, a.png,cat\n1.png,dog\n", r"in 1 line \(2\); write a name with a comma in it inside quotes"),
        ("file,label\n" + "\n".join(f"{name},x" for name in NAMES), "one class only, 'x', in the column 'label'"),
        ("file,label\n" + "\n".join(f"{name},{i / 7}" for i, name in enumerate(NAMES)), "they are no classes"),
        ("file,label\n0.png,a\n1.png,b\n2.png,b\n", "only one image of 'a'"),
        ("file,label\nx.png,a\ny.png,b\n", r"none of its files is there\. Line 2 names 'x.png'"),
        ("file,label,split\n0.png,a,test\n1.png,b,test\n", "rows of test and none of train"),
        ("age,name,pet\n7,0.png,a\n8,1.png,b\n", r"labels may be in 'age' \(7, 8, …\) or 'pet'"),
    ],
)
def test_what_cannot_be_is_said_in_words(tmp_path: Path, table: str | bytes, message: str) -> None:
    with pytest.raises(UserError, match=message):
        opened(write(tmp_path / "photos", table))


def test_folders_of_classes_count_more_than_a_table_beside_them(tmp_path: Path) -> None:
    folder = write(tmp_path / "pets", PLAIN, ["cat/a.png", "cat/b.png", "dog/a.png", "dog/b.png"])
    assert content(opened(folder)) == {0: "cat", 1: "cat", 2: "dog", 3: "dog"}
    assert any("beside folders of classes" in note.reason for note in opened(folder).passed_over.notes)
    with pytest.raises(UserError, match=r"has no table of files and labels, so it has no column 'pet'"):
        opened(folder, label_column="pet")


def test_several_tables_are_told_apart_by_their_names(tmp_path: Path) -> None:
    folder = write(tmp_path / "photos", PLAIN)
    (folder / "other.csv").write_text("x,y\n1,2\n")
    assert content(opened(folder)) == EXPECTED
    (folder / "labels.csv").rename(folder / "mine.csv")
    with pytest.raises(UserError, match=r"several tables \(mine.csv, other.csv\) and no labels.csv; name one"):
        opened(folder)
    assert content(opened(folder / "mine.csv")) == EXPECTED


@pytest.mark.parametrize("source", ["photos", "photos/table.csv"])
def test_a_table_is_trained_on_from_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.chdir(tmp_path)
    table = "file,sex,species\n" + "\n".join(f"{name},{'mf'[i % 2]},{i % 3}" for i, name in enumerate(NAMES))
    write(tmp_path / "photos", table, called="table.csv")
    options = ["--size", "16", "--epochs", "1", "--label-column", "species", "--out", "run"]
    assert main(["train", source, *options]) == 0
    from pellucid import evaluate, open_run

    run = open_run("run")
    assert run.classes == ("0", "1", "2")
    assert run.record.data.label_column == "species"
    assert np.isfinite(evaluate(run).loss)
