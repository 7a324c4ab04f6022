"""A cache and surroundings of each test's own."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Point the cache at a fresh folder, and PELLUCID_DATA at nothing."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("PELLUCID_CACHE", str(folder))
    monkeypatch.delenv("PELLUCID_DATA", raising=False)
    return folder
