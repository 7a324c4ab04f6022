"""A small learnable data set in MNIST's layout, shared by the tests of training."""

from __future__ import annotations

from pathlib import Path

import pytest
from learnable_sets import TINY_NETWORK, write_learnable_mnist


@pytest.fixture(scope="session")
def learnable(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder whose `mnist` is 640 training and 100 test images of ten easy classes."""
    folder = tmp_path_factory.mktemp("data")
    write_learnable_mnist(folder / "MNIST" / "raw")
    return folder


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _surroundings(learnable: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PELLUCID_DATA", str(learnable))
    monkeypatch.setenv("PELLUCID_CACHE", str(cache))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    """A person's own network, with dropout and batch normalisation, small enough for a step in a few milliseconds."""
    file = tmp_path / "tiny_net.py"
    file.write_text(TINY_NETWORK)
    return f"{file}:TinyNet"
