"""Where a named set comes from: the folders on this machine in order, then the web, then Debian's package."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pellucid.data.debian import from_debian_package
from pellucid.data.download import NotFetched, Patience, download
from pellucid.data.locate import locate
from pellucid.data.located_files import LocatedFiles
from pellucid.data.named import NAMED
from pellucid.data.named_set import NamedSet
from pellucid.data.places import cache_folder, data_folder
from pellucid.data.whole_folder import cache_error, room_for, whole_folder
from pellucid.ground.errors import UserError

__all__ = ["find", "find_here", "is_here"]

ORIGIN = "origin.txt"
"""In a folder of fetched files: the address or package that they came from."""


def find_here(named: NamedSet, data: Path | None, cache: Path) -> LocatedFiles | list[str]:
    """Look for a named set on this machine; return its files, or each folder with the reason why it is not there."""
    fetched = cache / "downloads" / named.name
    folders = [folder for folder in (data, fetched, Path(named.debian.folder) if named.debian else None) if folder]
    tried = [] if data else ["no data folder: neither --data-dir nor PELLUCID_DATA is given"]
    for folder in folders:
        files = locate(named, folder) if folder.is_dir() else f"{folder} does not exist"
        if isinstance(files, LocatedFiles):
            return _with_origin(files, folder) if folder == fetched else files
        tried.append(files)
    return tried


def is_here(name: str) -> bool:
    """Whether a named set can be opened without fetching anything.

    Raises:
        UserError: PELLUCID_DATA is not a folder.

    >>> is_here("no-such-set")
    False
    """
    return name in NAMED and isinstance(find_here(NAMED[name], data_folder(None), cache_folder(None)), LocatedFiles)


def find(
    named: NamedSet, data: Path | None, cache: Path, fetch: bool = True, patience: Patience | None = None
) -> LocatedFiles:
    """Find a named set's files, fetching them into the cache if need be.

    Looked at in order: the data folder, the cache, the folder of Debian's package; then, if `fetch`, the published
    addresses, then Debian's package itself, where the person agrees.

    Raises:
        UserError: nothing worked; it lists everything that was tried, and says what to put where.
    """
    here = find_here(named, data, cache)
    if isinstance(here, LocatedFiles):
        return here
    tried = list(here)
    if fetch:
        try:
            return _fetched(named, cache, patience)
        except NotFetched as error:
            tried += error.args
    else:
        tried.append("downloading is turned off")
    files = ", ".join([wanted.file for wanted in named.downloads] or named.train_files + named.test_files)
    where = (data or Path("DIR")) / (named.layout if named.archive is None else "")
    command = "" if data else " and give --data-dir DIR (or set PELLUCID_DATA=DIR)"
    listing = UserError.all_of(f"{named.name} was not found; tried", tried)
    raise UserError(f"{listing}\nPut {files} into {where}{command}.")


def _fetched(named: NamedSet, cache: Path, patience: Patience | None) -> LocatedFiles:
    shelf = cache / "downloads"
    try:
        folder = whole_folder(
            shelf,
            named.name,
            f"downloading {named.name}",
            is_whole=lambda folder: isinstance(locate(named, folder), LocatedFiles),
            make=lambda folder: _fetch(named, folder, patience),
        )
    except OSError as error:
        raise cache_error(shelf, error) from error
    files = locate(named, folder)
    if isinstance(files, str):
        raise NotFetched(f"{folder}: {files}")
    return _with_origin(files, folder)


def _fetch(named: NamedSet, folder: Path, patience: Patience | None) -> None:
    with room_for(folder, named.megabytes * 1_000_000):
        try:
            origin = download(named, folder, patience)
        except NotFetched as error:
            if named.debian is None:
                raise
            try:
                origin = from_debian_package(named, named.debian, folder)
            except NotFetched as package_error:
                raise NotFetched(*error.args, *package_error.args) from package_error
        (folder / ORIGIN).write_text(origin + "\n", encoding="utf-8")


def _with_origin(files: LocatedFiles, folder: Path) -> LocatedFiles:
    """Say of fetched files where they were fetched from."""
    origin = folder / ORIGIN
    return replace(files, origin=origin.read_text(encoding="utf-8").strip()) if origin.is_file() else files
