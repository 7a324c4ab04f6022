"""From a named set's files to the arrays of an image set, checked on the way."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pellucid.data.arrays import ImagesFile
from pellucid.data.cifar import parse_cifar
from pellucid.data.decode import PixelFormat, fit_pixels
from pellucid.data.idx import parse_idx
from pellucid.data.locate import Found
from pellucid.data.named import NamedSet
from pellucid.data.store import Contents, SplitContents
from pellucid.data.whole_folder import room_for
from pellucid.ground.errors import UserError
from pellucid.ground.progress import progress

__all__ = ["read_named", "split_blocks"]

ROWS_AT_ONCE = 1024

Block = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""Some images `[n, H, W, C]` and their labels `[n]`."""


def read_named(named: NamedSet, found: Found, target: PixelFormat, folder: Path) -> Contents:
    """Write a named set's images, brought to `target`, into `folder`; return the rest.

    Raises UserError, naming the file, when one is cut short, has another format or too few labels, or a label is out
    of range.
    """
    classes = named.classes
    splits = {}
    native = (target.channels, target.height, target.width) == named.shape
    other_size = (target.height, target.width) != named.shape[1:]
    row_shape = (target.height, target.width, target.channels)
    description = f"{'reading' if native else 'fitting'} {named.name}"
    with (
        room_for(folder, sum(named.counts) * math.prod(row_shape)),
        progress(description, sum(named.counts)) as advance,
    ):
        for split, files in (("train", named.train_files), ("test", named.test_files)):
            labels = []
            with ImagesFile(folder / f"{split}-images.npy", row_shape) as out:
                for images, block_labels in split_blocks(named, found, files):
                    for start in range(0, len(images), ROWS_AT_ONCE):
                        rows = images[start : start + ROWS_AT_ONCE]
                        out.append(rows if native else np.stack([fit_pixels(row, target)[0] for row in rows]))
                        advance(len(rows))
                    labels.append(block_labels.astype(np.int64))
                out.finish()
            splits[split] = SplitContents(np.concatenate(labels), None)
    if named.names_file is not None:
        classes = _class_names(named, found) or classes
    return Contents(named.name, found.origin, classes, splits, target.fit if other_size else "none", named.mirror)


def split_blocks(named: NamedSet, found: Found, files: tuple[str, ...]) -> Iterator[Block]:
    """Give a split's images and labels, a file's worth at a time, in the order of `files`."""
    if named.format == "idx":
        yield _idx_block(named, found, files)
        return
    contents = found.read(files)
    waiting: dict[str, bytes] = {}  # an archive has its files in another order than ours
    for part in files:
        while part not in waiting:
            stored, content = next(contents)
            waiting[stored] = content
        images, labels = parse_cifar(waiting.pop(part), named.label_bytes, found.where(part))
        _check_labels(named, labels, found.where(part))
        yield images, labels


def _idx_block(named: NamedSet, found: Found, files: tuple[str, ...]) -> Block:
    images_file, labels_file = files
    contents = dict(found.read(files))
    images = parse_idx(contents[images_file], 3, found.where(images_file))
    labels = parse_idx(contents[labels_file], 1, found.where(labels_file))
    if len(images) != len(labels):
        raise UserError(
            f"{found.where(images_file)} has {len(images):,} images, but {found.where(labels_file)} has "
            f"{len(labels):,} labels; expected as many of each: fetch both again"
        )
    _, height, width = named.shape
    if images.shape[1:] != (height, width) or len(images) == 0:
        raise UserError(
            f"{found.where(images_file)} has {len(images):,} images of {images.shape[1]}×{images.shape[2]} pixels; "
            f"expected 1 or more of {height}×{width}"
        )
    _check_labels(named, labels, found.where(labels_file))
    return images[..., np.newaxis], labels


def _check_labels(named: NamedSet, labels: NDArray[np.uint8], where: str) -> None:
    beyond = np.flatnonzero(labels >= len(named.classes))
    if len(beyond):
        raise UserError(
            f"{where} has the label {labels[beyond[0]]} at record {beyond[0]}; {named.name} has labels 0 to "
            f"{len(named.classes) - 1}: the file is damaged or of another set"
        )


def _class_names(named: NamedSet, found: Found) -> tuple[str, ...] | None:
    assert named.names_file is not None
    for _, content in found.read((), optional=(named.names_file,)):
        names = tuple(line.strip() for line in content.decode("utf-8", "replace").splitlines() if line.strip())
        if len(names) == len(named.classes) == len(set(names)):
            return names
        raise UserError(
            f"{found.where(named.names_file)} has {len(names)} class names; expected {len(named.classes)} different "
            "ones, a line each"
        )
    return None
