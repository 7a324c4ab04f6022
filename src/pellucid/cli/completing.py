"""What the shell may complete of a run: read from its small files and the head of its weights, without torch."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["class_names", "layer_names", "run_names", "run_path", "unit_names", "weight_names"]

RUNS = Path("runs")
"""The folder in which training makes its runs."""


def run_path(text: str) -> str:
    """Find the run that a text means: a directory, or the name of one below `runs/`.

    A path that is there comes before a name, and what is neither comes back as it was given.
    """
    if not Path(text).exists() and (RUNS / text / "run.json").is_file():
        return str(RUNS / text)
    return text


def run_names(beginning: str) -> list[str]:
    """List the runs that begin like this, newest first: by name below `runs/`, or by path."""
    folder, slash, start = beginning.rpartition("/")
    parent = Path(folder or slash) if slash else RUNS
    files = [file for file in parent.glob("*/run.json") if file.parent.name.startswith(start)]
    files.sort(key=lambda file: file.stat().st_mtime, reverse=True)
    return [f"{folder}{slash}{file.parent.name}" for file in files]


def class_names(run: str | None) -> list[str]:
    """List the names of a run's classes, as `run.json` has them."""
    document = _json_of(Path(run_path(run)) / "run.json") if run else {}
    return [str(name) for name in document.get("classes", [])]


def weight_names(run: str | None) -> list[str]:
    """List a run's parameters, each with the index of its first element: `conv1.weight[0,0,0,0]`."""
    return [f"{name}[{','.join('0' * len(shape))}]" for name, shape in _parameters(run)]


def layer_names(run: str | None) -> list[str]:
    """List the layers that have a weight."""
    return list(dict.fromkeys(layer for layer, _ in _layers(run)))


def unit_names(run: str | None) -> list[str]:
    """List one unit of each layer that has a weight: `conv1[0,0,0]` of a convolution, `fc1[0]` of a linear layer."""
    units = []
    for layer, shape in _layers(run):
        axes = 1 if len(shape) == 2 else 3
        units.append(f"{layer}[{','.join('0' * axes)}]")
    return list(dict.fromkeys(units))


def _layers(run: str | None) -> Iterator[tuple[str, list[int]]]:
    for name, shape in _parameters(run):
        layer, _, kind = name.rpartition(".")
        if kind == "weight" and layer:
            yield layer, shape


def _parameters(run: str | None) -> list[tuple[str, list[int]]]:
    """Read the names and shapes in the head of a run's newest weights; buffers of counts are left out."""
    files = sorted(Path(run_path(run)).glob("weights/epoch-*.safetensors")) if run else []
    if not files:
        return []
    try:
        with files[-1].open("rb") as file:
            # https://github.com/huggingface/safetensors#format: 8 bytes for the size of the head, then the head.
            head: dict[str, Any] = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    except (OSError, ValueError, OverflowError, MemoryError):
        return []
    tensors = {name: entry["shape"] for name, entry in head.items() if name != "__metadata__"}
    return [(name, shape) for name, shape in tensors.items() if shape and math.prod(shape) > 0]


def _json_of(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return document if isinstance(document, dict) else {}
