"""Pictures inside the page: no file beside it, and small enough for a phone."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor

from pellucid.figures.tokens import NEGATIVE, POSITIVE, ZERO

__all__ = ["SMALL", "Sprite", "data_uri", "make_sprite", "mosaic", "signed_colours"]

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
    """Lay pictures of one size `[H, W, C]` side by side, scaled down where a side is above 64 pixels."""
    small = [_small(picture) for picture in pictures]
    height, width, channels = small[0].shape
    columns = min(COLUMNS, len(small))
    rows = -(-len(small) // columns)
    sheet = np.zeros((rows * height, columns * width, channels), np.uint8)
    for index, picture in enumerate(small):
        row, column = divmod(index, columns)
        sheet[row * height : (row + 1) * height, column * width : (column + 1) * width] = picture
    return Sprite(data_uri(sheet), columns, rows)


def mosaic(values: NDArray[np.float64], columns: int, *, gap: int = 1) -> Pixels:
    """Lay maps `[D, h, w]` side by side, on one scale.

    White is zero, blue is above zero, orange below; the deeper, the larger.

    Returns:
        `[H, W, 4]`: the gaps are transparent.
    """
    count, height, width = values.shape
    rows = -(-count // columns)
    colours = signed_colours(values / (float(np.abs(values).max()) or 1.0))
    sheet = np.zeros((rows * (height + gap) - gap, columns * (width + gap) - gap, 4), np.uint8)
    for index, colour in enumerate(colours):
        top, left = (index // columns) * (height + gap), (index % columns) * (width + gap)
        sheet[top : top + height, left : left + width, :3] = colour
        sheet[top : top + height, left : left + width, 3] = 255
    return sheet


def signed_colours(share: NDArray[np.floating[Any]]) -> Pixels:
    """Colour values from -1 to 1, `[...]`: from white at zero to blue above it and orange below; gives `[..., 3]`."""
    positive, negative, zero = (np.array(ImageColor.getrgb(colour)) for colour in (POSITIVE, NEGATIVE, ZERO))
    end = np.where(share[..., None] >= 0, positive, negative)
    colours: Pixels = np.rint(zero + np.abs(share)[..., None] * (end - zero)).astype(np.uint8)
    return colours


def _small(picture: Pixels) -> Pixels:
    height, width = picture.shape[:2]
    if max(height, width) <= SMALL:
        return picture
    scale = SMALL / max(height, width)
    image = Image.fromarray(picture[..., 0] if picture.shape[2] == 1 else picture)
    smaller = image.resize((max(1, round(width * scale)), max(1, round(height * scale))), Image.Resampling.BILINEAR)
    return np.asarray(smaller).reshape(smaller.height, smaller.width, picture.shape[2])
