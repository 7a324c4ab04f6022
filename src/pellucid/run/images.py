"""`data.json` of a run: what its image set was when training began (`pellucid.data.describe_images`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pellucid.ground.documents import read_document, shaped, write_document
from pellucid.ground.errors import UserError
from pellucid.ground.outside import all_visible
from pellucid.run.files import RunFile

__all__ = ["read_data", "write_data"]

FORMAT = 1
REMEDY = "put the file back from a copy, or train again"
FITS = ("stretch", "crop", "pad", "none")
"""How images were brought to one size; `none` where all had it."""


@dataclass(frozen=True)
class _Described:
    """What it holds at least, and the types of it."""

    name: str
    origin: str
    fingerprint: str
    shape: tuple[int, int, int]
    fit: str
    classes: tuple[str, ...]
    images: dict[str, int]
    per_class: dict[str, dict[str, int]]
    left_out: tuple[dict[str, str], ...]
    split_seed: int | None
    flip_allowed: bool


def write_data(directory: Path, data: dict[str, Any]) -> None:
    """Write what `describe_images` gave, whole or not at all."""
    write_document(directory / RunFile.DATA, {"format": FORMAT, **data})


def read_data(directory: Path) -> dict[str, Any]:
    """Read what `write_data` wrote, control characters in its texts as escapes.

    Raises:
        UserError: it is missing, damaged or was changed.
    """
    path = directory / RunFile.DATA
    document = read_document(path, FORMAT, REMEDY)
    if document is None:
        raise UserError(f"{path} is missing; {REMEDY}")
    described = shaped(_Described, document, path, REMEDY)
    if described.fit not in FITS:
        raise UserError(f"{path} is damaged: fit is {described.fit!r}; expected one of {', '.join(FITS)}; {REMEDY}")
    shown: dict[str, Any] = all_visible(document)
    return shown
