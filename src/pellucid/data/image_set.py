"""The image set: what every source of pictures becomes before anything else looks at it.

Shape letters used in `data/`: N images, H rows, W columns, C channels (1 grey or 3 red-green-blue), K classes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pellucid.data.near_copies import NearCopies
from pellucid.data.passed_over import LeftOut, PassedOver
from pellucid.data.pixel_range import CutOff, PixelRange

__all__ = ["SPLIT_NAMES", "ImageSet", "LeftOut", "Split"]

SPLIT_NAMES = ("train", "val", "test")


@dataclass(frozen=True)
class Split:
    """One part of an image set; all its images have one size.

    Raises ValueError when the arrays disagree in length or have another dtype or number of dimensions.
    """

    images: NDArray[np.uint8]
    """`[N, H, W, C]`, values 0 to 255; a read-only memory map when it comes from the cache."""

    labels: NDArray[np.int64]
    """`[N]`, each the index of a class name."""

    sources: Sequence[str]
    """`[N]`, where each image came from: a path inside the folder or archive, or `test/17` in a named set."""

    def __post_init__(self) -> None:
        if self.images.dtype != np.uint8 or self.images.ndim != 4 or self.images.shape[3] not in (1, 3):
            raise ValueError(f"images are {self.images.dtype} {self.images.shape}; expected uint8 [N, H, W, 1 or 3]")
        if self.labels.dtype != np.int64 or self.labels.ndim != 1:
            raise ValueError(f"labels are {self.labels.dtype} {self.labels.shape}; expected int64 [N]")
        if not len(self.images) == len(self.labels) == len(self.sources):
            raise ValueError(
                f"{len(self.images)} images, {len(self.labels)} labels and {len(self.sources)} sources; "
                "expected as many of each"
            )

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class ImageSet:
    """Images, labels and class names of one source, in up to three splits (`train`, `val`, `test`)."""

    name: str
    """`cifar10`, or the folder's or archive's own name."""

    origin: str
    """Where it was read from: an absolute path, or the address it was downloaded from."""

    classes: tuple[str, ...]
    """K class names; a label is an index into them."""

    splits: Mapping[str, Split]
    fingerprint: str
    """Hash of the source's content and of every option that changes a pixel or the split."""

    fit: str
    """How an image of another size came to this one: `stretch`, `crop`, `pad`; `none` where all had it already."""

    flip_allowed: bool
    """Whether an image flipped horizontally belongs to the same class: a cat's does, a digit's does not."""

    split_seed: int | None = None
    """The seed of the split, where the source had none of its own."""

    left_out: tuple[LeftOut, ...] = field(default=())
    """The images that are broken."""

    passed_over: PassedOver = field(default_factory=PassedOver)
    """What else the source holds: files of other kinds, links, a system's own."""

    pixel_range: PixelRange | None = None
    """Which values of its pictures of more than 8 bits became black and white; None where it has none of those."""

    cut_off: CutOff | None = None
    """How much of those lies beyond that range and was cut off; None where nothing does."""

    near_copies: NearCopies = field(default_factory=NearCopies)
    """Images that show nearly the same, each group of them in one split, where the split was made by a seed."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """`(C, H, W)`, the order in which networks state their input."""
        height, width, channels = next(iter(self.splits.values())).images.shape[1:]
        return channels, height, width
