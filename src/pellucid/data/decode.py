"""One picture of any kind to `[H, W, C]` bytes: opened, rotated upright, converted to 8 bits, fitted to the size."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from pellucid.ground.errors import UserError

__all__ = ["FITS", "BrokenImage", "PixelFormat", "decode", "fit_picture", "fit_pixels", "read_image"]

FITS = ("stretch", "crop", "pad")
RESAMPLING = Image.Resampling.BILINEAR
"""Pillow widens the filter when it makes an image smaller, so that nothing is skipped."""


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


class BrokenImage(Exception):
    """An image that cannot be read; the message is the reason alone."""


def read_image(
    file: str | Path | IO[bytes], size: tuple[int, int], channels: int = 3, fit: str = "stretch"
) -> NDArray[np.uint8]:
    """Read one picture exactly as an image set does.

    Args:
        file: a path, or a file open for reading bytes.
        size: `(H, W)` of the result.
        channels: 1 for grey, 3 for red-green-blue.
        fit: `stretch`, `crop` or `pad`.

    Returns:
        uint8 `[H, W, C]`.

    Raises:
        UserError: it is not a picture, or a damaged one.

    >>> import io
    >>> file = io.BytesIO()
    >>> Image.new("L", (2, 2), 200).save(file, "PNG")
    >>> read_image(file, size=(1, 1)).tolist()
    [[[200, 200, 200]]]
    """
    try:
        return decode(file, PixelFormat(*size, channels, fit))[0]
    except BrokenImage as error:
        name = file if isinstance(file, str | Path) else "the image"
        raise UserError(f"{name}: {error}") from error


def decode(file: str | Path | IO[bytes], target: PixelFormat) -> tuple[NDArray[np.uint8], bool]:
    """Read one picture; return uint8 `[H, W, C]` and whether it had another size before.

    The first frame of an animation is taken, the EXIF orientation applied, transparency laid on white, 16-bit and
    other deep greys scaled to 8 bits. Colour to grey is Pillow's `L`: 0.299 R + 0.587 G + 0.114 B.

    Raises:
        BrokenImage: the reason; whatever is wrong with this file, the others are still read.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # odd metadata; a picture beyond twice Pillow's limit raises all the same
            with Image.open(file) as opened:
                opened.load()
                return fit_picture(opened, target)
    except UnidentifiedImageError as error:
        raise BrokenImage("not an image that can be read, or a damaged one") from error
    except Image.DecompressionBombError as error:
        raise BrokenImage(f"too large: more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels") from error
    except Exception as error:  # readers of damaged files raise nearly anything: struct.error, IndexError, SyntaxError
        raise BrokenImage(f"{error or type(error).__name__}".splitlines()[0][:300]) from error


def fit_picture(picture: Image.Image, target: PixelFormat) -> tuple[NDArray[np.uint8], bool]:
    """Bring an opened picture of any mode and size to the target; say whether the size changed."""
    eight_bit = _eight_bit(ImageOps.exif_transpose(picture))
    return _fitted(eight_bit.convert("L" if target.channels == 1 else "RGB"), target)


def fit_pixels(pixels: NDArray[np.uint8], target: PixelFormat) -> tuple[NDArray[np.uint8], bool]:
    """Bring uint8 `[H, W, C]` of any size, grey or red-green-blue, to the target; say whether the size changed."""
    image = Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)
    return _fitted(image.convert("L" if target.channels == 1 else "RGB"), target)


def _eight_bit(image: Image.Image) -> Image.Image:
    """Return the picture in a mode of 8 bits a channel and no transparency."""
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        return Image.fromarray(_scaled(np.asarray(image)))
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        picture = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")
    if image.mode == "P":
        return image.convert("RGB")
    return image


def _scaled(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Scale deep grey values to 0 to 255.

    16-bit values keep their meaning (65,535 is white). Whole numbers of 32 bits are read as 16-bit ones where all fit
    into that range. Fractions of 0 to 1 are used as they are (1 is white). In any other range the picture's own
    smallest value becomes black and its largest white.
    """
    wide = values.astype(np.float64)
    if not np.isfinite(wide).all():
        raise BrokenImage("has values that are not finite numbers")
    low, high = float(wide.min()), float(wide.max())
    if np.issubdtype(values.dtype, np.integer) and low >= 0 and high <= 65_535:
        low, high = 0.0, 65_535.0
    elif np.issubdtype(values.dtype, np.floating) and low >= 0 and high <= 1:
        low, high = 0.0, 1.0
    return np.rint((wide - low) * (255 / (high - low or 1.0))).astype(np.uint8)


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
