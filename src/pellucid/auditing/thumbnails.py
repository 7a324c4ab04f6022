"""Every image as 32 × 32 bytes of brightness: what the audit compares, whatever size and colours the images have."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pellucid.data import Split
from pellucid.ground.progress import progress

__all__ = ["SIDE", "area_weights", "brightness", "thumbnails", "without_surroundings"]

SIDE = 32
AT_ONCE = 1000
RED_GREEN_BLUE = (0.299, 0.587, 0.114)
"""ITU-R BT.601, as Pillow's `L` and the rest of pellucid."""


def area_weights(cells: int, pixels: int) -> NDArray[np.float32]:
    """Give the matrix `[cells, pixels]` that averages a line of pixels over cells of equal width.

    >>> area_weights(2, 4).tolist()
    [[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]]
    """
    edges = np.linspace(0, pixels, cells + 1)
    left, right = edges[:-1, None], edges[1:, None]
    pixel = np.arange(pixels)
    overlap = np.minimum(right, pixel + 1) - np.maximum(left, pixel)
    weights = np.maximum(overlap, 0)
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)


def brightness(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Turn images `[N, H, W, C]` into their brightness `[N, H, W]`, 0 to 255."""
    if images.shape[3] == 1:
        return np.asarray(images[..., 0], np.float32)
    grey = images[..., 0] * np.float32(RED_GREEN_BLUE[0])
    for channel in (1, 2):
        grey += images[..., channel] * np.float32(RED_GREEN_BLUE[channel])
    return np.asarray(grey)


def thumbnails(splits: Sequence[Split]) -> NDArray[np.uint8]:
    """Reduce (or enlarge) the images of all splits, one after the other, to `[N, 32, 32]` bytes of mean brightness."""
    small = np.empty((sum(map(len, splits)), SIDE, SIDE), np.uint8)
    position = 0
    with progress("looking at the images", len(small)) as advance:
        for split in splits:
            height, width = split.images.shape[1:3]
            rows, columns = area_weights(SIDE, height), area_weights(SIDE, width)
            for start in range(0, len(split), AT_ONCE):
                grey = brightness(split.images[start : start + AT_ONCE])
                if (height, width) != (SIDE, SIDE):
                    grey = np.asarray(rows @ grey @ columns.T, np.float32)
                small[position : position + len(grey)] = np.rint(grey).astype(np.uint8)
                position += len(grey)
                advance(len(grey))
    return small


def without_surroundings(images: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Take from images `[N, H, W]` their mean over squares of an odd side; beyond the edge the edge goes on."""
    reach = side // 2
    height, width = images.shape[1:]
    padded = np.pad(images, ((0, 0), (reach, reach), (reach, reach)), mode="edge")
    lines = padded[:, :height, :].copy()
    for row in range(1, side):
        lines += padded[:, row : row + height, :]
    blurred = lines[:, :, :width].copy()
    for column in range(1, side):
        blurred += lines[:, :, column : column + width]
    return np.asarray(images - blurred / side**2, np.float32)
