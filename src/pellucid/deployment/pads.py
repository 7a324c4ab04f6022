"""How the pad of a page draws: measured from the training images, so that what is drawn looks like them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["pad_of"]

MOST_IMAGES = 2000
INK = 16
"""From this byte on a pixel of a dark image counts as ink, not as noise."""

SHARE = 0.9
"""So many of the images must be centred and scaled alike for the pad to do the same."""


OUTLINE = 0.92
"""Differences of neighbouring pixels, and the strokes' ends, make outlines longer: strokes of 2, 3 and 4 pixels are
measured as 0.93, 0.92 and 0.90 of that."""


def pad_of(images: NDArray[np.uint8] | None, channels: int) -> dict[str, Any]:
    """Choose a pad for a network's images.

    A set counts as drawn digits (letters, signs) where nearly all images are bright ink on black, fill a box of one
    size along their longer side, and lie with their centre of mass at the image's centre: then the pad does the same,
    with a pen as thick as theirs.

    Args:
        images: training images, uint8 `[N, H, W, C]`; None where they are gone.
        channels: 1 or 3.

    Returns:
        `kind` (`digit`, `grey` or `colour`) and what the kind needs; `measured` says on how many images.

    >>> pad_of(None, 3)
    {'kind': 'colour'}
    """
    if channels != 1:
        return {"kind": "colour"}
    if images is None or not len(images):
        return {"kind": "grey", "background": 255}
    step = max(1, len(images) // MOST_IMAGES)
    sample = np.asarray(images[::step][:MOST_IMAGES, :, :, 0])
    border = np.concatenate([sample[:, 0], sample[:, -1], sample[:, :, 0], sample[:, :, -1]], axis=1)
    grey = {"kind": "grey", "background": int(np.median(border)), "measured": len(sample)}
    if sample.shape[1] != sample.shape[2] or np.median(border) >= INK:
        return grey
    ink: NDArray[np.bool_] = np.asarray(sample >= INK, dtype=np.bool_)
    drawn = ink.reshape(len(ink), -1).any(1)
    if drawn.mean() < SHARE:
        return grey
    sample, ink = sample[drawn], ink[drawn]
    longer = np.maximum(_extent(np.asarray(ink.any(2))), _extent(np.asarray(ink.any(1))))
    box = int(np.median(longer))
    size = sample.shape[1]
    boxed = np.abs(longer - box) <= 1
    near = (np.abs(_centre(sample) - size / 2) <= 1).all(1)
    if box >= size or (boxed & near).mean() < SHARE:
        return grey
    return {"kind": "digit", "size": size, "box": box, "pen": round(_pen(sample), 2), "measured": len(sample)}


def _extent(lines: NDArray[np.bool_]) -> NDArray[np.int64]:
    """How many lines lie from the first to the last that has ink, `[N, L]` to `[N]`."""
    length = lines.shape[1]
    return np.asarray(length - lines.argmax(1) - lines[:, ::-1].argmax(1), dtype=np.int64)


def _centre(sample: NDArray[np.uint8]) -> NDArray[np.float64]:
    """The centre of mass of each, `[N, 2]`, in pixels from the edge."""
    mass = sample.astype(np.float64)
    middle = np.arange(sample.shape[1]) + 0.5
    total = mass.sum((1, 2))
    return np.stack([(mass.sum(2) * middle).sum(1) / total, (mass.sum(1) * middle).sum(1) / total], axis=1)


def _pen(sample: NDArray[np.uint8]) -> float:
    """How wide the strokes are, in pixels: twice their area divided by the length of their outline.

    The outline's length is the total variation of the grey levels (the coarea formula), which antialiasing leaves as
    it is.
    """
    level = sample.astype(np.float64) / 255
    padded = np.pad(level, ((0, 0), (1, 1), (1, 1)))
    down = np.diff(padded, axis=1)[:, :, :-1]
    right = np.diff(padded, axis=2)[:, :-1, :]
    return float(np.median(2 * level.sum((1, 2)) / np.hypot(down, right).sum((1, 2)))) / OUTLINE
