"""Pictures of more than 8 bits a channel, with all of their bits.

Pillow has no mode for colours of 16 bits and keeps the upper 8. But its unpackers can be told which 8 to keep: the same
bytes read as if their order were the other one give the lower 8, and both together the whole value.
"""

from __future__ import annotations

import io
import re
import sys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

from pellucid.data.pillow_gaps import as_stored, is_white_at_zero, tiff_tag
from pellucid.data.tiff_tags import BITS, PLANAR, plane_of, tiff_tags

__all__ = ["DeepPixels", "is_deep", "load"]

COLOURS = re.compile(r"(RGB|RGBA|RGBX|RGBa|LA);16([BLN])")
"""Pillow's names for channels of 16 bits as a file stores them; the last letter is the order of the two bytes."""

IN_THIS_ORDER = {"I;16S": "I;16NS", "I;32S": "I;32NS", "F;32F": "F;32NF"}
IN_THIS_ORDER |= {"I;16BS": "I;16NS", "I;32BS": "I;32NS", "F;32BF": "F;32NF"}
"""Pillow's names for grey values in the order of a file's bytes, and in the machine's own."""

ORDERS = {"B": "big", "L": "little", "N": sys.byteorder}


@dataclass(frozen=True)
class DeepPixels:
    """The values of one picture as its file has them."""

    values: NDArray[np.generic]
    """`[H, W]` grey or `[H, W, 3]` red-green-blue."""

    opacity: NDArray[np.uint8] | None = None
    """`[H, W]`, 255 where nothing shines through; None where it has no such channel."""

    hidden: NDArray[np.bool_] | None = None
    """`[H, W]`: what is wholly transparent; None where nothing is."""

    white_at_zero: bool = False


def is_deep(picture: Image.Image) -> bool:
    """Whether a picture has more than 8 bits a channel; of colours that is known only before it is loaded."""
    return picture.mode.startswith("I;16") or picture.mode in ("I", "F") or _colours(picture) is not None


def load(picture: Image.Image) -> DeepPixels | None:
    """Load a picture; give all bits of its values where it has more than 8 bits a channel.

    Colours need an opened picture that is not loaded yet. Ink (CMYK) of 16 bits counts as 8: it says itself what is
    full.

    Raises:
        Exception: whatever its reader says of a damaged file.
    """
    colours = _colours(picture)
    if colours is not None and isinstance(picture, ImageFile.ImageFile):
        parallel = tiff_tag(picture, PLANAR) == 2
        parts = as_stored(picture, _parallel(picture) if parallel else _interleaved(picture, *colours))
        if parts.ndim == 2:
            return DeepPixels(parts, white_at_zero=is_white_at_zero(picture))
        return _split(parts, picture.info.get("transparency"), premultiplied=colours[0] == "RGBa")
    _load(picture)
    if not is_deep(picture):
        return None
    grey = as_stored(picture, np.asarray(picture))
    clear = picture.info.get("transparency")
    hidden = grey == clear if isinstance(clear, int | float) else None
    return DeepPixels(grey, hidden=hidden, white_at_zero=is_white_at_zero(picture))


def _colours(picture: Image.Image) -> tuple[str, str] | None:
    """Tell which channels of 16 bits a picture has, and in which order it stores their bytes."""
    tiles = getattr(picture, "tile", None)
    if not tiles:
        return None
    arguments = tiles[0].args
    name = arguments[0] if isinstance(arguments, tuple) else arguments
    match = COLOURS.fullmatch(name) if isinstance(name, str) else None
    if match:
        return match[1], match[2]
    # stored one channel after the other, they are read as channels of 8 bits
    planar = name in ("R", "G", "B", "A") and tiff_tag(picture, PLANAR) == 2
    return (picture.mode, "N") if planar and tiff_tag(picture, BITS) == 16 else None


