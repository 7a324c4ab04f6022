"""The IDX format of the MNIST family: a magic number, the sizes, then the bytes."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pellucid.data.located_files import LocatedFiles
from pellucid.data.named_set import Block
from pellucid.ground.errors import UserError

__all__ = ["parse_idx", "read_idx"]


def read_idx(files: LocatedFiles, names: tuple[str, ...]) -> Iterator[Block]:
    """Read a split's file of images and its file of labels: a `Reader`.

    Raises:
        UserError: a file is missing or damaged, or is no IDX file.
    """
    images_name, labels_name = names
    contents = dict(files.read(names))
    images_file, labels_file = files.where(images_name), files.where(labels_name)
    images = parse_idx(contents[images_name], 3, images_file)
    labels = parse_idx(contents[labels_name], 1, labels_file)
    yield Block(images[..., np.newaxis], labels, images_file, labels_file)


def parse_idx(content: bytes, dimensions: int, where: str) -> NDArray[np.uint8]:
    """Read an IDX file of unsigned bytes.

    The header is big-endian: two zero bytes, the type (8 for unsigned bytes), the number of dimensions, then each
    size as four bytes.

    Args:
        content: the whole file, already unpacked.
        dimensions: 3 for images `[N, H, W]`, 1 for labels `[N]`.
        where: the file's name, for messages.

    Returns:
        A read-only uint8 array of the sizes in the header.

    Raises:
        UserError: another magic number, or more or fewer bytes than the header promises.

    >>> parse_idx(bytes([0, 0, 8, 1, 0, 0, 0, 3, 7, 2, 1]), 1, "labels")
    array([7, 2, 1], dtype=uint8)
    """
    header_bytes = 4 + 4 * dimensions
    expected = 0x0800 + dimensions
    if len(content) < header_bytes:
        raise UserError(
            f"{where} has {len(content)} bytes, less than the {header_bytes} of an IDX header; "
            "the file is cut short: fetch it again"
        )
    magic, *sizes = struct.unpack(f">{1 + dimensions}I", content[:header_bytes])
    if magic != expected:
        raise UserError(
            f"{where} begins with the magic number 0x{magic:08x}; expected 0x{expected:08x}, "
            f"an IDX file of bytes in {dimensions} {'dimension' if dimensions == 1 else 'dimensions'}"
        )
    promised, given = math.prod(sizes), len(content) - header_bytes
    if promised != given:
        shape = "×".join(str(size) for size in sizes)
        fault = "the file is cut short: fetch it again" if given < promised else "expected none after the last"
        raise UserError(f"{where} promises {shape} = {promised:,} bytes in its header and holds {given:,}; {fault}")
    return np.frombuffer(content, np.uint8, offset=header_bytes).reshape(sizes)
