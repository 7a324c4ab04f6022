"""Photos that show nearly the same stay in one part of a split, and others where the seed drew them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from pellucid.data import missing_lines, open_image_set
from pellucid.data.near_copies import NearCopies, keep_together
from pellucid.recipes import Recipe
from pellucid.training.preparation import divide


def picture(generator: np.random.Generator, size: int = 48) -> Image.Image:
    """Blobs of colour, unlike any other picture."""
    small = generator.integers(0, 256, (9, 9, 3), np.uint8)
    return Image.fromarray(small).resize((size, size), Image.Resampling.BICUBIC)


def copy(image: Image.Image, kind: str) -> Image.Image:
    if kind == "jpeg":
        file = io.BytesIO()
        image.save(file, "JPEG", quality=30)
        return Image.open(file).convert("RGB")
    if kind == "smaller":
        return image.resize((30, 30))
    if kind == "brighter":
        return ImageEnhance.Brightness(image).enhance(1.2)
    width, height = image.size
    return image.crop((1, 1, width - 1, height - 1))


def write(folder: Path, copied: int) -> Path:
    """Two classes of 20 pictures; of the first `copied` of each there are four more copies."""
    generator = np.random.default_rng(8)
    for name in ("cat", "dog"):
        (folder / name).mkdir(parents=True)
        for index in range(20):
            image = picture(generator)
            image.save(folder / name / f"{index}.png")
            if index < copied:
                for kind in ("jpeg", "smaller", "brighter", "crop"):
                    copy(image, kind).save(folder / name / f"{index}-{kind}.png")
    return folder


def parts_of(folder: Path, **options: object) -> dict[str, set[str]]:
    """In which splits the copies of each picture are."""
    images = open_image_set(folder, size=(32, 32), workers=1, **options)  # type: ignore[arg-type]
    parts: dict[str, set[str]] = {}
    for name, split in images.splits.items():
        for source in split.sources:
            parts.setdefault(source.partition("-")[0].removesuffix(".png"), set()).add(name)
    return parts


def test_no_picture_is_in_two_splits_of_a_folder(tmp_path: Path) -> None:
    folder = write(tmp_path / "pets", copied=6)
    for seed in range(4):
        assert all(len(splits) == 1 for splits in parts_of(folder, split_seed=seed).values())
    images = open_image_set(folder, size=(32, 32), workers=1)
    assert (images.near_copies.images, images.near_copies.groups, images.near_copies.torn) == (60, 12, 0)
    assert images.near_copies.moved > 0
    assert "60 images are near-copies of another (12 groups); each group is on one side" in missing_lines(images)[0]
    pixels = {}
    for split in images.splits.values():
        for source, array, label in zip(split.sources, split.images, split.labels, strict=True):
            pixels[source] = array
            assert source.startswith(images.classes[label])
    for source, array in pixels.items():
        expected = np.asarray(Image.open(folder / source).convert("RGB").resize((32, 32), Image.Resampling.BILINEAR))
        assert np.abs(array.astype(int) - expected).mean() < 20, source


def test_a_folder_without_copies_is_split_as_it_was(tmp_path: Path) -> None:
    images = open_image_set(write(tmp_path / "pets", copied=0), size=(32, 32), workers=1)
    assert images.near_copies == NearCopies()
    assert {name: len(split) for name, split in images.splits.items()} == {"train": 28, "val": 6, "test": 6}
    assert missing_lines(images) == []


def test_the_validation_split_of_a_recipe_keeps_them_together_too(tmp_path: Path) -> None:
    write(tmp_path / "set" / "train", copied=6)
    write(tmp_path / "set" / "test", copied=0)
    images = open_image_set(tmp_path / "set", size=(32, 32), workers=1)
    for seed in range(3):
        division = divide(images, Recipe(validation=0.2), seed)
        assert division.train_subset is not None
        assert division.val_subset is not None
        assert sorted([*division.train_subset, *division.val_subset]) == list(range(len(division.train)))
        sides = [
            {division.train.sources[row].partition("-")[0].removesuffix(".png") for row in rows}
            for rows in (division.train_subset, division.val_subset)
        ]
        assert not sides[0] & sides[1]
        assert division.near_copies.groups == 12


def noise(count: int) -> NDArray[np.uint8]:
    return np.random.default_rng(2).integers(0, 256, (count, 20, 20, 1), np.uint8)


def test_a_class_of_copies_alone_stays_in_every_part() -> None:
    images = np.repeat(noise(1), 4, axis=0)
    parts, found = keep_together([images], np.zeros(4, np.int64), np.array([0, 0, 1, 2]))
    assert parts.tolist() == [0, 0, 1, 2]
    assert found == NearCopies(4, 1, 0, 1)


def test_the_part_with_most_of_a_group_takes_it() -> None:
    images = np.concatenate([np.repeat(noise(1), 3, axis=0), noise(6)[1:]])
    labels = np.zeros(8, np.int64)
    parts, found = keep_together([images[:3], images[3:]], labels, np.array([0, 1, 1, 0, 0, 1, 2, 0]))
    assert parts.tolist() == [1, 1, 1, 0, 0, 1, 2, 0]
    assert found == NearCopies(3, 1, 1, 0)


@pytest.mark.parametrize("shape", [(5, 1, 1, 3), (5, 2, 40, 1), (5, 33, 31, 3), (0, 8, 8, 1)])
def test_blank_images_of_any_size_are_no_copies(shape: tuple[int, ...]) -> None:
    parts, found = keep_together([np.full(shape, 7, np.uint8)], np.zeros(shape[0], np.int64), np.zeros(shape[0], int))
    assert found == NearCopies()
    assert len(parts) == shape[0]
