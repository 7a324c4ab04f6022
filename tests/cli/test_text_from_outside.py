"""Names of folders, classes and files that would steer a terminal, a spreadsheet, a browser or a formula: none does."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from learnable_sets import TINY_NETWORK
from PIL import Image
from run_files import seal

import pellucid
from pellucid.cli import main
from pellucid.data import file_of
from pellucid.ground.outside import from_csv_cell, visible
from pellucid.ground.shown import html_of
from pellucid.prediction.predictions import read_predictions
from pellucid.run import Run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such names")

CLASSES = (
    "\x1b]0;pwned\x07",
    "two\nlines",
    "\u202egnp.tac",
    "$\\frac{",
    "<img src=x onerror=alert(1)>",
    "=cmd|' C calc'!A0",
    "+1",
    "-2",
    "@sum",
)
FILES = ("\x1b]0;pwned\x07.png", "a\nb.png", "=cmd|.png", "-1.png", "@.png", "<b>.png", "$\\frac{.png", "plain.png")
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Everything that steers a terminal, but ends of lines and tabs."""


def write_folder(root: Path) -> Path:
    generator = np.random.default_rng(0)
    for label, name in enumerate(CLASSES):
        folder = root / name
        folder.mkdir(parents=True)
        for file in FILES:
            picture = generator.integers(0, 60, (8, 8, 3)).astype(np.uint8)
            picture[label % 8] += 150
            Image.fromarray(picture).save(folder / file, "PNG")
    broken = root / CLASSES[0] / "\x1b]0;broken\x07.png"
    broken.write_bytes(b"no picture")
    (root / CLASSES[1] / "note\x1b.heic\x07").write_bytes(b"of another kind")
    return root


@pytest.fixture(scope="session")
def odd_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("odd") / "pets\x1b]0;pwned\x07")


