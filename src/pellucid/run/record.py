"""The record of a run, `run.json`: what was asked of its training, written once, before the first step."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pellucid.data.request import DataRequest
from pellucid.ground.errors import UserError
from pellucid.ground.files import write_json
from pellucid.run.files import RunFile

__all__ = ["RunRecord", "read_record", "write_record"]

FORMAT = 2


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What was asked of a training; on what it was computed is in the metrics (`Run.computations`)."""

    network: str
    """A network's name, or `file.py:ClassName`; the file itself is then kept in the run."""
    head: str
    """What the network returns, one of `pellucid.networks.Head`: `logits`, `probabilities`, and so on."""
    data: DataRequest
    fingerprint: str
    """Of the images that the request gave when the run began: hash of their content, size and splits."""
    recipe: dict[str, Any]
    seed: int
    device: str
    """The device that was asked for, such as `auto`."""
    threads: int
    """Threads within an operation on the CPU. Another number may round sums differently, so a resume keeps it."""
    processes: int
    keep: int | None
    """How many epochs' weights are kept, the newest; None keeps all."""
    classes: tuple[str, ...]
    preprocessing: dict[str, Any]
    versions: dict[str, str]
    created: str


def write_record(directory: Path, record: RunRecord) -> None:
    """Write `run.json` into a run's directory, whole or not at all."""
    write_json(directory / RunFile.RECORD, {"format": FORMAT, **asdict(record), "data": record.data.to_dict()})


def read_record(directory: Path) -> RunRecord:
    """Read `run.json` of a run's directory.

    Raises:
        UserError: it is damaged, or of another pellucid.
    """
    file = directory / RunFile.RECORD
    try:
        fields = json.loads(file.read_text(encoding="utf-8"))
        version = fields.pop("format")
        if version != FORMAT:
            remedy = "update pellucid" if version > FORMAT else "train again, or use the pellucid that wrote it"
            raise UserError(f"{file} has format {version}, this pellucid reads format {FORMAT}; {remedy}")
        fields["classes"] = tuple(fields["classes"])
        fields["data"] = DataRequest.from_dict(fields["data"])
        return RunRecord(**fields)
    except (KeyError, TypeError, json.JSONDecodeError, AttributeError) as error:
        raise UserError(f"{file} is damaged: {type(error).__name__}: {error}") from error
