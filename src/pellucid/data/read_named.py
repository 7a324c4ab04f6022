"""From a named set's files to the arrays of an image set, checked on the way."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pellucid.data.arrays import ImagesFile
from pellucid.data.decode import PixelFormat, fit_pixels
from pellucid.data.located_files import LocatedFiles
from pellucid.data.named_set import Block, NamedSet
from pellucid.data.store import Contents, SplitContents
from pellucid.data.whole_folder import room_for
from pellucid.ground.errors import UserError
from pellucid.ground.progress import progress
from pellucid.ground.writing import counted

__all__ = ["read_named"]

ROWS_AT_ONCE = 1024


def read_named(named: NamedSet, files: LocatedFiles, target: PixelFormat, folder: Path) -> Contents:
    """Write a named set's images, brought to `target`, into `folder`; return the rest.

    Args:
        named: the set.
        files: where its files are.
        target: size and channels of the images to write.
        folder: an empty folder, to be filled.

    Raises:
        UserError: a file (it is named) is cut short, has another format or too few labels, or a label is out of range;
            or the disk is full.
    """
    splits = {}
    native = (target.channels, target.height, target.width) == named.shape
    other_size = (target.height, target.width) != named.shape[1:]
    row_shape = (target.height, target.width, target.channels)
    description = f"{'reading' if native else 'fitting'} {named.name}"
    with (
        room_for(folder, sum(named.counts) * math.prod(row_shape)),
        progress(description, sum(named.counts)) as advance,
    ):
        for split, names in (("train", named.train_files), ("test", named.test_files)):
            labels = []
            with ImagesFile(folder / f"{split}-images.npy", row_shape) as out:
                for block in _checked_blocks(named, files, names):
                    for start in range(0, len(block.images), ROWS_AT_ONCE):
                        rows = block.images[start : start + ROWS_AT_ONCE]
                        out.append(rows if native else np.stack([fit_pixels(row, target)[0] for row in rows]))
                        advance(len(rows))
                    labels.append(block.labels.astype(np.int64))
                out.finish()
            splits[split] = SplitContents(np.concatenate(labels), None)
    return Contents(
        name=named.name,
        origin=files.origin,
        classes=_class_names(named, files),
        splits=splits,
        fit=target.fit if other_size else "none",
        flip_allowed=named.flip_allowed,
    )


def _checked_blocks(named: NamedSet, files: LocatedFiles, names: tuple[str, ...]) -> Iterator[Block]:
    """Read a split and check that images and labels are as many, of the set's size and classes."""
    channels, height, width = named.shape
    for block in named.read(files, names):
        count = len(block.images)
        if count != len(block.labels):
            raise UserError(
                f"{block.images_file} has {counted(count, 'image')}, but {block.labels_file} has "
                f"{counted(len(block.labels), 'label')}; expected as many of each: fetch both again"
            )
        own_height, own_width, own_channels = block.images.shape[1:]
        if (own_channels, own_height, own_width) != named.shape or count == 0:
            raise UserError(
                f"{block.images_file} has {counted(count, 'image')} of {own_height}×{own_width} pixels and "
                f"{counted(own_channels, 'channel')}; expected 1 or more of {height}×{width} and "
                f"{counted(channels, 'channel')}"
            )
        beyond = np.flatnonzero((block.labels < 0) | (block.labels >= len(named.classes)))
        if len(beyond):
            raise UserError(
                f"{block.labels_file} has the label {block.labels[beyond[0]]} at record {beyond[0]}; {named.name} has "
                f"labels 0 to {len(named.classes) - 1}: the file is damaged or of another set"
            )
        yield block


def _class_names(named: NamedSet, files: LocatedFiles) -> tuple[str, ...]:
    """Read the class names where the files have some, else give the table's."""
    if named.names_file is None:
        return named.classes
    for _, content in files.read((), optional=(named.names_file,)):
        names = tuple(line.strip() for line in content.decode("utf-8", "replace").splitlines() if line.strip())
        if len(names) == len(named.classes) == len(set(names)):
            return names
        raise UserError(
            f"{files.where(named.names_file)} has {counted(len(names), 'class name')}; expected {len(named.classes)} "
            "different ones, a line each"
        )
    return named.classes
