"""Finding a named set's files in a folder: official layouts, the archives as downloaded, loose files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pellucid.data.located_files import LocatedFiles
from pellucid.data.named import NAMED
from pellucid.data.named_set import NamedSet

__all__ = ["locate"]


def locate(named: NamedSet, folder: Path) -> LocatedFiles | str:
    """Look for a named set in `folder`; return its files, or the reason why they are not there.

    Looked at, in this order: the official layout (`MNIST/raw/`, `cifar-10-batches-bin/`), a folder of the set's own
    name, `folder` itself (be it the layout's folder, or one that holds loose files), the archive as downloaded.
    """
    first_layout = named.layout.split("/")[0]
    partial = ""
    for place in (folder / named.layout, folder / first_layout, folder / named.name, folder / "raw", folder):
        if not place.is_dir() or _belongs_to_another(named, place):
            continue
        paths, missing = _paths(named, place)
        if not missing:
            return LocatedFiles(str(place), paths)
        if paths and not partial:
            partial = f"{place} lacks {', '.join(missing)}"
    if named.archive is not None:
        for place in (folder, folder / named.name):
            archive = place / named.archive
            if archive.is_file():
                return LocatedFiles(str(archive), {}, archive)
    if partial:
        return partial
    pickled = [name for name in named.pickled if (folder / name).exists()]
    if pickled:
        readable = named.archive or named.layout
        return f"{folder} has {pickled[0]}, the Python version, a pickle, which is not read; {readable} is"
    archive_too = f" nor {named.archive}" if named.archive else ""
    return f"{folder} has neither {named.layout}/{archive_too} nor {named.train_files[0]}"


def _paths(named: NamedSet, place: Path) -> tuple[dict[str, Path], list[str]]:
    """Return the set's files in a folder by their published name, and the names of those that are not there."""
    paths, missing = {}, []
    for name in named.train_files + named.test_files:
        # some unpackers write the dash before "idx" as a dot
        spellings = (name, f"{name}.gz", name.replace("-idx", ".idx"), name.replace("-idx", ".idx") + ".gz")
        path = next((place / spelling for spelling in spellings if (place / spelling).is_file()), None)
        if path is not None:
            paths[name] = path
        else:
            missing.append(name)
    if named.names_file and (place / named.names_file).is_file():
        paths[named.names_file] = place / named.names_file
    return paths, missing


def _belongs_to_another(named: NamedSet, place: Path) -> bool:
    """Tell whether a folder holds another set, by its name or a file's checksum: the MNIST family shares file names."""
    name = (place.parent if place.name == "raw" else place).name.lower()
    others = [other for other in NAMED.values() if other.name != named.name]
    if name in {alias for other in others for alias in _folder_names(other)} - _folder_names(named):
        return True
    if not named.downloads:
        return False
    last = named.downloads[-1]
    rivals = {wanted.md5 for other in others for wanted in other.downloads if wanted.file == last.file}
    if not rivals or not (place / last.file).is_file():
        return False
    return hashlib.md5((place / last.file).read_bytes(), usedforsecurity=False).hexdigest() in rivals - {last.md5}


def _folder_names(named: NamedSet) -> set[str]:
    return {named.name, named.layout.split("/")[0].lower()}
