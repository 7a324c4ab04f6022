"""Surroundings of the command line's tests: the learnable data set, a cache of its own, an empty folder to stand in."""

from __future__ import annotations

from pathlib import Path

import pytest
from learnable_sets import TINY_NETWORK, write_learnable_mnist


@pytest.fixture(scope="session")
def command_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("command-data")
    write_learnable_mnist(folder / "MNIST" / "raw")
    return folder


@pytest.fixture(autouse=True)
def _surroundings(command_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PELLUCID_DATA", str(command_data))
    monkeypatch.setenv("PELLUCID_CACHE", str(command_data / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tiny_net.py").write_text(TINY_NETWORK)
