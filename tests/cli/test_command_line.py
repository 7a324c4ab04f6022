"""The command line as a whole: help, suggestions, all mistakes at once, versions, what a terminal may lack."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click
import pytest

from pellucid.cli import SECTIONS, command_names, in_order, main, pellucid
from pellucid.cli.command import Command
from pellucid.cli.commands.completion import LINES
from pellucid.cli.options import digits_option
from pellucid.cli.suggestions import ACCEPTED_OPTIONS, COMMANDS_ELSEWHERE, OPTIONS_ELSEWHERE
from pellucid.ground.writing import number


def command(name: str) -> click.Command:
    loaded = pellucid.get_command(click.Context(pellucid), name)
    assert loaded is not None
    return loaded


def in_a_process(*arguments: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "pellucid", *arguments], capture_output=True, env=os.environ | environment, check=False
    )


def test_the_help_groups_the_commands_by_purpose_and_fits_80_columns(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    headings = re.findall(r"^(\w[\w ]*):$", text, re.MULTILINE)
    assert headings == ["Options", *SECTIONS]
    for listed in in_order():
        line = rf"^  {listed.name} +{re.escape(str(listed.short_help))}$"
        assert re.search(line, text, re.MULTILINE), listed.name


@pytest.mark.parametrize("name", command_names())
def test_every_command_tells_all_mistakes_and_has_no_option_of_an_accepted_name(name: str) -> None:
    assert isinstance(command(name), Command)
    options = {option for parameter in command(name).params for option in parameter.opts}
    assert not options & {"--lr", "--imgsz", "--most"}


@pytest.mark.parametrize(
    ("word", "near"), [("trian", "train"), ("evalute", "evaluate"), ("fit", "train"), ("models", "networks")]
)
def test_an_unknown_command_is_told_the_nearest(word: str, near: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([word, "mnist"]) == 2
    assert f"No such command {word!r}. Did you mean {near!r}?" in capsys.readouterr().err


def test_the_words_of_other_programs_lead_to_what_there_is() -> None:
    options = {option for name in command_names() for parameter in command(name).params for option in parameter.opts}
    assert set(COMMANDS_ELSEWHERE.values()) <= set(command_names())
    assert not set(COMMANDS_ELSEWHERE) & set(command_names())
    assert set(ACCEPTED_OPTIONS.values()) <= options
    assert set(OPTIONS_ELSEWHERE.values()) <= options


def errors(arguments: Sequence[str], capsys: pytest.CaptureFixture[str]) -> list[str]:
    assert main(list(arguments)) == 2
    _, _, message = capsys.readouterr().err.partition("Error: ")
    return [line.removeprefix("  - ") for line in message.splitlines() if line.startswith("  - ")] or [message.rstrip()]


CONVERSION = "Invalid value for '--epochs': 'many' is not a valid integer."
MISTAKES: dict[str, tuple[list[str], list[str]]] = {
    "an unknown option and its value, a value, an argument too many": (
        ["train", "mnist", "--lernrate", "3", "--epochs", "many", "surplus"],
        [
            "No such option '--lernrate'. Did you mean '--learning-rate'?",
            CONVERSION,
            "Got unexpected extra argument (surplus).",
        ],
    ),
    "a missing argument beside a bad value": (["train", "--epochs", "many"], [CONVERSION, "Missing argument 'DATA'."]),
    "an option near to none: its words may be arguments": (
        ["train", "--zzz", "mnist", "--epochs", "many"],
        ["No such option '--zzz'.", CONVERSION],
    ),
    "a flag with a value, an option without one": (
        ["train", "mnist", "--json=3", "--epochs", "many", "--seed"],
        ["Option '--seed' requires an argument.", "Option '--json' does not take a value.", CONVERSION],
    ),
    "the same mistake twice is told once": (
        ["train", "mnist", "--model", "a", "--model", "b"],
        ["No such option '--model'. Did you mean '--network'?"],
    ),
    "an unknown option before another": (
        ["train", "mnist", "--strickt", "--epochs", "many"],
        ["No such option '--strickt'. Did you mean '--strict'?", CONVERSION],
    ),
}


@pytest.mark.parametrize(("arguments", "expected"), MISTAKES.values(), ids=MISTAKES)
def test_every_mistake_of_a_command_line_is_told_at_once(
    arguments: list[str], expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert sorted(errors(arguments, capsys)) == sorted(expected)


@pytest.mark.parametrize(
    ("arguments", "shows_usage"),
    [(["mnist", "--epochs", "many"], False), (["mnist", "--epochz", "3"], True), ([], True)],
)
def test_how_a_command_is_called_is_shown_where_that_is_the_mistake(
    arguments: list[str], shows_usage: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *arguments]) == 2
    assert capsys.readouterr().err.startswith("Usage: " if shows_usage else "Error: ")


def test_help_is_shown_whatever_else_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "--lernrate", "x", "--epochs", "many", "--help"]) == 0
    assert capsys.readouterr().out.startswith("Usage: pellucid train")


@pytest.mark.parametrize(
    "given", [["--lr", "0.5"], ["--lr=0.5"], ["--learning_rate", "0.5"], ["--learning-rate", "0.5"]]
)
def test_other_spellings_of_an_option_are_accepted(given: list[str]) -> None:
    train = command("train")
    context = train.make_context("train", ["mnist", *given, "--batch", "8", "--imgsz", "48x64"])
    assert context.params["learning_rate"] == 0.5
    assert context.params["batch_size"] == 8
    assert context.params["size"] == (48, 64)
    assert "--lr" not in train.get_help(context)


def test_words_after_two_dashes_are_left_alone() -> None:
    context = command("train").make_context("train", ["--", "--lr"])
    assert context.params["data"] == "--lr"


@pytest.mark.parametrize(
    ("given", "meant"), [("gpu", "cuda"), ("GPU:1", "cuda:1"), ("cuda:0", "cuda:0"), ("mps", "mps")]
)
def test_a_device_may_be_called_gpu(given: str, meant: str) -> None:
    assert command("train").make_context("train", ["mnist", "--device", given]).params["device"] == meant


@pytest.mark.parametrize(
    ("option", "message"),
    [
        (["--device", "cuba"], "'cuba'; did you mean 'cuda'?"),
        (["--epoch", "0"], "'0'; expected last, best or a number from 1"),
        (["--epoch", "lst"], "'lst'; expected last, best or a number from 1"),
        (["--split", "tset"], "'tset'; did you mean 'test'? (one of: train, val, test)"),
    ],
)
def test_a_wrong_choice_is_told_the_nearest(
    option: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = errors(["evaluate", "nowhere", *option], capsys)
    told = {first, second}
    assert any(message in text for text in told)
    assert any("nowhere is not a run: it does not exist" in text for text in told)


def test_digits_hold_while_the_command_runs_and_no_longer() -> None:
    printed = []

    @click.command(cls=Command)
    @digits_option
    def show() -> None:
        printed.append(number(1 / 3))

    for given in ([], ["--digits", "2"], ["--digits", "all"]):
        show.main(given, standalone_mode=False)
    assert printed == ["0.3333", "0.33", "0.333333333"]
    assert number(1 / 3) == "0.3333"
    with pytest.raises(click.UsageError, match="'none'; expected a whole number from 1 to 17, or all"):
        show.main(["--digits", "none"], standalone_mode=False)


def test_one_name_means_one_thing_in_every_command() -> None:
    """What several commands share is declared once, so that kind, choices and default form are the same."""
    kinds: dict[str, set[type]] = {}
    for name in command_names():
        for parameter in command(name).params:
            for option in parameter.opts:
                if option in ("--device", "--data-dir", "--epoch", "--force", "--json", "run"):
                    kinds.setdefault(option, set()).add(type(parameter.type))
    kinds["--epoch"] -= {type(click.INT)}  # of `step`: where its step is counted from, not whose weights are read
    assert {option: len(types) for option, types in kinds.items()} == dict.fromkeys(kinds, 1)
    assert {"--device", "--epoch", "run"} <= set(kinds)


def test_the_version_names_torch_and_the_kernels(capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    assert main(["--version"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"pellucid \d+\.\d+\.\d+", lines[0])
    assert f"torch {torch.__version__}" in lines
    assert any(re.search(r"^fast kernels: oneDNN (yes|no), MKL (yes|no), bfloat16 (yes|no)$", line) for line in lines)
    assert max(map(len, lines)) < 100


def test_the_version_without_torch(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.cli.version.importlib.util.find_spec", lambda name: None)
    assert main(["--version"]) == 0
    assert "torch is not installed" in capsys.readouterr().out


@pytest.mark.parametrize("shell", LINES)
def test_completion_prints_the_line_to_add(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    captured = capsys.readouterr()
    assert captured.out.strip() == LINES[shell][1]
    assert LINES[shell][0] in captured.err


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_lacks_characters_gets_plain_ones(encoding: str) -> None:
    result = in_a_process("convolve", "3,2,1", "1,-1", PYTHONIOENCODING=encoding)
    assert result.returncode == 0, result.stderr.decode()
    assert b"+----+" in result.stdout


def test_a_json_document_is_whole_in_every_encoding(make_listed_run) -> None:
    make_listed_run("first", source="图片", accuracy=0.5)
    result = in_a_process("runs", "--json", PYTHONIOENCODING="latin-1")
    assert json.loads(result.stdout)[0]["data"] == "图片"


@pytest.mark.skipif(sys.platform == "win32", reason="there are no such pipes")
def test_a_reader_that_goes_away_hears_nothing() -> None:
    code = (
        "import os, sys\nfrom pellucid.cli import main\n"
        "reading, writing = os.pipe()\nos.close(reading)\nos.dup2(writing, 1)\n"
        "sys.exit(main(['recipes']))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (1, "")


def test_an_interruption_is_told_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, make_listed_run
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pellucid.cli.commands.runs._print_runs", interrupt)
    make_listed_run("first")
    assert main(["runs"]) == 130
    assert capsys.readouterr().err.strip() == "Stopped."


def test_of_several_processes_one_speaks(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    assert main(["train", "--epochs", "many"]) == 2
    assert capsys.readouterr().err == ""


def test_runs_shows_the_accuracy_and_survives_a_bad_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], make_listed_run
) -> None:
    make_listed_run("first", created="2026-01-01", accuracy=0.5, split="test")
    make_listed_run("second", created="2026-01-02", validation=0.75, source="/a/very/long/path/to/many/photographs")
    make_listed_run("third", created="2026-01-03", network="some_folder/with_a_long_name/my_networks.py:TinyNetwork")
    (tmp_path / "runs/bad").mkdir()
    (tmp_path / "runs/bad/run.json").write_text("{")
    make_listed_run("worse", created="2026-01-04")
    (tmp_path / "runs/worse/data.json").unlink()

    assert main(["runs"]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[0] == "5 runs in runs, the newest last"
    assert lines[2].split() == ["run", "network", "data", "recipe", "epochs", "status", "accuracy"]
    assert [line.split()[0] for line in lines[3:]] == ["bad", "worse", "first", "second", "third"]
    assert [line.split()[1:] for line in lines[3:5]] == [["damaged"], ["damaged"]]
    assert lines[5].endswith("50.00% test")
    assert lines[6].endswith("75.00% val")
    assert max(map(len, lines)) <= 100
    assert len(captured.err.splitlines()) == 2
    assert "bad/run.json is damaged" in captured.err
    assert "worse" in captured.err
