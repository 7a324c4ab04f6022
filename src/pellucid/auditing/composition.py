"""What a set of images is made of: how many of each class, how bright, how large, and which of them look wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pellucid.data import ImageSet, Split, file_of
from pellucid.data.preprocessing import channel_statistics
from pellucid.ground.progress import progress

__all__ = [
    "ImageAt",
    "OriginalSizes",
    "SplitFigures",
    "Suspicious",
    "image_at",
    "original_sizes",
    "size_figures",
    "split_figures",
    "suspicious",
]

BLANK = 2.0
"""An image whose channels all have a smaller standard deviation, in grey levels, shows nothing."""
TINY = 0.5
"""A file is tiny where its shorter side is less than this share of the side it is brought to."""
STRETCHED = 4.0
"""A file is extreme where one side is so many times the other."""


@dataclass(frozen=True)
class ImageAt:
    """An image and where it is."""

    split: str
    index: int
    source: str
    label: str
    """The name of its class."""


@dataclass(frozen=True)
class SplitFigures:
    """The figures of one split."""

    name: str
    images: int
    per_class: tuple[int, ...]
    mean: tuple[float, ...]
    """Of each channel; 0 black, 1 white."""
    std: tuple[float, ...]


@dataclass(frozen=True)
class OriginalSizes:
    """Sizes of the files of a folder, in pixels, before they are brought to one size."""

    files: int
    shortest_side: tuple[int, int, int]
    """Least, median and largest of the shorter sides."""
    longest_side: tuple[int, int, int]


@dataclass(frozen=True)
class Suspicious:
    """An image that is likely to be a mistake, and why."""

    image: ImageAt
    reason: str


def split_figures(images: ImageSet) -> tuple[SplitFigures, ...]:
    """Count the classes of each split and measure mean and standard deviation of each channel."""
    return tuple(
        SplitFigures(
            name,
            len(split),
            tuple(np.bincount(split.labels, minlength=len(images.classes)).tolist()),
            *channel_statistics(split.images),
        )
        for name, split in images.splits.items()
    )


def suspicious(
    images: ImageSet, small: NDArray[np.uint8], files: Mapping[tuple[str, int], tuple[int, int]]
) -> tuple[Suspicious, ...]:
    """List blank images, and files that are tiny or much longer than wide.

    Args:
        images: the image set.
        small: thumbnails `[N, 32, 32]` of all splits, one after the other.
        files: `(width, height)` of the files that are known, by split and index.
    """
    entries = []
    height, width = images.shape[1:]
    start = 0
    for name, split in images.splits.items():
        contrast = small[start : start + len(split)].std((1, 2))
        start += len(split)
        for index in np.flatnonzero(contrast < BLANK).tolist():
            if split.images[index].std((0, 1)).max() >= BLANK:  # of even brightness, but of several colours
                continue
            entries.append(Suspicious(image_at(images, name, index), _blank(split, index)))
        for index in range(len(split) if files else 0):
            own_width, own_height = files.get((name, index), (width, height))
            size = f"{own_width} × {own_height} pixels"
            if min(own_width / width, own_height / height) < TINY:
                entries.append(
                    Suspicious(image_at(images, name, index), f"tiny: {size}, enlarged to {width} × {height}")
                )
            if max(own_width, own_height) > STRETCHED * min(own_width, own_height):
                entries.append(Suspicious(image_at(images, name, index), f"extreme proportions: {size}"))
    return tuple(entries)


def original_sizes(images: ImageSet) -> dict[tuple[str, int], tuple[int, int]]:
    """Read `(width, height)` of each file of a folder from its header; empty for archives and named sets."""
    from PIL import Image

    root = Path(images.origin)
    sizes: dict[tuple[str, int], tuple[int, int]] = {}
    if not root.is_dir():
        return sizes
    total = sum(map(len, images.splits.values()))
    with progress("reading sizes", total) as advance:
        for name, split in images.splits.items():
            for index, source in enumerate(split.sources):
                path = file_of(root, source)
                try:
                    if path is None:  # a named set's images lie in no files of their own
                        continue
                    with Image.open(path) as picture:
                        sizes[name, index] = picture.size
                except OSError:
                    continue
                finally:
                    advance(1)
    return sizes


def size_figures(sizes: Mapping[tuple[str, int], tuple[int, int]]) -> OriginalSizes | None:
    """Give least, median and largest side of the files; None where there are none."""
    if not sizes:
        return None
    sides = np.sort(np.array(list(sizes.values())), axis=1)
    shortest, longest = (_spread(sides[:, column]) for column in (0, 1))
    return OriginalSizes(len(sides), shortest, longest)


def image_at(images: ImageSet, split: str, index: int) -> ImageAt:
    """Name one image."""
    chosen = images.splits[split]
    return ImageAt(split, index, chosen.sources[index], images.classes[chosen.labels[index]])


def _spread(sides: NDArray[np.int64]) -> tuple[int, int, int]:
    return int(sides.min()), int(np.median(sides)), int(sides.max())


def _blank(split: Split, index: int) -> str:
    pixels = split.images[index].reshape(-1, split.images.shape[3])
    if (pixels == pixels[0]).all():
        return f"one colour: {', '.join(map(str, pixels[0].tolist()))}"
    return "nearly blank"
