from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pellucid.data import read_image
from pellucid.data.decode import PixelFormat, fit_pixels, upright_bytes
from pellucid.ground.errors import UserError


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> io.BytesIO:
    file = io.BytesIO()
    image.save(file, kind, **options)
    file.seek(0)
    return file


def pixel(image: Image.Image, kind: str = "PNG", channels: int = 3, **options: object) -> list[int]:
    return read_image(encoded(image, kind, **options), size=(1, 1), channels=channels)[0, 0].tolist()


def test_plain_colour_and_grey() -> None:
    assert pixel(Image.new("RGB", (1, 1), (10, 20, 30))) == [10, 20, 30]
    assert pixel(Image.new("L", (1, 1), 77)) == [77, 77, 77]
    # 0.299·10 + 0.587·20 + 0.114·30 = 18.15
    assert pixel(Image.new("RGB", (1, 1), (10, 20, 30)), channels=1) == [18]


def test_one_bit() -> None:
    assert pixel(Image.new("1", (1, 1), 1)) == [255, 255, 255]
    assert pixel(Image.new("1", (1, 1), 0)) == [0, 0, 0]


def test_palette_with_and_without_transparency() -> None:
    image = Image.new("P", (1, 1), 3)
    image.putpalette([0] * 9 + [10, 20, 30])
    assert pixel(image) == [10, 20, 30]
    assert pixel(image, transparency=3) == [255, 255, 255]


def test_transparency_is_laid_on_white() -> None:
    assert pixel(Image.new("RGBA", (1, 1), (10, 20, 30, 255))) == [10, 20, 30]
    assert pixel(Image.new("RGBA", (1, 1), (10, 20, 30, 0))) == [255, 255, 255]
    # a share of 51/255 = 0.2: 0.2·100 + 0.8·255 = 224
    assert pixel(Image.new("RGBA", (1, 1), (100, 100, 100, 51))) == [224, 224, 224]
    assert pixel(Image.new("LA", (1, 1), (100, 51))) == [224, 224, 224]
    assert pixel(Image.new("LA", (1, 1), (100, 51)), channels=1) == [224]


def test_a_colour_that_stands_for_transparency() -> None:
    assert pixel(Image.new("RGB", (1, 1), (9, 9, 9)), transparency=(9, 9, 9)) == [255, 255, 255]
    assert pixel(Image.new("L", (1, 1), 9), transparency=9) == [255, 255, 255]


def test_cmyk() -> None:
    # full cyan and nothing else: no red
    red, green, blue = pixel(Image.new("CMYK", (8, 8), (255, 0, 0, 0)), "TIFF")
    assert (red, green, blue) == (0, 255, 255)
    assert pixel(Image.new("CMYK", (8, 8), (0, 0, 0, 255)), "JPEG", quality=100) == [0, 0, 0]


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
@pytest.mark.parametrize(("value", "expected"), [(65_535, 255), (0, 0), (257 * 100, 100), (4200, 16), (32_768, 128)])
def test_sixteen_bits_are_scaled_and_not_clipped(kind: str, value: int, expected: int) -> None:
    assert pixel(Image.fromarray(np.array([[value]], np.uint16)), kind, channels=1) == [expected]


def test_sixteen_bits_big_endian() -> None:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", 1, 1, 16, 2, 0, 0, 0)  # 16 bits a channel, red-green-blue
    row = zlib.compress(b"\0" + struct.pack(">HHH", 257 * 10, 257 * 20, 257 * 30))
    file = io.BytesIO(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", row) + chunk(b"IEND", b""))
    assert read_image(file, size=(1, 1))[0, 0].tolist() == [10, 20, 30]


def test_thirty_two_bit_whole_numbers() -> None:
    small = Image.fromarray(np.array([[65_535, 0]], np.int32))
    assert read_image(encoded(small, "TIFF"), (1, 2), 1)[0, :, 0].tolist() == [255, 0]
    large = encoded(Image.fromarray(np.array([[-1_000_000, 0, 1_000_000]], np.int32)), "TIFF")
    limits = (-1_000_000, 1_000_000)
    assert read_image(large, (1, 3), 1, pixel_range=limits)[0, :, 0].tolist() == [0, 128, 255]
    with pytest.raises(UserError, match=r"values from -1,000,000 to 1,000,000, and nothing says .*--range LOW:HIGH"):
        read_image(large, (1, 3), 1)


def test_floats() -> None:
    shares = Image.fromarray(np.array([[0.0, 0.5, 0.2]], np.float32))
    assert read_image(encoded(shares, "TIFF"), (1, 3), 1)[0, :, 0].tolist() == [0, 128, 51]
    wide = Image.fromarray(np.array([[-4.0, 0.0, 4.0]], np.float32))
    assert read_image(encoded(wide, "TIFF"), (1, 3), 1, pixel_range=(-4, 4))[0, :, 0].tolist() == [0, 128, 255]
    broken = Image.fromarray(np.array([[np.nan]], np.float32))
    with pytest.raises(UserError, match="values that are not finite"):
        read_image(encoded(broken, "TIFF"), (1, 1), 1)


def test_exif_rotation() -> None:
    image = Image.new("RGB", (2, 1), "black")
    image.putpixel((1, 0), (255, 255, 255))  # stored: black, white
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise: black above white
    upright = read_image(encoded(image, "PNG", exif=exif), size=(2, 1), channels=1)
    assert upright[:, 0, 0].tolist() == [0, 255]


def test_the_first_frame_of_an_animation() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "lime", "blue")]
    for kind in ("GIF", "PNG", "WEBP"):
        options = {"lossless": True} if kind == "WEBP" else {}
        assert pixel(frames[0], kind, save_all=True, append_images=frames[1:], **options) == [255, 0, 0], kind


