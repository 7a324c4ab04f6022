"""Which files are pictures: by their ending, by their first bytes; and which are a system's own."""

from __future__ import annotations

import functools
import importlib.util
import os
import warnings

__all__ = [
    "IMAGE_ENDINGS",
    "ending_of",
    "is_hidden",
    "is_system",
    "picture_signature",
    "readable_endings",
    "remedy_for",
]

# fmt: off
IMAGE_ENDINGS = frozenset({
    ".avif", ".bmp", ".dib", ".gif", ".ico", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pcx", ".pgm", ".png",
    ".ppm", ".pnm", ".tga", ".tif", ".tiff", ".webp",
})
HEIF = frozenset({".heic", ".heif", ".hif"})
RAW = frozenset({
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dng", ".erf", ".kdc", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf",
    ".raw", ".rw2", ".sr2", ".srf", ".srw", ".x3f",
})
OTHER_PICTURES = frozenset({
    ".ai", ".avifs", ".eps", ".exr", ".hdr", ".j2k", ".jpx", ".jxl", ".jxr", ".psd", ".qoi", ".svg", ".wdp", ".xcf",
})
SYSTEM_NAMES = frozenset({
    "__macosx", "__pycache__", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", "picasa.ini",
    "@eadir", "@tmp", "@__thumb", "@recycle", "@recently-snapshot", "#recycle", "#snapshot",
    "$recycle.bin", "recycler", "system volume information", "found.000", "lost+found",
    "network trash folder", "temporary items",
    "thumbnail", "thumbnails", "_thumbnail", "_thumbnails", "_thumb", "_thumbs",
})
"""In lower case: what macOS, Windows, NAS boxes, disks and photo programs put beside a person's own files."""
# fmt: on

SIGNATURES = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"\xff\x0a", "JPEG XL"),
    (b"8BPS", "Photoshop"),
)
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1")


def ending_of(name: str) -> str:
    """Return a file name's ending in lower case, with its dot; nothing where it has none.

    >>> ending_of("IMG_1.HEIC"), ending_of("d41d8cd98f")
    ('.heic', '')
    """
    return os.path.splitext(name)[1].lower()


@functools.cache
def readable_endings() -> frozenset[str]:
    """Return the endings of the pictures that this installation reads: HEIC and AVIF only with their decoders."""
    from PIL import features

    from pellucid.data.formats import HEIF_READERS

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an older Pillow warns that it has never heard of AVIF
        endings = IMAGE_ENDINGS if features.check("avif") else IMAGE_ENDINGS - {".avif"}
    return endings | HEIF if any(map(importlib.util.find_spec, HEIF_READERS)) else endings


def is_system(name: str) -> bool:
    """Tell whether a name is one that a system, a NAS or a photo program gives to files of its own.

    >>> is_system("@eaDir"), is_system("cat")
    (True, False)
    """
    return name.lower() in SYSTEM_NAMES or name.startswith("SYNOPHOTO_THUMB_")


def is_hidden(name: str) -> bool:
    """Tell whether a file or folder is not meant as content: `.name`, or a system's own."""
    return name.startswith(".") or is_system(name)


def picture_signature(head: bytes) -> str | None:
    """Name the kind of picture that a file's first 16 bytes are of; None where they are of none that is known.

    >>> picture_signature(b"GIF89a")
    'GIF'
    """
    for signature, kind in SIGNATURES:
        if head.startswith(signature):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0":
        return "BMP"
    if head[4:8] == b"ftyp":
        return "AVIF" if head[8:12] in (b"avif", b"avis") else "HEIC" if head[8:12] in HEIF_BRANDS else None
    return None


def remedy_for(ending: str) -> str | None:
    """Say how a picture of an ending that is not read could be read; None where the ending is not known as one."""
    if ending in HEIF:
        return "HEIC, which needs another library: pip install 'pellucid[heif]'"
    if ending == ".avif":
        return "AVIF is read by a Pillow that was built with it (pip install --upgrade pillow)"
    if ending in RAW:
        return "a camera's raw file; develop it to JPEG or PNG"
    if ending in OTHER_PICTURES:
        return f"{ending} is not read; convert it to JPEG or PNG"
    return None
