"""A run, and a small model file of the form that `pellucid export` writes, made by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from onnx_files import write_model


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "model.onnx")


@pytest.fixture
def make_model(tmp_path: Path) -> Callable[..., Path]:
    return lambda **changes: write_model(tmp_path / "changed.onnx", **changes)
