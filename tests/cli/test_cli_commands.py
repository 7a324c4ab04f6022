"""Every command: what it prints, its JSON, its exit status."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
from run_files import read_plainly

from pellucid.cli import command_names, main, pellucid

TINY = "tiny_net.py:TinyNet"


def run(*arguments: str) -> int:
    return main(list(arguments))


def test_train_resume_evaluate_and_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train", "mnist", "--network", TINY, "--epochs", "3", "--out", "run") == 0
    printed = capsys.readouterr().out
    assert re.search(r"Training finished\. Used by default: epoch \d of 3, .*\nTest Accuracy: ", printed)
    assert "Run: run\nCurves: run/curves.png\n" in printed
    assert Path("run/curves.png").read_bytes().startswith(b"\x89PNG")

    assert run("evaluate", "run") == 0
    printed = capsys.readouterr().out
    assert re.search(r"^The network classifies \d+\.\d\d% of the 100 test images of mnist correctly\.", printed)
    assert re.search(r"^9 +10 +\d+\.\d\d%", printed, re.MULTILINE)

    assert run("evaluate", "run", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document == read_plainly(Path("run/evaluation.json"))
    assert sum(map(sum, document["confusion"])) == document["images"] == 100

    assert run("resume", "run", "--json") == 0
    resumed = json.loads(capsys.readouterr().out)
    assert resumed["status"] == "finished"
    assert len(resumed["epochs"]) == 3

    assert run("runs", ".", "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert (row["run"], row["network"], row["status"]) == ("run", TINY, "finished")
    assert row["test_accuracy"] == document["accuracy"]
    assert run("runs", ".") == 0
    assert re.search(r"3/3  finished  \d+\.\d\d% test$", capsys.readouterr().out, re.MULTILINE)


def test_train_with_json_prints_one_document_and_the_log_elsewhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("train", "mnist", "-n", TINY, "-r", "tutorial", "--epochs", "1", "--log-every", "10", "--json") == 0
    captured = capsys.readouterr()
    document = json.loads(captured.out)
    assert document["recipe"]["name"] == "tutorial"
    assert document["epochs"][0]["epoch"] == 1
    assert "[Epoch 1, Batch 10] Loss: " in captured.err


@pytest.mark.parametrize("name", ["networks", "recipes", "datasets"])
def test_lists(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(name) == 0
    text = capsys.readouterr().out
    assert run(name, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    names = list(document) if isinstance(document, dict) else [row["name"] for row in document]
    assert names
    assert all(name in text for name in names)


def test_the_lessons_parameter_counts(capsys: pytest.CaptureFixture[str]) -> None:
    run("networks", "--json")
    counts = {row["name"]: row["parameters"] for row in json.loads(capsys.readouterr().out)}
    assert counts["simple-cifar"] == 268_650
    assert counts["simple-mnist"] == 582_218


BAD = [
    (["train"], "Missing argument 'DATA'"),
    (["train", "nowhere"], "nowhere"),
    (["train", "mnist", "--epochs", "many"], "'many' is not a valid integer"),
    (["train", "mnist", "--epochs", "0"], "epochs is 0; expected a whole number of at least 1"),
    (["train", "mnist", "--size", "big"], "'big' is no size; expected pixels like 64"),
    (["train", "mnist", "--epoch", "3"], "No such option"),
    (["train", "mnist", "--network", "resnet"], "no network is called 'resnet'; did you mean 'small-resnet'?"),
    (["evaluate", "nowhere"], "nowhere is not a run: it does not exist"),
    (["resume", "."], "is not a run: it has no run.json"),
    (["trian", "mnist"], "No such command 'trian'"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[" ".join(case[0]) for case in BAD])
def test_a_mistake_is_told_without_a_traceback(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""
    assert not Path("runs").exists()


@pytest.mark.parametrize("name", command_names())
def test_help_has_examples_that_name_only_what_there_is(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(name, "--help") == 0
    text = capsys.readouterr().out
    assert re.search(r"Examples?:", text)
    command = pellucid.get_command(click.Context(pellucid), name)
    assert command is not None
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    examples = [line for line in text.splitlines() if re.match(rf"\s+(torchrun .*)?pellucid {name}\b", line)]
    assert examples
    for line in examples:
        given = re.findall(r"(?<=\s)--?[a-z][a-z-]*", line.split(f"pellucid {name}")[1])
        assert set(given) <= known, line


@pytest.mark.parametrize("code", ["import pellucid", "from pellucid.cli import main; main(['--help'])"])
def test_starting_is_light(code: str) -> None:
    """Neither the import nor the help loads torch, matplotlib, NumPy or Pillow."""
    heavy = "sorted({'torch', 'matplotlib', 'numpy', 'PIL', 'scipy', 'rich'} & set(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", f"import sys\n{code}\nprint('loaded:', {heavy})"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.rstrip().endswith("loaded: []")
