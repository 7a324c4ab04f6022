"""`pellucid layers`."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from torch import nn

from pellucid.arithmetic import summarise
from pellucid.cli import main


def test_the_table(capsys):
    assert main(["layers", "simple-cifar"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("simple-cifar turns one 3×32×32 image into 10 numbers, with 268,650 parameters.")
    assert "2 convolutions, 2 max poolings, 3 ReLUs" in " ".join(lines)
    assert ["layer", "operation", "output", "parameters", "multiply-adds", "sees", "memory"] in map(str.split, lines)
    assert "conv1    Conv2d     16×32×32         448        442,368    3×3  64.0 KiB" in lines
    assert "parameters     268,650 (268,650 trained, 0 fixed)" in lines
    assert sum(line.startswith("relu") for line in lines) == 3


def test_json_is_one_document(capsys):
    assert main(["layers", "simple-mnist", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["parameters"] == 582_218
    row = document["rows"][1]
    assert (row["name"], row["kind"], row["output_shape"], row["settings"]["kernel"]) == (
        "conv1", "conv2d", [32, 24, 24], [5, 5],
    )  # fmt: skip
    assert row["receptive_field"] == {"covers": "window", "size": [5, 5], "jump": [1, 1], "start": [0, 0]}


def test_another_input_and_explanations(capsys):
    assert main(["layers", "simple-mnist", "--input", "3x64x48", "--classes", "5", "--explain"]) == 0
    out = capsys.readouterr().out
    assert "height: ⌊(64 + 2·0 − 1·(5−1) − 1)/1⌋ + 1 = 60" in out
    assert "y = max(0, x)" in out
    assert "512 → 5" in out


def test_a_network_of_ones_own_with_a_picture(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = "import torch\nfrom torch import nn\n\n\nclass Tiny(nn.Module):\n"
    source += "    def __init__(self, classes):\n        super().__init__()\n"
    source += "        self.a = nn.Conv2d(3, 4, 3, padding=1)\n        self.fc = nn.Linear(8, classes)\n"
    source += "    def forward(self, x):\n        y = self.a(x)\n"
    source += "        return self.fc(torch.cat([y, torch.relu(y)], 1).mean((2, 3)))\n"
    Path("mine.py").write_text(source)
    assert main(["layers", "mine.py:Tiny", "--input", "3x8x8", "--out", "tiny.svg"]) == 0
    captured = capsys.readouterr()
    assert any(line.split()[:3] == ["cat", "cat", "8×8×8"] for line in captured.out.splitlines())
    assert captured.err == "Wrote tiny.svg\n"
    root = ElementTree.parse("tiny.svg").getroot()
    assert root.find("{http://www.w3.org/2000/svg}title").text == "Architecture of mine.py:Tiny"


@pytest.mark.parametrize("name", ["simple-cifar", "simple-mnist", "small-resnet"])
def test_lines_fit_100_columns(name, capsys):
    assert main(["layers", name, "--explain"]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 100
    assert "o output channel" in out


def test_long_names_are_shortened_and_said_to_be():
    class Deep(nn.Module):
        def __init__(self):
            super().__init__()
            self.a_name_that_is_very_long = nn.ModuleDict({"and_goes_on_for_a_while_and_does_not_end": nn.Linear(4, 2)})

        def forward(self, x):
            return self.a_name_that_is_very_long["and_goes_on_for_a_while_and_does_not_end"](x)

    lines = str(summarise(Deep(), (4,))).splitlines()
    assert max(map(len, lines)) <= 100
    assert any(line.startswith("…") and "does_not_end" in line for line in lines)
    assert lines[-1] == "names are shortened to fit; to_dict() and --json have them whole"


def test_a_runs_directory_shows_the_runs_network(run, capsys):
    assert main(["layers", str(run.directory)]) == 0
    out = capsys.readouterr().out
    assert f"own_net.py:Functional of {run.directory} turns one 1×28×28 image into 10 numbers" in " ".join(out.split())
    assert main(["layers", str(run.directory), "--classes", "4"]) == 2
    assert "is a run, whose input and classes are known" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["simple-cifer"], "did you mean 'simple-cifar'?"),
        (
            ["simple-cifar", "--input", "32x32"],
            "--input is '32x32'; expected channels, rows, columns up to 8192",
        ),
        (["simple-cifar", "--input", "3x0x32"], "--input is '3x0x32'"),
        (["runs/none"], "there is no directory runs/none; expected a run, a network's name, or file.py:ClassName"),
        (["simple-cifar", "--classes", "1"], "--classes is 1; expected 2 to 1,000,000"),
    ],
)
def test_mistakes(arguments, message, capsys, tmp_path):
    svg = tmp_path / "out.svg"
    assert main(["layers", *arguments, "--out", str(svg)]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("Error: ")
    assert message in captured.err
    assert captured.out == ""
    assert not svg.exists()
