"""Files of a run as pellucid itself would have written them, with right checksums: for tests that change a run."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pellucid.ground.documents import write_document
from pellucid.run.metrics import metrics_line
from pellucid.run.record import _without_places
from pellucid.run.run import Run
from pellucid.run.weights import seal_weights


def rewrite(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change a JSON file of a run and give it the checksum of what it holds now."""
    document = json.loads(path.read_text(encoding="utf-8"))
    document.pop("sha256", None)
    change(document)
    seal(path, document)


def seal(path: Path, document: dict[str, Any]) -> None:
    """Write a JSON file of a run with its checksum."""
    protected = {"protected": _without_places} if path.name == "run.json" else {}
    write_document(path, document, **protected)


def rewrite_weights(run: Run, epoch: int, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the weights of an epoch and seal them again."""
    weights = run.weights(epoch)
    change(weights)
    run.weights_path(epoch).write_bytes(seal_weights(weights, run.record.identity, epoch))


def write_metrics(path: Path, lines: list[dict[str, Any]]) -> None:
    """Write a `metrics.jsonl` of these lines, each with its checksum."""
    path.write_bytes(b"".join(metrics_line(**line) for line in lines))


def read_plainly(path: Path) -> dict[str, Any]:
    """Read a JSON file of a run without its checksum."""
    document = json.loads(path.read_text(encoding="utf-8"))
    assert re.fullmatch("[0-9a-f]{64}", document.pop("sha256"))
    result: dict[str, Any] = document
    return result
