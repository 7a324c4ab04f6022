"""Colours of 16 bits and unusual grey values, in PNG and TIFF files written by hand, byte for byte."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pellucid.data import open_image_set, read_image
from pellucid.data.decode import BrokenImage, PixelFormat, decode, fit_picture, upright_bytes
from pellucid.data.deep_pictures import load
from pellucid.data.formats import open_picture_bytes
from pellucid.ground.errors import UserError

RANDOM = np.random.default_rng(5)
ADAM7 = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))
"""First row and column of each pass, and the steps between."""

COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}


def png(values: np.ndarray, interlaced: bool = False, transparent: tuple[int, ...] = ()) -> bytes:
    """16 bits a channel `[H, W, C]`; the rows are filtered in turn by nothing, by the left and by the upper pixel."""
    height, width, channels = values.shape
    passes = ADAM7 if interlaced else ((0, 0, 1, 1),)
    rows = b""
    for top, left, down, right in passes:
        part = values[top::down, left::right]
        above = np.zeros(part.shape[1] * channels * 2, np.uint8)
        for number, row in enumerate(part if part.size else ()):
            plain = np.frombuffer(row.astype(">u2").tobytes(), np.uint8)
            to_the_left = np.concatenate([np.zeros(2 * channels, np.uint8), plain[: -2 * channels]])
            rows += bytes([number % 3]) + (plain - (0, to_the_left, above)[number % 3]).astype(np.uint8).tobytes()
            above = plain
    header = struct.pack(">IIBBBBB", width, height, 16, COLOUR_TYPES[channels], 0, 0, interlaced)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    if transparent:
        chunks.insert(1, (b"tRNS", struct.pack(f">{len(transparent)}H", *transparent)))
    body = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


def tiff(
    values: np.ndarray,
    order: str = "<",
    *,
    planar: bool = False,
    packed: bool = False,
    extra: int | None = None,
    white_at_zero: bool = False,
    predictor: int = 1,
) -> bytes:
    """`[H, W]` or `[H, W, C]` in strips of two rows, the directory at the end."""
    height, width = values.shape[:2]
    channels = values.shape[2] if values.ndim == 3 else 1
    stored = values.reshape(height, width, channels).astype(values.dtype.newbyteorder(order))
    planes = np.moveaxis(stored, -1, 0)[..., None] if planar else stored[None]
    strips = [plane[row : row + 2].tobytes() for plane in planes for row in range(0, height, 2)]
    strips = [zlib.compress(strip) for strip in strips] if packed else strips
    body, places = b"", []
    for strip in strips:
        places.append(8 + len(body))
        body += strip
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    tags = {256: [width], 257: [height], 258: [8 * values.itemsize] * channels, 259: [8 if packed else 1]}
    tags |= {262: [2 if channels >= 3 else int(not white_at_zero)], 273: places, 277: [channels], 278: [2]}
    tags |= {279: [len(strip) for strip in strips], 284: [2 if planar else 1], 317: [predictor]}
    tags |= {339: [kind] * channels} | ({} if extra is None else {338: [extra]})
    entries = b""
    for tag, numbers in sorted(tags.items()):
        block = struct.pack(f"{order}{len(numbers)}I", *numbers)
        if len(block) > 4:
            body, block = body + block, struct.pack(order + "I", 8 + len(body))
        entries += struct.pack(order + "HHI", tag, 4, len(numbers)) + block
    start = struct.pack(order + "HI", 42, 8 + len(body))
    directory = struct.pack(order + "H", len(tags)) + entries + bytes(4)
    return (b"II" if order == "<" else b"MM") + start + body + directory


def any_values(kind: str, *shape: int) -> np.ndarray:
    dtype = np.dtype(kind)
    if dtype.kind == "f":
        return RANDOM.normal(0, 300, shape).astype(dtype)
    limits = np.iinfo(dtype)
    return RANDOM.integers(limits.min, limits.max, shape, dtype=dtype, endpoint=True)


def read_deep(content: bytes):
    with open_picture_bytes(content) as picture:
        pixels = load(picture)
    assert pixels is not None
    return pixels


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_every_bit_of_a_png_is_read(channels: int, interlaced: bool) -> None:
    values = any_values("u2", 11, 9, channels)
    pixels = read_deep(png(values, interlaced))
    colours = values if channels == 3 else values[..., : max(1, channels - 1)]
    assert np.array_equal(pixels.values, colours[..., 0] if channels < 3 else colours)
    if channels in (2, 4):
        np.testing.assert_allclose(pixels.opacity, values[..., -1] / 257, atol=0.501)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("channels", "extra"), [(3, None), (4, 2), (4, 0)])
def test_every_bit_of_a_tiff_of_colours_is_read(
    channels: int, extra: int | None, order: str, planar: bool, packed: bool
) -> None:
    values = any_values("u2", 7, 5, channels)
    pixels = read_deep(tiff(values, order, planar=planar, packed=packed, extra=extra))
    assert np.array_equal(pixels.values, values[..., :3])
    assert (pixels.opacity is None) == (extra != 2)


def test_colours_that_are_multiplied_by_their_opacity_are_divided_by_it() -> None:
    values = np.array([[[100, 200, 30_000, 32_768], [0, 7, 65_535, 65_535], [0, 0, 0, 0]]], np.uint16)
    pixels = read_deep(tiff(values, extra=1))
    assert pixels.values.tolist() == [[[200, 400, 59_999], [0, 7, 65_535], [0, 0, 0]]]
    assert pixels.hidden is not None
    assert pixels.hidden.tolist() == [[False, False, True]]


@pytest.mark.parametrize("white_at_zero", [False, True])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["u2", "i2", "f2", "u4", "i4", "f4", "u8", "i8", "f8"])
def test_every_kind_of_grey_value_is_read(kind: str, order: str, packed: bool, white_at_zero: bool) -> None:
    values = any_values(kind, 7, 5)
    pixels = read_deep(tiff(values, order, packed=packed, white_at_zero=white_at_zero))
    assert pixels.values.dtype.kind == values.dtype.kind
    assert np.array_equal(pixels.values, values)
    assert pixels.white_at_zero == white_at_zero


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_small_values_of_colours_stay_apart_in_a_set(tmp_path: Path, channels: int) -> None:
    for number in (0, 1, 98, 99):
        values = np.full((4, 4, channels), number, np.uint16)
        if channels in (2, 4):
            values[..., -1] = 65_535
        for name in ("a", "b"):
            (tmp_path / name).mkdir(exist_ok=True)
            (tmp_path / name / f"{number}.png").write_bytes(png(values))
    image_set = open_image_set(tmp_path, size=(4, 4))
    assert image_set.pixel_range == (0, 255)
    first = {
        source: image[0, 0].tolist()
        for split in image_set.splits.values()
        for source, image in zip(split.sources, split.images, strict=True)
    }
    assert {first[f"a/{number}.png"][1] for number in (0, 1, 98, 99)} == {0, 1, 98, 99}


def test_the_transparent_colour_is_the_one_whose_16_bits_are_equal() -> None:
    values = np.array([[[256, 512, 768], [257, 512, 768], [4095, 0, 0]]], np.uint16)
    content = png(values, transparent=(256, 512, 768))
    image = decode(io.BytesIO(content), PixelFormat(1, 3, 3, "pad", (0, 4095)))[0]
    assert image[0].tolist() == [[255, 255, 255], [16, 32, 48], [255, 0, 0]]
    hidden_only = png(values[:, :1], transparent=(256, 512, 768))
    assert read_image(io.BytesIO(hidden_only), (1, 1)).tolist() == [[[255, 255, 255]]]


def test_what_shines_through_is_laid_on_white() -> None:
    values = np.array([[[4095, 65_535], [0, 65_535], [0, 0], [0, 32_768]]], np.uint16)
    target = PixelFormat(1, 4, 1, "pad", (0, 4095))
    assert decode(io.BytesIO(png(values)), target)[0][0, :, 0].tolist() == [255, 0, 255, 127]


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_one_picture_is_the_same_by_every_way(channels: int) -> None:
    values = any_values("u2", 8, 6, channels) // 16
    target = PixelFormat(8, 6, 3, "stretch")
    content = png(values)
    pixels = decode(io.BytesIO(content), target)[0]
    assert np.array_equal(upright_bytes(content, target), pixels)
    with Image.open(io.BytesIO(content)) as opened:
        assert np.array_equal(fit_picture(opened, target)[0], pixels)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (tiff(any_values("f4", 4, 4, 3)), "a TIFF of 3 channels of 32-bit fractions, which is not read.*store it as"),
        (tiff(any_values("u2", 4, 4, 5), extra=0), "a TIFF of 5 channels of 16-bit whole numbers, which is not read"),
        (tiff(any_values("f8", 4, 4), packed=True, predictor=3), "a TIFF of 1 channel of 64-bit fractions"),
        (tiff(any_values("f2", 4, 4), packed=True, predictor=3), "a TIFF of 1 channel of 16-bit fractions"),
        (b"MM\0+\0\x08\0\0" + bytes(40), "a BigTIFF of a kind that is not read"),
        (tiff(any_values("u2", 4, 4, 3))[:40], "not an image that can be read, or a damaged one"),
    ],
)
def test_what_is_not_read_is_named(content: bytes, words: str) -> None:
    with pytest.raises(BrokenImage, match=words):
        decode(io.BytesIO(content), PixelFormat(4, 4, 3, "pad"))


def test_values_that_are_no_numbers_are_refused_by_every_way() -> None:
    values = np.array([[1.0, np.nan]], np.float64)
    for target in (PixelFormat(1, 2, 1, "pad"), PixelFormat(1, 2, 1, "pad", (0.0, 1.0))):
        with pytest.raises(BrokenImage, match="not finite"):
            decode(io.BytesIO(tiff(values)), target)
        with pytest.raises(BrokenImage, match="not finite"):
            upright_bytes(tiff(values), target)
    with pytest.raises(UserError, match="not finite"):
        read_image(io.BytesIO(tiff(values)), (1, 2), 1)
