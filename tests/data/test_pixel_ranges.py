"""Pictures of more than 8 bits: one scale for a whole set, chosen from its values or given."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pellucid.data import missing_lines, open_image_set, read_image
from pellucid.data.decode import PixelFormat, decode
from pellucid.data.describe import describe_images
from pellucid.data.pixel_range import CutOff, DeepValues, count_beyond, scaled, set_range
from pellucid.ground.errors import UserError


def write_set(root: Path, pictures: dict[str, np.ndarray], kind: str = "tif") -> Path:
    """Write each array twice, into two classes."""
    for name, values in pictures.items():
        for class_name in ("a", "b"):
            (root / class_name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(root / class_name / f"{name}.{kind}")
    return root


def first_pixels(root: Path, **options: object) -> dict[str, int]:
    """The first byte of each picture of class a, by its name, and whichever split it is in."""
    image_set = open_image_set(root, size=(4, 4), channels=1, **options)
    assert image_set.left_out == ()
    return {
        Path(source).stem: int(image[0, 0, 0])
        for split in image_set.splits.values()
        for image, source in zip(split.images, split.sources, strict=True)
        if source.startswith("a/")
    }


def flat(value: float, kind: type) -> np.ndarray:
    return np.full((4, 4), value, kind)


def test_flat_pictures_of_fractions_keep_their_brightness(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set", {"50": flat(50, np.float32), "200": flat(200, np.float32)})
    assert first_pixels(root) == {"50": 50, "200": 200}
    assert open_image_set(root).pixel_range == (0, 255)


def test_small_values_of_16_bit_files_stay_apart(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set", {str(n): flat(n, np.uint16) for n in (0, 1, 98, 99)}, "png")
    assert first_pixels(root) == {"0": 0, "1": 1, "98": 98, "99": 99}


def test_12_bit_data_use_all_levels(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set", {str(n): flat(n, np.uint16) for n in (0, 16, 2048, 4095)}, "png")
    assert first_pixels(root) == {"0": 0, "16": 1, "2048": 128, "4095": 255}
    image_set = open_image_set(root)
    assert describe_images(image_set)["pixel_range"] == [0, 4095]


def test_a_range_that_is_given_is_used_and_values_beyond_are_cut_off(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set", {str(n): flat(n, np.int32) for n in (-50, 0, 50, 999)})
    assert first_pixels(root, pixel_range=(0, 100)) == {"-50": 0, "0": 0, "50": 128, "999": 255}
    with pytest.raises(UserError, match=r"pixel_range is \(5, 5\); expected two numbers"):
        open_image_set(root, pixel_range=(5, 5))


def test_values_beyond_a_range_that_is_given_are_counted_and_said(tmp_path: Path) -> None:
    half = np.repeat(np.array([[50], [101]], np.uint16), 4, axis=1)
    root = write_set(tmp_path / "set", {"in": flat(100, np.uint16), "half": half, "low": flat(3, np.uint16)}, "png")
    write_set(root, {"plain": flat(255, np.uint8)}, "png")
    image_set = open_image_set(root, size=(4, 4), pixel_range=(4, 100))
    assert image_set.cut_off == CutOff(4, 2 * (4 + 16) / (2 * (8 + 16)))
    assert describe_images(image_set)["cut_off"] == {"images": 4, "share": pytest.approx(40 / 48)}
    assert missing_lines(image_set) == [
        "4 images have values beyond 4 (black) to 100 (white), 83.3% of their pixels, which are cut off"
    ]
    assert open_image_set(root, size=(4, 4), pixel_range=(4, 100)).cut_off == image_set.cut_off
    assert open_image_set(root, size=(4, 4)).cut_off is None


def test_what_is_transparent_is_not_counted_as_beyond() -> None:
    values, hidden = np.array([[[5, 0, 0], [0, 0, 9], [1, 1, 1]]]), np.array([[False, True, False]])
    assert count_beyond(values, (0, 4)) == 2
    assert count_beyond(values, (0, 4), hidden) == 1


def test_pictures_of_8_bits_in_such_a_set_stay_as_they_are(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set", {"deep": flat(4095, np.uint16)}, "png")
    write_set(root, {"plain": flat(77, np.uint8)}, "png")
    assert first_pixels(root) == {"deep": 255, "plain": 77}


def test_fractions_beside_whole_numbers_are_refused(tmp_path: Path) -> None:
    root = write_set(tmp_path / "set", {"share": flat(0.5, np.float32)})
    write_set(root, {"number": flat(4095, np.uint16)}, "png")
    with pytest.raises(UserError, match=r"fractions up to 0.5 and others whole numbers up to 4,095.*--range LOW:HIGH"):
        open_image_set(root)


def test_a_value_that_stands_for_transparency_in_16_bits() -> None:
    file = io.BytesIO()
    Image.fromarray(np.array([[100, 65_535]], np.uint16)).save(file, "PNG", transparency=65_535)
    assert read_image(file, (1, 2), 1)[0, :, 0].tolist() == [100, 255]
    assert decode(file, PixelFormat(1, 2, 1, "pad", (0, 4095)))[0][0, :, 0].tolist() == [6, 255]


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_both_orders_of_bytes(order: str) -> None:
    file = io.BytesIO()
    mode = "I;16" if order == "<u2" else "I;16B"
    Image.frombytes(mode, (2, 1), np.array([[4095, 1]], order).tobytes()).save(file, "TIFF")
    assert read_image(file, (1, 2), 1, pixel_range=(0, 4095))[0, :, 0].tolist() == [255, 0]


@given(
    st.lists(st.tuples(st.integers(-(2**20), 2**20), st.integers(0, 2**20)), min_size=1, max_size=5),
    st.booleans(),
)
def test_the_range_of_a_set_holds_every_value_and_keeps_half_the_levels(
    spans: list[tuple[int, int]], from_zero: bool
) -> None:
    values = [
        DeepValues(abs(low) if from_zero else low, (abs(low) if from_zero else low) + span, True) for low, span in spans
    ]
    low, high = set_range(values)
    least, most = min(each.low for each in values), max(each.high for each in values)
    assert low <= least
    assert most <= high
    if most > least:
        levels = scaled(np.array([[least, most]]), (low, high))[0].astype(int)
        assert levels[1] - levels[0] >= min(most - least, 127)


@pytest.mark.parametrize(
    ("low", "high", "whole", "expected"),
    [
        (0, 1, False, (0, 1)),
        (0, 0.01, False, (0, 0.01)),
        (0, 10, False, (0, 10)),
        (5, 5, False, (0, 255)),
        (-4, 4, False, (-4, 4)),
        (0, 4095, False, (0, 4095)),
        (30_000, 30_099, True, (30_000, 30_255)),
        (0, 65_535, True, (0, 65_535)),
        (3, 40_000, True, (0, 65_535)),
        (-1000, 3000, True, (-1000, 3000)),
        (7, 7, True, (0, 255)),
    ],
)
def test_what_is_chosen(low: float, high: float, whole: bool, expected: tuple[float, float]) -> None:
    assert set_range([DeepValues(low, high, whole)]) == expected
