"""The binary version of CIFAR: records of one or two label bytes and 3·32·32 pixels, red plane first."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pellucid.data.located_files import LocatedFiles
from pellucid.data.named_set import Block
from pellucid.ground.errors import UserError

__all__ = ["parse_cifar", "read_cifar"]

SIDE = 32
PIXEL_BYTES = 3 * SIDE * SIDE


def read_cifar(files: LocatedFiles, names: tuple[str, ...], *, label_bytes: int) -> Iterator[Block]:
    """Read a split's files of records: a `Reader`, once `label_bytes` (see `parse_cifar`) is given.

    Raises:
        UserError: a file is missing, damaged or does not hold whole records.
    """
    for name, content in files.read_in_order(names):
        where = files.where(name)
        images, labels = parse_cifar(content, label_bytes, where)
        yield Block(images, labels, where, where)


def parse_cifar(content: bytes, label_bytes: int, where: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Read one file of records.

    Args:
        content: the whole file.
        label_bytes: 1 for CIFAR-10 (the class), 2 for CIFAR-100 (the coarse class, then the fine one, which is used).
        where: the file's name, for messages.

    Returns:
        Images uint8 `[N, 32, 32, 3]` and labels uint8 `[N]`.

    Raises:
        UserError: the file is empty or does not hold whole records.

    >>> images, labels = parse_cifar(bytes([6]) + bytes(3072), 1, "data_batch_1.bin")
    >>> images.shape, labels.tolist()
    ((1, 32, 32, 3), [6])
    """
    record_bytes = label_bytes + PIXEL_BYTES
    count, rest = divmod(len(content), record_bytes)
    if count == 0 or rest:
        raise UserError(
            f"{where} has {len(content):,} bytes, which is not a whole number of records of {record_bytes:,} bytes "
            "(1 or more); the file is cut short or of another format: fetch it again"
        )
    records = np.frombuffer(content, np.uint8).reshape(count, record_bytes)
    planes = records[:, label_bytes:].reshape(count, 3, SIDE, SIDE)
    return np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), records[:, label_bytes - 1].copy()
