"""Opening any source of pictures as an image set."""

from __future__ import annotations

from pathlib import Path

from pellucid.data.image_set import ImageSet
from pellucid.data.locate import Found, locate
from pellucid.data.named import NAMED, NamedSet
from pellucid.data.places import cache_folder, data_folder
from pellucid.data.read_named import read_named
from pellucid.data.store import key_of, open_or_make
from pellucid.errors import UserError, did_you_mean

__all__ = ["open_image_set"]


def open_image_set(
    source: str | Path,
    *,
    data_dir: str | Path | None = None,
    cache_dir: str | Path | None = None,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    fit: str = "stretch",
    strict: bool = False,
    split_seed: int = 0,
    workers: int | None = None,
    download: bool = True,
) -> ImageSet:
    """Open a named set."""
    cache = cache_folder(cache_dir)
    if str(source) not in NAMED:
        raise UserError(f"there is no image set {source!r}: {did_you_mean(str(source), NAMED)}")
    named = NAMED[str(source)]
    found = _find(named, data_folder(data_dir))
    key = key_of({"named": named.name, "origin": found.origin, "files": _identity(found)})
    return open_or_make(cache, key, f"reading {named.name}", lambda folder: read_named(named, found, folder))


def _find(named: NamedSet, data: Path | None) -> Found:
    tried = "no data folder is given (--data-dir or PELLUCID_DATA)"
    if data is not None:
        found = locate(named, data)
        if isinstance(found, Found):
            return found
        tried = found
    raise UserError(f"{named.name} is not here: {tried}")


def _identity(found: Found) -> list[tuple[str, int, int]]:
    return [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in found.files]
