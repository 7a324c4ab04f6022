"""Two small runs on the learnable images: one with validation images, one without; neither is right everywhere."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from learnable_sets import TINY_NETWORK, write_learnable_mnist

import pellucid
from pellucid.run import Run


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with `data`, `cache`, and the runs `weak` (recipe standard) and `plain` (recipe tutorial)."""
    folder = tmp_path_factory.mktemp("evaluation")
    write_learnable_mnist(folder / "data" / "MNIST" / "raw")
    (folder / "tiny_net.py").write_text(TINY_NETWORK)
    tiny = f"{folder / 'tiny_net.py'}:TinyNet"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PELLUCID_DATA", str(folder / "data"))
        patch.setenv("PELLUCID_CACHE", str(folder / "cache"))
        short = {"network": tiny, "epochs": 1, "batch_size": 16}
        pellucid.train("mnist", recipe="standard", learning_rate=0.006, out=folder / "weak", **short)
        pellucid.train("mnist", recipe="tutorial", learning_rate=0.003, out=folder / "plain", **short)
        yield folder


@pytest.fixture
def weak(shelf: Path, tmp_path: Path) -> Run:
    """A run with 60 validation images that gets about nine tenths of the 100 test images right."""
    shutil.copytree(shelf / "weak", tmp_path / "weak")
    return pellucid.open_run(tmp_path / "weak")


@pytest.fixture
def plain(shelf: Path, tmp_path: Path) -> Run:
    """A run of the tutorial recipe, which holds nothing out."""
    shutil.copytree(shelf / "plain", tmp_path / "plain")
    return pellucid.open_run(tmp_path / "plain")