@pytest.fixture(scope="session")
def odd_run(odd_folder: Path, command_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    place = tmp_path_factory.mktemp("odd-run")
    (place / "tiny_net.py").write_text(TINY_NETWORK)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_CACHE", str(command_data / "cache"))
        return pellucid.train(
            odd_folder,
            size=(8, 8),
            network=f"{place / 'tiny_net.py'}:TinyNet",
            epochs=2,
            recipe="tutorial",
            device="cpu",
            out=place / "run",
        )


def command_lines(run: str, folder: str, source: str) -> dict[str, list[str]]:
    tiny = [
        "--size",
        "8",
        "--epochs",
        "1",
        "--network",
        "tiny_net.py:TinyNet",
        "--recipe",
        "tutorial",
        "--out",
        "trained",
    ]
    return {
        "train": ["train", folder, *tiny],
        "resume": ["resume", run],
        "data": ["data", folder, "--size", "8"],
        "data-json": ["data", folder, "--size", "8", "--json"],
        "audit": ["audit", folder, "--size", "8", "--out", "audited"],
        "audit-run": ["audit", "--run", run, "--out", "audited", "--force"],
        "evaluate": ["evaluate", run],
        "evaluate-json": ["evaluate", run, "--json"],
        "evaluate-data": ["evaluate", run, "--data", folder],
        "compare": ["compare", run, "trained"],
        "mistakes": ["mistakes", run, "--out", "mistakes"],
        "mistakes-json": ["mistakes", run, "--json"],
        "robustness": ["robustness", run],
        "history": ["history", run, source, "--out", "history"],
        "trace": ["trace", run, source, "--out", "traced.svg"],
        "step": ["step", run],
        "why": ["why", run, source, "--out", "why"],
        "maps": ["maps", run, source, "--out", "maps"],
        "explain": ["explain", run, source, "--out", "explained"],
        "activations": ["activations", run, "--filters", "--out", "activations"],
        "layers": ["layers", run],
        "report": ["report", run],
        "runs": ["runs", str(Path(run).parent)],
        "runs-json": ["runs", str(Path(run).parent), "--json"],
        "wrong-class": ["evaluate", run, "--data", "no\x1b]0;pwned\x07such"],
        "wrong-command": ["tr\x1b]0;pwned\x07ain"],
        "wrong-option": ["train", "--epochs", "\x1b]0;pwned\x07"],
        "wrong-image": ["trace", run, "\x1b]0;pwned\x07"],
    }


class Tags(HTMLParser):
    """Collects what a browser would take for an image that the page did not mean, or for a script's call."""

    def __init__(self) -> None:
        super().__init__()
        self.acting: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if any(name.startswith("onerror") for name, _ in attrs) or dict(attrs).get("src") == "x":
            self.acting.append(str(self.get_starttag_text()))


def acting(html: str) -> list[str]:
    tags = Tags()
    tags.feed(html)
    return tags.acting


def test_names_are_stored_visibly_and_their_files_are_found(odd_run: Run, odd_folder: Path) -> None:
    images = odd_run.open_images()
    assert set(images.classes) == set(map(visible, CLASSES)) == set(odd_run.classes)
    sources = [source for split in images.splits.values() for source in split.sources]
    assert len(set(sources)) == len(CLASSES) * len(FILES)
    assert not any(map(STEERING.search, (images.name, images.origin, *sources)))
    spelled = {visible(f"{name}/{file}"): odd_folder / name / file for name in CLASSES for file in FILES}
    assert {source: file_of(odd_folder, source) for source in sources} == spelled
    assert {source: file_of(images.origin, source) for source in sources} == spelled


def test_no_command_prints_or_writes_what_steers(
    odd_run: Run, odd_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = odd_run.open_images().splits["test"].sources[0]
    for name, line in command_lines(str(odd_run.directory), str(odd_folder), source).items():
        assert main(line) == (2 if name.startswith("wrong") else 0), (name, capsys.readouterr())
        captured = capsys.readouterr()
        assert captured.out or captured.err
        assert not STEERING.findall(captured.out + captured.err), name
        if name.endswith("json"):
            json.loads(captured.out)
    written = [file for place in (tmp_path, odd_run.directory) for file in place.rglob("*") if file.is_file()]
    texts = [file for file in written if file.suffix in (".json", ".jsonl", ".csv", ".html", ".svg")]
    assert {file.suffix for file in texts} == {".json", ".jsonl", ".csv", ".html", ".svg"}
    for file in texts:
        content = file.read_text("utf-8")
        assert not STEERING.search(content), file
        if file.suffix in (".html", ".svg"):
            assert acting(content) == [], file
        if file.suffix == ".csv":
            rows = list(csv.reader(content.splitlines()))
            assert len({len(row) for row in rows}) == 1, file
            words = [cell for row in rows for cell in row if not re.fullmatch(r"-?[0-9.e-]+", cell)]
            assert not [cell for cell in words if cell.startswith(("=", "+", "-", "@"))], file


def test_the_table_of_predictions_is_read_back_equal(odd_run: Run) -> None:
    pellucid.evaluate(odd_run)
    file = odd_run.directory / "predictions.csv"
    table = read_predictions(file)
    assert table is not None
    assert table.classes == odd_run.classes
    assert list(table.sources) == list(odd_run.open_images().splits["test"].sources)
    rows = list(csv.reader(file.read_text("utf-8").splitlines()))
    assert [from_csv_cell(row[1]) for row in rows[1:]] == [table.classes[label] for label in table.labels]


def test_no_result_puts_a_name_into_html_raw(odd_run: Run) -> None:
    source = odd_run.open_images().splits["test"].sources[0]
    glass = pellucid.look(odd_run, source)
    unit = glass.trace()
    results = [
        odd_run,
        odd_run.open_images(),
        glass,
        unit,
        glass.feeds("0[0,0,0]"),
        glass.path("0[0,0,0]"),
        pellucid.evaluate(odd_run),
        pellucid.mistakes(odd_run),
        pellucid.robustness(odd_run, corruptions=["noise"]),
        pellucid.history(odd_run, source),
        pellucid.why(odd_run, source),
        pellucid.explain(odd_run, source),
        pellucid.maps(odd_run, source),
        pellucid.activations(odd_run, "0[0]"),
        pellucid.step(odd_run, "0.weight[0,0,0,0]"),
        pellucid.audit(odd_run.open_images()),
    ]
    for result in results:
        for shown in (getattr(result, "_repr_html_", result.__repr__)(), str(result), repr(result)):
            assert not STEERING.search(shown), type(result)
        assert acting(html_of(result)) == [], type(result)


def test_a_run_of_a_stranger_steers_nothing(odd_run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    steering = "\x1b]0;pwned\x07"
    copy = tmp_path / "runs" / "a"
    shutil.copytree(odd_run.directory, copy)
    for name in ("run.json", "data.json"):
        document = json.loads((copy / name).read_text("utf-8"))
        document = json.loads(json.dumps(document).replace("@sum", json.dumps(steering)[1:-1]))
        del document["sha256"]
        seal(copy / name, document)
    run = pellucid.open_run(copy)
    assert visible(steering) in run.classes
    assert not STEERING.search(json.dumps([run.classes, run.data], ensure_ascii=False))
    assert main(["runs"]) == 0
    assert not STEERING.search("".join(capsys.readouterr()))


def test_bars_keep_their_colours_and_no_title_is_set(tmp_path: Path) -> None:
    code = (
        "import sys, time\n"
        "from pellucid.cli.output import guarded_streams\nfrom pellucid.ground.progress import progress\n"
        "with guarded_streams(), progress('reading \\x1b]0;pwned\\x07', 3) as advance:\n"
        "    for _ in range(3): time.sleep(0.1); advance(1); print('\\x1b]0;note\\x07', file=sys.stderr)\n"
    )
    import pty

    child, terminal = pty.fork()
    if child == 0:
        os.execve(sys.executable, [sys.executable, "-c", code], {**os.environ, "TERM": "xterm-256color"})
    shown = b""
    try:
        while piece := os.read(terminal, 4096):
            shown += piece
    except OSError:  # the end, as Linux says it
        pass
    assert os.waitpid(child, 0)[1] == 0
    assert b"\x1b[38;5;" in shown
    assert b"reading \\x1b]0;pwned\\x07" in shown
    assert b"\x1b]" not in shown
    assert b"\x07" not in shown


def test_two_classes_that_would_look_the_same_are_refused(tmp_path: Path) -> None:
    for name in ("cat\x07", "cat\\x07", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(3):
            Image.new("L", (4, 4), number).save(tmp_path / "pets" / name / f"{number}.png")
    with pytest.raises(pellucid.UserError, match="would look the same; rename one of them"):
        pellucid.open_image_set(tmp_path / "pets")


@pytest.mark.parametrize(
    "encoding", ["cp1252", *(pytest.param(name, marks=pytest.mark.slow) for name in ("ascii", "latin-1"))]
)
def test_every_encoding_of_the_output_will_do(odd_run: Run, odd_folder: Path, encoding: str) -> None:
    source = odd_run.open_images().splits["test"].sources[0]
    lines = command_lines(str(odd_run.directory), str(odd_folder), source)
    kinds = ("layers", "trace", "step", "why", "train", "evaluate", "audit", "data")
    chosen = [lines[kind][: lines[kind].index("--out")] if "--out" in lines[kind] else lines[kind] for kind in kinds]
    code = f"import sys\nfrom pellucid.cli import main\nprint([main(line) for line in {chosen!r}])"
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False, timeout=120)
    assert done.stdout.decode(encoding).splitlines()[-1] == str([0] * len(chosen)), done.stderr.decode(encoding)
    assert "Traceback" not in done.stderr.decode(encoding)
