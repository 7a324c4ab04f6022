"""The table that grows: cut anywhere, it goes on to the same bytes; another's is never touched."""

from __future__ import annotations

import csv
import errno
import io
import json
from pathlib import Path

import pytest

from pellucid.ground.errors import UserError
from pellucid.prediction import open_classifier
from pellucid.prediction.classifier import Answer, Refusal
from pellucid.prediction.predicting import PredictedImage
from pellucid.prediction.prediction_file import PredictionFile, TableForm, kept_lines
from pellucid.prediction.sources import ImageSource

NAMES = ["a.jpg", "=cmd|x", 'two, "three"', "same", "same", "é\\x1b", "'quoted"]


@pytest.fixture(params=["csv", "jsonl"])
def form(request, model: Path) -> TableForm:
    return TableForm(request.param, open_classifier(model))


@pytest.fixture
def images() -> list[PredictedImage]:
    answers = [Refusal('damaged, "cut"') if name == 'two, "three"' else None for name in NAMES]
    shares = [0.9, 0.7, 0.6, 0.55, 0.8, 1.0, 1 / 3]
    predicted = []
    for name, refusal, share in zip(NAMES, answers, shares, strict=True):
        confidence, index = max(share, 1 - share), int(share > 0.5)
        answer = Answer(index, ("dark", "bright")[index], confidence, (1 - share, share), confidence < 0.75)
        predicted.append(PredictedImage(ImageSource(name, name), refusal or answer))
    return predicted


def write(path: Path, form: TableForm, images: list[PredictedImage]) -> int:
    """Do what a command does: add what is not there; give how many were."""
    with PredictionFile(path, form) as file:
        kept = kept_lines(file, [image.source.name for image in images])
        for image, line in zip(images, kept, strict=True):
            if line is None:
                file.write([image])
            else:
                answer = line.answer
                assert type(answer) is type(image.answer)
                if isinstance(answer, Answer):
                    assert isinstance(image.answer, Answer)
                    assert (answer.label, answer.unsure) == (image.answer.label, image.answer.unsure)
    return sum(line is not None for line in kept)


def test_cut_at_any_byte_it_goes_on_to_the_same_bytes(tmp_path: Path, form: TableForm, images) -> None:
    path = tmp_path / "table"
    assert write(path, form, images) == 0
    whole = path.read_bytes()
    for length in range(len(whole) + 1):
        path.write_bytes(whole[:length])
        write(path, form, images)
        assert path.read_bytes() == whole, length
    assert write(path, form, images) == len(images)


def test_nothing_of_a_torn_line_stays(tmp_path: Path, form: TableForm, images) -> None:
    """Even where the next line is shorter, or there is none."""
    path = tmp_path / "table"
    write(path, form, images[:1])
    whole = path.read_bytes()
    path.write_bytes(whole + form.line(images[1]).encode()[:-1])
    assert write(path, form, images[:1]) == 1
    assert path.read_bytes() == whole


def test_what_other_programs_read(tmp_path: Path, model: Path, images) -> None:
    classifier = open_classifier(model)
    for kind in ("csv", "jsonl"):
        write(tmp_path / kind, TableForm(kind, classifier), images)
    rows = list(csv.DictReader((tmp_path / "csv").open(newline="")))
    documents = [json.loads(line) for line in (tmp_path / "jsonl").read_text().splitlines()]
    assert [row["image"] for row in rows] == ["a.jpg", "'=cmd|x", 'two, "three"', "same", "same", "é\\x1b", "''quoted"]
    assert [document["image"] for document in documents] == NAMES
    assert [row["answer"] for row in rows] == [document["answer"] for document in documents]
    assert [row["answer"] for row in rows] == ["bright", "unsure", "unreadable", "unsure", "bright", "bright", "unsure"]
    assert documents[0]["probabilities"] == {"dark": pytest.approx(0.1), "bright": 0.9}


@pytest.mark.parametrize(
    ("threshold", "weight", "words"),
    [(0.5, 1 / 16, "threshold 0.75, and now there is the threshold 0.5"), (None, 1 / 8, "another model")],
)
def test_lines_of_another_threshold_or_model_are_refused(
    tmp_path: Path, form: TableForm, images, make_model, threshold, weight, words: str
) -> None:
    write(tmp_path / "table", form, images)
    whole = (tmp_path / "table").read_bytes()
    other = TableForm(form.form, open_classifier(make_model(weight=weight), threshold=threshold))
    other.model = form.model if threshold else other.model
    with pytest.raises(UserError, match=words):
        PredictionFile(tmp_path / "table", other)
    assert (tmp_path / "table").read_bytes() == whole


@pytest.mark.parametrize("content", [b"name,price\n1,2\n", b"hello", b"\xff\xfe\0", b'{"other": 1}\n', b"\n"])
def test_somebody_elses_file_is_left_as_it_is(tmp_path: Path, form: TableForm, content: bytes) -> None:
    (tmp_path / "table").write_bytes(content)
    with pytest.raises(UserError, match=r"no table of predictions|damaged"):
        PredictionFile(tmp_path / "table", form)
    assert (tmp_path / "table").read_bytes() == content


def test_damage_inside_is_named_by_its_line(tmp_path: Path, form: TableForm, images) -> None:
    write(tmp_path / "table", form, images)
    lines = (tmp_path / "table").read_bytes().splitlines(keepends=True)
    lines[2] = lines[2][: len(lines[2]) // 2] + b"\n"
    (tmp_path / "table").write_bytes(b"".join(lines))
    with pytest.raises(UserError, match="damaged in line 3"):
        PredictionFile(tmp_path / "table", form)


def test_two_processes_never_write_one_file(tmp_path: Path, form: TableForm) -> None:
    with PredictionFile(tmp_path / "table", form), pytest.raises(UserError, match="another process"):
        PredictionFile(tmp_path / "table", form)


class FullDisk(io.FileIO):
    """Takes half of what is written, and then no more."""

    def write(self, content) -> int:
        if len(content) < 9:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(bytes(content[: len(content) // 2]))


def test_a_full_disk_leaves_whole_lines(tmp_path: Path, form: TableForm, images, monkeypatch) -> None:
    path = tmp_path / "table"
    with PredictionFile(path, form) as file:
        file.write(images[:2])
    whole = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("pellucid.prediction.prediction_file.io.FileIO", FullDisk)
        file = PredictionFile(path, form)
        with file, pytest.raises(OSError, match="space") as raised:
            file.write(images[2:])
    assert raised.value.filename == str(path)
    assert path.read_bytes() == whole
    assert write(path, form, images) == 2
