"""What the shell completes, through click's own mechanism and without torch; and runs found by their name."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.shell_completion import ShellComplete

from pellucid.cli import pellucid
from pellucid.cli.kinds import RunPath

WEIGHTS = {"conv1.weight": [4, 1, 3, 3], "conv1.bias": [4], "fc1.weight": [10, 36], "bn.num_batches_tracked": []}


@pytest.fixture
def _two_runs(make_listed_run) -> None:
    make_listed_run("mnist-simple-mnist-1", classes=["cat", "dog"], weights=WEIGHTS)
    make_listed_run("cifar10-small-resnet-1")


def completed(*words: str) -> list[str]:
    shell = ShellComplete(pellucid, {}, "pellucid", "_PELLUCID_COMPLETE")
    return [item.value for item in shell.get_completions(list(words[:-1]), words[-1])]


CASES = [
    (("tra",), ["train", "trace"]),
    (("train", "fashion"), ["fashion-mnist"]),
    (("train", "mnist", "--recipe", "st"), ["standard", "strong"]),
    (("train", "mnist", "--network", "simple-m"), ["simple-mnist"]),
    (("train", "mnist", "--learning"), ["--learning-rate"]),
    (("train", "mnist", "--device", "c"), ["cpu", "cuda"]),
    (("trace", "mnist"), ["mnist-simple-mnist-1"]),
    (("trace", "runs/mn"), ["runs/mnist-simple-mnist-1"]),
    (("trace", "mnist-simple-mnist-1", "test/0", "--unit", ""), ["conv1[0,0,0]", "fc1[0]"]),
    (("trace", "mnist-simple-mnist-1", "test/0", "--class", "d"), ["dog"]),
    (("trace", "mnist-simple-mnist-1", "test/0", "--epoch", ""), ["last", "best"]),
    (("step", "mnist-simple-mnist-1", "--weight", "conv1.b"), ["conv1.bias[0]"]),
    (("step", "runs/mnist-simple-mnist-1", "--weight", "fc"), ["fc1.weight[0,0]"]),
    (("step", "cifar10-small-resnet-1", "--weight", ""), []),
    (("maps", "mnist-simple-mnist-1", "test/0", "--layer", ""), ["conv1", "fc1"]),
    (("mistakes", "mnist-simple-mnist-1", "--true", "c"), ["cat"]),
    (("compare", "mnist-simple-mnist-1", "cifar"), ["cifar10-small-resnet-1"]),
    (("evaluate", "mnist-simple-mnist-1", "--split", "t"), ["train", "test"]),
    (("completion", "z"), ["zsh"]),
]


@pytest.mark.usefixtures("_two_runs")
@pytest.mark.parametrize(("words", "expected"), CASES, ids=[" ".join(case[0]) for case in CASES])
def test_the_shell_completes(words: tuple[str, ...], expected: list[str]) -> None:
    assert completed(*words) == expected


@pytest.mark.usefixtures("_two_runs")
def test_damaged_weights_complete_nothing() -> None:
    path = Path("runs/mnist-simple-mnist-1/weights/epoch-001.safetensors")
    path.write_bytes(b"\xff" * 20)
    assert completed("step", "mnist-simple-mnist-1", "--weight", "") == []


@pytest.mark.usefixtures("_two_runs")
def test_completing_a_unit_loads_no_torch() -> None:
    code = (
        "import sys\nfrom click.shell_completion import ShellComplete\nfrom pellucid.cli import pellucid\n"
        "shell = ShellComplete(pellucid, {}, 'pellucid', '_PELLUCID_COMPLETE')\n"
        "print([item.value for item in shell.get_completions(['trace', 'mnist-simple-mnist-1', 'x', '--unit'], 'f')])\n"
        "print(sorted({'torch', 'matplotlib'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.splitlines() == ["['fc1[0]']", "[]"]


@pytest.mark.usefixtures("_two_runs")
def test_the_shell_speaks_to_the_command_itself() -> None:
    environment = {"_PELLUCID_COMPLETE": "bash_complete", "COMP_WORDS": "pellucid resume cif", "COMP_CWORD": "2"}
    result = subprocess.run(
        [sys.executable, "-m", "pellucid"], capture_output=True, text=True, env=os.environ | environment, check=True
    )
    assert result.stdout.strip() == "plain,cifar10-small-resnet-1"


@pytest.mark.usefixtures("_two_runs")
def test_a_run_is_found_by_its_name(tmp_path: Path) -> None:
    kind = RunPath()
    assert Path(kind.convert("mnist-simple-mnist-1", None, None)) == Path("runs/mnist-simple-mnist-1")
    assert Path(kind.convert("runs/mnist-simple-mnist-1", None, None)) == Path("runs/mnist-simple-mnist-1")
    full = str(tmp_path / "runs/mnist-simple-mnist-1")
    assert kind.convert(full, None, None) == full
    with pytest.raises(click.BadParameter, match="mnist-2 is not a run: it does not exist"):
        kind.convert("mnist-2", None, None)
