"""A network's file that imports a file beside it is refused before anything is written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import pellucid
from pellucid import UserError
from pellucid.networks import check_stands_alone

IMPORTS = [
    "import blocks",
    "from blocks import Block",
    "import blocks.parts as parts",
    "from .blocks import Block",
    "from . import blocks",
    "def make():\n    import blocks",
    "import torch, blocks",
]


@pytest.mark.parametrize("text", IMPORTS)
@pytest.mark.parametrize("form", ["blocks.py", "blocks/__init__.py"])
def test_a_neighbour_is_named(text: str, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "nets" / form
    file.parent.mkdir(parents=True)
    file.write_text("")
    (tmp_path / "nets" / "net.py").write_text(text)
    with pytest.raises(UserError, match=r"net.py imports blocks from .*blocks.*; a run keeps one file"):
        pellucid.train("mnist", network="nets/net.py:Net", out="run")
    assert not Path("run").exists()


@pytest.mark.parametrize("text", ["import torch", "import random", "from torch import nn", "import numpy as n", "x ="])
def test_what_is_installed_may_be_imported(text: str, tmp_path: Path) -> None:
    (tmp_path / "random.py").write_text("")  # the standard library's comes first
    (tmp_path / "net.py").write_text(text)
    check_stands_alone(f"{tmp_path}/net.py:Net")


def test_a_folder_on_the_python_path_counts_as_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library = tmp_path / "library"
    library.mkdir()
    for folder in (library, tmp_path):
        (folder / "blocks.py").write_text("")
    (tmp_path / "net.py").write_text("import blocks")
    monkeypatch.syspath_prepend(str(library))
    check_stands_alone(f"{tmp_path}/net.py:Net")


def test_the_check_runs_nothing(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("raise SystemExit('run')")
    code = f"from pellucid.networks import check_stands_alone; check_stands_alone({str(tmp_path / 'net.py') + ':N'!r})"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
