"""JSON files that say when they were changed: written with a SHA-256 of their content, checked when they are read.

    write_document(path, {"format": 2, "epoch": 3})
    read_document(path, 2, "evaluate again")

The checksum is of the canonical text of everything else in the file (sorted keys, no spaces), so that an editor which
only lays the file out differently changes nothing, and a flipped byte in a name or a number is found.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from pellucid.ground.errors import UserError
from pellucid.ground.files import read_whole, write_json
from pellucid.ground.outside import all_visible

__all__ = ["read_as", "read_document", "shaped", "write_document"]

SEAL = "sha256"

Kind = TypeVar("Kind")


def write_document(path: Path, document: dict[str, Any], protected: Callable[[Any], Any] = lambda whole: whole) -> None:
    """Write a JSON document with its checksum, whole or not at all; NaN and infinity are refused.

    Args:
        path: the file.
        document: what it holds; `format` is the number of its format.
        protected: gives of the document what the checksum is of; by default all of it.
    """
    write_json(path, {**document, SEAL: _checksum(protected(document))})


def read_document(
    path: Path, version: int, remedy: str, protected: Callable[[Any], Any] = lambda whole: whole
) -> dict[str, Any] | None:
    """Read what `write_document` wrote, without format and checksum; None where there is no such file.

    Args:
        path: the file.
        version: the number of the format that is expected.
        remedy: what to do where the file cannot be used, the end of each message.
        protected: as it was written with.

    Raises:
        UserError: it is damaged, was changed, or has another format.
    """
    try:
        content = read_whole(path, remedy)
    except FileNotFoundError:
        return None
    try:
        document = msgspec.json.decode(content)
    except (ValueError, RecursionError) as error:  # msgspec's and Unicode's errors are ValueErrors
        raise UserError(f"{path} is damaged ({error}); {remedy}") from error
    if not isinstance(document, dict):
        raise UserError(f"{path} is damaged: it is no JSON object; {remedy}")
    seal, given = document.pop(SEAL, None), document.get("format")
    if type(given) is not int:
        raise UserError(f"{path} is damaged: its format is {given!r}, expected {version}; {remedy}")
    if given != version:
        remedy = "update pellucid" if given > version else remedy
        raise UserError(f"{path} has format {given}, this pellucid reads format {version}; {remedy}")
    try:
        whole = seal == _checksum(protected(document))
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError):
        whole = False
    if not whole:
        raise UserError(
            f"{path} is damaged: it is not as pellucid wrote it (its SHA-256 is not that of its content); {remedy}"
        )
    del document["format"]
    return document


def shaped(kind: type[Kind], document: Any, path: Path, remedy: str) -> Kind:
    """Make a dataclass of plain JSON values, each checked against the type of its field.

    Raises:
        UserError: a field is missing or is of another type; the message names it.
    """
    try:
        return msgspec.convert(document, kind)
    except (msgspec.ValidationError, RecursionError) as error:
        raise UserError(f"{path} is damaged: {error}; {remedy}") from error


def read_as(kind: type[Kind], path: Path, version: int, remedy: str) -> Kind | None:
    """Read a document into a dataclass (see `read_document` and `shaped`); None where there is no such file.

    It may be a stranger's: control characters in its texts become escapes.

    Raises:
        UserError: it is damaged, was changed, or has another format.
    """
    document = read_document(path, version, remedy)
    return None if document is None else shaped(kind, all_visible(document), path, remedy)


def _checksum(document: Any) -> str:
    # Read back once, since JSON makes texts of the keys that are numbers, which are sorted otherwise.
    plain = json.loads(json.dumps(document, allow_nan=False))
    text = json.dumps(plain, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
