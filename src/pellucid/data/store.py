"""Image sets in the cache: a folder each, complete or absent.

    image-sets/<key>/train-images.npy    uint8 [N, H, W, C], memory-mapped when opened
                     train-labels.npy    int64 [N]
                     train-sources.json  where each image came from; not for named sets, which only number theirs
                     ... val, test
                     manifest.json       everything else; written last

A set is made in `.<key>.partial` beside its final name, under the lock `.<key>.lock`, and renamed when complete. The
lock is freed when its holder dies, so a partial folder whose lock is free is rubbish and is cleared away.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data.image_set import SPLIT_NAMES, ImageSet, LeftOut, Split
from pellucid.data.locks import locked, try_locked
from pellucid.errors import UserError
from pellucid.files import fsync_directory, write_json

__all__ = ["FORMAT", "Contents", "SplitContents", "key_of", "open_or_make", "room_for"]

FORMAT = 1
"""Raised by one whenever the same source and options would give other pixels, labels or files than before."""

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
REMEDY = "free some, or point PELLUCID_CACHE at another folder that can be written to"


class NumberedSources(Sequence[str]):
    """`train/0`, `train/1`, ... without keeping them all."""

    def __init__(self, split: str, count: int) -> None:
        self._split = split
        self._count = count

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return [f"{self._split}/{number}" for number in range(self._count)[index]]
        return f"{self._split}/{range(self._count)[index]}"


@dataclass(frozen=True)
class SplitContents:
    """What a maker says of one split whose `<split>-images.npy` it has written."""

    labels: NDArray[np.int64]
    sources: list[str] | None
    """None: numbered."""


@dataclass(frozen=True)
class Contents:
    """What a maker returns: the image set but for its pixels."""

    name: str
    origin: str
    classes: tuple[str, ...]
    splits: Mapping[str, SplitContents]
    fit: str
    mirror: bool
    split_seed: int | None = None
    left_out: tuple[LeftOut, ...] = ()


def key_of(identity: Mapping[str, Any]) -> str:
    """Hash what identifies a set in the cache: its source's files and every option that changes the result."""
    text = json.dumps({"format": FORMAT, **identity}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def open_or_make(cache: Path, key: str, description: str, make: Callable[[Path], Contents]) -> ImageSet:
    """Open the set `key` from the cache; make it first where it is not there.

    Of several processes that ask at once, one makes it and the others wait. Whatever goes wrong while making it,
    nothing is left.

    Args:
        cache: the cache folder.
        key: from `key_of`.
        description: such as `decoding pets`, for whoever waits.
        make: writes `<split>-images.npy` for each split into the folder that it is given.

    Raises:
        UserError: the cache cannot be written, or the disk is full.
    """
    shelf = cache / "image-sets"
    found = _load(shelf / key)
    if found is not None:
        return found
    try:
        shelf.mkdir(parents=True, exist_ok=True)
        clear_leftovers(shelf)
        with locked(shelf / f".{key}.lock", description):
            found = _load(shelf / key)
            return found if found is not None else _make(shelf, key, make)
    except OSError as error:
        if error.errno in FULL:
            raise _full(shelf) from error
        raise UserError(f"the cache {shelf} cannot be used: {error}; {REMEDY}") from error


def clear_leftovers(shelf: Path) -> None:
    """Remove partial folders whose makers are dead."""
    for partial in shelf.glob(".*.partial"):
        with try_locked(partial.with_suffix(".lock")) as free:
            if free:
                shutil.rmtree(partial, ignore_errors=True)


def _make(shelf: Path, key: str, make: Callable[[Path], Contents]) -> ImageSet:
    partial, final = shelf / f".{key}.partial", shelf / key
    for stale in (partial, final):  # `final` is here only if it is damaged
        shutil.rmtree(stale, ignore_errors=True)
    partial.mkdir()
    try:
        contents = make(partial)
        _write_manifest(partial, contents)
        fsync_directory(partial)
        os.rename(partial, final)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    fsync_directory(shelf)
    made = _load(final)
    assert made is not None
    return made


def _write_manifest(folder: Path, contents: Contents) -> None:
    digest = hashlib.sha256(json.dumps([FORMAT, contents.classes]).encode())
    splits = {}
    for split in SPLIT_NAMES:
        if split not in contents.splits:
            continue
        labels, sources = contents.splits[split].labels, contents.splits[split].sources
        with open(folder / f"{split}-labels.npy", "wb") as file:
            np.save(file, labels)
            file.flush()
            os.fsync(file.fileno())
        if sources is not None:
            write_json(folder / f"{split}-sources.json", sources)
        images = folder / f"{split}-images.npy"
        digest.update(split.encode())
        digest.update(labels.tobytes())
        with open(images, "rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
        splits[split] = {
            "images": len(labels),
            "bytes": images.stat().st_size,
            "numbered": sources is None,
        }
    write_json(
        folder / "manifest.json",
        {
            "format": FORMAT,
            "name": contents.name,
            "origin": contents.origin,
            "classes": list(contents.classes),
            "splits": splits,
            "fingerprint": digest.hexdigest()[:32],
            "fit": contents.fit,
            "mirror": contents.mirror,
            "split_seed": contents.split_seed,
            "left_out": [[one.source, one.reason] for one in contents.left_out],
        },
    )


def _load(folder: Path) -> ImageSet | None:
    """Open a complete set; None where there is none or its files are not those of its manifest."""
    try:
        manifest = json.loads((folder / "manifest.json").read_bytes())
        if manifest["format"] != FORMAT:
            return None
        splits = {}
        for split, facts in manifest["splits"].items():
            images_path = folder / f"{split}-images.npy"
            if images_path.stat().st_size != facts["bytes"]:
                return None
            images = np.load(images_path, mmap_mode="r", allow_pickle=False)
            labels = np.load(folder / f"{split}-labels.npy", allow_pickle=False)
            sources: Sequence[str] = NumberedSources(split, facts["images"])
            if not facts["numbered"]:
                sources = json.loads((folder / f"{split}-sources.json").read_bytes())
            splits[split] = Split(images, labels, sources)
        return ImageSet(
            name=manifest["name"],
            origin=manifest["origin"],
            classes=tuple(manifest["classes"]),
            splits=splits,
            fingerprint=manifest["fingerprint"],
            fit=manifest["fit"],
            mirror=manifest["mirror"],
            split_seed=manifest["split_seed"],
            left_out=tuple(LeftOut(source, reason) for source, reason in manifest["left_out"]),
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


@contextlib.contextmanager
def room_for(folder: Path, needed: int) -> Iterator[None]:
    """Say in a UserError how many bytes are needed when the disk of `folder` lacks them, now or during the body."""
    if shutil.disk_usage(folder).free < needed:
        raise _full(folder, needed)
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise _full(folder, needed) from error
        raise


def _full(folder: Path, needed: int | None = None) -> UserError:
    shelf = next(parent for parent in (folder, *folder.parents) if parent.name == "image-sets")
    free = f"{shutil.disk_usage(shelf).free / 1e6:,.1f} MB are free"
    lack = f"{needed / 1e6:,.1f} MB are needed and {free}" if needed is not None else free
    return UserError(f"the disk of the cache {shelf} is full: {lack}; nothing was kept; {REMEDY}")
