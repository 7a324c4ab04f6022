"""Pictures inside the page: no file beside it, and small enough for a phone."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["SMALL", "Sprite", "data_uri", "make_sprite", "mosaic"]

SMALL = 64
"""Small pictures have no longer side than this."""
QUALITY = 82
COLUMNS = 24

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Sprite:
    """Many small pictures in one; picture k is in column k % columns, row k // columns."""

    uri: str
    columns: int
    rows: int


def data_uri(pixels: Pixels, *, exact: bool = False) -> str:
    """Turn `[H, W, 1 or 3]` or `[H, W]` bytes into the address of a picture: WebP, or PNG where `exact`."""
    image = Image.fromarray(pixels[..., 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels)
    file = io.BytesIO()
    if exact:
        image.save(file, "PNG", optimize=True)
    else:
        image.save(file, "WEBP", quality=QUALITY, method=4)
    kind = "png" if exact else "webp"
    return f"data:image/{kind};base64,{base64.b64encode(file.getvalue()).decode()}"


def make_sprite(pictures: Sequence[Pixels]) -> Sprite:
    """Lay pictures of one size `[H, W, C]` side by side, those with a side above 64 pixels made smaller."""
    small = [_small(picture) for picture in pictures]
    height, width, channels = small[0].shape
    columns = min(COLUMNS, len(small))
    rows = -(-len(small) // columns)
    sheet = np.zeros((rows * height, columns * width, channels), np.uint8)
    for place, picture in enumerate(small):
        row, column = divmod(place, columns)
        sheet[row * height : (row + 1) * height, column * width : (column + 1) * width] = picture
    return Sprite(data_uri(sheet), columns, rows)


def mosaic(values: NDArray[np.float64], columns: int, *, gap: int = 1) -> Pixels:
    """Lay maps `[D, h, w]` side by side, on one scale.

    Without negative numbers black is nought and white the largest; else white is nought, red above it, blue below.

    Returns:
        `[H, W, 4]`: the gaps are transparent.
    """
    count, height, width = values.shape
    rows = -(-count // columns)
    largest = float(np.abs(values).max()) or 1.0
    share = values / largest
    if (values < 0).any():
        red = np.where(share >= 0, 1, 1 + share)
        blue = np.where(share >= 0, 1 - share, 1)
        colours = np.stack([red, 1 - np.abs(share) * 0.85, blue], axis=-1)
    else:
        colours = np.repeat(share[..., None], 3, axis=-1)
    sheet = np.zeros((rows * (height + gap) - gap, columns * (width + gap) - gap, 4), np.uint8)
    for place, colour in enumerate(colours):
        top, left = (place // columns) * (height + gap), (place % columns) * (width + gap)
        sheet[top : top + height, left : left + width, :3] = np.rint(255 * colour)
        sheet[top : top + height, left : left + width, 3] = 255
    return sheet


def _small(picture: Pixels) -> Pixels:
    height, width = picture.shape[:2]
    if max(height, width) <= SMALL:
        return picture
    scale = SMALL / max(height, width)
    image = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)
    smaller = image.resize((max(1, round(width * scale)), max(1, round(height * scale))), Image.Resampling.BILINEAR)
    return np.asarray(smaller).reshape(smaller.height, smaller.width, picture.shape[2])
