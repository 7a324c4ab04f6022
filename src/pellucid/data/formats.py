"""Which kinds of picture are read, and why one of another kind is not."""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import io
import re

from PIL import Image, UnidentifiedImageError

from pellucid.data.pillow_gaps import STORED_AS, WHITE_AT_ZERO
from pellucid.data.tiff_tags import essential_tiff, kind_of_values, regrouped_tiff

__all__ = ["is_stored_in_colour", "open_picture_bytes", "optional_readers", "why_unknown"]

COMMON = ("JPEG", "PNG", "GIF", "BMP", "PPM")
"""Asked first: Pillow has them at hand, and the others take a while to load."""

OTHERS = {
    "Mpo": ("MPO",),
    "Bmp": ("DIB",),
    "Tiff": ("TIFF",),
    "WebP": ("WEBP",),
    "Jpeg2K": ("JPEG2000",),
    "Avif": ("AVIF",),
    "Ico": ("ICO",),
    "Pcx": ("PCX",),
    "Tga": ("TGA",),
}
"""Pillow's other readers of pictures, by module. The rest of them is never asked: some start other programs (a
PostScript file named `.png` would start Ghostscript), and none is for photographs."""

COLOURED = ("RGB", "RGBA", "RGBX", "CMYK", "YCbCr")
"""Pillow's modes with several colours a pixel."""

HEIF_READERS = ("pi_heif", "pillow_heif")
"""Libraries that read HEIC; the first is that of the extra `heif`, the second does the same and also writes."""

HEIF_BRAND = re.compile(rb"....ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", re.DOTALL)
AVIF_BRAND = re.compile(rb"....ftypavi[fs]", re.DOTALL)


def open_picture_bytes(content: bytes) -> Image.Image:
    """Open the bytes of a picture with the readers of pictures alone; the pixels are not read yet.

    Raises:
        UnidentifiedImageError: none of them takes it.
        Exception: whatever a reader says of a damaged file.
    """
    try:
        return Image.open(io.BytesIO(content), formats=COMMON)
    except UnidentifiedImageError:
        pass
    try:
        return Image.open(io.BytesIO(content), formats=_other_kinds())
    except UnidentifiedImageError:
        essential = essential_tiff(content)
        if essential is None:
            raise
    with contextlib.suppress(UnidentifiedImageError):
        return Image.open(io.BytesIO(essential), formats=("TIFF",))
    return _regrouped(content)


def _regrouped(content: bytes) -> Image.Image:
    """Open a TIFF of values that Pillow does not know under the name of others of as many bits."""
    regrouped = regrouped_tiff(content)
    if regrouped is None:
        raise UnidentifiedImageError
    readable, kind, white_at_zero = regrouped
    picture = Image.open(io.BytesIO(readable), formats=("TIFF",))
    picture.info |= {STORED_AS: kind, WHITE_AT_ZERO: white_at_zero}
    return picture


def is_stored_in_colour(path: str) -> bool:
    """Whether a picture's header says that it has colours; of an uncommon kind, or one that cannot be read, no.

    >>> is_stored_in_colour("no-such-file.png")
    False
    """
    with contextlib.suppress(Exception), Image.open(path, formats=COMMON) as picture:
        return picture.mode in COLOURED
    return False


def optional_readers() -> list[str]:
    """Name the readers that not every machine has; with more of them, more pictures are read."""
    names = ("PIL.AvifImagePlugin", *HEIF_READERS)
    return [name for name in names if importlib.util.find_spec(name) is not None]


@functools.cache
def _other_kinds() -> tuple[str, ...]:
    """Load the readers that are not common; HEIF is among them where a library for it is installed."""
    for plugin in OTHERS:
        with contextlib.suppress(ImportError):  # AVIF is part of Pillow since 11.3
            importlib.import_module(f"PIL.{plugin}ImagePlugin")
    kinds = [kind for names in OTHERS.values() for kind in names if kind in Image.OPEN]
    for reader in HEIF_READERS:
        try:
            importlib.import_module(reader).register_heif_opener()
        except ImportError:
            continue
        kinds.append("HEIF")
        break
    return tuple(kinds)


def why_unknown(content: bytes) -> str:
    """Say of bytes that no reader takes what they are, as far as their beginning tells.

    >>> why_unknown(b"%!PS-Adobe-3.0 EPSF-3.0")
    'PostScript or PDF, which is not read; expected a picture of pixels, such as PNG or JPEG'
    """
    head = content[:12]
    if HEIF_BRAND.match(head) and "HEIF" not in _other_kinds():
        return "HEIC, which needs another library: pip install 'pellucid[heif]'"
    if AVIF_BRAND.match(head) and "AVIF" not in _other_kinds():
        return "AVIF, which needs Pillow 11.3 or later with AVIF"
    if content.startswith((b"%!PS", b"\xc5\xd0\xd3\xc6", b"%PDF")):
        return "PostScript or PDF, which is not read; expected a picture of pixels, such as PNG or JPEG"
    values = kind_of_values(content)
    if values is not None:
        wanted = "store it as grey, or in red, green and blue of at most 16 bits"
        return f"{values}, which is not read, or a damaged one; {wanted}"
    if content.startswith((b"II+\0", b"MM\0+")):
        return "a BigTIFF of a kind that is not read, or a damaged one; store it as an ordinary TIFF"
    if not content:
        return "not an image that can be read: the file is empty"
    return "not an image that can be read, or a damaged one"
