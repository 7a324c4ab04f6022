"""Photos stand upright whatever else is odd in their notes."""

from __future__ import annotations

import io
import random
import struct

import numpy as np
import pytest
from PIL import Image, ImageOps

from pellucid.data import read_image
from pellucid.data.orientation import orientation_in_exif

RED_LEFT = np.zeros((20, 40, 3), np.uint8)
RED_LEFT[:, :20] = (255, 0, 0)
"""With orientation 6, a quarter turn clockwise, the red half is on top."""


def entry(order: str, tag: int, kind: int, count: int, value: bytes) -> bytes:
    return struct.pack(order + "HHI", tag, kind, count) + value


def block(order: str, entries: list[bytes], data: bytes = b"") -> bytes:
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "I", 8)
    return b"Exif\0\0" + head + struct.pack(order + "H", len(entries)) + b"".join(entries) + bytes(4) + data


def turned(order: str) -> bytes:
    return entry(order, 0x0112, 3, 1, struct.pack(order + "HH", 6, 0))


def is_upright(content: bytes) -> bool:
    pixels = read_image(io.BytesIO(content), (40, 20))
    return bool(pixels[5, 10, 0] > 200 and pixels[35, 10, 0] < 60)


ODD = {
    "resolution that is no number": (entry("<", 0x11A, 12, 1, struct.pack("<I", 38)), struct.pack("<d", float("nan"))),
    "negative resolution": (entry("<", 0x11A, 10, 1, struct.pack("<I", 38)), struct.pack("<ii", -5, 1)),
    "date as a fraction": (entry("<", 0x132, 11, 1, struct.pack("<f", 1.5)), b""),
    "width as text": (entry("<", 0x100, 2, 4, b"abc\0"), b""),
    "XMP as short numbers": (entry("<", 0x2BC, 3, 2, b"ab\0\0"), b""),
    "width of 64 bits": (entry("<", 0x100, 16, 1, struct.pack("<I", 38)), struct.pack("<Q", 2**40)),
    "directory beyond the end": (entry("<", 0x8769, 4, 1, b"\xff\xff\xff\xff"), b""),
}


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("name", ODD)
def test_odd_notes_cost_no_photo(kind: str, name: str) -> None:
    odd, data = ODD[name]
    file = io.BytesIO()
    options = {"quality": 95} if kind == "JPEG" else {"lossless": True}
    Image.fromarray(RED_LEFT).save(file, kind, exif=block("<", [turned("<"), odd], data), **options)
    assert is_upright(file.getvalue())


def test_notes_of_chance() -> None:
    generator = random.Random(0)
    for _ in range(200):
        order = generator.choice("<>")
        entries = [turned(order)]
        for _ in range(generator.randrange(4)):
            count = generator.choice([0, 1, 2, 100, 2**32 - 1])
            entries.append(
                entry(order, generator.randrange(2**16), generator.randrange(20), count, generator.randbytes(4))
            )
        content = block(order, entries, generator.randbytes(generator.randrange(60)))
        file = io.BytesIO()
        Image.fromarray(RED_LEFT).save(file, "JPEG", quality=95, exif=content[: generator.choice([36, 9999])])
        assert is_upright(file.getvalue())


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_every_orientation_is_that_of_pillow(kind: str, orientation: int) -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 9, 3), np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = io.BytesIO()
    picture.save(file, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(file.getvalue())))
    pixels = read_image(file, (expected.height, expected.width))
    np.testing.assert_array_equal(pixels, np.asarray(expected.convert("RGB")))


def test_blocks_without_an_orientation() -> None:
    whole = block(">", [turned(">")])
    assert orientation_in_exif(whole) == 6
    for end in range(len(whole) - 8):
        assert orientation_in_exif(whole[:end]) in (None, 6)
    for content in (
        b"",
        b"Exif\0\0",
        b"Exif\0\0II*\0\xff\xff\xff\xff",
        block("<", [entry("<", 0x112, 2, 1, b"6\0\0\0")]),
    ):
        assert orientation_in_exif(content) is None


@pytest.mark.parametrize(
    "odd", [(0x11A, 2), (0x11B, 7), (0x128, 12), (0x132, 11), (0x2BC, 3), (0x8769, 2), (0x100F, 99)]
)
def test_odd_tags_of_a_tiff_cost_no_photo(odd: tuple[int, int]) -> None:
    tag, kind = odd
    entries = {0x100: 40, 0x101: 20, 0x103: 1, 0x106: 2, 0x112: 6, 0x115: 3, 0x116: 20, 0x117: 2400, 0x102: 0, 0x111: 0}
    start = 8 + 2 + 12 * (len(entries) + 1) + 4
    values = {**entries, 0x102: start, 0x111: start + 6}
    packed = {name: entry("<", name, 4, 3 if name == 0x102 else 1, struct.pack("<I", values[name])) for name in values}
    packed[0x102] = entry("<", 0x102, 3, 3, struct.pack("<I", start))
    packed[tag] = entry("<", tag, kind, 1, b"abc\0")
    directory = struct.pack("<H", len(packed)) + b"".join(packed[name] for name in sorted(packed)) + bytes(4)
    content = b"II*\0" + struct.pack("<I", 8) + directory + struct.pack("<HHH", 8, 8, 8) + RED_LEFT.tobytes()
    assert is_upright(content)
