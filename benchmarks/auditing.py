"""How many copies the audit finds, and how long it takes: planted copies of CIFAR-10 images, and its own real ones.

    python benchmarks/auditing.py [--real]

Planted: 60 training images, each changed in one way, join the training images; recall is how many are found as copies
of their original. Real (`--real`, about five minutes): every test image is compared with every training image at the
nine shifts of up to a pixel, flipped or not, by matrix products, without a choice of candidates; recall is how many of
the pairs that meet the audit's own rule the audit finds.
"""

from __future__ import annotations

import argparse
import io
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

import pellucid
from pellucid.auditing import find_duplicates
from pellucid.auditing.duplicates import DETAIL, OVERALL, agreement_of
from pellucid.auditing.thumbnails import thumbnails
from pellucid.data import ImageSet, Split

PLANTED = 60
Pixels = NDArray[np.uint8]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real", action="store_true", help="compare everything with everything, too")
    arguments = parser.parse_args()
    images = pellucid.open_image_set("cifar10")
    planted(images.splits["train"])
    real(images, everything=arguments.real)


def planted(train: Split) -> None:
    """Print the recall of each kind of change."""
    generator = np.random.default_rng(0)
    chosen = np.sort(generator.choice(len(train), PLANTED, replace=False))
    copies = np.concatenate([[change(train.images[index]) for index in chosen] for change in CHANGES.values()])
    labels = np.zeros(len(copies), np.int64)
    splits = [train, Split(copies.astype(np.uint8), labels, [f"copy/{number}" for number in range(len(copies))])]
    pairs = {(pair.first, pair.second) for pair in find_duplicates(splits, thumbnails(splits), flip=True).pairs}
    print(f"{'change':<44} found of {PLANTED}")
    for number, name in enumerate(CHANGES):
        start = len(train) + number * PLANTED
        found = sum((int(index), start + position) in pairs for position, index in enumerate(chosen))
        print(f"{name:<44} {found}")


def real(images: ImageSet, everything: bool) -> None:
    """Print the time for all images, and the recall among the pairs of a training and a test image."""
    splits = list(images.splits.values())
    start = time.perf_counter()
    small = thumbnails(splits)
    pairs = find_duplicates(splits, small, flip=images.flip_allowed).pairs
    count = len(images.splits["train"])
    across = {(pair.first, pair.second) for pair in pairs if pair.first < count <= pair.second}
    print(
        f"{len(small):,} images in {time.perf_counter() - start:.1f} s: {len(pairs):,} pairs, {len(across):,} between "
        f"train and test, {len({second for _, second in across}):,} test images"
    )
    if everything:
        every = compare_everything(small, count)
        print(
            f"comparing everything: {len(every):,} pairs of {len({second for _, second in every}):,} test images; the "
            f"audit has {len(every & across):,} of them, {len(every & across) / len(every):.1%}"
        )


def compare_everything(small: Pixels, count: int) -> set[tuple[int, int]]:
    """Give the pairs of a training and a test image that meet the rule at a shift of no more than a pixel."""
    from pellucid.auditing.thumbnails import without_surroundings

    fine = without_surroundings(small.astype(np.float32), 5)

    def unit(details: NDArray[np.float32]) -> NDArray[np.float32]:
        flat = details.reshape(len(details), -1)
        flat = flat - flat.mean(1, keepdims=True)
        return np.asarray(flat / np.sqrt((flat**2).sum(1, keepdims=True) + flat.shape[1]), np.float32)

    test = unit(fine[count:])
    close: set[tuple[int, int, int]] = set()
    for flip in (0, 1):
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                moved = unit(np.roll(fine[:count, :, :: 1 - 2 * flip], (down, right), (1, 2)))
                for top in range(0, len(test), 500):
                    rows, columns = np.nonzero(test[top : top + 500] @ moved.T >= DETAIL - 0.1)
                    close |= {
                        (int(column), count + top + int(row), flip) for row, column in zip(rows, columns, strict=True)
                    }
    listed = np.array(sorted(close))
    second = small[listed[:, 0]].copy()
    second[listed[:, 2] == 1] = second[listed[:, 2] == 1, :, ::-1]
    overall, similarity, _ = agreement_of(small[listed[:, 1]], second)
    return {(int(pair[0]), int(pair[1])) for pair in listed[(overall >= OVERALL) & (similarity >= DETAIL)]}


def _moved(down: int, right: int) -> Callable[[Pixels], Pixels]:
    def change(image: Pixels) -> Pixels:
        padded = np.pad(image, ((4, 4), (4, 4), (0, 0)), mode="edge")
        return np.asarray(padded[4 - down : 36 - down, 4 - right : 36 - right])

    return change


def _caption(share: float) -> Callable[[Pixels], Pixels]:
    def change(image: Pixels) -> Pixels:
        picture = Image.fromarray(image)
        height = max(1, round(share * 32 * 32 / 24))
        ImageDraw.Draw(picture).rectangle((4, 30 - height, 27, 29), fill="white")
        for column in range(5, 26, 3):
            ImageDraw.Draw(picture).line((column, 30 - height, column, 29), fill="black")
        return np.asarray(picture)

    return change


def _jpeg(quality: int) -> Callable[[Pixels], Pixels]:
    def change(image: Pixels) -> Pixels:
        file = io.BytesIO()
        Image.fromarray(image).save(file, "JPEG", quality=quality)
        return np.asarray(Image.open(file))

    return change


def _cropped(share: float) -> Callable[[Pixels], Pixels]:
    def change(image: Pixels) -> Pixels:
        edge = 32 * (1 - share) / 2
        picture = Image.fromarray(image)
        return np.asarray(picture.resize((32, 32), Image.Resampling.BICUBIC, (edge, edge, 32 - edge, 32 - edge)))

    return change


def _turned(degrees: float) -> Callable[[Pixels], Pixels]:
    return lambda image: np.asarray(Image.fromarray(image).rotate(degrees, Image.Resampling.BILINEAR))


CHANGES: dict[str, Callable[[Pixels], Pixels]] = {
    "flipped horizontally": lambda image: image[:, ::-1],
    "brightness and contrast (0.6 x + 70)": lambda image: np.clip(image * 0.6 + 70, 0, 255).astype(np.uint8),
    "grey": lambda image: np.asarray(Image.fromarray(image).convert("L").convert("RGB")),
    "JPEG, quality 60": _jpeg(60),
    "JPEG, quality 20": _jpeg(20),
    "noise, standard deviation 9": lambda image: np.clip(
        image + np.random.default_rng(int(image.sum())).normal(0, 9, image.shape), 0, 255
    ).astype(np.uint8),
    "shifted by (1, 1)": _moved(1, 1),
    "shifted by (2, 2)": _moved(2, 2),
    "shifted by (3, 3)": _moved(3, 3),
    "caption over 1 % of the image": _caption(0.01),
    "caption over 3 % of the image": _caption(0.03),
    "caption over 6 % of the image": _caption(0.06),
    "cropped to 95 % of each side": _cropped(0.95),
    "cropped to 85 % of each side": _cropped(0.85),
    "turned by 3 degrees": _turned(3),
    "turned by 90 degrees": _turned(90),
    "flipped vertically": lambda image: image[::-1],
}


if __name__ == "__main__":
    main()
