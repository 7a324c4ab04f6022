"""Filtering image files: how borders, channels, transparency and values out of range are treated is stated."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.convolution.discrete import convolve2d
from pellucid.convolution.geometry import PADDING_MODES, choose
from pellucid.convolution.result import Convolution
from pellucid.convolution.values import Array, as_numbers
from pellucid.ground.errors import UserError
from pellucid.ground.files import replacing

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["filter_file", "filter_image", "filter_plane", "filterable"]

LARGEST_KERNEL = 1023
"""Rows and columns of a filter for image files, at most."""


def filter_image(
    pixels: NDArray[np.integer[Any]],
    kernel: ArrayLike,
    *,
    flip: bool = False,
    padding_mode: str = "replicate",
    absolute: bool = False,
    offset: float = 0.0,
) -> NDArray[np.integer[Any]]:
    """Slide one filter over every channel of an image; the result has the same shape and type.

    The filter lies on the image as it is given (correlation), or flipped (`flip`, convolution). The sums are
    computed in float64 (exactly, for integer filters), `absolute` drops their sign, `offset` is added, and then
    they are rounded to the nearest integer and clipped to the range of the type: 0 to 255 for uint8.

    Args:
        pixels: `[H, W]` or `[H, W, C]`, uint8 or uint16. Every channel is filtered, alone.
        kernel: `[h, w]`; the middle one of its elements, `(h // 2, w // 2)`, lies on the pixel computed.
        flip: convolve instead of correlate.
        padding_mode: what lies beyond the border: "replicate" (the edge goes on), "reflect", "circular", "zeros".
        absolute: take the absolute value of each sum, so that edges of both directions show.
        offset: added to each sum; 128 shows negative sums as darker than mid-grey.

    Raises:
        UserError: another type or shape; a filter that padding cannot serve.

    >>> filter_image(np.array([[10, 10, 90]], np.uint8), [[-1, 0, 1]]).tolist()
    [[0, 80, 80]]
    """
    if pixels.dtype not in (np.uint8, np.uint16) or pixels.ndim not in (2, 3) or pixels.size == 0:
        raise UserError(
            f"the image is {pixels.dtype} of shape {pixels.shape}; expected uint8 or uint16, [H, W] or [H, W, C]"
        )
    if not np.isfinite(offset):
        raise UserError(f"the offset is {offset}; expected a finite number")
    channels = pixels.reshape(*pixels.shape[:2], -1)
    filtered = np.empty_like(channels)
    limits = np.iinfo(pixels.dtype)
    for channel in range(channels.shape[2]):
        sums = filter_plane(channels[:, :, channel], kernel, flip=flip, padding_mode=padding_mode).result
        if absolute:
            sums = np.abs(sums)
        filtered[:, :, channel] = np.clip(np.rint(sums + offset), limits.min, limits.max)
    return filtered.reshape(pixels.shape)


def filter_plane(
    plane: Array, kernel: ArrayLike, *, flip: bool = False, padding_mode: str = "replicate"
) -> Convolution:
    """Filter one channel, without rounding: the sums, and the steps that make them.

    Args:
        plane: `[H, W]` numbers.
        kernel: `[h, w]`; the middle one of its elements, `(h // 2, w // 2)`, lies on the pixel computed.
        flip: convolve instead of correlate.
        padding_mode: what lies beyond the border; see `filter_image`.

    Returns:
        A `Convolution` in float64 whose result is `[H, W]`.

    Raises:
        UserError: a filter of other than real numbers, or too large; a filter that padding cannot serve.

    >>> str(filter_plane(np.array([[10, 10, 90]]), [[-1, 0, 1]]).steps[0, 1])
    '10*(-1) + 10*0 + 90*1 = 80'
    """
    weights = as_numbers(kernel, "the filter", (2,), finite=True)
    if weights.dtype.kind not in "if":
        raise UserError(f"the filter holds {weights.dtype} numbers; expected real numbers of ordinary size")
    if max(weights.shape) > LARGEST_KERNEL:
        raise UserError(f"the filter has the shape {weights.shape}; expected at most {LARGEST_KERNEL} rows and columns")
    choose(padding_mode, PADDING_MODES, "padding mode")
    sides = []
    for size in weights.shape:
        # flipped, the middle of an even filter lies on the other side
        before = (size - 1) // 2 if flip else size // 2
        sides.append((before, size - 1 - before))
    settings: Any = {"padding": sides, "padding_mode": padding_mode, "correlate": not flip}
    return convolve2d(plane.astype(np.float64), weights.astype(np.float64), **settings)


def filter_file(
    source: Path,
    kernel: ArrayLike,
    destination: Path,
    *,
    flip: bool = False,
    padding_mode: str = "replicate",
    absolute: bool = False,
    offset: float = 0.0,
    force: bool = False,
) -> tuple[int, int, str]:
    """Filter an image file into another; see `filter_image`.

    Grey and colour images of 8 bits and grey ones of 16 bits are read, palettes and other colour models as RGB; the
    picture is rotated as its camera says. Transparency is kept as it is and not filtered. Of an animation the first
    picture is read. The file is written whole or not at all, in the format that its name ends in.

    Returns:
        width, height, and Pillow's name for the kind of image written, such as "RGB".

    Raises:
        UserError: the source is no image, or the destination exists (without `force`) or has no known format.
    """
    from PIL import Image

    if destination.exists() and not force:
        raise UserError(f"{destination} exists already; give another name, or --force to replace it")
    if destination.suffix.lower() not in Image.registered_extensions():
        raise UserError(f"{destination} has no ending of an image format; expected one such as .png or .jpg")
    pixels, alpha = filterable(_open(source), str(source))
    filtered = filter_image(pixels, kernel, flip=flip, padding_mode=padding_mode, absolute=absolute, offset=offset)
    result = Image.fromarray(filtered)
    if alpha:
        result.putalpha(alpha)
    _save(result, destination)
    return result.width, result.height, result.mode


def _open(source: Path) -> Image.Image:
    from PIL import Image, ImageOps

    try:
        with Image.open(source) as opened:
            picture = ImageOps.exif_transpose(opened)
            picture.load()
    except FileNotFoundError:
        raise UserError(f"there is no file {source}; expected an image") from None
    except Image.DecompressionBombError as error:
        raise UserError(f"{source} is too large to open: {error}") from None
    except (OSError, SyntaxError, ValueError) as error:
        raise UserError(f"{source} cannot be read as an image: {error}") from None
    return picture


def filterable(picture: Image.Image, name: str) -> tuple[NDArray[np.integer[Any]], Image.Image | None]:
    """Give a picture's pixels as they are filtered, and its transparency, which is not.

    Args:
        picture: of any kind; palettes and other colour models become RGB.
        name: what messages call it.

    Returns:
        `[H, W]` or `[H, W, 3]`, uint8, or uint16 for grey ones of 16 bits; and the alpha channel, if there is one.

    Raises:
        UserError: it has 32 bits a pixel.
    """
    picture = _of_known_kind(picture, name)
    alpha = picture.getchannel("A") if picture.mode in ("LA", "RGBA") else None
    pixels = np.asarray(picture.convert(picture.mode[:-1]) if alpha else picture)
    return (pixels.astype(np.uint16) if picture.mode.startswith("I;16") else pixels), alpha


def _of_known_kind(picture: Image.Image, name: str) -> Image.Image:
    """Make it one of the kinds that are filtered: L, LA, RGB, RGBA or I;16."""
    if picture.mode in ("L", "LA", "RGB", "RGBA") or picture.mode.startswith("I;16"):
        return picture
    if picture.mode in ("I", "F"):
        raise UserError(f"{name} has 32 bits a pixel; expected 8, or 16 in grey")
    if picture.mode == "1":
        return picture.convert("L")
    return picture.convert("RGBA" if picture.has_transparency_data else "RGB")


def _save(picture: Image.Image, destination: Path) -> None:
    from PIL import Image

    try:
        with replacing(destination) as temporary:
            # the temporary name does not end as the destination does, so the format is named
            picture.save(temporary, format=Image.registered_extensions()[destination.suffix.lower()])
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"{destination} cannot be written: {error}; expected a format for {picture.mode} images"
        ) from None
