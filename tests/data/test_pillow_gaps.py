"""Pictures that Pillow gives as stored, though the format means something else: written by hand, byte for byte."""

import io
import struct
import zlib

import numpy as np
import pytest

from pellucid.data import read_image


def png_of_grey(values: list[list[int]], bits: int, transparent: int) -> bytes:
    rows = b""
    for row in values:
        text = "".join(f"{value:0{bits}b}" for value in row)
        rows += b"\0" + int(text, 2).to_bytes(len(text) // 8, "big")
    header = struct.pack(">IIBBBBB", len(values[0]), len(values), bits, 0, 0, 0, 0)
    chunks = [
        (b"IHDR", header),
        (b"tRNS", struct.pack(">H", transparent)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    ]
    body = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def tiff(values: np.ndarray, photometric: int, sample_format: int) -> bytes:
    """One strip, little-endian."""
    height, width = values.shape
    data = values.tobytes()
    entries = {256: width, 257: height, 258: 8 * values.itemsize, 259: 1, 262: photometric, 273: 8, 277: 1, 278: height}
    entries |= {279: len(data), 339: sample_format}
    body = b"".join(struct.pack("<HHIHH", tag, 3, 1, entries[tag], 0) for tag in sorted(entries))
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(entries)) + body + bytes(4)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_the_transparent_grey_of_few_bits_is_the_one_that_becomes_white(bits: int) -> None:
    most = 2**bits - 1
    values = [[column % (most + 1) for column in range(8)], [most - column % (most + 1) for column in range(8)]]
    for transparent in {0, 1, most // 2, most}:
        image = read_image(io.BytesIO(png_of_grey(values, bits, transparent)), (2, 8), 1)[..., 0]
        expected = [[255 if value == transparent else value * 255 // most for value in row] for row in values]
        assert image.tolist() == expected


@pytest.mark.parametrize(
    ("dtype", "sample_format", "most"), [("<u2", 1, 65535), ("<u4", 1, 2**32 - 1), ("<f4", 3, 1.0)]
)
def test_white_may_be_zero_and_32_bits_have_no_sign(dtype: str, sample_format: int, most: float) -> None:
    shares = np.array([[0.0, 0.2, 0.4], [0.6, 0.8, 1.0]])
    values = np.rint(shares * most) if sample_format == 1 else shares
    for photometric, expected in ((1, shares * 255), (0, 255 - shares * 255)):
        if photometric == 0 and dtype == "<u4":  # Pillow refuses it
            continue
        content = io.BytesIO(tiff(values.astype(dtype), photometric, sample_format))
        image = read_image(content, (2, 3), 1, pixel_range=(0.0, most))[..., 0]
        np.testing.assert_allclose(image, expected, atol=0.51)
