"""Image sets in the cache: a folder each, complete or absent.

    image-sets/<key>/train-images.npy    uint8 [N, H, W, C], memory-mapped when opened
                     train-labels.npy    int64 [N]
                     train-sources.json  where each image came from; not for named sets, which only number theirs
                     ... val, test
                     manifest.json       everything else, with a checksum of every file and of itself; written last
                     checked.json        what the system said of the files when their checksums were last right

A set is made beside its final name and renamed when complete (see `whole_folder`). When it is opened its files are
summed again, unless the system says of each what it said after the last time (see `checksums`).
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.data.checksums import changed_file, checksum
from pellucid.data.image_set import SPLIT_NAMES, ImageSet, LeftOut, Split
from pellucid.data.near_copies import NearCopies
from pellucid.data.passed_over import PassedOver
from pellucid.data.pixel_range import CutOff, PixelRange
from pellucid.data.whole_folder import cache_error, whole_folder
from pellucid.ground.errors import UserError
from pellucid.ground.files import write_json
from pellucid.ground.parsing import one_parser

__all__ = ["FORMAT", "Contents", "SplitContents", "is_kept", "key_of", "open_or_make"]

SHELF = "image-sets"
MANIFEST = "manifest.json"
FORMAT = 5
"""Raised by one whenever the same source and options would give other pixels, labels or files than before."""


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
    flip_allowed: bool
    split_seed: int | None = None
    left_out: tuple[LeftOut, ...] = ()
    passed_over: PassedOver = field(default_factory=PassedOver)
    pixel_range: PixelRange | None = None
    cut_off: CutOff | None = None
    near_copies: NearCopies = field(default_factory=NearCopies)


class _Damaged(Exception):
    """A set in the cache is not as it was written; the message says which file."""


def key_of(identity: Mapping[str, Any]) -> str:
    """Hash what identifies a set in the cache: its source's files and every option that changes the result."""
    text = json.dumps({"format": FORMAT, **identity}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def is_kept(cache: Path, key: str) -> bool:
    """Whether the set `key` is in the cache."""
    return (cache / SHELF / key).is_dir()


def open_or_make(cache: Path, key: str, description: str, make: Callable[[Path], Contents]) -> ImageSet:
    """Open the set `key` from the cache; make it first where it is not there.

    Of several processes that ask at once, one makes it and the others wait. Whatever goes wrong while making it,
    nothing is left. A set that another program has changed, or that is damaged, is made again, which is said.

    Args:
        cache: the cache folder.
        key: from `key_of`.
        description: such as `decoding pets`, for whoever waits.
        make: writes `<split>-images.npy` for each split into the folder that it is given.

    Raises:
        UserError: the cache cannot be written, or the disk is full.
    """
    shelf = cache / SHELF
    try:
        image_set = _load(shelf / key)
    except _Damaged as error:
        print(
            f"The cached images of {shelf / key} are not as they were written ({error}); they are made again.",
            file=sys.stderr,
            flush=True,
        )
        image_set = None
    if image_set is not None:
        return image_set
    try:
        folder = whole_folder(
            shelf,
            key,
            description,
            is_whole=_is_whole,
            make=lambda folder: _write_manifest(folder, make(folder)),
        )
    except OSError as error:
        raise cache_error(shelf, error) from error
    try:
        image_set = _load(folder)
    except _Damaged:
        image_set = None
    if image_set is None:
        raise UserError(f"{folder} was changed by another program while it was made; try again")
    return image_set


def _is_whole(folder: Path) -> bool:
    try:
        return _load(folder) is not None
    except _Damaged:
        return False


def _write_manifest(folder: Path, contents: Contents) -> None:
    digest = hashlib.sha256(json.dumps([FORMAT, contents.classes]).encode())
    splits, files = {}, []
    for split in SPLIT_NAMES:
        if split not in contents.splits:
            continue
        labels, sources = contents.splits[split].labels, contents.splits[split].sources
        names = [f"{split}-images.npy", f"{split}-labels.npy"]
        with open(folder / names[1], "wb") as file:
            np.save(file, labels)
            file.flush()
            os.fsync(file.fileno())
        if sources is not None:
            names.append(f"{split}-sources.json")
            write_json(folder / names[2], sources)
        files += names
        splits[split] = {"images": len(labels), "numbered": sources is None}
    sums = {name: checksum(folder / name) for name in files}
    for name in files:
        if not name.endswith(".json"):  # where images lie changes no pixel and no label
            digest.update(f"{name} {sums[name]}".encode())
    manifest = {
        "format": FORMAT,
        "name": contents.name,
        "origin": contents.origin,
        "classes": list(contents.classes),
        "splits": splits,
        "fingerprint": digest.hexdigest()[:32],
        "fit": contents.fit,
        "flip_allowed": contents.flip_allowed,
        "split_seed": contents.split_seed,
        "left_out": [[image.source, image.reason] for image in contents.left_out],
        "passed_over": contents.passed_over.to_dict(),
        "pixel_range": contents.pixel_range,
        "cut_off": contents.cut_off and asdict(contents.cut_off),
        "near_copies": asdict(contents.near_copies),
        "checksums": sums,
    }
    write_json(folder / MANIFEST, {**manifest, "own_checksum": _own_checksum(manifest)})


def _own_checksum(manifest: Mapping[str, Any]) -> str:
    rest = {name: value for name, value in manifest.items() if name != "own_checksum"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _load(folder: Path) -> ImageSet | None:
    """Open a complete set; None where there is none.

    Raises:
        _Damaged: one of its files is not as it was written.
    """
    if not folder.is_dir():
        return None
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        if manifest["own_checksum"] != _own_checksum(manifest):
            raise _Damaged(MANIFEST)
        if manifest["format"] != FORMAT:
            return None
        changed = changed_file(folder, manifest["checksums"])
        if changed is not None:
            raise _Damaged(changed)
        return _opened(folder, manifest)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _Damaged(f"{MANIFEST}, or a file that it names: {error or type(error).__name__}") from error


def _opened(folder: Path, manifest: Mapping[str, Any]) -> ImageSet:
    splits = {}
    for split, facts in manifest["splits"].items():
        with one_parser:
            images = np.load(folder / f"{split}-images.npy", mmap_mode="r", allow_pickle=False)
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
        flip_allowed=manifest["flip_allowed"],
        split_seed=manifest["split_seed"],
        left_out=tuple(LeftOut(source, reason) for source, reason in manifest["left_out"]),
        passed_over=PassedOver.from_dict(manifest["passed_over"]),
        pixel_range=manifest["pixel_range"] and tuple(manifest["pixel_range"]),
        cut_off=manifest["cut_off"] and CutOff(**manifest["cut_off"]),
        near_copies=NearCopies(**manifest["near_copies"]),
    )
