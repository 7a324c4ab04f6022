"""Small images to try filters on, computed here, so that none has to be at hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["EXAMPLES", "ExampleImage"]

Pixels = NDArray[np.uint8]
SIDE = 32


@dataclass(frozen=True)
class ExampleImage:
    """An image with its name and what can be seen on it."""

    name: str
    about: str
    draw: Callable[[], Pixels]

    @property
    def pixels(self) -> Pixels:
        """`[H, W]` uint8."""
        return self.draw()


def _grid() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Give rows and columns, counted from the middle."""
    line = np.arange(SIDE, dtype=np.float64) - (SIDE - 1) / 2
    rows, columns = np.meshgrid(line, line, indexing="ij")
    return rows, columns


def _square() -> Pixels:
    pixels = np.full((SIDE, SIDE), 40, np.uint8)
    pixels[8:24, 8:24] = 200
    return pixels


def _disc() -> Pixels:
    rows, columns = _grid()
    # the edge is a pixel wide, as a camera would see it
    brightness = np.clip(40 + 160 * (11 - np.hypot(rows, columns)), 40, 200)
    return np.asarray(brightness, np.uint8)


def _rings() -> Pixels:
    rows, columns = _grid()
    return np.asarray(127.5 + 87.5 * np.cos((rows**2 + columns**2) / 16), np.uint8)


def _house() -> Pixels:
    rows, columns = _grid()
    pixels = np.full((SIDE, SIDE), 210, np.uint8)
    pixels[(rows > 11) | (np.hypot(rows + 11, columns - 11) < 3)] = 245
    pixels[rows > 11] = 120
    pixels[(rows > -2) & (rows < 11.5) & (np.abs(columns) < 9)] = 160
    pixels[(rows <= -2) & (np.abs(columns) < rows + 13)] = 70
    pixels[(rows > 3) & (rows < 11.5) & (np.abs(columns + 3) < 2)] = 60
    pixels[(rows > 2) & (rows < 7) & (np.abs(columns - 4) < 2)] = 235
    return pixels


def _noise() -> Pixels:
    rows, columns = _grid()
    noisy = 120 + 3 * (rows + columns) / 2 + np.random.default_rng(0).normal(0, 25, (SIDE, SIDE))
    return np.asarray(np.clip(noisy, 0, 255), np.uint8)


_ALL = (
    ExampleImage("house", "a house under the sun: edges of all directions", _house),
    ExampleImage("square", "a bright square: vertical edges, horizontal edges and corners", _square),
    ExampleImage("disc", "a bright disc: one edge of every direction", _disc),
    ExampleImage("rings", "rings that grow finer outwards: what a blur leaves and what it takes away", _rings),
    ExampleImage("noise", "a slope under noise: what a blur smooths and an edge filter strengthens", _noise),
)

EXAMPLES: dict[str, ExampleImage] = {example.name: example for example in _ALL}
"""The images, by name; all are grey and 32×32."""
