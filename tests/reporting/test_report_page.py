"""The report as text: what it says is what was measured, and it asks for nothing outside of itself."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from run_files import read_plainly, rewrite

import pellucid
from pellucid.auditing import read_audit
from pellucid.cli import main
from pellucid.evaluation.charts import Chart, Scale, Series
from pellucid.ground.writing import counted
from pellucid.prediction import read_predictions
from pellucid.reporting import build, report
from pellucid.reporting.charts import chart_svg, ticks
from pellucid.reporting.pictures import make_sprite, mosaic


class Page(HTMLParser):
    """Collects a page's text, links and elements; fails on elements that are left open."""

    VOID = frozenset({"meta", "img", "br", "link", "input"})
    SELF_CLOSING = frozenset({"path", "rect", "circle", "polyline", "polygon", "line", "ellipse"})

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.text: list[str] = []
        self.attributes: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.attributes.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.attributes.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "script"):
            self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


def filled(confusion: list[list[int]]) -> dict[str, int]:
    """Give the cells of a confusion matrix that are not empty, as the page holds them."""
    return {f"{i}-{j}": count for i, row in enumerate(confusion) for j, count in enumerate(row) if count}


def data_of(path: Path) -> dict:
    content = re.search(r'<script type="application/json" id="cells">(.*?)</script>', path.read_text(), re.S)
    return json.loads(content[1])


def test_its_figures_are_those_of_the_evaluation(digits):
    path = report(digits)
    assert path == digits.directory / "report.html"
    document = json.loads((digits.directory / "evaluation.json").read_text())
    words = Page(path).words
    assert f"{document['accuracy']:.2%} of {document['images']:,} test images classified correctly" in words
    low, high = document["accuracy_interval"]
    assert f"The 95% interval of the accuracy is {low:.2%} to {high:.2%}" in words
    for row in document["classes"]:
        figures = ["undefined" if row[name] is None else f"{row[name]:.2%}" for name in ("recall", "precision", "f1")]
        figures.insert(1, "{:.1%} to {:.1%}".format(*row["recall_interval"]))
        assert f"{row['name']} {row['images']:,} {' '.join(figures)}" in words
    assert f"{document['as_trained']['calibration_error']:.2%}" in words
    assert "No temperature was fitted: there are no validation images" in words
    assert data_of(path)["counts"] == filled(document["confusion"])


def test_the_images_of_each_cell_are_the_right_ones(digits):
    path = report(digits)
    table = read_predictions(digits.directory / "predictions.csv")
    data = data_of(path)
    listed = 0
    for key, items in data["cells"].items():
        true, predicted = map(int, key.split("-"))
        shares = [item[2] for item in items]
        assert shares == sorted(shares, reverse=true != predicted)
        for _, source, share, true_share in items:
            row = list(table.sources).index(source)
            assert (table.labels[row], table.predicted[row]) == (true, predicted)
            assert share == pytest.approx(table.confidence[row], abs=1e-4)
            assert true_share == pytest.approx(table.probabilities[row, true], abs=1e-4)
            listed += 1
    assert listed == 100  # all test images have room
    assert sorted(data["cells"]) == sorted(data["counts"])


def test_it_asks_for_nothing_outside_of_itself(digits):
    page = Page(report(digits))
    for tag, attributes in page.attributes:
        for name in ("src", "href", "data", "action", "srcset", "poster"):
            value = attributes.get(name, "#")
            assert value.startswith(("#", "data:")), (tag, name, value[:60])
    text = (digits.directory / "report.html").read_text()
    assert re.findall(r"url\((?!data:)", text) == []
    assert "@import" not in text
    assert "default-src 'none'" in text
    assert len(text.encode()) < 5_000_000


def test_every_picture_has_words_and_every_link_a_goal(digits):
    page = Page(report(digits))
    names = {attributes["id"] for _, attributes in page.attributes if "id" in attributes}
    for tag, attributes in page.attributes:
        if tag == "img":
            assert attributes["alt"]
        if tag == "svg" or attributes.get("role") == "img":
            assert attributes.get("aria-label") or tag == "svg"
        if tag == "a":
            assert attributes["href"][1:] in names


def test_a_folder_of_images_says_how_they_were_fitted_and_nothing_escapes(photos):
    path = report(photos, epoch="last")
    words = Page(path).words
    assert "Each image was scaled in proportion until it fitted into 24 × 24 pixels, then padded with black." in words
    assert "1 image could not be read and was left out, such as blue/broken.png" in words
    assert "The split was drawn with seed 0." in words
    assert "red & hot" in words
    assert "my <b>'photos'" in words
    assert "<b>" not in path.read_text()
    assert photos.directory.name in words
    assert "Calibrated (temperature" in words or "No temperature was fitted" in words


def test_robustness_and_audit_are_shown_when_they_are_there(digits, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(digits.directory, copy)
    run = pellucid.open_run(copy)
    before = Page(report(run)).words
    assert "Changed images" not in before
    assert "pellucid robustness ." in before
    assert "pellucid audit --run ." in before
    assert main(["robustness", str(copy), "--images", "20"]) == 0
    assert main(["audit", "--run", str(copy)]) == 0
    after = Page(report(run)).words
    measured = json.loads((copy / "robustness.json").read_text())
    assert "of 20 test images of mnist (drawn from 100) correctly." in after
    point = measured["corruptions"][0]["points"][0]
    assert f"{point['accuracy']:.2%}" in after
    duplicates = json.loads((copy / "audit.json").read_text())["duplicates"]
    exact, near = (counted(duplicates[kind], f"{kind} duplicate") for kind in ("exact", "near"))
    assert f"{exact} and {near} were found" in after
    assert "pellucid robustness ." not in after


def test_files_of_other_weights_or_damaged_are_left_out_and_named(digits, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(digits.directory, copy)
    assert main(["audit", "--run", str(copy)]) == 0
    rewrite(copy / "audit.json", lambda audited: audited.update(fingerprint="of others"))
    (copy / "robustness.json").write_text("{")
    words = Page(report(pellucid.open_run(copy))).words
    assert "audit.json belongs to other images and is left out." in words
    assert "robustness.json is damaged or of another pellucid and is left out." in words


def test_a_missing_or_damaged_evaluation_is_made_again(digits, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(digits.directory, copy)
    expected = json.loads((copy / "evaluation.json").read_text())["confusion"]
    for content in ("", '{"epoch": 1}'):
        (copy / "evaluation.json").write_text(content)
        path = report(pellucid.open_run(copy), tmp_path / "out.html", force=True)
        assert data_of(path)["counts"] == filled(expected)
    (copy / "predictions.csv").unlink()
    assert data_of(report(pellucid.open_run(copy)))["counts"] == filled(expected)


def test_without_its_images_the_figures_are_still_there(digits, tmp_path, monkeypatch):
    copy = tmp_path / "copy"
    shutil.copytree(digits.directory, copy)
    rewrite(copy / "run.json", lambda record: record.update(fingerprint="other"))
    words = Page(report(pellucid.open_run(copy))).words
    assert "The images could not be opened, so none is shown" in words
    assert f"{json.loads((copy / 'evaluation.json').read_text())['accuracy']:.2%} of 100 test images" in words


def test_a_run_without_test_or_validation_images(digits, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(digits.directory, copy)
    rewrite(copy / "data.json", lambda data: data["images"].pop("test"))
    words = Page(report(pellucid.open_run(copy))).words
    assert "its accuracy was not measured" in words
    assert "The data have neither test nor validation images" in words


def test_too_large_a_report_keeps_fewer_images(digits, tmp_path, monkeypatch):
    whole = len(report(digits, tmp_path / "whole.html").read_bytes())
    monkeypatch.setattr(build, "LARGEST", whole - 1)
    monkeypatch.setattr("pellucid.reporting.results.PIXELS", 28 * 28 * 100)
    path = report(digits, tmp_path / "less.html")
    assert len(path.read_bytes()) < whole
    assert 0 < sum(map(len, data_of(path)["cells"].values())) < 100


def test_the_command_says_where_it_is(digits, tmp_path, capsys):
    assert main(["report", str(digits.directory), "--out", str(tmp_path / "a.html")]) == 0
    assert f"Wrote {tmp_path / 'a.html'}" in capsys.readouterr().err
    assert main(["report", str(digits.directory), "--out", str(tmp_path / "a.html")]) == 2
    assert "a.html exists already; give another name, or --force to replace it" in capsys.readouterr().err
    assert main(["report", str(digits.directory), "--out", str(tmp_path / "a.html"), "--force"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["digits", "--out", "report.pdf"], "report.pdf does not end in .html"),
        (["digits", "--epoch", "7"], "keeps no weights of epoch '7'; expected last, best or one of: 1"),
        (["nothing"], "nothing is not a run: it does not exist"),
    ],
)
def test_mistakes_are_named(digits, arguments, message, capsys):
    assert main(["report", *arguments]) == 2
    assert message in " ".join(capsys.readouterr().err.split())


def test_a_chart_puts_numbers_where_they_belong():
    line = Series("a<b", ((0, 0), (10, 1)))
    chart = str(chart_svg(Chart("t", Scale("x"), Scale("y", (0, 1)), "d", (line,))))
    assert 'points="64.0,236.0 418.0,30.0"' in chart  # from the lower left corner of the plane to its upper right
    flipped = str(chart_svg(Chart("t", Scale("x", falling=True), Scale("y"), "d", (line,))))
    assert 'points="418.0,236.0 64.0,' in flipped
    two = str(chart_svg(Chart("t", Scale("x"), Scale("y"), '"words"', (line, Series("c", ((0, 2),))))))
    assert "a&lt;b" in two
    assert 'aria-label="&#34;words&#34;"' in two


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0, 0.31, [0, 0.1, 0.2, 0.3]), (3, 3, [3]), (0, 8, [0, 2, 4, 6, 8])],
)
def test_ticks_are_round(low, high, expected):
    assert ticks(low, high) == pytest.approx(expected)


def test_a_sprite_has_its_pictures_in_order():
    import base64
    import io

    from PIL import Image

    pictures = [np.full((8, 12, 3), 8 * at, np.uint8) for at in range(30)]
    sprite = make_sprite(pictures)
    assert (sprite.columns, sprite.rows) == (24, 2)
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(sprite.uri.split(",")[1]))).convert("RGB"))
    assert sheet.shape == (16, 288, 3)
    for at in (0, 11, 23, 24, 29):
        row, column = divmod(at, 24)
        middle = sheet[8 * row + 2 : 8 * row + 6, 12 * column + 3 : 12 * column + 9]
        assert abs(middle.mean() - 8 * at) < 6


def test_a_mosaic_has_one_scale_white_at_zero():
    sheet = mosaic(np.array([[[0.0, 1.0]], [[2.0, 4.0]]]), columns=2)
    blue = [0x1F, 0x65, 0xA8]
    assert sheet[0, 0].tolist() == [255, 255, 255, 255]
    assert sheet[0, 2].tolist() == [0, 0, 0, 0]  # the gap
    assert sheet[0, 4].tolist() == [*blue, 255]
    assert sheet[0, 1, :3].tolist() == [round(255 + (channel - 255) / 4) for channel in blue]
    signed = mosaic(np.array([[[-1.0, 0.0, 1.0]]]), columns=1)
    assert signed[0].tolist() == [[0xB3, 0x59, 0x00, 255], [255, 255, 255, 255], [*blue, 255]]


def test_an_audit_is_read_back_as_it_was_written(digits, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(digits.directory, copy)
    assert read_audit(copy) is None
    assert main(["audit", "--run", str(copy)]) == 0
    audited = read_audit(copy)
    assert audited is not None
    assert json.loads(json.dumps(audited.to_dict())) == read_plainly(copy / "audit.json")
    assert hash(audited.duplicates) == hash(read_audit(copy).duplicates)  # tuples all the way down
