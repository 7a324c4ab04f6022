"""Whether two runs were tested on the same pixels, and not only on images of the same names."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pellucid.ground.errors import UserError
from pellucid.ground.writing import counted
from pellucid.prediction.chosen_images import ChosenImages
from pellucid.run import Run

__all__ = ["check_pixels"]

Pixels = Callable[[int], NDArray[np.uint8]]


def check_pixels(first: Run, first_images: ChosenImages, second: Run, second_images: ChosenImages) -> None:
    """Check that images of the same names, in the same order, hold the same pixels.

    Where the two networks take inputs of different sizes, the second run's images are brought to the first one's input
    before they are compared.

    Raises:
        UserError: some do not; it says how many and names the first.
    """
    sources = [source for part in first_images.parts for source in part.sources]
    pixels = second_images.pixels if _same_input(first, second) else _at_input_of(first, second, sources)
    different = [
        number for number in range(len(sources)) if not np.array_equal(first_images.pixels(number), pixels(number))
    ]
    if different:
        raise UserError(
            f"{first.directory} and {second.directory} were not tested on the same images: of {len(sources):,} images "
            f"of the same names {counted(len(different), 'image')} have other pixels, the first of them "
            f"{sources[different[0]]}. A paired test needs the same images: train both on one data set"
        )


def _same_input(first: Run, second: Run) -> bool:
    one, other = first.preprocessing.to_dict(), second.preprocessing.to_dict()
    normalisation = ("mean", "std")
    return all(one[name] == other[name] for name in one if name not in normalisation)


def _at_input_of(first: Run, second: Run, sources: list[str]) -> Pixels:
    """Give the second run's images by their number, brought to the first one's input."""
    asked = second.record.data
    images = first.open_other_images(asked.source, data_dir=asked.data_dir, strict=asked.strict)
    at = {source: (name, row) for name, split in images.splits.items() for row, source in enumerate(split.sources)}

    def pixels(number: int) -> NDArray[np.uint8]:
        name, row = at[sources[number]]
        return np.asarray(images.splits[name].images[row])

    return pixels
