"""The record of a run, `run.json`: what was asked of its training, written once, before the first step.

Its checksum is of everything but where the images lie, so that this may be changed by hand when they are moved: they
are known by their fingerprint.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from pellucid.data.request import DataRequest
from pellucid.ground.documents import read_document, shaped, write_document
from pellucid.ground.errors import UserError
from pellucid.ground.outside import all_visible, visible
from pellucid.recipes import Recipe
from pellucid.run.epochs import KEEP_EXPECTED, is_keep
from pellucid.run.files import RunFile

__all__ = ["RunRecord", "WeightsOrigin", "read_record", "write_record"]

FORMAT = 5
REMEDY = "put the file back from a copy, or train again"
MOST_THREADS = 1024
HEADS = ("logits", "log-probabilities", "probabilities", "sigmoids")
"""The values of `pellucid.networks.Head`, which needs torch; this file does not."""
MOST_CLASSES = 1_000_000
LARGEST_SIDE = 8192


@dataclass(frozen=True, kw_only=True)
class WeightsOrigin:
    """The weights that a training began with, where they had been trained before."""

    asked: str
    """`pretrained` (the network's own, from a package), or the absolute path of a file."""
    source: str
    licence: str
    sha256: str


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
    keep: int | str
    """Which epochs' weights are kept: `best-and-last`, `all`, or a number, the newest and the best."""
    classes: tuple[str, ...]
    preprocessing: dict[str, Any]
    versions: dict[str, str]
    created: str
    weights: WeightsOrigin | None = None
    """The pretrained weights that it began with; None where they were random, drawn by the seed."""
    identity: str = ""
    """Random, the run's own: its weights and checkpoints name it."""
    signature: str | None = None
    """Of a person's own network, by the installation that made the run (`pellucid.run.trust`)."""


@dataclass(frozen=True, kw_only=True)
class _Written(RunRecord):
    """The record as JSON holds it, for the types of its values."""

    data: dict[str, Any]  # type: ignore[assignment]


@dataclass(frozen=True, kw_only=True)
class _WrittenRequest:
    source: str
    data_dir: str | None
    size: tuple[int, int] | None
    channels: int | None
    fit: str
    strict: bool
    split_seed: int
    file_column: str | None = None
    label_column: str | None = None
    pixel_range: tuple[float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class _WrittenPreprocessing:
    """The fields of `pellucid.data.preprocessing.Preprocessing`, which needs torch; this file does not."""

    height: int
    width: int
    channels: int
    fit: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    pixel_range: tuple[float, float] | None = None


def write_record(directory: Path, record: RunRecord) -> None:
    """Write `run.json` into a run's directory, whole or not at all."""
    document = {"format": FORMAT, **asdict(record), "data": record.data.to_dict()}
    write_document(directory / RunFile.RECORD, document, _without_places)


def read_record(directory: Path) -> RunRecord:
    """Read `run.json` of a run's directory, every value checked; control characters in its names become escapes.

    Raises:
        UserError: it is damaged, or of another pellucid.
    """
    file = directory / RunFile.RECORD
    document = read_document(file, FORMAT, REMEDY, _without_places)
    if document is None:
        raise UserError(f"{directory} is not a run: it has no {RunFile.RECORD}")
    written = shaped(_Written, document, file, REMEDY)
    request = {**written.data}  # paths, which are to be opened as they are
    shaped(_WrittenRequest, {**{name: request.get(name) for name in ("channels", "size")}, **request}, file, REMEDY)
    preprocessing = shaped(_WrittenPreprocessing, written.preprocessing, file, REMEDY)
    problems = _problems(written, preprocessing)
    try:
        Recipe.from_dict(written.recipe)
        data = DataRequest.from_dict(request)
        problems += data.problems()
    except UserError as error:
        problems += error.problems
    except TypeError as error:
        problems.append(f"recipe or data: {error}")
    if problems:
        raise UserError.all_of(f"{file} is damaged; {REMEDY}", problems)
    values = {entry.name: all_visible(getattr(written, entry.name)) for entry in fields(RunRecord)}
    if written.weights is not None:  # what was asked for may be a path, which is to be opened as it is
        said = {name: visible(getattr(written.weights, name)) for name in ("source", "licence", "sha256")}
        values["weights"] = replace(written.weights, **said)
    return RunRecord(**{**values, "classes": tuple(map(visible, written.classes)), "data": data})


def _problems(record: _Written, given: _WrittenPreprocessing) -> list[str]:
    """List the values that are of the right type and cannot be."""
    sides = (given.height, given.width)
    is_scale = len(given.std) == given.channels and min(given.std, default=0.0) > 0
    settings = sorted({setting.name for setting in fields(Recipe)} ^ record.recipe.keys())
    checks = (
        ("head", record.head, record.head in HEADS, f"one of {', '.join(HEADS)}"),
        ("threads", record.threads, 1 <= record.threads <= MOST_THREADS, f"1 to {MOST_THREADS:,}"),
        ("processes", record.processes, 1 <= record.processes <= 2**20, "at least 1"),
        ("keep", record.keep, is_keep(record.keep), KEEP_EXPECTED),
        ("seed", record.seed, 0 <= record.seed < 2**63, "0 to 2^63 - 1"),
        ("recipe", f"wrong in {', '.join(settings)}", not settings, "all settings of a recipe, and no others"),
        ("versions", record.versions, "pellucid" in record.versions, "pellucid's among them"),
        ("classes", len(record.classes), 2 <= len(record.classes) <= MOST_CLASSES, "2 classes or more"),
        ("preprocessing", sides, all(1 <= side <= LARGEST_SIDE for side in sides), f"sides of 1 to {LARGEST_SIDE:,}"),
        ("preprocessing.channels", given.channels, given.channels in (1, 3), "1 or 3"),
        ("preprocessing.mean", given.mean, len(given.mean) == given.channels, "a number for each channel"),
        ("preprocessing.std", given.std, is_scale, "a number above 0 for each channel"),
        ("preprocessing.fit", given.fit, given.fit in ("stretch", "crop", "pad"), "a way to fit"),
    )
    return [f"{name} is {value}; expected {expected}" for name, value, is_right, expected in checks if not is_right]


def _without_places(document: dict[str, Any]) -> dict[str, Any]:
    """Leave out where the images lie."""
    data = {name: value for name, value in document["data"].items() if name not in ("source", "data_dir")}
    return {**document, "data": data}
