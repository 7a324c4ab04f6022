"""From a listed folder of images to the arrays of an image set."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pellucid.data.arrays import ROWS_AT_ONCE_BYTES, ImagesFile
from pellucid.data.decode import PixelFormat
from pellucid.data.decode_many import Job, Outcome, decode_many
from pellucid.data.folder import FolderListing
from pellucid.data.image_set import SPLIT_NAMES, LeftOut
from pellucid.data.listed_image import ListedImage
from pellucid.data.near_copies import NearCopies, keep_together
from pellucid.data.split import stratified_split
from pellucid.data.store import Contents, SplitContents
from pellucid.data.whole_folder import room_for
from pellucid.ground.errors import UserError
from pellucid.ground.outside import visible
from pellucid.ground.writing import counted

__all__ = ["FolderOptions", "own_splits", "read_folder", "refuse_left_out"]

TEST_SHARE = 0.15
VALIDATION_SHARE = 0.15
SHOWN = 20
"""So many broken images are listed in an error; the rest is counted."""


@dataclass(frozen=True)
class FolderOptions:
    """How a folder becomes an image set."""

    target: PixelFormat
    split_seed: int
    strict: bool
    workers: int | None
    trainable: bool = True
    """Whether each class must have images to learn from and to test with."""
    file_column: str | None = None
    label_column: str | None = None
    """The columns of a table of files and labels; None finds them."""


def read_folder(
    listing: FolderListing, name: str, origin: str, prefix: str, options: FolderOptions, folder: Path
) -> Contents:
    """Decode a listed folder's images into `folder`; return the rest.

    Args:
        listing: the images.
        name: the image set's name.
        origin: where it comes from, for the record.
        prefix: what stands before a path in the listing to make it a path inside the source.
        options: how.
        folder: an empty folder, to be filled.

    Names are stored with their control characters as escapes (`pellucid.ground.outside.visible`).

    A folder without splits is split when its broken images are known, so that they skew no share.

    Raises:
        UserError: the disk is full; a picture cannot be read for a reason that is not its own; a class has no image
            left to learn from; `strict`, and an image is broken.
    """
    _check_names(origin, listing.classes)
    target = options.target
    shape = (target.height, target.width, target.channels)
    first = own_splits(listing, options.split_seed)
    with contextlib.ExitStack() as stack:
        stack.enter_context(room_for(folder, math.prod(shape) * sum(map(len, first.values()))))
        jobs = []
        for split, images in first.items():
            out = stack.enter_context(ImagesFile(folder / f"{split}-images.npy", shape))
            out.reserve(len(images))
            jobs.append(Job(out, [str(listing.root / image.path) for image in images]))
        outcome = decode_many(jobs, target, options.workers, f"decoding {visible(name)}")
        left_out = _left_out(first, outcome, prefix)
        if options.strict:
            refuse_left_out(origin, left_out)
        readable = {
            split: [image for row, image in enumerate(images) if (job, row) not in outcome.broken]
            for job, (split, images) in enumerate(first.items())
        }
        for job, images in enumerate(first.values()):
            kept = np.array([(job, row) not in outcome.broken for row in range(len(images))], bool)
            jobs[job].out.finish(jobs[job].out.keep(kept))
    splits = readable
    if "all" in listing.splits and outcome.broken:  # the shares are those of the images that there are
        kept_images = set().union(*readable.values())
        listed = [image for image in listing.splits["all"] if image in kept_images]
        splits = own_splits(FolderListing(listing.root, listing.classes, {"all": listed}), options.split_seed)
        _deal_again(folder, readable, splits, shape)
    near_copies = NearCopies()
    if "all" in listing.splits:
        splits, near_copies = _with_near_copies_together(folder, listing.splits["all"], splits, shape)
    _check_classes(origin, listing.classes, splits, left_out, options.trainable)
    contents = {}
    for split, images in splits.items():
        if images:
            sources = [visible(prefix + image.shown) for image in images]
            contents[split] = SplitContents(_labels(images), sources)
        else:
            (folder / f"{split}-images.npy").unlink()
    return Contents(
        name=visible(name),
        origin=visible(origin),
        classes=tuple(visible(class_name) for class_name in listing.classes),
        splits=contents,
        fit=target.fit if outcome.other_size else "none",
        flip_allowed=True,
        split_seed=options.split_seed if "all" in listing.splits else None,
        left_out=left_out,
        pixel_range=outcome.pixel_range,
        cut_off=outcome.cut_off,
        passed_over=listing.passed_over,
        near_copies=near_copies,
    )


def own_splits(listing: FolderListing, seed: int) -> dict[str, list[ListedImage]]:
    """Return the listing's images by split; one without splits gives 15 % of each class to `test` and `val` each."""
    if "all" not in listing.splits:
        return {split: listing.splits[split] for split in SPLIT_NAMES if split in listing.splits}
    images = listing.splits["all"]
    labels = np.array([image.label for image in images], np.int64)
    rest, test = stratified_split(labels, TEST_SHARE, seed)
    kept, held = stratified_split(labels[rest], VALIDATION_SHARE / (1 - TEST_SHARE), seed)
    chosen = {"train": rest[kept], "val": rest[held], "test": test}
    return {split: [images[row] for row in rows] for split, rows in chosen.items() if len(rows)}


