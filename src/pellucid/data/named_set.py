"""What is known of an image set with a name: its content, its files, how they are read, where they are published."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pellucid.data.located_files import LocatedFiles

__all__ = ["Block", "DebianPackage", "Download", "NamedSet", "Reader"]


@dataclass(frozen=True)
class Block:
    """Some images of a split and their labels."""

    images: NDArray[np.uint8]
    """`[n, H, W, C]`."""

    labels: NDArray[np.uint8] | NDArray[np.int64]
    """`[n]`."""

    images_file: str
    labels_file: str
    """The files they were read from, for messages; for CIFAR the same."""


Reader = Callable[[LocatedFiles, tuple[str, ...]], Iterator[Block]]
"""Reads the files of one split, given by their published names, in order. Whoever calls it checks sizes and labels."""


@dataclass(frozen=True)
class Download:
    """One published file."""

    file: str
    md5: str


@dataclass(frozen=True)
class DebianPackage:
    """Debian's package of a set."""

    name: str
    folder: str
    """Where the installed package keeps the files."""


@dataclass(frozen=True, kw_only=True)
class NamedSet:
    """One image set known by name, as its authors publish it."""

    name: str
    title: str

    classes: tuple[str, ...]
    """The class names to use where the files have none of their own."""

    shape: tuple[int, int, int]
    """`(C, H, W)`."""

    counts: tuple[int, int]
    """Images for training and for testing, as published."""

    flip_allowed: bool
    """Whether an image flipped horizontally belongs to the same class: a cat's does, a digit's does not."""

    read: Reader

    layout: str
    """The folder that holds the files in the official layout, relative to the data folder."""

    train_files: tuple[str, ...]
    test_files: tuple[str, ...]

    names_file: str | None = None
    """A text file of class names, a line each; read where it is there."""

    archive: str | None = None
    """The one archive that holds all files, where they are published as one."""

    pickled: tuple[str, ...] = ()
    """Files or folders of a version that is a pickle, which is never read; an error says so where they are."""

    downloads: tuple[Download, ...] = ()
    megabytes: int = 0
    """Of all downloads together."""

    addresses: tuple[str, ...] = ()
    """Folders on the web that each hold all downloads, in the order to try them."""

    debian: DebianPackage | None = None
