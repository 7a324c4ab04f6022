"""Whatever is wrong with a file of a run is told in words, by every command, and changes no result in silence."""

from __future__ import annotations

import contextlib
import io
import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from run_files import rewrite, rewrite_weights

from pellucid.cli import main
from pellucid.ground.errors import UserError
from pellucid.run import Run, open_run

FILES = (
    "run.json",
    "data.json",
    "network.py",
    "metrics.jsonl",
    "weights/epoch-002.safetensors",
    "checkpoints/step-00000014.json",
    "checkpoints/step-00000014.safetensors",
    "evaluation.json",
    "predictions.csv",
    "calibration.json",
    "robustness.json",
)
COMMANDS = (
    "runs ..",
    "layers .",
    "evaluate .",
    "compare . ../whole",
    "mistakes .",
    "resume .",
    "step . --weight head.bias[0]",
    "history . test/1",
    "why . test/1",
    "trace . test/1",
    "explain . test/1 --method occlusion",
    "report . --force",
    "audit --run . --force",
    "robustness . --images 4",
)


def _contents(whole: bytes, name: str) -> dict[str, bytes | None]:
    """Give ways to damage a file: what it holds then, None for a folder in its place."""
    generator = random.Random(name)
    ways: dict[str, bytes | None] = {
        "empty": b"",
        "half": whole[: len(whole) // 2],
        "cut": whole[:-3],
        "noise": generator.randbytes(300),
        "object": b"{}",
        "list": b"[]",
        "null": b"null",
        "deep": b"[" * 100_000,
        "number": b'{"format": 1e999, "event": NaN}',
        "utf-8": b"\xff\xfe" + whole,
        "folder": None,
    }
    for attempt in range(4):
        flipped = bytearray(whole)
        flipped[generator.randrange(len(whole))] ^= 1 << generator.randrange(8)
        ways[f"flip {attempt}"] = bytes(flipped)
    return ways


def _values(path: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """Give ways to change every value of a JSON file, each with a right checksum."""

    def setter(name: str, value: object) -> Callable[[], None]:
        return lambda: rewrite(path, lambda document: document.update({name: value}))

    def remover(name: str) -> Callable[[], None]:
        return lambda: rewrite(path, lambda document: document.pop(name))

    for name in json.loads(path.read_text()):
        if name not in ("format", "sha256", "sha", "data"):
            yield f"without {name}", remover(name)
            for value in (None, -1, 10**30, "text", [], {}, True, 1e308):
                yield f"{name} is {value}", setter(name, value)


@pytest.fixture
def copy(run: Run, tmp_path: Path, seen_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A whole run and one to damage, beside each other; this is the working directory's name for the latter."""
    monkeypatch.setenv("PELLUCID_CACHE", str(seen_data / "cache"))
    if not (run.directory / "robustness.json").exists():
        assert _call("robustness . --images 4", run.directory)[0] == 0
    for name in ("whole", "damaged"):
        shutil.copytree(run.directory, tmp_path / name)
    return tmp_path / "damaged"


def _call(command: str, directory: Path) -> tuple[int, str]:
    """Run a command in a run's directory; give its exit status and all it printed."""
    printed = io.StringIO()
    with contextlib.chdir(directory), contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        status = main(command.split())
    return status, printed.getvalue()


def _damage(path: Path, content: bytes | None) -> None:
    path.unlink()
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)


def _assert_in_words(status: int, printed: str, what: str) -> None:
    assert status in (0, 1, 2), what
    assert "Traceback" not in printed, what
    assert status == 0 or "Error: " in printed, f"{what}: {printed}"


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_named_by_whoever_leans_on_it(copy: Path, name: str) -> None:
    """One way to damage each file, chosen by its name, through the commands that are quick; the sweep tries all."""
    ways = sorted(_contents((copy / name).read_bytes(), name).items())
    for command in ("runs ..", "layers .", "evaluate ."):
        way, content = random.Random(name + command).choice(ways)
        shutil.rmtree(copy)
        shutil.copytree(copy.parent / "whole", copy)
        _damage(copy / name, content)
        _assert_in_words(*_call(command, copy), f"{name}, {way}, {command}")


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_every_way_to_damage_a_file_through_every_command(copy: Path, name: str) -> None:
    for way, content in _contents((copy / name).read_bytes(), name).items():
        for command in COMMANDS:
            shutil.rmtree(copy)
            shutil.copytree(copy.parent / "whole", copy)
            _damage(copy / name, content)
            _assert_in_words(*_call(command, copy), f"{name}, {way}, {command}")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["run.json", "data.json", "evaluation.json", "calibration.json", "robustness.json"])
def test_every_value_of_a_document_that_was_sealed_again(copy: Path, name: str) -> None:
    whole = (copy / name).read_bytes()
    for way, change in _values(copy / name):
        for command in ("runs ..", "evaluate .", "report . --force"):
            (copy / name).write_bytes(whole)
            change()
            _assert_in_words(*_call(command, copy), f"{name}, {way}, {command}")


def test_a_flipped_byte_of_weights_is_always_seen(copy: Path) -> None:
    path = copy / "weights/epoch-002.safetensors"
    whole = path.read_bytes()
    for position in range(0, len(whole), len(whole) // 60):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :])
        status, printed = _call("evaluate .", copy)
        assert status == 2, position
        assert "epoch-002.safetensors is damaged" in printed
        assert "use another epoch (--epoch 1)" in printed


def test_a_finished_run_without_its_last_weights_is_not_taken_for_its_earlier_epoch(copy: Path) -> None:
    run = open_run(copy)
    first, last = run.epochs()[0], run.epochs()[-1]
    run.weights_path(last).unlink()
    with pytest.raises(UserError, match=rf"epoch-{last:03}.safetensors is missing; use another epoch \(--epoch"):
        run.weights()
    assert run.weights(first)


def test_weights_of_another_epoch_or_run_are_seen(copy: Path, make_run: Callable[..., Run]) -> None:
    shutil.copy(copy / "weights/epoch-001.safetensors", copy / "weights/epoch-002.safetensors")
    assert "it holds the weights of epoch 1" in _call("evaluate .", copy)[1]
    shutil.copy(make_run(seed=5).weights_path(2), copy / "weights/epoch-002.safetensors")
    assert "it holds the weights of another run" in _call("evaluate .", copy)[1]


LOOKS_INSIDE = ("explain . test/1 --method occlusion", "explain . test/1 --method saliency", "why . test/1")


@pytest.mark.parametrize("command", [*LOOKS_INSIDE, "history . test/1", "robustness . --images 4", "trace . test/1"])
def test_weights_that_are_not_finite_are_damage(copy: Path, command: str) -> None:
    """No training writes such weights, and no figure may be made of them."""
    rewrite_weights(open_run(copy, trust=True), 2, lambda weights: weights["head.bias"].fill_(float("nan")))
    status, printed = _call(command, copy)
    assert status == 2
    assert "epoch-002.safetensors is damaged: head.bias has values that are not finite numbers" in printed


@pytest.mark.parametrize("command", [*LOOKS_INSIDE, "history . test/1", "robustness . --images 4"])
def test_finite_weights_whose_outputs_are_not_finite(copy: Path, command: str) -> None:
    def enlarge(weights: dict[str, Any]) -> None:
        for weight in weights.values():
            weight.fill_(3e38)

    rewrite_weights(open_run(copy, trust=True), 2, enlarge)
    status, printed = _call(command, copy)
    assert status == 2
    assert "not finite" in printed


def test_a_recipe_whose_name_is_no_text(copy: Path) -> None:
    rewrite(copy / "run.json", lambda document: document["recipe"].update(name=0))
    assert "name is 0; expected a text" in _call("compare . ../whole", copy)[1]


def test_an_edited_table_is_told_and_the_network_is_run_again(copy: Path) -> None:
    table = copy / "predictions.csv"
    table.write_text(table.read_text().replace("test/0,", "test/1,", 1))
    status, printed = _call("mistakes .", copy)
    assert status == 0
    assert "the network is run again, because predictions.csv is not as it was written" in printed


def test_one_bad_run_does_not_break_the_list(copy: Path) -> None:
    (copy / "metrics.jsonl").write_bytes(b'{"event": "epoch"}\n')
    status, printed = _call("runs ..", copy)
    assert status == 0
    rows = {line.split()[0]: line for line in printed.splitlines()[3:5]}
    assert rows["damaged"].split()[1:] == ["damaged"]
    assert "finished" in rows["whole"]
    assert "metrics.jsonl is damaged: line 1 is not as pellucid wrote it" in printed


@pytest.mark.parametrize("name", ["run.json", "metrics.jsonl", "weights", "checkpoints", "evaluation.json", ".lock"])
def test_a_link_inside_a_run_is_refused(copy: Path, tmp_path: Path, name: str) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.move(copy / name, elsewhere)
    before = elsewhere.read_bytes() if elsewhere.is_file() else sorted(elsewhere.iterdir())
    (copy / name).symlink_to(elsewhere)
    for command in ("evaluate .", "resume ."):
        status, printed = _call(command, copy)
        assert status == 2
        assert f"{name} is a link to {elsewhere}; a file inside a run is a file" in printed
    assert (elsewhere.read_bytes() if elsewhere.is_file() else sorted(elsewhere.iterdir())) == before


def test_a_pipe_in_place_of_a_file_does_not_hang(copy: Path) -> None:
    import os

    (copy / "metrics.jsonl").unlink()
    os.mkfifo(copy / "metrics.jsonl")
    assert "metrics.jsonl is damaged: it is not a file" in _call("evaluate .", copy)[1]