def _with_near_copies_together(
    folder: Path, order: list[ListedImage], splits: dict[str, list[ListedImage]], shape: tuple[int, int, int]
) -> tuple[dict[str, list[ListedImage]], NearCopies]:
    """Move photos that show nearly the same into one split, and write the arrays again where any moved."""
    names = [name for name, images in splits.items() if images]
    listed = [image for name in names for image in splits[name]]
    parts = np.repeat(np.arange(len(names)), [len(splits[name]) for name in names])
    arrays = [np.load(folder / f"{name}-images.npy", mmap_mode="r") for name in names]
    parts, found = keep_together(arrays, _labels(listed), parts)
    del arrays  # Windows removes no file that is mapped
    if not found.moved:
        return splits, found
    places = {image: place for place, image in enumerate(order)}
    moved = {
        name: sorted((listed[row] for row in np.flatnonzero(parts == part)), key=places.__getitem__)
        for part, name in enumerate(names)
    }
    _deal_again(folder, {name: splits[name] for name in names}, moved, shape)
    return {name: moved.get(name, []) for name in splits}, found


def _labels(images: Sequence[ListedImage]) -> NDArray[np.int64]:
    return np.array([image.label for image in images], np.int64)


def _deal_again(
    folder: Path,
    before: dict[str, list[ListedImage]],
    after: dict[str, list[ListedImage]],
    shape: tuple[int, int, int],
) -> None:
    """Write the images of every split of `after` from the files of the splits `before`, which then go."""
    places = {image: (split, row) for split, images in before.items() for row, image in enumerate(images)}
    files = {split: folder / f"{split}-images.npy" for split in before}
    pixels = {split: np.load(file, mmap_mode="r") for split, file in files.items() if before[split]}
    at_once = max(1, ROWS_AT_ONCE_BYTES // math.prod(shape))
    with room_for(folder, math.prod(shape) * len(places)):
        for split, images in after.items():
            with ImagesFile(folder / f"{split}-again.npy", shape) as out:
                for start in range(0, len(images), at_once):
                    chosen = [places[image] for image in images[start : start + at_once]]
                    out.append(np.stack([pixels[old][row] for old, row in chosen]))
                out.finish()
    del pixels  # Windows removes no file that is mapped
    for file in files.values():
        file.unlink()
    for split in after:
        (folder / f"{split}-again.npy").rename(folder / f"{split}-images.npy")


def refuse_left_out(origin: str, left_out: Sequence[LeftOut]) -> None:
    """Refuse a set with broken images.

    Raises:
        UserError: images were left out; it lists them.
    """
    if left_out:
        problems = [f"{image.source}: {image.reason}" for image in left_out[:SHOWN]]
        if len(left_out) > SHOWN:
            problems.append(f"and {len(left_out) - SHOWN:,} more")
        raise UserError.all_of(
            f"{origin}: {counted(len(left_out), 'broken image')} (without --strict they are left out)",
            problems,
        )


def _left_out(splits: dict[str, list[ListedImage]], outcome: Outcome, prefix: str) -> tuple[LeftOut, ...]:
    listed = list(splits.values())
    return tuple(
        sorted(
            (
                LeftOut(visible(prefix + listed[job][row].shown), visible(reason))
                for (job, row), reason in outcome.broken.items()
            ),
            key=lambda image: image.source,
        )
    )


def _check_names(origin: str, classes: Sequence[str]) -> None:
    """Refuse two classes that would be stored under one name, one of them with an escape for a control character."""
    shown: dict[str, str] = {}
    for name in classes:
        other = shown.setdefault(visible(name), name)
        if other != name:
            raise UserError(f"{origin}: the classes {other!r} and {name!r} would look the same; rename one of them")


def _check_classes(
    origin: str,
    classes: tuple[str, ...],
    splits: dict[str, list[ListedImage]],
    left_out: Sequence[LeftOut],
    trainable: bool,
) -> None:
    counts = np.bincount(_labels(splits.get("train", [])), minlength=len(classes))
    lost = [name for name, count in zip(classes, counts, strict=True) if count == 0]
    if not trainable and not any(splits.values()):
        raise UserError.all_of(
            f"{origin}: no image can be read; broken", [f"{image.source}: {image.reason}" for image in left_out[:SHOWN]]
        )
    if trainable and lost:
        raise UserError.all_of(
            f"{origin}: no readable image is left to learn {', '.join(map(repr, lost[:SHOWN]))} from; broken",
            [f"{image.source}: {image.reason}" for image in left_out[:SHOWN]],
        )