def _load(picture: Image.Image) -> None:
    """Load a picture as it is stored: Pillow would turn a TIFF, and read all of its tags for that, odd ones too."""
    if picture.format == "TIFF":
        vars(picture)["load_end"] = lambda: None
        _mend_order(picture)
    picture.load()


def _mend_order(picture: Image.Image) -> None:
    """Take values of a packed TIFF in this machine's order of bytes, in which its reader gives all of them."""
    for number, tile in enumerate(getattr(picture, "tile", ())):
        if tile.codec_name == "libtiff" and tile.args[0] in IN_THIS_ORDER:
            vars(picture)["tile"][number] = tile._replace(args=(IN_THIS_ORDER[tile.args[0]], *tile.args[1:]))


def _interleaved(picture: ImageFile.ImageFile, channels: str, order: str) -> NDArray[np.uint16]:
    """Read channels of 16 bits, pixel after pixel: `[H, W, channels]`."""
    if channels == "LA":  # two values of 16 bits are four bytes, of which nothing is lost
        return _loaded_as(picture, "RGBA").view(np.dtype(">u2")).astype(np.uint16)
    again = _opened_again(picture)
    stored = "RGBA" if channels == "RGBa" else channels
    upper, lower = ("B", "L") if ORDERS[order] == "big" else ("L", "B")
    values = _loaded_as(picture, f"{stored};16{upper}").astype(np.uint16)
    values <<= 8
    values |= _loaded_as(again, f"{stored};16{lower}")
    return values


def _parallel(picture: ImageFile.ImageFile) -> NDArray[np.generic]:
    """Read channels of 16 bits, stored one after the other: `[H, W, channels]`."""
    tags = tiff_tags(_content(picture))
    if tags is None:
        raise ValueError(
            "a BigTIFF with one channel of 16 bits after the other, which is not read; store it pixel by pixel "
            "(contiguous), or as an ordinary TIFF"
        )
    planes = []
    for number in range(len(picture.getbands())):
        with Image.open(io.BytesIO(plane_of(tags, number)), formats=("TIFF",)) as plane:
            _load(plane)
            planes.append(np.asarray(plane))
    return np.stack(planes, axis=-1)


def _split(parts: NDArray[np.generic], clear: object, premultiplied: bool) -> DeepPixels:
    """Take channels of 16 bits apart into values and opacity; `clear` is the one colour that is transparent."""
    if parts.shape[2] == 3:
        hidden = (parts == np.array(clear)).all(axis=-1) if isinstance(clear, tuple) else None
        return DeepPixels(parts, hidden=hidden)
    alpha, values = parts[..., -1].astype(np.uint32), parts[..., :-1]
    hidden = alpha == 0
    if premultiplied:
        shares = np.maximum(alpha, 1)[..., None]
        whole = (values.astype(np.uint32) * np.uint32(65_535) + shares // 2) // shares
        values = np.minimum(whole, 65_535).astype(np.uint16)
    opacity = ((alpha + 128) // 257).astype(np.uint8)
    return DeepPixels(values[..., 0] if parts.shape[2] == 2 else values, opacity, hidden)


def _loaded_as(picture: ImageFile.ImageFile, name: str) -> NDArray[np.uint8]:
    """Load a picture as if its pixels were stored as Pillow's `name` says."""
    picture.tile = [
        tile._replace(args=(name, *tile.args[1:]) if isinstance(tile.args, tuple) else name) for tile in picture.tile
    ]
    _load(picture)
    return np.asarray(picture)


def _opened_again(picture: ImageFile.ImageFile) -> ImageFile.ImageFile:
    again = Image.open(io.BytesIO(_content(picture)), formats=(picture.format or "",))
    if picture.tell():
        again.seek(picture.tell())
    return again


def _content(picture: ImageFile.ImageFile) -> bytes:
    """Give all bytes of an opened picture's file."""
    assert picture.fp is not None
    place = picture.fp.tell()
    picture.fp.seek(0)
    content = picture.fp.read()
    picture.fp.seek(place)
    return content
