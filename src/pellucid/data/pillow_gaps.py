"""What Pillow leaves as the file stores it, though it means something else: read here as the formats define it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pellucid.data.tiff_tags import BITS, FORMAT, PHOTOMETRIC, UNSIGNED

__all__ = ["STORED_AS", "WHITE_AT_ZERO", "as_stored", "correct_transparency", "is_white_at_zero", "tiff_tag"]

STORED_AS, WHITE_AT_ZERO = "pellucid stored as", "pellucid white at zero"
"""In a picture's `info`: what the tags of a TIFF said before they were changed."""

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


def as_stored(picture: Image.Image, values: NDArray[np.generic]) -> NDArray[np.generic]:
    """Give values of more than 8 bits, as Pillow read them, the type that they have in the file.

    32 bits without a sign are signed to Pillow; other types it read under another name, and 64 bits as four values of
    16: `[H, W, 4]` becomes `[H, W]`.
    """
    name = picture.info.get(STORED_AS)
    if name is None:
        unsigned = picture.mode == "I" and tiff_tag(picture, PHOTOMETRIC) is not None
        if unsigned and tiff_tag(picture, BITS) == 32 and tiff_tag(picture, FORMAT) in (None, UNSIGNED):
            return values.view(np.uint32)
        return values
    kind = np.dtype(name)
    if kind.itemsize == 8:
        parts = np.ascontiguousarray(values.astype(np.dtype("u2").newbyteorder(kind.byteorder)))
        whole: NDArray[np.generic] = parts.view(kind)[..., 0].astype(kind.newbyteorder("="))
        return whole
    return values.astype(values.dtype.newbyteorder("=")).view(kind.newbyteorder("="))


def is_white_at_zero(picture: Image.Image) -> bool:
    """Tell whether a TIFF of more than 8 bits counts from white to black; Pillow turns only those of 8 bits round."""
    return bool(picture.info.get(WHITE_AT_ZERO) or tiff_tag(picture, PHOTOMETRIC) == 0)


def tiff_tag(picture: Image.Image, number: int) -> Any:
    """Give a TIFF's tag, the first of several values; None where it is not there or the picture is no TIFF."""
    tags = getattr(picture, "tag_v2", None)
    value = tags.get(number) if tags is not None and picture.format == "TIFF" else None
    return value[0] if isinstance(value, tuple) and value else value
