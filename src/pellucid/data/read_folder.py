"""From a listed folder of images to the arrays of an image set."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pellucid.data.arrays import ImagesFile
from pellucid.data.decode import PixelFormat
from pellucid.data.decode_many import Job, Outcome, decode_many
from pellucid.data.folder import FolderListing, ListedImage
from pellucid.data.image_set import SPLIT_NAMES, LeftOut
from pellucid.data.passed_over import printable
from pellucid.data.split import stratified_split
from pellucid.data.store import Contents, SplitContents
from pellucid.data.whole_folder import room_for
from pellucid.ground.errors import UserError
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

    Raises:
        UserError: the disk is full; a class has no image left to learn from; `strict`, and an image is broken.
    """
    splits = own_splits(listing, options.split_seed)
    target = options.target
    row_bytes = target.height * target.width * target.channels
    with contextlib.ExitStack() as stack:
        stack.enter_context(room_for(folder, row_bytes * sum(len(images) for images in splits.values())))
        jobs = []
        for split, images in splits.items():
            shape = (target.height, target.width, target.channels)
            out = stack.enter_context(ImagesFile(folder / f"{split}-images.npy", shape))
            out.reserve(len(images))
            jobs.append(Job(out, [str(listing.root / image.path) for image in images]))
        outcome = decode_many(jobs, target, options.workers, f"decoding {name}")
        left_out = _left_out(splits, outcome, prefix)
        if options.strict:
            refuse_left_out(origin, left_out)
        contents = {}
        for job, (split, images) in enumerate(splits.items()):
            kept = np.array([(job, row) not in outcome.broken for row in range(len(images))])
            labels = np.array([image.label for image in images], np.int64)[kept]
            if split == "train":
                _check_classes(origin, listing.classes, labels, left_out)
            sources = [
                printable(prefix + image.shown) for image, readable in zip(images, kept, strict=True) if readable
            ]
            jobs[job].out.finish(jobs[job].out.keep(kept))
            if len(labels):
                contents[split] = SplitContents(labels, sources)
            else:
                (folder / f"{split}-images.npy").unlink()
    return Contents(
        name=printable(name),
        origin=printable(origin),
        classes=tuple(printable(class_name) for class_name in listing.classes),
        splits=contents,
        fit=target.fit if outcome.other_size else "none",
        flip_allowed=True,
        split_seed=options.split_seed if "all" in listing.splits else None,
        left_out=left_out,
        passed_over=listing.passed_over,
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
                LeftOut(printable(prefix + listed[job][row].shown), printable(reason))
                for (job, row), reason in outcome.broken.items()
            ),
            key=lambda image: image.source,
        )
    )


def _check_classes(
    origin: str, classes: tuple[str, ...], labels: NDArray[np.int64], left_out: Sequence[LeftOut]
) -> None:
    counts = np.bincount(labels, minlength=len(classes))
    lost = [name for name, count in zip(classes, counts, strict=True) if count == 0]
    if lost:
        raise UserError.all_of(
            f"{origin}: no readable image is left to learn {', '.join(map(repr, lost[:SHOWN]))} from; broken",
            [f"{image.source}: {image.reason}" for image in left_out[:SHOWN]],
        )
