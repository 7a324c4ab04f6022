"""A TIFF without the tags that say nothing about its pixels.

Pillow refuses a TIFF as a whole when, say, its resolution is written as text.
"""

from __future__ import annotations

import struct

__all__ = ["essential_tiff"]

ABOUT_PIXELS = frozenset(
    {*range(254, 260), 262, 266, 273, 274, *range(277, 280), 284, 292, 293, 317, *range(320, 326), *range(338, 342)}
    | {347, 512, 513, 514, *range(529, 533)}
)
"""Size, bits, packing, colours, where the strips and tiles lie, orientation, palette, transparency, JPEG's tables."""


def essential_tiff(content: bytes) -> bytes | None:
    """Give the bytes of a TIFF whose first directory has only the tags about pixels; None where it is no TIFF.

    What the entries point to stays where it is.
    """
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(content[:4])
    if order is None or len(content) < 8:
        return None
    (start,) = struct.unpack_from(order + "I", content, 4)
    if start + 2 > len(content):
        return None
    (count,) = struct.unpack_from(order + "H", content, start)
    end = start + 2 + 12 * count
    if end + 4 > len(content):
        return None
    entries = [content[at : at + 12] for at in range(start + 2, end, 12)]
    kept = [entry for entry in entries if struct.unpack_from(order + "H", entry)[0] in ABOUT_PIXELS]
    directory = struct.pack(order + "H", len(kept)) + b"".join(kept) + bytes(4)
    return content[:start] + directory + content[start + len(directory) :]
