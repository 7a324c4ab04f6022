"""Every option and argument of every command is given odd values: a message or a result, never a traceback."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import FrameType

import click
import pytest
from PIL import Image

import pellucid
from pellucid.cli import command_names, main
from pellucid.cli import pellucid as group

NUMBERS = ["", "-1", "0", "²", "٣", "1e30", "1" + "0" * 30, str(2**31), str(2**63), str(-(2**63)), "nan", "inf", "-inf"]
NUMBERS += ["1e-400", "0x10", "½"]
TEXTS = ["", " ", "²", "x" * 300, "a/" * 2500, "\n", "nan", "-1", "3x100000x100000", "[", "conv[²,0,0]", "99999999999"]
SECONDS = 20

BASE = {
    "activations": ["RUN", "--unit", "fc[0]", "--limit", "4"],
    "audit": ["--run", "RUN"],
    "compare": ["RUN", "RUN"],
    "completion": ["bash"],
    "convolve": ["3,2,1", "1,0,-1"],
    "data": ["mnist"],
    "datasets": [],
    "demo": [],
    "evaluate": ["RUN"],
    "explain": ["RUN", "test/0", "--method", "gradient"],
    "filter": ["photo.png", "--kernel", "edges", "--out", "edges.png", "--force"],
    "history": ["RUN", "test/0"],
    "layers": ["simple-mnist"],
    "maps": ["RUN", "test/0"],
    "mistakes": ["RUN"],
    "networks": [],
    "predict": ["RUN", "photo.png"],
    "recipes": [],
    "report": ["RUN", "--force"],
    "resume": ["RUN"],
    "robustness": ["RUN", "--images", "4"],
    "runs": [],
    "serve": ["RUN"],
    "step": ["RUN", "--weight", "fc.bias[0]", "--no-verify"],
    "studio": ["."],
    "trace": ["RUN", "test/0"],
    "train": ["mnist", "-n", "tiny_net.py:TinyNet", "-r", "tutorial", "--epochs", "1", "--log-every", "99"],
    "why": ["RUN", "test/0", "--limit", "4", "--method", "gradient"],
}
"""A command line of each command that does little; its options come last, so that an odd one overrides them."""


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, command_data: Path) -> Path:
    from learnable_sets import TINY_NETWORK

    folder = tmp_path_factory.mktemp("odd")
    (folder / "tiny_net.py").write_text(TINY_NETWORK)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_DATA", str(command_data))
        patch.setenv("PELLUCID_CACHE", str(command_data / "cache"))
        run = pellucid.train(
            "mnist", network=f"{folder}/tiny_net.py:TinyNet", recipe="tutorial", epochs=1, out=folder / "run"
        )
    return run.directory


def command_lines(name: str, run: str) -> Iterator[list[str]]:
    """Give command lines of a command, each with one odd value."""
    base = [run if word == "RUN" else word for word in BASE[name]]
    is_option = [word.startswith("-") for word in base]
    places = [index for index in range(len(base)) if not is_option[index] and not (index and is_option[index - 1])]
    loaded = group.get_command(click.Context(group), name)
    assert loaded is not None
    for parameter in loaded.params:
        if isinstance(parameter, click.Option) and not parameter.is_flag and not parameter.count:
            for value in dict.fromkeys([*NUMBERS, *TEXTS]):
                yield [name, *base, parameter.opts[0], *[value] * parameter.nargs]
    for place in places:
        for value in TEXTS:
            yield [name, *base[:place], value, *base[place + 1 :]]
    if not places:
        for value in TEXTS:
            yield [name, *base, value]


BLANK = ("", " ", "\n")
"""Values that nothing can take."""

NONSENSE = (*BLANK, "²", "½", "[")
"""Values that no option can take, but for the names of files."""

TAKING_MUCH = (None, "--out", "--csv", "--jsonl", "--sheet", "--sort-into", "--token")
"""What names a file, or is a word of the person's own: nearly all values are possible."""

SAMPLE = 12
"""Command lines of each command that the quick test tries."""


@pytest.fixture(autouse=True)
def _servers_that_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what answers until Ctrl-C end when it has begun."""
    monkeypatch.setattr("pellucid.ground.listening.Server.run", lambda *args, **kwargs: None)
    monkeypatch.setattr("webbrowser.open", lambda address: True)


def test_a_sample_of_every_command(finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (8, 8), (200, 100, 50)).save("photo.png")
    for name in sorted(BASE.keys() - {"demo", "report", "audit"}):
        lines = [line for line in command_lines(name, str(finished)) if line[-1] in NONSENSE]
        try_all(random.Random(name).sample(lines, min(SAMPLE, len(lines))), capsys)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in command_names() if name != "export"])  # seconds a call
def test_no_traceback(name: str, finished: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Image.new("RGB", (8, 8), (200, 100, 50)).save("photo.png")
    count = try_all(command_lines(name, str(finished)), capsys)
    print(f"{name}: {count} command lines")


def try_all(lines: Iterable[list[str]], capsys: pytest.CaptureFixture[str]) -> int:
    """Run command lines; fail with all whose end is not a result or a message, or that took nonsense for a value."""
    failures, count = [], 0
    for arguments in lines:
        count += 1
        try:
            with limited(arguments):
                status = main(arguments)
        except Exception as error:  # what the person would see as a traceback
            failures.append((shortened(arguments), f"{type(error).__name__}: {str(error)[:150]}"))
            continue
        printed = capsys.readouterr()
        if status not in (0, 1, 2) or (status and "Error: " not in printed.err):
            failures.append((shortened(arguments), f"status {status}: {printed.err[:150]!r}"))
        option = next((word for word in reversed(arguments[:-1]) if word.startswith("--")), None)
        taking_much = option in TAKING_MUCH or os.path.exists(arguments[-1])  # a folder that --out made
        refusable = BLANK if taking_much else NONSENSE
        if status == 0 and arguments[-1] in refusable:
            failures.append((shortened(arguments), "was accepted as a value"))
    assert not failures, "\n".join(f"{arguments}\n    {what}" for arguments, what in failures)
    return count


class limited:
    """Raise TimeoutError in a command that takes too long."""

    def __init__(self, arguments: list[str]) -> None:
        self.arguments = arguments

    def _end(self, number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"not done after {SECONDS} s")

    def __enter__(self) -> None:
        self.before = signal.signal(signal.SIGALRM, self._end)
        signal.alarm(SECONDS)

    def __exit__(self, *error: object) -> None:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, self.before)


def shortened(arguments: list[str]) -> list[str]:
    return [word if len(word) < 60 else f"{word[:20]}… ({len(word)} characters)" for word in arguments]


@pytest.mark.parametrize("command", [["runs"], ["mistakes"], ["datasets", "--data-dir"]])
def test_a_name_too_long_for_the_disk_is_the_persons_mistake(
    command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "x" * 5000]) == 2
    message = capsys.readouterr().err
    assert "the name has 5," in message
    assert len(message) < 200
