"""`pellucid predict`: every image has one line, whatever happens on the way."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pellucid
from pellucid.cli import main
from pellucid.prediction import read_predictions


@pytest.fixture(autouse=True)
def _stand_in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: Path) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for name, level in (("a", 10), ("b", 130), ("c", 250), ("more/a", 20)):
        Image.new("RGB", (31, 17), (level, level, level)).save(folder / f"{name}.png")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    (folder / "notes.txt").write_text("no image")
    return folder


def predict(*arguments: object) -> int:
    return main(["predict", "model.onnx", *map(str, arguments)])


def rows_of(file: Path | str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(Path(file).read_text(), newline="")))


def answers(file: Path | str) -> dict[str, str]:
    return {row["image"]: row["answer"] for row in rows_of(file)}


EXPECTED = {
    "photos/a.png": "dark",
    "photos/b.png": "unsure",
    "photos/broken.jpg": "unreadable",
    "photos/c.png": "bright",
    "photos/more/a.png": "dark",
}


def test_a_table_a_count_and_what_was_passed_over(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict("photos") == 0
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0].split() == ["image", "answer", "confidence", "next"]
    assert [line.split()[:2] for line in lines[1:6]] == [list(pair) for pair in EXPECTED.items()]
    assert lines[6] == "5 images: 2 dark, 1 bright, 1 unsure (confidence below 0.75), 1 unreadable."
    assert lines[7].startswith("Next: ")
    assert "1 file of other kinds passed over (1 .txt)" in printed.err


def test_files_go_on_and_hold_the_same_as_in_one_go(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict("photos/a.png", "--csv", "some.csv") == 0
    assert predict("photos", "--csv", "some.csv", "--jsonl", "all.jsonl") == 0
    assert "some.csv has 1 lines already" in capsys.readouterr().err
    assert answers("some.csv") == EXPECTED
    assert [json.loads(line)["answer"] for line in Path("all.jsonl").read_text().splitlines()] == [*EXPECTED.values()]
    before = Path("some.csv").read_bytes()
    assert predict("photos", "--csv", "some.csv") == 0
    assert Path("some.csv").read_bytes() == before
    assert predict("photos", "--csv", "some.csv", "--threshold", "0.5") == 2
    assert "threshold 0.75, and now there is the threshold 0.5" in capsys.readouterr().err
    assert Path("some.csv").read_bytes() == before


def test_what_was_unreadable_is_tried_again(photos: Path) -> None:
    """Its line changes where it stands, in both files, and no other does."""
    files = ["--csv", "all.csv", "--jsonl", "all.jsonl"]
    assert predict("photos", *files) == 0
    before = Path("all.csv").read_text().splitlines()
    (photos / "broken.jpg").write_bytes((photos / "c.png").read_bytes())
    assert predict("photos", *files) == 0
    after = Path("all.csv").read_text().splitlines()
    assert answers("all.csv") == EXPECTED | {"photos/broken.jpg": "bright"}
    assert [new for old, new in zip(before, after, strict=True) if new != old] == [after[3]]
    assert [json.loads(line)["answer"] for line in Path("all.jsonl").read_text().splitlines()][2] == "bright"
    (photos / "a.png").unlink()
    assert predict("photos", *files) == 0
    assert Path("all.csv").read_text().splitlines() == after


def test_that_colour_photos_are_made_grey_is_said(photos: Path, make_model, capsys) -> None:
    assert main(["predict", str(make_model(channels=1)), "photos"]) == 0
    assert "takes grey images: photos/a.png and others" in capsys.readouterr().err
    assert predict("photos") == 0
    assert "grey" not in capsys.readouterr().err


def test_standard_output_is_the_table_alone(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert predict("photos", "--jsonl", "-") == 0
    printed = capsys.readouterr()
    assert [json.loads(line)["image"] for line in printed.out.splitlines()] == [*EXPECTED]
    assert "5 images: " in printed.err


def test_a_list_on_standard_input(photos: Path, capsys, monkeypatch) -> None:
    listed = "photos/c.png\nphotos/gone.png\nphotos/more\n\nphotos/c.png\n"
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(listed.encode())))
    assert predict("-", "--csv", "list.csv") == 0
    assert answers("list.csv") == {
        "photos/c.png": "bright",
        "photos/gone.png": "unreadable",
        "photos/more/a.png": "dark",
    }
    assert "1 image named more than once" in capsys.readouterr().err


def test_an_archive_is_read_as_its_folder(photos: Path, capsys) -> None:
    with zipfile.ZipFile("photos.zip", "w") as archive:
        for file in sorted(photos.rglob("*.*")):
            archive.write(file, file.relative_to(photos))
    assert predict("photos.zip", "--csv", "zip.csv", "--sort-into", "sorted", "--sheet", "sheet.png") == 0
    assert {name.replace("photos.zip", "photos"): word for name, word in answers("zip.csv").items()} == EXPECTED
    assert Image.open("sheet.png").width > 300
    assert sorted(path.name for path in Path("sorted/dark").iterdir()) == ["a-2.png", "a.png"]


def test_sorting_replaces_nothing_and_copies_nothing_twice(photos: Path) -> None:
    Path("sorted/dark").mkdir(parents=True)
    Path("sorted/dark/a.png").write_text("mine")
    for _ in range(2):
        assert predict("photos", "--sort-into", "sorted") == 0
        names = sorted(str(path) for path in Path("sorted").rglob("*.*"))
        assert names == [
            *("sorted/bright/c.png", "sorted/dark/a-2.png", "sorted/dark/a-3.png", "sorted/dark/a.png"),
            *("sorted/unreadable/broken.jpg", "sorted/unsure/b.png"),
        ]
    assert Path("sorted/dark/a.png").read_text() == "mine"
    assert Path("sorted/dark/a-2.png").read_bytes() == (photos / "a.png").read_bytes()
    assert Path("sorted/dark/a-3.png").read_bytes() == (photos / "more/a.png").read_bytes()


def test_equal_images_of_one_name_are_both_copied(photos: Path) -> None:
    (photos / "more/a.png").write_bytes((photos / "a.png").read_bytes())
    for _ in range(2):
        assert predict("photos", "--sort-into", "sorted", "--csv", "all.csv") == 0
        assert len([*Path("sorted/dark").iterdir()]) == 2


def test_class_names_lead_nowhere(photos: Path, make_model) -> None:
    model = make_model(classes=["../../evil", "unsure"], threshold=None)
    assert main(["predict", str(model), "photos", "--sort-into", "sorted"]) == 0
    assert sorted(path.name for path in Path("sorted").iterdir()) == ["__.._evil", "unreadable", "unsure-2"]


def test_hostile_names_reach_neither_spreadsheet_nor_terminal(photos: Path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(photos)
    content = (photos / "a.png").read_bytes()
    names = [
        b"=cmd|' !A0.png",
        b"two\nlines.png",
        b"\x1b]0;title\x07.png",
        b"\xff\xfe.png",
        "\u202egnp.png".encode(),
        b"+1.png",
    ]
    for name in names:
        with open(os.path.join(os.fsencode(photos), name), "wb") as file:
            file.write(content)
    listed = [os.fsdecode(name) for name in names]
    assert main(["predict", "../model.onnx", *listed, "--csv", "../names.csv", "--sort-into", "../sorted"]) == 0
    assert main(["predict", "../model.onnx", *listed]) == 0
    printed = capsys.readouterr()
    text = Path("../names.csv").read_bytes().decode()
    for letter in "\x1b\x07\u202e":
        assert letter not in printed.out + printed.err + text
    rows = list(csv.reader(io.StringIO(text)))
    assert len(rows) == 1 + len(names)
    assert not any(cell.startswith(("=", "+")) for row in rows for cell in row)
    assert len(list(Path("../sorted/dark").iterdir())) == len(names)
    # the rows are found again under the names that were written
    assert main(["predict", "../model.onnx", *listed, "--csv", "../names.csv"]) == 0
    assert Path("../names.csv").read_bytes().decode() == text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["absent", "gone.png"], "absent does not exist\n  - gone.png does not exist"),
        (["photos", "--threshold", "2"], "from 0 to 1"),
        (["photos", "--sort-into", "photos/sorted"], "the next time"),
        (["photos", "--sheet", "sheet.gif"], "does not end in .png"),
        (["photos", "--csv", "both", "--jsonl", "both"], "both write to both"),
        (["photos", "--csv", "photos"], "Is a directory"),
        (["photos", "--csv", ""], "expected the name of a file"),
        (["empty"], "no image"),
    ],
)
def test_mistakes_are_said_before_anything_is_written(photos: Path, capsys, arguments, words: str) -> None:
    Path("empty").mkdir()
    before = sorted(Path().rglob("*"))
    assert predict(*arguments) in (1, 2)
    printed = capsys.readouterr()
    assert words in printed.err
    assert "Traceback" not in printed.err
    assert sorted(Path().rglob("*")) == before


def test_a_run_says_of_its_test_images_what_evaluate_said(run, tmp_path: Path, capsys) -> None:
    """Every image, written as a file and read again; the rows of `predictions.csv`."""
    pellucid.evaluate(run)
    table = read_predictions(run.directory / "predictions.csv")
    assert table is not None
    (tmp_path / "images").mkdir()
    for number, image in enumerate(run.open_images().splits["test"].images):
        Image.fromarray(np.asarray(image[..., 0])).save(tmp_path / f"images/{number:04d}.png")
    assert main(["predict", str(run.directory), "images", "--csv", "table.csv", "--threshold", "0"]) == 0
    rows = rows_of("table.csv")
    assert [row["predicted"] for row in rows] == [table.classes[index] for index in table.predicted]
    confidences = np.array([float(row["confidence"]) for row in rows])
    assert np.allclose(confidences, table.confidence, atol=1e-6)
    assert f"pellucid trace {run.directory} images/" in capsys.readouterr().out


def many(photos: Path, count: int) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (300, 400, 3), np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "JPEG")
    for number in range(count):
        (photos / f"{number:05d}.jpg").write_bytes(content.getvalue())


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_killed_on_the_way_it_goes_on(photos: Path, how: signal.Signals) -> None:
    many(photos, 1500)
    command = [sys.executable, "-m", "pellucid", "predict", "model.onnx", "photos", "--csv", "out.csv"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    until = time.monotonic() + 60
    while time.monotonic() < until and not (Path("out.csv").exists() and Path("out.csv").stat().st_size > 5000):
        time.sleep(0.01)
    process.send_signal(how)
    said = process.communicate(timeout=60)[1]
    rows = Path("out.csv").read_bytes().count(b"\n")
    assert 10 < rows < 1500
    assert "Traceback" not in said
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert "the same command goes on" in said
    assert subprocess.run(command, capture_output=True, timeout=120).returncode == 0
    names = [row["image"] for row in rows_of("out.csv")]
    assert len(names) == len(set(names)) == 1505
    assert names == sorted(names)


def test_no_torch_is_needed(photos: Path) -> None:
    blocked = "import sys; sys.modules['torch'] = None; from pellucid.cli import main; sys.exit(main())"
    arguments = ["predict", "model.onnx", "photos", "--csv", "out.csv", "--sort-into", "sorted", "--sheet", "sheet.png"]
    done = subprocess.run([sys.executable, "-c", blocked, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert answers("out.csv") == EXPECTED


def test_a_full_output_is_a_plain_message(photos: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no such device")
    command = [sys.executable, "-m", "pellucid", "predict", "model.onnx", "photos"]
    for arguments in (["--csv", "/dev/full"], ["--csv", "-"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [*command, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False
            )
        assert done.returncode == 1
        assert "full" in done.stderr or "No space left" in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_two_processes_write_one_file(photos: Path, run) -> None:
    many(photos, 200)
    command = ["predict", str(run.directory), "photos", "--csv"]
    assert main([*command, "alone.csv"]) == 0
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", "-m", "pellucid", *command]
    done = subprocess.run([*torchrun, "both.csv"], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("images: ") == 1
    alone, both = map(rows_of, ("alone.csv", "both.csv"))
    assert [row["image"] for row in alone] == [row["image"] for row in both]
    assert [row["answer"] for row in alone] == [row["answer"] for row in both]
