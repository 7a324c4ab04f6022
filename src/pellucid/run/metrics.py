"""`metrics.jsonl`: what a training noted as it went, a line of JSON for each event; and on what it computed.

The events are `device` (on what the steps from here on are computed), `batch`, `epoch` and `end`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pellucid.run.files import RunFile

__all__ = ["Computation", "computations", "read_metrics"]


@dataclass(frozen=True, kw_only=True)
class Computation:
    """On what, and how precisely, the steps of a run were computed; a run resumed elsewhere has several of these."""

    step: int
    """How many steps were done when it began: 0 at the start of the run."""
    device: str
    """The kind of device: `cpu`, `cuda` or `mps`."""
    name: str
    """The device for a person: `cpu (2 threads)`, `cuda (NVIDIA H100)`."""
    precision: str
    """Of forward passes: `float32` or `bfloat16`. Weights and optimizer are always in float32."""


def read_metrics(directory: Path, event: str | None = None) -> list[dict[str, Any]]:
    """Read the lines of a run's `metrics.jsonl`, all or those of one event; none where there is no such file.

    A last line that a kill cut short is passed over.
    """
    path = directory / RunFile.METRICS
    if not path.exists():
        return []
    complete, _, _ = path.read_bytes().rpartition(b"\n")
    lines = [json.loads(line) for line in complete.splitlines()]
    return [line for line in lines if event is None or line["event"] == event]


def computations(directory: Path) -> list[Computation]:
    """Give what a run's steps were computed on, in their order."""
    lines = read_metrics(directory, "device")
    return [Computation(**{name: value for name, value in line.items() if name != "event"}) for line in lines]
