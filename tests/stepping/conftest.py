"""Surroundings of these tests: the data of the small run, its cache, an empty folder to stand in."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def _surroundings(seen_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PELLUCID_DATA", str(seen_data))
    monkeypatch.setenv("PELLUCID_CACHE", str(seen_data / "cache"))
    monkeypatch.chdir(tmp_path)
