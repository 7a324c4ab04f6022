"""Reading `audit.json` back; `result` says what each field means."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pellucid.auditing.composition import ImageAt, OriginalSizes, SplitFigures, Suspicious
from pellucid.auditing.doubts import Doubt, Doubts
from pellucid.auditing.result import FORMAT, Audit, Between, DuplicatePair, Duplicates
from pellucid.ground.errors import UserError
from pellucid.run.files import RunFile

__all__ = ["audit_from_dict", "read_audit"]


def read_audit(folder: str | Path) -> Audit | None:
    """Read the `audit.json` of a run or another folder; None where there is none.

    Raises:
        UserError: it is damaged, or of another pellucid.
    """
    file = Path(folder) / RunFile.AUDIT
    if not file.exists():
        return None
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        if document["format"] == FORMAT:
            return audit_from_dict(document)
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise UserError(f"{file} is damaged ({type(error).__name__}: {error}); audit again") from error
    raise UserError(f"{file} has format {document['format']}, expected {FORMAT}; audit again with this pellucid")


def audit_from_dict(document: dict[str, Any]) -> Audit:
    """Read what `Audit.to_dict` gave.

    Raises:
        KeyError, TypeError: it is something else.
    """
    sizes, doubts, duplicates = document["original_sizes"], document["doubts"], document["duplicates"]
    changes: dict[str, Any] = {
        "classes": tuple(document["classes"]),
        "shape": tuple(document["shape"]),
        "splits": tuple(SplitFigures(**_tuples(split)) for split in document["splits"]),
        "original_sizes": None if sizes is None else OriginalSizes(**_tuples(sizes)),
        "left_out": tuple(document["left_out"]),
        "suspicious": tuple(
            Suspicious(ImageAt(**suspect["image"]), suspect["reason"]) for suspect in document["suspicious"]
        ),
        "duplicates": Duplicates(
            **{
                **duplicates,
                "between": tuple(Between(**row) for row in duplicates["between"]),
                "pairs": tuple(_pair(pair) for pair in duplicates["pairs"]),
            }
        ),
        "doubts": None if doubts is None else _doubts(doubts),
        "notes": tuple(document["notes"]),
    }
    fields = {name: value for name, value in document.items() if name != "format"}
    return Audit(**{**fields, **changes})


def _pair(document: dict[str, Any]) -> DuplicatePair:
    ends = {"first": ImageAt(**document["first"]), "second": ImageAt(**document["second"])}
    return DuplicatePair(**{**_tuples(document), **ends})


def _doubts(document: dict[str, Any]) -> Doubts:
    most = tuple(Doubt(**{**doubt, "image": ImageAt(**doubt["image"])}) for doubt in document["most"])
    return Doubts(**{**_tuples(document), "most": most})


def _tuples(document: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in document.items()}
