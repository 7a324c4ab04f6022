"""The README's commands and Python blocks run, as they stand, on small data in the official layouts."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from learnable_sets import write_learnable_mnist
from PIL import Image

from pellucid.cli import in_order
from pellucid.data.places import cache_folder
from pellucid.ground.devices import computes_in_bfloat16
from pellucid.ground.errors import UserError
from pellucid.web import web_runtime

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line.removeprefix("$ ")
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL)
    for line in block.splitlines()
    if line.startswith("$ ")
]
PYTHON = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def write_learnable_cifar(folder: Path) -> None:
    """Twenty images in each of the six files; a class is a shade."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(3)
    for name in [*(f"data_batch_{number}.bin" for number in range(1, 6)), "test_batch.bin"]:
        labels = np.arange(20) % 10
        pixels = generator.integers(0, 20, (20, 3072)) + 20 * labels[:, None]
        (folder / name).write_bytes(np.column_stack([labels, pixels]).astype(np.uint8).tobytes())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A newcomer's folder: small data sets, `my_photos`, and `my_nets.py` as the README has it."""
    folder = tmp_path_factory.mktemp("newcomer")
    write_learnable_mnist(folder / "data" / "MNIST" / "raw", train=200, test=20)
    write_learnable_cifar(folder / "data" / "cifar-10-batches-bin")
    for shade, name in ((40, "cats"), (200, "dogs")):
        (folder / "my_photos" / name).mkdir(parents=True)
        for number in range(8):
            Image.new("RGB", (90, 70), (shade, shade + number, 90)).save(folder / "my_photos" / name / f"{number}.jpg")
    with contextlib.suppress(UserError):  # fetched once for all tests, where there is a network
        web_runtime()
        shutil.copytree(cache_folder(None) / "web", folder / "cache" / "web")
    (own_network,) = [block for block in PYTHON if block.startswith("# my_nets.py")]
    (folder / "my_nets.py").write_text(own_network)
    return folder


def surroundings(place: Path) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    own = {"PATH": path, "PELLUCID_DATA": str(place / "data"), "PELLUCID_CACHE": str(place / "cache")}
    return {**os.environ, **own, "OMP_NUM_THREADS": "1"}


def test_there_are_commands_to_test() -> None:
    assert len(COMMANDS) > 10
    assert all(command.split()[0] in ("pellucid", "torchrun") for command in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_command(command: str, place: Path) -> None:
    if "--to page" in command and not (place / "cache" / "web").exists():
        pytest.skip("ONNX Runtime Web cannot be fetched here")
    if not computes_in_bfloat16(torch.device("cpu")):  # the README says that it takes such a processor
        command = command.removesuffix(" --precision mixed")
    done = subprocess.run(
        shlex.split(command), cwd=place, env=surroundings(place), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() or done.stderr.startswith("Wrote ")


@pytest.mark.parametrize("code", [block for block in PYTHON if not block.startswith("# my_nets.py")])
def test_python_block(code: str, place: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=place, env=surroundings(place), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr


def test_the_demo_runs(place: Path) -> None:
    """`make demo` is this command, with five epochs."""
    result = subprocess.run(
        ["pellucid", "demo", "--epochs", "1"],
        cwd=place,
        env=surroundings(place),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    assert re.search(r"Test Accuracy: \d", result.stdout)
    assert (place / re.search(r"for a browser: (\S+report\.html)", result.stdout)[1]).is_file()  # type: ignore[index]
    assert re.search(r"pellucid trace runs/\S+ test/0", result.stdout)
    assert re.search(r"pellucid studio runs/\S+\n", result.stdout)


def test_the_convolution_in_the_readme_is_what_the_command_prints(place: Path) -> None:
    command = ["pellucid", "convolve", "3,2,1,0", "1,0,-1"]
    done = subprocess.run(command, env=surroundings(place), capture_output=True, text=True, check=True)
    shown = re.search(r"as the lesson draws it:\n\n```\n(.*?)```", README, re.DOTALL)
    assert shown is not None
    for part in shown[1].split("…"):
        assert part.strip() in done.stdout


def test_every_command_is_in_the_table_with_what_its_help_says() -> None:
    table = README.partition("## All commands")[2].partition("## ")[0]
    rows = re.findall(r"^\|.*?\| `(\w+)` \| (.*) \|$", table, re.MULTILINE)
    assert rows == [(command.name, command.short_help) for command in in_order()]


def test_every_file_in_the_tree_exists_and_every_folder_is_in_it() -> None:
    tree = README.partition("## What is where")[2]
    named = re.findall(r"^(?:src/pellucid/)? *([\w.]+/|[\w.]+\.py)  ", tree, re.MULTILINE)
    for name in named:
        assert list(ROOT.rglob(name.rstrip("/"))), name
    folders = {path.name + "/" for path in (ROOT / "src" / "pellucid").iterdir() if (path / "__init__.py").exists()}
    assert folders <= set(named)
