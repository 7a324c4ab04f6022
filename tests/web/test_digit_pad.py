"""What is drawn becomes what MNIST would have made of it: compared with NumPy, and with a classifier of real digits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from web_modules import NO_NODE, NODE, in_node

pytestmark = pytest.mark.skipif(NODE is None, reason=NO_NODE)

FRAME = {"size": 28, "box": 20, "pen": 2.5}
SCRIPT = Path(__file__).with_name("digit.mjs")
SAMPLES = 8


def numpy_digit(strokes: list[np.ndarray], size: int = 28, box: int = 20, pen: float = 2.5) -> np.ndarray:
    """Scale into the box, cover samples by their distance from the strokes, take means, move to the centre of mass."""
    points = np.concatenate(strokes)
    low, extent = points.min(0), np.ptp(points, axis=0)
    scale = (box - pen) / extent.max() if extent.max() else 0.0
    offset = (box - extent * scale) / 2
    grid = (np.arange(box * SAMPLES) + 0.5) / SAMPLES
    where = np.stack(np.meshgrid(grid, grid), axis=-1)
    covered = np.zeros(where.shape[:2], bool)
    for stroke in strokes:
        moved = (stroke - low) * scale + offset
        for start, end in zip(moved, [*moved[1:], moved[-1]], strict=True):
            along = end - start
            length = along @ along
            share = np.clip((where - start) @ along / length, 0, 1) if length else np.zeros(covered.shape)
            away = where - start - share[..., None] * along
            covered |= (away**2).sum(-1) <= (pen / 2) ** 2
    means = covered.reshape(box, SAMPLES, box, SAMPLES).mean((1, 3))
    ink = np.floor(255 * means + 0.5)
    rows = (ink.sum(1) @ (np.arange(box) + 0.5)) / ink.sum()
    columns = (ink.sum(0) @ (np.arange(box) + 0.5)) / ink.sum()
    top, left = (int(np.clip(np.floor(size / 2 - at + 0.5), 0, size - box)) for at in (rows, columns))
    pixels = np.zeros((size, size), np.uint8)
    pixels[top : top + box, left : left + box] = ink
    return pixels


def drawings(count: int) -> list[list[np.ndarray]]:
    generator = np.random.default_rng(11)
    made = [
        [np.array([[50.0, 60.0]])],  # a dot
        [np.array([[10.0, 10.0], [10.0, 200.0]])],
        [np.array([[10.0, 40.0], [200.0, 40.0]]), np.array([[100.0, 41.0]])],
        [np.array([[3.0, 3.0], [3.0, 3.0]])],
    ]
    for _ in range(count):
        strokes = int(generator.integers(1, 4))
        reach = generator.uniform(5, 280)
        made.append([generator.uniform(0, reach, (int(generator.integers(1, 12)), 2)) for _ in range(strokes)])
    return made


def as_question(drawn: list[list[np.ndarray]]) -> list[list[list[dict[str, float]]]]:
    return [[[{"x": x, "y": y} for x, y in stroke.tolist()] for stroke in strokes] for strokes in drawn]


def test_the_pixels_are_those_of_an_independent_computation():
    drawn = drawings(40)
    answers = in_node(SCRIPT, {"drawings": as_question(drawn), "frame": FRAME})
    for strokes, answer in zip(drawn, answers, strict=True):
        expected = numpy_digit(strokes).astype(int)
        given = np.array(answer).reshape(28, 28)
        # A sample at the very edge of the pen may fall to either side, which is 4 of 255 levels.
        assert np.abs(given - expected).max() <= 8
        assert (given != expected).mean() < 0.01


def test_the_size_and_the_place_of_a_drawing_do_not_matter():
    strokes = drawings(6)[-1]
    larger = [3.7 * stroke + np.array([15.0, 4.0]) for stroke in strokes]
    small, large = in_node(SCRIPT, {"drawings": as_question([strokes, larger]), "frame": FRAME})
    assert np.abs(np.array(small) - np.array(large)).max() <= 8


def test_nothing_drawn_gives_nothing():
    assert in_node(SCRIPT, {"drawings": [[], [[]]], "frame": FRAME}) == [[], []]
