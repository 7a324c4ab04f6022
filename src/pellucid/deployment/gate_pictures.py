"""The pictures that an exported file has to answer like its run: held-out ones, and everything that goes wrong."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pellucid.data import Split, file_of
from pellucid.data.decode import PixelFormat, decode, fit_pixels, upright_bytes
from pellucid.prediction.chosen_images import SplitPart, own_division, validation_part
from pellucid.prediction.predictor import Predictor

__all__ = ["HELD_OUT", "GatePicture", "hard_pictures", "held_out_pictures", "pixel_format"]

HELD_OUT = 200
"""How many held-out images are compared; where there are more, evenly spaced ones."""

SEED = 0
PHOTO = (3000, 4000)
HUGE = (4100, 8000)
"""Of a JPEG that the decoder unpacks at a part of its size."""
ORIENTATION = 0x0112


@dataclass(frozen=True)
class GatePicture:
    """One picture, as a file's bytes or as pixels."""

    name: str
    content: bytes | NDArray[np.uint8]
    """All of a file, or uint8 `[H, W, C]`."""

    held_out: bool = False

    def upright(self, target: PixelFormat) -> NDArray[np.uint8]:
        """What the exported graph takes: uint8 `[H, W, C]` of the picture's own size."""
        return self.content if isinstance(self.content, np.ndarray) else upright_bytes(self.content, target)

    def fitted(self, target: PixelFormat) -> NDArray[np.uint8]:
        """What the run's own network gets, by way of the decoder that every image set uses: uint8 `[h, w, C]`."""
        if isinstance(self.content, np.ndarray):
            return fit_pixels(self.content, target)[0]
        return decode(io.BytesIO(self.content), target)[0]


def pixel_format(predictor: Predictor) -> PixelFormat:
    """What every picture is brought to for a run."""
    its = predictor.preprocessing
    return PixelFormat(its.height, its.width, its.channels, its.fit, its.pixel_range)


def held_out_pictures(predictor: Predictor) -> list[GatePicture]:
    """Take images that the run did not train on, from their files where the set is a folder.

    Of a run that holds out none they are training images.

    Raises:
        UserError: the images are gone, or no longer the same.
    """
    images = predictor.run.open_images()
    if "test" in images.splits:
        part = SplitPart(images.splits["test"])
    else:
        held = validation_part(predictor.run, images)
        division = own_division(predictor.run, images)
        part = held or SplitPart(division.train, division.train_subset)
    places = np.arange(len(part)) if part.subset is None else part.subset
    chosen = places[np.unique(np.linspace(0, len(places) - 1, min(HELD_OUT, len(places))).round().astype(int))]
    return [_of_split(part.split, int(place), images.origin) for place in chosen]


def _of_split(split: Split, place: int, origin: str) -> GatePicture:
    source = split.sources[place]
    file = file_of(origin, source) if Path(origin).is_dir() else None
    content = np.array(split.images[place]) if file is None else file.read_bytes()
    return GatePicture(source, content, held_out=True)


def hard_pictures(target: PixelFormat) -> Iterator[GatePicture]:
    """Make pictures of every kind that other programs answer differently: odd sizes, orientations, depths, colours."""
    random = np.random.default_rng(SEED)
    height, width = target.height, target.width
    sizes = {
        "1×1": (1, 1),
        "1×4000": (1, 4000),
        "4000×1": (4000, 1),
        "one pixel more and one less": (height + 1, max(1, width - 1)),
        "one pixel less and one more": (max(1, height - 1), width + 1),
        "smaller": (max(1, height // 3), max(1, width // 2)),
        "high and narrow": (3 * height + 1, max(1, width // 2)),
        "twice as high as wide": (5 * height + 3, 2 * width + 1),
        "low and wide": (max(1, height // 2), 3 * width + 1),
        "larger": (7 * height + 5, 7 * width + 2),
    }
    for name, (rows, columns) in sizes.items():
        yield GatePicture(f"{name} ({columns}×{rows})", _file(_scene(random, rows, columns), "PNG"))
    scene = _scene(random, 90, 130)
    turned = Image.Exif()
    turned[ORIENTATION] = 6
    yield GatePicture("JPEG turned by EXIF orientation 6", _file(scene, "JPEG", exif=turned.tobytes(), quality=95))
    yield GatePicture("CMYK JPEG", _file(scene.convert("CMYK"), "JPEG", quality=95))
    yield GatePicture("grey PNG", _file(scene.convert("L"), "PNG"))
    deep = np.asarray(scene.convert("L")).astype(np.uint16) * 257 + random.integers(0, 200, (90, 130), np.uint16) % 97
    yield GatePicture("16-bit PNG", _file(Image.fromarray(deep), "PNG"))
    clear = scene.copy()
    clear.putalpha(_scene(random, 90, 130).convert("L"))
    yield GatePicture("PNG with transparency", _file(clear, "PNG"))
    palette = scene.quantize(16)
    yield GatePicture("palette PNG", _file(palette, "PNG"))
    yield GatePicture("palette PNG with a transparent colour", _file(palette, "PNG", transparency=3))
    yield GatePicture("animated GIF", _file(palette, "GIF", save_all=True, append_images=[palette.rotate(90)]))
    yield GatePicture("two colours", _file(scene.convert("1"), "PNG"))
    yield GatePicture("a photo's 12 million pixels", _file(_scene(random, *PHOTO), "JPEG", quality=80))
    yield GatePicture("33 million pixels", _file(_shapes(random, *HUGE), "JPEG", quality=80))


def _scene(random: np.random.Generator, rows: int, columns: int) -> Image.Image:
    """Make a colour picture of soft shapes under noise."""
    noise = random.integers(-40, 41, (rows, columns, 3), np.int16)
    return Image.fromarray((np.asarray(_shapes(random, rows, columns)) + noise).clip(0, 255).astype(np.uint8))


def _shapes(random: np.random.Generator, rows: int, columns: int) -> Image.Image:
    few = Image.fromarray(random.integers(0, 256, (4, 4, 3), np.uint8))
    return few.resize((columns, rows), Image.Resampling.BICUBIC)


def _file(picture: Image.Image, kind: str, **settings: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **settings)
    return file.getvalue()
