"""Which way up a photo is, read from the one tag that says it.

The rest of a camera's notes is not looked at, and nothing of it is written again: whatever is odd in it (a resolution
that is no number, a date that is one) costs no photo.
"""

from __future__ import annotations

import contextlib
import re
import struct
from collections.abc import Mapping
from typing import Any

from PIL import Image

__all__ = ["orientation_in_exif", "orientation_of", "turned_upright"]

TAG = 0x0112
XMP = re.compile(rb'tiff:Orientation(?:\s*=\s*["\']|>)\s*([1-8])')
WHOLE_NUMBERS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 16: "Q"}
"""TIFF's types of whole numbers, as `struct` writes them."""

TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def orientation_of(picture: Image.Image) -> int:
    """Give a picture's orientation, 1 to 8, from its TIFF tags, its EXIF block or its XMP text; 1 where none says."""
    tags = getattr(picture, "tag_v2", None)
    if tags is not None and picture.format == "TIFF":
        value = None
        with contextlib.suppress(Exception):  # a damaged tag: readers raise nearly anything
            value = tags.get(TAG)
        return value if isinstance(value, int) and 1 <= value <= 8 else 1
    return orientation_in_exif(_exif_bytes(picture.info)) or _orientation_in_xmp(picture.info) or 1


def orientation_in_exif(block: bytes) -> int | None:
    """Find the orientation in an EXIF block, with or without the leading `Exif`; None where it holds none.

    Only the first directory is walked, entry by entry, as far as the block reaches.

    >>> orientation_in_exif(b"Exif\\0\\0II*\\0\\x08\\0\\0\\0\\x01\\0" + struct.pack("<HHII", 0x0112, 3, 1, 6))
    6
    """
    if block.startswith(b"Exif\0"):
        block = block[6:]
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None or len(block) < 8:
        return None
    (start,) = struct.unpack_from(order + "I", block, 4)
    if start + 2 > len(block):
        return None
    (count,) = struct.unpack_from(order + "H", block, start)
    for entry in range(start + 2, min(start + 2 + 12 * count, len(block) - 11), 12):
        tag, kind, values = struct.unpack_from(order + "HHI", block, entry)
        if tag == TAG and kind in WHOLE_NUMBERS and values >= 1:
            letter = WHOLE_NUMBERS[kind]
            at = entry + 8
            if values * struct.calcsize(order + letter) > 4:  # too long for the entry, which then says where it is
                (at,) = struct.unpack_from(order + "I", block, at)
            if at + struct.calcsize(order + letter) > len(block):
                return None
            (value,) = struct.unpack_from(order + letter, block, at)
            return value if 1 <= value <= 8 else None
    return None


def turned_upright(picture: Image.Image, orientation: int) -> Image.Image:
    """Turn or mirror a picture so that it stands as the photographer saw it."""
    turn = TURNS.get(orientation)
    return picture if turn is None else picture.transpose(turn)


def _exif_bytes(info: Mapping[Any, Any]) -> bytes:
    block = info.get("exif")
    if isinstance(block, bytes):
        return block
    text = info.get("Raw profile type exif")  # how some programs write it into a PNG: a heading, then digits
    if isinstance(text, str):
        with contextlib.suppress(ValueError):
            return bytes.fromhex("".join(text.split("\n")[3:]))
    return b""


def _orientation_in_xmp(info: Mapping[Any, Any]) -> int | None:
    text = info.get("XML:com.adobe.xmp") or info.get("xmp") or b""
    content = text.encode("utf-8", "replace") if isinstance(text, str) else text
    match = XMP.search(content) if isinstance(content, bytes) else None
    return int(match[1]) if match else None
