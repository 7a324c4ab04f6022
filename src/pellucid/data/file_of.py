"""From a source as an image set shows it to its file on the disk, however the disk spells it."""

from __future__ import annotations

import os
from pathlib import Path

from pellucid.data.split_names import nfc
from pellucid.ground.outside import visible

__all__ = ["file_of"]


def file_of(origin: str | Path, source: str) -> Path | None:
    """Find the file of a source in the folder that the set was read from; None where there is none.

    Sources are shown in Unicode's composed form, and control characters and bytes that are no text as escapes; a disk
    may have other bytes.

    >>> file_of("no-such-folder", "cat/1.png") is None
    True
    """
    whole = Path(origin) / source
    if whole.is_file():
        return whole
    place = Path(whole.anchor)
    for part in (*Path(origin).relative_to(place).parts, *source.split("/")):
        if not (place / part).exists():
            try:
                spelled = [name for name in os.listdir(place) if visible(nfc(name)) == nfc(part)]
            except OSError:  # gone, or an archive
                return None
            if not spelled:
                return None
            part = spelled[0]
        place /= part
    return place if place.is_file() else None
