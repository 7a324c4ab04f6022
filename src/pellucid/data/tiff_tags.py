"""What a TIFF says about its pixels, and the same TIFF with other words about them.

Pillow refuses a TIFF as a whole when, say, its resolution is written as text, and knows few ways to store values of
more than 8 bits. Both are mended in the tags: the pixels stay where they are.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

__all__ = [
    "BITS",
    "FORMAT",
    "PHOTOMETRIC",
    "PLANAR",
    "UNSIGNED",
    "TiffTags",
    "essential_tiff",
    "kind_of_values",
    "plane_of",
    "regrouped_tiff",
    "tiff_tags",
]

BITS, PHOTOMETRIC, SAMPLES, PLANAR, PREDICTOR, EXTRA, FORMAT = 258, 262, 277, 284, 317, 338, 339
STRIPS, TILES = (273, 279), (324, 325)
"""Where the pieces of the pixels lie, and how long they are."""

UNSIGNED, SIGNED, FRACTIONS = 1, 2, 3
ABOUT_PIXELS = frozenset(
    {*range(254, 260), 262, 266, 273, 274, *range(277, 280), 284, 292, 293, 317, *range(320, 326), *range(338, 342)}
    | {347, 512, 513, 514, *range(529, 533)}
)
"""Size, bits, packing, colours, where the strips and tiles lie, orientation, palette, transparency, JPEG's tables."""

LETTERS = {1: "B", 3: "H", 4: "I"}
"""TIFF's types of whole numbers without a sign, as `struct` writes them."""


@dataclass(frozen=True)
class TiffTags:
    """The first directory of a TIFF."""

    content: bytes
    order: str
    """`<` or `>`, as `struct` writes it."""

    entries: Mapping[int, bytes]
    """The 12 bytes of each entry, by its tag."""

    def numbers(self, tag: int, otherwise: tuple[int, ...] = ()) -> tuple[int, ...]:
        """Give the whole numbers of a tag; `otherwise` where it is not there, or holds something else."""
        entry = self.entries.get(tag, bytes(12))
        _, kind, count = struct.unpack_from(self.order + "HHI", entry)
        if kind not in LETTERS:
            return otherwise
        form = f"{self.order}{count}{LETTERS[kind]}"
        (at,) = struct.unpack_from(self.order + "I", entry, 8)
        place, block = (8, entry) if struct.calcsize(form) <= 4 else (at, self.content)
        return struct.unpack_from(form, block, place) if place + struct.calcsize(form) <= len(block) else otherwise

    def changed(self, changes: Mapping[int, Sequence[int]]) -> bytes:
        """Give a TIFF with the tags about pixels alone, some of them other numbers (without any: not there)."""
        content = self.content + bytes(len(self.content) % 2)
        entries = {tag: entry for tag, entry in self.entries.items() if tag in ABOUT_PIXELS and tag not in changes}
        for tag, numbers in changes.items():
            if not numbers:
                continue
            letter, kind = ("I", 4) if max(numbers) > 0xFFFF else ("H", 3)
            block = struct.pack(f"{self.order}{len(numbers)}{letter}", *numbers)
            if len(block) > 4:
                content, block = content + block, struct.pack(self.order + "I", len(content))
            entries[tag] = struct.pack(self.order + "HHI", tag, kind, len(numbers)) + block.ljust(4, b"\0")
        directory = b"".join(entries[tag] for tag in sorted(entries))
        start = struct.pack(self.order + "I", len(content))
        return content[:4] + start + content[8:] + struct.pack(self.order + "H", len(entries)) + directory + bytes(4)


