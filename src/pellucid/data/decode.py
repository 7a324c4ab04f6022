"""One picture of any kind to `[H, W, C]` bytes: opened, rotated upright, converted to 8 bits, fitted to the size."""

from __future__ import annotations

import contextlib
import errno
import math
import os
import threading
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from pellucid.data.deep_pictures import DeepPixels, is_deep, load
from pellucid.data.formats import open_picture_bytes, why_unknown
from pellucid.data.memory_bound import available_memory
from pellucid.data.orientation import orientation_of, turned_upright
from pellucid.data.pillow_gaps import correct_transparency
from pellucid.data.pixel_range import DeepValues, PixelRange, count_beyond, fixed_range, measured, scaled
from pellucid.data.read_bytes import MachineFault, NoPicture, file_bytes, remedy
from pellucid.ground.errors import UserError

__all__ = [
    "FITS",
    "LARGE_BYTES",
    "BrokenImage",
    "Decoded",
    "PixelFormat",
    "decode",
    "decode_bytes",
    "decode_single",
    "fit_picture",
    "fit_pixels",
    "read_image",
    "upright_bytes",
]

FITS = ("stretch", "crop", "pad")
RESAMPLING = Image.Resampling.BILINEAR
"""Pillow widens the filter when it makes an image smaller, so that nothing is skipped."""

MOST_PIXELS = 178_000_000
"""A picture of more is not read at all: its file may be small, and what it unpacks to is not. Pillow's own limit is
just above."""

LARGE_PIXELS = 32_000_000
BYTES_A_PIXEL = 12
"""What reading takes at most: the picture as it is stored, turned upright, and converted, 4 bytes each."""

DEEP_BYTES_A_PIXEL = 32
"""The same of a picture of more than 8 bits: both halves of its colours, and their values."""

LARGE_BYTES = LARGE_PIXELS * BYTES_A_PIXEL
"""What a picture takes that is not large; a large one is read when no other is."""

DRAFT_MARGIN = 4
"""A large JPEG is unpacked at ½, ¼ or ⅛ of its size where that still is so many times the size wanted, or more."""


@dataclass(frozen=True)
class PixelFormat:
    """What every image of a set is brought to."""

    height: int
    width: int
    channels: int
    """1 grey or 3 red-green-blue."""

    fit: str
    """`stretch`: both sides are scaled to the size, whatever that does to the proportions. `crop`: scaled in
    proportion until it covers the size, then cut around the centre. `pad`: scaled in proportion until it fits into the
    size, then centred on black."""

    pixel_range: PixelRange | None = None
    """Which values of pictures of more than 8 bits become black and white; None is not known, or not known yet."""


class BrokenImage(Exception):
    """An image that cannot be read; the message is the reason alone."""


@dataclass(frozen=True)
class Decoded:
    """What came of one picture; without pixels it is to be read once more, alone or with a range."""

    pixels: NDArray[np.uint8] | None
    """`[H, W, C]`."""

    other_size: bool = False
    deep: DeepValues | None = None
    """The range of its values, where it has more than 8 bits."""

    beyond: tuple[int, int] = (0, 0)
    """How many of its pixels had a value beyond the target's range, which was cut off; of how many."""

    large: bool = False


def read_image(
    file: str | Path | IO[bytes],
    size: tuple[int, int],
    channels: int = 3,
    fit: str = "stretch",
    pixel_range: PixelRange | None = None,
) -> NDArray[np.uint8]:
    """Read one picture exactly as an image set does.

    Args:
        file: a path, or a file open for reading bytes.
        size: `(H, W)` of the result.
        channels: 1 for grey, 3 for red-green-blue.
        fit: `stretch`, `crop` or `pad`.
        pixel_range: which values of a picture of more than 8 bits become black and white, such as an image set's
            `pixel_range`. Without it whole numbers are taken as of 8, 12 or 16 bits and fractions as reaching to 1, 255
            or 65,535, whichever holds the picture's values.

    Returns:
        uint8 `[H, W, C]`.

    Raises:
        UserError: it is not a picture, or a damaged one, or one of more than 8 bits whose range must be given.

    >>> import io
    >>> file = io.BytesIO()
    >>> Image.new("L", (2, 2), 200).save(file, "PNG")
    >>> read_image(file, size=(1, 1)).tolist()
    [[[200, 200, 200]]]
    """
    try:
        return decode(file, PixelFormat(*size, channels, fit, pixel_range))[0]
    except BrokenImage as error:
        name = file if isinstance(file, str | Path) else "the image"
        raise UserError(f"{name}: {error}") from error


