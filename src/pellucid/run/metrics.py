"""`metrics.jsonl`: what a training noted as it went, a line of JSON for each event; and on what it computed.

The events are `device` (on what the steps from here on are computed), `batch`, `fit` (of a last layer, in place of an
epoch's steps), `epoch`, `fine-tune` (whether it is better than the fit alone) and `end`. Each line ends with its own
checksum, `crc32`, of the text before it.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from pellucid.ground.documents import shaped
from pellucid.ground.errors import UserError
from pellucid.ground.files import read_whole
from pellucid.ground.outside import all_visible
from pellucid.run.files import RunFile

__all__ = ["Computation", "computations", "metrics_from", "metrics_line", "read_metrics"]

REMEDY = "what it notes cannot be trusted; put the file back from a copy, or train again"
CHECK = b', "crc32": "'

MOST_AT_ONCE = 1 << 20
"""Bytes that are read at once of a file that is watched."""


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
    images_per_statistic: int | None = None
    """Over how many images a batch normalisation takes mean and variance; None where the network has none."""
    threads: int = 0
    """Threads within an operation on the CPU; 0 where that was not noted."""


@dataclass(frozen=True, kw_only=True)
class _Noted:
    """What every line must hold, and of which type what it may hold is."""

    event: str
    epoch: int = 0
    batch: int = 0
    step: int = 0
    loss: float = 0.0
    learning_rate: float = 0.0
    train_loss: float = 0.0
    train_accuracy: float = 0.0
    val_loss: float = 0.0
    val_accuracy: float = 0.0
    val_weighted_accuracy: float = 0.0
    kept: bool = False
    images_per_second: float = 0.0
    seconds: float = 0.0


NEEDED = {
    "device": ("step", "device", "name", "precision"),
    "batch": ("epoch", "batch", "step", "loss", "learning_rate"),
    "epoch": ("epoch",),
}


def metrics_line(event: str, **figures: Any) -> bytes:
    r"""Write one line with its checksum; NaN and infinity are refused, since JSON has neither.

    >>> metrics_line("batch", loss=0.5)
    b'{"event": "batch", "loss": 0.5, "crc32": "cea6519b"}\n'
    """
    text = json.dumps({"event": event, **figures}, allow_nan=False).encode()[:-1]
    return text + CHECK + f'{zlib.crc32(text):08x}"}}\n'.encode()


def read_metrics(directory: Path, event: str | None = None) -> list[dict[str, Any]]:
    """Read the lines of a run's `metrics.jsonl`, all or those of one event; none where there is no such file.

    A last line that a kill cut short is passed over.

    Raises:
        UserError: a line is damaged; the message has its number.
    """
    path = directory / RunFile.METRICS
    try:
        complete, _, _ = read_whole(path, REMEDY).rpartition(b"\n")
    except FileNotFoundError:
        return []
    lines = [_read_line(path, f"line {number}", line) for number, line in enumerate(complete.splitlines(), 1)]
    return [line for line in lines if event is None or line["event"] == event]


def metrics_from(
    directory: Path, start: int, most: int = MOST_AT_ONCE, *, without: str | None = None
) -> tuple[list[dict[str, Any]], int]:
    """Read what a run's `metrics.jsonl` has from a byte on, for whoever watches it grow.

    Args:
        directory: the run's.
        start: the byte at which a line begins.
        most: bytes to read at once, so that a long file is read in parts.
        without: an event whose lines are passed over unread, but for the last line: whoever only asks how far a run
            has come need not read every loss.

    Returns:
        The whole lines, and the byte after the last of them, at which the next call starts. No lines where there are
        none yet, or there is no such file.

    Raises:
        UserError: a line is damaged; the message says at which byte it begins.
    """
    path = directory / RunFile.METRICS
    try:
        with path.open("rb") as file:
            file.seek(start)
            complete, end, _ = file.read(most).rpartition(b"\n")
    except FileNotFoundError:
        return [], start
    texts = complete.splitlines()
    passed_over = f'{{"event": "{without}"'.encode()
    lines, at = [], start
    for number, text in enumerate(texts, 1):
        if without is None or number == len(texts) or not text.startswith(passed_over):
            lines.append(_read_line(path, f"the line at byte {at:,}", text))
        at += len(text) + 1
    return lines, start + len(complete) + len(end)


def _read_line(path: Path, where: str, text: bytes) -> dict[str, Any]:
    content, _, check = text.rpartition(CHECK)
    if check != f'{zlib.crc32(content):08x}"}}'.encode():
        raise UserError(f"{path} is damaged: {where} is not as pellucid wrote it; {REMEDY}")
    try:
        line = msgspec.json.decode(content + b"}")
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged in {where} ({error}); {REMEDY}") from error
    shaped(_Noted, line, path, REMEDY)
    missing = [name for name in NEEDED.get(line["event"], ()) if name not in line]
    if missing:
        raise UserError(f"{path} is damaged: {where} has no {', '.join(missing)}; {REMEDY}")
    result: dict[str, Any] = all_visible(line)
    return result


def computations(directory: Path) -> list[Computation]:
    """Give what a run's steps were computed on, in their order."""
    lines = read_metrics(directory, "device")
    return [shaped(Computation, line, directory / RunFile.METRICS, REMEDY) for line in lines]
