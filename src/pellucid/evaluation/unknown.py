"""Out-of-class images, of none of a network's classes: noise, blank images, another data set."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pellucid.data import Split
from pellucid.data.preprocessing import Preprocessing
from pellucid.ground.errors import UserError
from pellucid.prediction.chosen_images import SplitPart
from pellucid.run import Run

__all__ = ["GENERATED", "unknown_images"]

GENERATED = ("noise", "blank")
"""Images that need no data set."""

NOISE_IMAGES = 1000
GREYS = 256
VALUES_AT_MOST = 2**24
"""Generated images have at most this many values together: of large images there are fewer."""

SEED = 0


def unknown_images(run: Run, name: str, data_dir: str | Path | None = None) -> tuple[SplitPart, ...]:
    """Give images of none of a run's classes, at the size of its input; their labels mean nothing.

    Args:
        run: whose network will look at them.
        name: `noise` (1,000 images, every value drawn evenly from 0 to 255, always the same), `blank` (256 images of
            one grey each, from black to white; of large images fewer of either), or a named set, folder or archive:
            its test images, or all of them where it has no splits of its own. Images of classes that the run knows by
            name are left out.
        data_dir: where named sets are stored; None is where the run found its own.

    Raises:
        UserError: there is no such set, or the run knows all of its classes.
    """
    preprocessing = run.preprocessing
    if name == "noise":
        shape = _shape(preprocessing, NOISE_IMAGES)
        return _generated(name, np.random.default_rng(SEED).integers(0, 256, shape, np.uint8))
    if name == "blank":
        shape = _shape(preprocessing, GREYS)
        greys = np.linspace(0, 255, shape[0]).round().astype(np.uint8)
        return _generated(name, np.broadcast_to(greys[:, None, None, None], shape))
    images = run.open_other_images(name, data_dir=data_dir)
    has_test = images.split_seed is None and "test" in images.splits
    splits = [images.splits["test"]] if has_test else list(images.splits.values())
    is_unknown = np.array([name not in run.classes for name in images.classes])
    parts = [SplitPart(split, np.flatnonzero(is_unknown[split.labels]).astype(np.int64)) for split in splits]
    if not any(map(len, parts)):
        raise UserError(
            f"{run.directory} knows every class of {images.name}; expected images of other classes, or one of: "
            f"{', '.join(GENERATED)}"
        )
    return tuple(parts)


def _shape(preprocessing: Preprocessing, count: int) -> tuple[int, int, int, int]:
    count = min(count, max(2, VALUES_AT_MOST // preprocessing.values))
    return count, preprocessing.height, preprocessing.width, preprocessing.channels


def _generated(name: str, images: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> tuple[SplitPart]:
    sources = [f"{name}/{index}" for index in range(len(images))]
    return (SplitPart(Split(np.ascontiguousarray(images), np.zeros(len(images), np.int64), sources)),)