def test_stretch_crop_and_pad_of_a_wide_picture() -> None:
    # left half 0, right quarter 255, between them 100; 8 wide and 4 high
    row = [0, 0, 0, 0, 100, 100, 255, 255]
    image = Image.fromarray(np.array([row] * 4, np.uint8))
    crop = read_image(encoded(image), (4, 4), 1, "crop")[..., 0]
    assert crop.tolist() == [[0, 0, 100, 100]] * 4  # the middle four columns
    pad = read_image(encoded(image), (8, 8), 1, "pad")[..., 0]
    assert pad[:2].max() == pad[6:].max() == 0
    assert pad[2:6].tolist() == [row] * 4
    stretch = read_image(encoded(image), (8, 8), 1, "stretch")[..., 0]
    assert stretch.tolist() == [row] * 8


def test_a_very_thin_picture_is_padded_to_at_least_one_pixel() -> None:
    image = read_image(encoded(Image.new("L", (1000, 1), 255)), (64, 64), 1, "pad")[..., 0]
    assert image.any(axis=1).sum() == 1
    assert image.max() == 255


@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    to_height=st.integers(1, 40),
    to_width=st.integers(1, 40),
    value=st.integers(0, 255),
    fit=st.sampled_from(["stretch", "crop", "pad"]),
)
def test_a_plain_picture_stays_plain_whatever_the_sizes(
    height: int, width: int, to_height: int, to_width: int, value: int, fit: str
) -> None:
    pixels = np.full((height, width, 3), value, np.uint8)
    fitted, changed = fit_pixels(pixels, PixelFormat(to_height, to_width, 3, fit))
    assert fitted.shape == (to_height, to_width, 3)
    assert changed == ((height, width) != (to_height, to_width))
    inside = fitted[fitted.any(axis=2)] if fit == "pad" else fitted
    assert (inside == value).all()
    if value and fit == "pad":
        assert len(inside)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not an image that can be read"),
        (b"GIF89a", "not an image that can be read|index out of range|cannot|not enough"),
        (b"hello", "not an image that can be read"),
    ],
)
def test_what_is_no_picture(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "odd.png"
    path.write_bytes(content)
    with pytest.raises(UserError, match=rf"odd.png: ({reason})"):
        read_image(path, (4, 4))


def test_every_cut_of_a_picture_is_a_reason_and_never_another_error() -> None:
    for kind in ("PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP"):
        whole = encoded(Image.effect_noise((20, 20), 60).convert("RGB"), kind).getvalue()
        for end in range(0, len(whole), max(1, len(whole) // 40)):
            try:
                read_image(io.BytesIO(whole[:end]), (4, 4))
            except UserError as error:
                assert len(str(error)) > 12  # noqa: PT017


def test_a_decompression_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pellucid.data.decode.MOST_PIXELS", 100)
    read_image(encoded(Image.new("L", (10, 10))), (4, 4))
    with pytest.raises(UserError, match="too large: 11×10 pixels; at most 100 are read"):
        read_image(encoded(Image.new("L", (11, 10))), (4, 4))


@pytest.mark.parametrize("fit", ["stretch", "crop", "pad"])
@pytest.mark.parametrize("mode", ["RGB", "L", "I;16", "RGBA", "P", "CMYK"])
@pytest.mark.parametrize("channels", [1, 3])
def test_upright_bytes_are_what_is_fitted(mode: str, fit: str, channels: int) -> None:
    rng = np.random.default_rng(5)
    deep = Image.fromarray(rng.integers(0, 4000, (7, 12), dtype=np.uint16))
    plain = Image.fromarray(rng.integers(0, 256, (7, 12, 4), dtype=np.uint8), "RGBA")
    picture = deep if mode == "I;16" else plain.convert("RGB").convert(mode) if mode != "RGBA" else plain
    exif = Image.Exif()
    exif[0x0112] = 6
    file = encoded(picture, "TIFF", **({} if mode == "I;16" else {"exif": exif}))
    target = PixelFormat(5, 4, channels, fit)
    pixels = upright_bytes(file.getvalue(), target)
    assert pixels.shape == ((7, 12) if mode == "I;16" else (12, 7)) + (channels,)
    assert fit_pixels(pixels, target)[0].tolist() == read_image(file, (5, 4), channels, fit).tolist()