def decode(file: str | Path | IO[bytes], target: PixelFormat) -> tuple[NDArray[np.uint8], bool]:
    """Read one picture; return uint8 `[H, W, C]` and whether it had another size before.

    The first frame of an animation is taken, the orientation applied, transparency laid on white, deep values scaled
    by the target's range (by `fixed_range` where it has none). Colour to grey is Pillow's `L`:
    0.299 R + 0.587 G + 0.114 B.

    Raises:
        BrokenImage: the reason; whatever is wrong with this file, the others are still read.
        UserError: the machine does not let it be read, or its range must be given.
    """
    name = file if isinstance(file, str | Path) else "the image"
    try:
        done = decode_single(file_bytes(file), target)
    except NoPicture as error:
        raise BrokenImage(str(error)) from error
    except MachineFault as error:
        raise UserError(f"{name} {error}") from error
    except UserError as error:
        raise UserError(f"{name}: {error}") from error
    assert done.pixels is not None
    return done.pixels, done.other_size


def decode_bytes(content: bytes, target: PixelFormat, *, measure: bool = False, large_too: bool = True) -> Decoded:
    """Decode the bytes of one picture.

    Args:
        content: all of its file.
        target: what to bring it to; its range must be known unless `measure` is set.
        measure: only measure a picture of more than 8 bits.
        large_too: whether large ones are read; otherwise that it is one is all that is said.

    Raises:
        BrokenImage: what the readers say about the bytes.
        MachineFault: the memory does not suffice.
    """
    with _faults_named(content), open_picture_bytes(content) as picture:
        if _weighed(picture, target) and not large_too:
            return Decoded(None, large=True)
        correct_transparency(picture)
        return _decoded(picture, load(picture), target, measure)


def decode_single(content: bytes, target: PixelFormat, *, large_too: bool = True) -> Decoded:
    """Decode the bytes of one picture that belongs to no set: where the target has no range, by `fixed_range`.

    Raises:
        BrokenImage: what the readers say about the bytes.
        MachineFault: the memory does not suffice.
        UserError: its range must be given.
    """
    if target.pixel_range is None:
        done = decode_bytes(content, target, measure=True, large_too=large_too)
        if done.deep is None or done.pixels is not None:
            return done
        target = replace(target, pixel_range=fixed_range(done.deep))
    return decode_bytes(content, target, large_too=large_too)


def upright_bytes(content: bytes, target: PixelFormat) -> NDArray[np.uint8]:
    """Decode the bytes of one picture up to where it is fitted to a size: uint8 `[H, W, C]` of its own size.

    What `fit_pixels` makes of them is what `decode` gives of the same file. Deep values are scaled by the target's
    range, by `fixed_range` where it has none.

    Raises:
        BrokenImage: what the readers say about the bytes.
        MachineFault: the memory does not suffice.
        UserError: its range must be given.
    """
    with _faults_named(content), open_picture_bytes(content) as picture:
        _weighed(picture, target)
        correct_transparency(picture)
        pixels = load(picture)
        target = _with_range(target, pixels)
        upright = _upright(picture, pixels, target)
    return np.array(upright).reshape(upright.height, upright.width, target.channels)


@contextlib.contextmanager
def _faults_named(content: bytes) -> Iterator[None]:
    """Turn whatever a reader raises into what is wrong with the picture, or with the machine."""
    try:
        with _IGNORED_WARNINGS:  # odd metadata; too many pixels, which are counted here
            yield
    except (BrokenImage, MachineFault, UserError):
        raise
    except UnidentifiedImageError as error:
        raise BrokenImage(why_unknown(content)) from error
    except Image.DecompressionBombError as error:  # of a picture inside an icon
        raise BrokenImage(f"too large: more than {MOST_PIXELS:,} pixels") from error
    except MemoryError as error:
        raise _no_memory("") from error
    except Exception as error:  # readers of damaged files raise nearly anything: struct.error, IndexError, SyntaxError
        if isinstance(error, OSError) and (error.errno == errno.ENOMEM or "out of memory" in str(error)):
            raise _no_memory("") from error
        reason = f"{error or type(error).__name__}".splitlines()[0][:300]
        ends_early = "truncated" in reason.lower() or "unexpected end" in reason.lower()
        raise BrokenImage(f"damaged: the file ends too early ({reason})" if ends_early else reason) from error


