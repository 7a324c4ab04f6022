"""What Pillow leaves as the file stores it, though it means something else: read here as the formats define it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

__all__ = ["correct_transparency", "deep_values", "is_white_at_zero"]

PHOTOMETRIC = 262
BITS_PER_SAMPLE = 258
SAMPLE_FORMAT = 339
UNSIGNED = 1
GREY_BITS = {"L;2": 2, "L;4": 4}
"""Pillow's names for grey of few bits, by which a PNG is stored before it is loaded."""


def correct_transparency(picture: Image.Image) -> None:
    """Bring the transparent value of a grey PNG of 2 or 4 bits to the 8 bits of its pixels; call before it is loaded.

    Pillow spreads the pixels over 0 to 255 and keeps the value as the file has it, so that another grey, or none,
    would become transparent.
    """
    clear, tiles = picture.info.get("transparency"), getattr(picture, "tile", None)
    if picture.format != "PNG" or picture.mode != "L" or not isinstance(clear, int) or not tiles:
        return
    bits = GREY_BITS.get(tiles[0][3]) if isinstance(tiles[0][3], str) else None
    if bits is not None:
        picture.info["transparency"] = clear * 255 // (2**bits - 1)


def deep_values(picture: Image.Image) -> NDArray[np.generic]:
    """Give the values `[H, W]` of a picture of more than 8 bits; 32 bits without a sign are signed to Pillow."""
    values = np.asarray(picture)
    if picture.mode == "I" and _tag(picture, PHOTOMETRIC) is not None:
        bits, kind = _tag(picture, BITS_PER_SAMPLE), _tag(picture, SAMPLE_FORMAT)
        if _first(bits) == 32 and (kind is None or _first(kind) == UNSIGNED):
            return values.view(np.uint32)
    return values


def is_white_at_zero(picture: Image.Image) -> bool:
    """Tell whether a TIFF of more than 8 bits counts from white to black; Pillow turns only those of 8 bits round."""
    return bool(_tag(picture, PHOTOMETRIC) == 0)


def _tag(picture: Image.Image, number: int) -> Any:
    tags = getattr(picture, "tag_v2", None)
    return tags.get(number) if tags is not None and picture.format == "TIFF" else None


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) and value else value
