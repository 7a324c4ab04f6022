"""The two folders that a person can choose: where their data sets are, and where pellucid keeps its cache."""

from __future__ import annotations

import os
from pathlib import Path

from pellucid.ground.errors import UserError

__all__ = ["asked_folder", "cache_folder", "data_folder"]


def asked_folder(given: str | Path | None) -> tuple[str | Path | None, str]:
    """Return the data folder that is asked for, as written, and by what: `given`, else PELLUCID_DATA, else none."""
    if given is not None:
        return given, "--data-dir"
    return os.environ.get("PELLUCID_DATA") or None, "PELLUCID_DATA"


def data_folder(given: str | Path | None) -> Path | None:
    """Return the folder to look for named sets in first: `given`, else PELLUCID_DATA, else none.

    Raises:
        UserError: it is not a folder.
    """
    path, source = asked_folder(given)
    if path is None:
        return None
    folder = Path(path).expanduser().absolute()
    if not folder.is_dir():
        fault = "is a file" if folder.exists() else "does not exist"
        raise UserError(f"the data folder {folder} ({source}) {fault}; expected a folder that holds data sets")
    return folder


def cache_folder(given: str | Path | None) -> Path:
    """Return the cache folder: `given`, else PELLUCID_CACHE, else the system's own folder for caches."""
    path = given if given is not None else os.environ.get("PELLUCID_CACHE") or None
    if path is None:
        import platformdirs

        path = platformdirs.user_cache_dir("pellucid", appauthor=False)
    try:
        return Path(path).expanduser().absolute()
    except RuntimeError as error:
        raise UserError(
            f"there is no home directory to keep the cache in ({error}); set PELLUCID_CACHE to a folder"
        ) from error