def tiff_tags(content: bytes) -> TiffTags | None:
    """Read the first directory of a TIFF; None where the bytes are none, or end before it does."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(content[:4])
    if order is None or len(content) < 8:
        return None
    (start,) = struct.unpack_from(order + "I", content, 4)
    if start + 2 > len(content):
        return None
    (count,) = struct.unpack_from(order + "H", content, start)
    end = start + 2 + 12 * count
    if end > len(content):
        return None
    entries = (content[at : at + 12] for at in range(start + 2, end, 12))
    return TiffTags(content, order, {struct.unpack_from(order + "H", entry)[0]: entry for entry in entries})


def essential_tiff(content: bytes) -> bytes | None:
    """Give the bytes of a TIFF whose first directory has only the tags about pixels; None where it is no TIFF."""
    tags = tiff_tags(content)
    return None if tags is None else tags.changed({})


def regrouped_tiff(content: bytes) -> tuple[bytes, str, bool] | None:
    """Give a grey TIFF whose values Pillow does not know as one that it reads: the same bits under another name.

    Returns:
        The TIFF; the values' type as NumPy writes it, such as `>f2`; whether 0 is white, which the TIFF given says no
        longer. Values of 64 bits come as four channels of 16. None where it is something else.
    """
    tags = tiff_tags(content)
    if tags is None or tags.numbers(SAMPLES, (1,)) != (1,) or tags.numbers(PHOTOMETRIC) not in ((0,), (1,)):
        return None
    changes: dict[int, Sequence[int]] = {PHOTOMETRIC: (1,), EXTRA: ()}
    (bits, *_), (form, *_) = tags.numbers(BITS, (1,)), tags.numbers(FORMAT, (UNSIGNED,))
    letter = {UNSIGNED: "u", SIGNED: "i", FRACTIONS: "f"}.get(form)
    if letter is None or bits not in (16, 32, 64):
        return None
    predictor = tags.numbers(PREDICTOR, (1,))
    if (predictor != (1,) and bits == 64) or (predictor == (3,) and bits == 16):
        return None  # differences of whole values, which are no longer seen as such
    if bits == 64:
        changes |= {BITS: (16,) * 4, SAMPLES: (4,), PHOTOMETRIC: (2,), FORMAT: (), EXTRA: (2,)}
    elif bits == 16:
        changes |= {FORMAT: (UNSIGNED,)}
    elif form == UNSIGNED:
        changes |= {FORMAT: (SIGNED,)}
    return tags.changed(changes), f"{tags.order}{letter}{bits // 8}", tags.numbers(PHOTOMETRIC) == (0,)


def plane_of(tags: TiffTags, number: int) -> bytes:
    """Give one channel of a TIFF that stores its channels one after the other, as a grey TIFF."""
    (samples, *_) = tags.numbers(SAMPLES)
    changes: dict[int, Sequence[int]] = {SAMPLES: (1,), PLANAR: (1,), PHOTOMETRIC: (1,), EXTRA: ()}
    changes |= {tag: tags.numbers(tag, (UNSIGNED,))[:1] for tag in (BITS, FORMAT)}
    for tag in (*STRIPS, *TILES):
        pieces = tags.numbers(tag)
        each = len(pieces) // samples
        changes[tag] = pieces[number * each : (number + 1) * each]
    return tags.changed(changes)


def kind_of_values(content: bytes) -> str | None:
    """Say what a TIFF holds that is more than 8 bits of grey or colour; None where it is no more, or no TIFF.

    >>> kind_of_values(b"GIF89a") is None
    True
    """
    tags = tiff_tags(content)
    if tags is None:
        return None
    (bits, *_), (form, *_) = tags.numbers(BITS, (1,)), tags.numbers(FORMAT, (UNSIGNED,))
    (samples, *_) = tags.numbers(SAMPLES, (1,))
    if bits <= 8 and samples <= 4:
        return None
    words = {UNSIGNED: "whole numbers", SIGNED: "whole numbers with a sign", FRACTIONS: "fractions"}
    channels = "1 channel" if samples == 1 else f"{samples} channels"
    return f"a TIFF of {channels} of {bits}-bit {words.get(form, 'values of another kind')}"
