"""The images that filters are shown on: of a run, given by a person, or an example; none larger than a screen."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from pellucid.convolution import EXAMPLES, filterable
from pellucid.data.formats import open_picture_bytes
from pellucid.ground.errors import UserError, did_you_mean
from pellucid.prediction.picture import REFERENCE
from pellucid.studio.answering import Asked
from pellucid.studio.workplace import GIVEN, Workplace

__all__ = ["EXAMPLE", "ShownPicture", "ShownPictures"]

LONGEST_SIDE = 400
MOST_PIXELS = 60_000_000
MOST_HELD = 4
"""Images whose pixels are held, so that a click reads no file again."""

EXAMPLE = "example/"


@dataclass(frozen=True)
class ShownPicture:
    """An image as its pixels are shown and filtered."""

    pixels: NDArray[np.integer[Any]]
    """`[H, W]` or `[H, W, 3]`, uint8 or uint16."""

    file: str
    """What the file is called, here and in the command."""

    about: str

    def plane(self, channel: int) -> NDArray[np.integer[Any]]:
        """Give one channel, `[H, W]`."""
        return self.pixels if self.pixels.ndim == 2 else self.pixels[:, :, channel]

    @property
    def channels(self) -> int:
        """How many there are, 1 or 3."""
        return 1 if self.pixels.ndim == 2 else self.pixels.shape[2]


class ShownPictures:
    """The pictures of a workplace, the latest few of them held."""

    def __init__(self, workplace: Workplace) -> None:
        self._workplace = workplace
        self._lock = threading.Lock()
        self._held: OrderedDict[tuple[str | None, str], ShownPicture] = OrderedDict()

    def asked(self, asked: Asked) -> ShownPicture:
        """Give the picture that a request names.

        Raises:
            UserError: there is none of that name, or it cannot be read.
        """
        name = asked.text("picture", EXAMPLE + "house")
        run = None if name.startswith((EXAMPLE, GIVEN)) else asked.text("run")
        key = (run, name)
        with self._lock:
            if key not in self._held:
                self._held[key] = self._read(name, run)
            self._held.move_to_end(key)
            while len(self._held) > MOST_HELD:
                self._held.popitem(last=False)
            return self._held[key]

    def _read(self, name: str, run: str | None) -> ShownPicture:
        if name.startswith(EXAMPLE):
            example = EXAMPLES.get(name.removeprefix(EXAMPLE))
            if example is None:
                names = [EXAMPLE + known for known in EXAMPLES]
                raise UserError(f"no example is named {name!r}; {did_you_mean(name, names)}")
            return _fitted(Image.fromarray(example.pixels), f"{example.name}.png", example.about)
        if run is None:
            file, content = self._workplace.given.get(name)
            return _given(content, file)
        reference, images = REFERENCE.fullmatch(name), self._workplace.run(run).open_images()
        if reference is None or reference[1] not in images.splits:
            raise UserError(f"the image is {name!r}; expected one of the run's own, like test/17, or an example")
        split, index = images.splits[reference[1]], int(reference[2])
        if index >= len(split):
            raise UserError(f"{images.name} has {len(split)} images in {reference[1]}; there is no {name}")
        return _fitted(Image.fromarray(_flat(split.images[index])), name.replace("/", "-") + ".png", name)


def _given(content: bytes | NDArray[np.uint8], file: str) -> ShownPicture:
    if not isinstance(content, bytes):
        return _fitted(Image.fromarray(_flat(content)), "drawing.png", file)
    try:
        opened = open_picture_bytes(content)
        if opened.width * opened.height > MOST_PIXELS:
            raise UserError(
                f"{file} has {opened.width:,} × {opened.height:,} pixels; expected at most {MOST_PIXELS:,} in all"
            )
        picture = ImageOps.exif_transpose(opened)
        picture.load()
    except UserError:
        raise
    except Exception as error:  # a damaged file makes its reader raise anything
        raise UserError(f"{file} cannot be read as an image: {error or type(error).__name__}") from None
    return _fitted(picture, file, file)


def _fitted(picture: Image.Image, file: str, about: str) -> ShownPicture:
    """Make a picture small enough to look at each pixel, by a whole number, and say so."""
    pixels, alpha = filterable(picture, about)
    height, width = pixels.shape[:2]
    times = -(-max(height, width) // LONGEST_SIDE)
    if times > 1:
        if pixels.dtype != np.uint8:
            raise UserError(
                f"{about} has {width:,} × {height:,} pixels of 16 bits; expected at most {LONGEST_SIDE} a side here; "
                "pellucid filter takes it"
            )
        pixels = np.asarray(Image.fromarray(pixels).reduce(times))
        file = f"{PurePath(file).stem}-small.png"
        small_height, small_width = pixels.shape[:2]
        about += f", {times} times smaller here: {small_width} × {small_height} of its {width:,} × {height:,} pixels"
    else:
        about += f", {width} × {height} pixels"
    if alpha:
        about += ", without its transparency"
    return ShownPicture(pixels, file, about)


def _flat(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels
