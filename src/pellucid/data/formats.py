"""Which kinds of picture are read, and why one of another kind is not."""

from __future__ import annotations

import contextlib
import functools
import importlib
import re

__all__ = ["kinds_read", "why_unknown"]

PLUGINS = {
    "Png": ("PNG",),
    "Jpeg": ("JPEG",),
    "Mpo": ("MPO",),
    "Gif": ("GIF",),
    "Bmp": ("BMP", "DIB"),
    "Tiff": ("TIFF",),
    "WebP": ("WEBP",),
    "Ppm": ("PPM",),
    "Jpeg2K": ("JPEG2000",),
    "Avif": ("AVIF",),
    "Ico": ("ICO",),
    "Pcx": ("PCX",),
    "Tga": ("TGA",),
}
"""Pillow's readers of pictures, by module. The rest of them is never asked: some start other programs (a PostScript
file named `.png` would start Ghostscript), and none is for photographs."""

HEIF_READERS = ("pi_heif", "pillow_heif")
"""Libraries that read HEIC; the first is that of the extra `heif`, the second does the same and also writes."""

HEIF_BRAND = re.compile(rb"....ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", re.DOTALL)
AVIF_BRAND = re.compile(rb"....ftypavi[fs]", re.DOTALL)


@functools.cache
def kinds_read() -> tuple[str, ...]:
    """Give the kinds that can be read here, in Pillow's names; HEIF is one where a library for it is installed."""
    from PIL import Image

    for plugin in PLUGINS:
        with contextlib.suppress(ImportError):  # AVIF is part of Pillow since 11.3
            importlib.import_module(f"PIL.{plugin}ImagePlugin")
    kinds = [kind for names in PLUGINS.values() for kind in names if kind in Image.OPEN]
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
    if HEIF_BRAND.match(head) and "HEIF" not in kinds_read():
        return "HEIC, which needs another library: pip install 'pellucid[heif]'"
    if AVIF_BRAND.match(head) and "AVIF" not in kinds_read():
        return "AVIF, which needs Pillow 11.3 or later with AVIF"
    if content.startswith((b"%!PS", b"\xc5\xd0\xd3\xc6", b"%PDF")):
        return "PostScript or PDF, which is not read; expected a picture of pixels, such as PNG or JPEG"
    if not content:
        return "not an image that can be read: the file is empty"
    return "not an image that can be read, or a damaged one"
