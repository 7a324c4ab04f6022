"""Which image sets are known by name, and whether they are on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pellucid.data.find import find_here
from pellucid.data.located_files import LocatedFiles
from pellucid.data.named import NAMED
from pellucid.data.places import cache_folder, data_folder

__all__ = ["named_sets"]


def named_sets(data_dir: str | Path | None = None) -> list[dict[str, Any]]:
    """List the image sets that have a name, and where they are; nothing is downloaded or decoded.

    Args:
        data_dir: where data sets lie in their official layouts; None looks at `PELLUCID_DATA`.

    Raises:
        UserError: that is not a folder.

    >>> [row["shape"] for row in named_sets() if row["name"] == "mnist"]
    [[1, 28, 28]]
    """
    data, cache = data_folder(data_dir), cache_folder(None)
    rows: list[dict[str, Any]] = []
    for named in NAMED.values():
        files = find_here(named, data, cache)
        where = str(files.place) if isinstance(files, LocatedFiles) else None
        rows.append(
            {
                "name": named.name,
                "title": named.title,
                "images": {"train": named.counts[0], "test": named.counts[1]},
                "shape": list(named.shape),
                "classes": len(named.classes),
                "here": where is not None,
                "where": where,
                "download_megabytes": named.megabytes,
            }
        )
    return rows