class _IgnoredWarnings:
    """Ignores warnings while at least one thread is inside; `warnings.catch_warnings` is for one thread alone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._catching = warnings.catch_warnings()
                self._catching.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._catching.__exit__(None, None, None)


_IGNORED_WARNINGS = _IgnoredWarnings()


def fit_picture(picture: Image.Image, target: PixelFormat) -> tuple[NDArray[np.uint8], bool]:
    """Bring an opened picture of any mode and size to the target; say whether the size changed.

    Raises:
        BrokenImage: it has values that are not finite.
        UserError: it has more than 8 bits, and the range is not known.
    """
    correct_transparency(picture)
    pixels = load(picture)
    target = _with_range(target, pixels)
    done = _decoded(picture, pixels, target, measure=False)
    assert done.pixels is not None
    return done.pixels, done.other_size


def fit_pixels(pixels: NDArray[np.uint8], target: PixelFormat) -> tuple[NDArray[np.uint8], bool]:
    """Bring uint8 `[H, W, C]` of any size, grey or red-green-blue, to the target; say whether the size changed."""
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    return _fitted(image.convert("L" if target.channels == 1 else "RGB"), target)


def _weighed(picture: Image.Image, target: PixelFormat) -> bool:
    """Say whether a picture is large, from its header; refuse what is too large, and unpack a JPEG smaller if it is."""
    pixels = math.prod(picture.size)
    if pixels > MOST_PIXELS:
        raise BrokenImage(f"too large: {picture.width:,}×{picture.height:,} pixels; at most {MOST_PIXELS:,} are read")
    bytes_a_pixel = DEEP_BYTES_A_PIXEL if is_deep(picture) else BYTES_A_PIXEL
    if pixels * bytes_a_pixel <= LARGE_BYTES:
        return False
    if picture.format == "JPEG" and not picture.info.get("progressive"):
        picture.draft(None, (DRAFT_MARGIN * target.width, DRAFT_MARGIN * target.height))
        pixels = math.prod(picture.size)
    needed, available = pixels * bytes_a_pixel, available_memory()
    if needed > available:
        raise _no_memory(
            f"{picture.width:,}×{picture.height:,} pixels take {needed / 1e6:,.0f} MB of memory and "
            f"{available / 1e6:,.0f} MB are available: "
        )
    return needed > LARGE_BYTES


def _no_memory(detail: str) -> MachineFault:
    return MachineFault(
        f"cannot be read: {detail}{os.strerror(errno.ENOMEM)}; {remedy(errno.ENOMEM)}, or make the picture smaller, or "
        "remove it"
    )


def _decoded(picture: Image.Image, pixels: DeepPixels | None, target: PixelFormat, measure: bool) -> Decoded:
    """Bring a loaded picture to the target; with `measure` only measure one of more than 8 bits."""
    deep = None if pixels is None else _measured(pixels)
    if deep is not None and target.pixel_range is None:
        if not measure:
            raise ValueError("the range of a deep picture must be known")
        return Decoded(None, deep=deep)
    beyond = (0, 0)
    if pixels is not None and target.pixel_range is not None:
        count = count_beyond(pixels.values, target.pixel_range, pixels.hidden)
        beyond = count, math.prod(picture.size)
    fitted, other_size = _fitted(_upright(picture, pixels, target), target)
    return Decoded(fitted, other_size, deep, beyond)


def _measured(pixels: DeepPixels) -> DeepValues | None:
    try:
        return measured(pixels.values, pixels.hidden)
    except ValueError as error:
        raise BrokenImage(str(error)) from error


def _with_range(target: PixelFormat, pixels: DeepPixels | None) -> PixelFormat:
    """Give a target without a range the one for a picture whose set is not known."""
    deep = None if pixels is None else _measured(pixels)
    if deep is None or target.pixel_range is not None:
        return target
    return replace(target, pixel_range=fixed_range(deep))


def _upright(picture: Image.Image, pixels: DeepPixels | None, target: PixelFormat) -> Image.Image:
    """Bring a loaded picture to 8 bits in the target's channels, upright."""
    orientation = orientation_of(picture)
    if pixels is not None:
        picture = _eight_bits(pixels, target.pixel_range or (0.0, 1.0))
    wanted = "L" if target.channels == 1 else "RGB"
    upright = turned_upright(_opaque(picture), orientation)
    return upright if upright.mode == wanted else upright.convert(wanted)


def _eight_bits(pixels: DeepPixels, limits: PixelRange) -> Image.Image:
    """Scale values to bytes; what is transparent is laid on white."""
    levels = scaled(pixels.values, limits)
    if pixels.white_at_zero:
        levels = 255 - levels
    if pixels.opacity is not None:
        return Image.fromarray(np.dstack([levels, pixels.opacity]))
    if pixels.hidden is not None:
        levels[pixels.hidden] = 255
    return Image.fromarray(levels)


def _opaque(image: Image.Image) -> Image.Image:
    """Return a picture of 8 bits a channel in a mode without palette and transparency."""
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        picture = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    if image.mode == "P":
        return image.convert("RGB")
    return image


def _fitted(image: Image.Image, target: PixelFormat) -> tuple[NDArray[np.uint8], bool]:
    wanted = (target.width, target.height)
    other_size = image.size != wanted
    if other_size:
        if target.fit == "stretch":
            image = image.resize(wanted, RESAMPLING)
        elif target.fit == "crop":
            image = ImageOps.fit(image, wanted, RESAMPLING)
        else:
            image = _padded(image, wanted)
    return np.asarray(image).reshape(target.height, target.width, target.channels), other_size


def _padded(image: Image.Image, wanted: tuple[int, int]) -> Image.Image:
    scale = min(wanted[0] / image.width, wanted[1] / image.height)
    width, height = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    canvas = Image.new(image.mode, wanted)
    inner = image.resize((width, height), RESAMPLING)
    canvas.paste(inner, ((wanted[0] - width) // 2, (wanted[1] - height) // 2))
    return canvas
