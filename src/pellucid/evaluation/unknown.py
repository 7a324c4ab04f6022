"""Images that are none of a network's classes: noise, blank images, another data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pellucid.data import Split
from pellucid.data.preprocessing import Preprocessing
from pellucid.ground.errors import UserError
from pellucid.prediction.chosen_images import Part
from pellucid.run import Run

__all__ = ["MADE", "unknown_images"]

MADE = ("noise", "blank")
"""Images that need no data set."""

NOISE_IMAGES = 1000
GREYS = 256
VALUES_AT_MOST = 2**25
"""Made images have at most so many values together: large ones are fewer, so that they do not need much memory."""

SEED = 0


def unknown_images(run: Run, name: str, data_dir: str | Path | None = None) -> tuple[Part, ...]:
    """Give images that are none of a run's classes, at the size of its input; their labels mean nothing.

    Args:
        run: whose network will look at them.
        name: `noise` (1,000 images, every value drawn evenly from 0 to 255, always the same), `blank` (256 images of
            one grey each, from black to white; of large images fewer of either), or a named set, folder or archive:
            its test images, or all of them where it has no splits of its own. Images of classes that the run knows by
            name are left aside.
        data_dir: where named sets lie; None is where the run found its own.

    Raises:
        UserError: there is no such set, or the run knows all of its classes.
    """
    preprocessing = run.preprocessing
    if name == "noise":
        shape = _shape(preprocessing, NOISE_IMAGES)
        return _made(name, np.random.default_rng(SEED).integers(0, 256, shape, np.uint8))
    if name == "blank":
        shape = _shape(preprocessing, GREYS)
        greys = np.linspace(0, 255, shape[0]).round().astype(np.uint8)
        return _made(name, np.broadcast_to(greys[:, None, None, None], shape))
    images = run.open_other_images(name, data_dir=data_dir)
    has_test = images.split_seed is None and "test" in images.splits
    splits = [images.splits["test"]] if has_test else list(images.splits.values())
    strange = np.array([one not in run.classes for one in images.classes])
    parts = [Part(split, np.flatnonzero(strange[split.labels]).astype(np.int64)) for split in splits]
    if not any(map(len, parts)):
        raise UserError(
            f"{run.directory} knows every class of {images.name}; expected images of other classes, or one of: "
            f"{', '.join(MADE)}"
        )
    return tuple(parts)


def _shape(preprocessing: Preprocessing, count: int) -> tuple[int, int, int, int]:
    count = min(count, max(2, VALUES_AT_MOST // preprocessing.values))
    return count, preprocessing.height, preprocessing.width, preprocessing.channels


def _made(name: str, images: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> tuple[Part]:
    sources = [f"{name}/{index}" for index in range(len(images))]
    return (Part(Split(np.ascontiguousarray(images), np.zeros(len(images), np.int64), sources)),)
