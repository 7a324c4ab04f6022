"""What a recipe makes of an image set: which images train, which are held out, how pixels are scaled and augmented."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pellucid.data import ImageSet, Split
from pellucid.data.augmentation import Augmentation
from pellucid.data.batches import DeviceImages
from pellucid.data.near_copies import NearCopies, keep_together, near_copy_groups
from pellucid.data.pixel_augmentation import PixelAugmentation
from pellucid.data.preprocessing import Preprocessing, channel_statistics
from pellucid.data.split import stratified_split
from pellucid.ground.errors import UserError
from pellucid.ground.seeds import derive_seed
from pellucid.recipes import Recipe
from pellucid.training.class_weights import class_weights

__all__ = ["Division", "Preparation", "Statistics", "divide", "prepare"]

MOST_IMAGES_COMPARED = 2_000
"""Comparing them takes half a second, every time that a run's images are opened."""

Statistics = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and standard deviation of each channel, full range = 1."""


@dataclass(frozen=True)
class Division:
    """Which images of a set train and which validate it."""

    train: Split
    train_subset: NDArray[np.int64] | None
    """Indices of the training images that train; None for all."""
    val: Split | None
    val_subset: NDArray[np.int64] | None
    near_copies: NearCopies
    """Training images that show nearly the same, each group of them on one side, where the recipe's share was cut."""
    are_photos: bool
    """Whether the images may be flipped; digits and letters may not, and many of those look nearly the same."""

    @property
    def is_cut(self) -> bool:
        """Whether the validation images were held out of the training images."""
        return self.val is self.train

    @property
    def train_images(self) -> int:
        """How many images train."""
        return len(self.train) if self.train_subset is None else len(self.train_subset)

    def train_on(self, device: torch.device) -> DeviceImages:
        """Give the images that train, ready to be cut on `device`."""
        return DeviceImages(self.train, device, self.train_subset)

    def groups_in_training(self) -> list[NDArray[np.int64]]:
        """Find the photos that train and show nearly the same: the indices of each group, counted among those.

        None are looked for among digits and letters, and in large sets.
        """
        if not self.are_photos or self.train_images > MOST_IMAGES_COMPARED:
            return []
        rows = slice(None) if self.train_subset is None else self.train_subset
        return near_copy_groups([self.train.images[rows]], self.train.labels[rows])

    def val_on(self, device: torch.device, train: DeviceImages | None = None) -> DeviceImages | None:
        """Give the validation images, if there are any.

        With `train`, what `train_on` gave, images that were held out of the training images lie on the device once.
        """
        if self.val is None:
            return None
        if train is not None and self.is_cut:
            return train.with_subset(self.val_subset)
        return DeviceImages(self.val, device, self.val_subset)


@dataclass(frozen=True)
class Preparation(Division):
    """An image set seen through a recipe."""

    preprocessing: Preprocessing
    augmentation: Augmentation | None
    pixel_augmentation: PixelAugmentation | None
    counts: tuple[int, ...]
    """Training images of each class."""
    class_weights: tuple[float, ...] | None
    """What the loss of an image is multiplied by, by its label; None where all count the same."""


def divide(images: ImageSet, recipe: Recipe, seed: int) -> Division:
    """Decide which images train and which validate; the same arguments always decide the same.

    A set's own validation split is used where there is one; otherwise the recipe's share is held out of the
    training images, the same share of each class.

    Raises:
        UserError: there are no training images.
    """
    if "train" not in images.splits:
        raise UserError(f"{images.name} has no training images; its splits: {', '.join(images.splits)}")
    train, val = images.splits["train"], images.splits.get("val")
    train_subset = val_subset = None
    near_copies = NearCopies()
    if val is None and recipe.validation:
        train_subset, val_subset = stratified_split(train.labels, recipe.validation, derive_seed(seed, "validation"))
        val = train
        train_subset, val_subset, near_copies = _together(images, train, train_subset, val_subset)
        if not len(val_subset):
            train_subset = val_subset = val = None
    return Division(train, train_subset, val, val_subset, near_copies, images.flip_allowed)


def _together(
    images: ImageSet, train: Split, kept: NDArray[np.int64], held: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NearCopies]:
    """Keep photos that show nearly the same on one side; digits and letters, and large sets, stay as they were cut."""
    if not images.flip_allowed or not len(held) or len(train) > MOST_IMAGES_COMPARED:
        return kept, held, NearCopies()
    parts = np.zeros(len(train), np.int64)
    parts[held] = 1
    parts, found = keep_together([train.images], train.labels, parts)
    return np.flatnonzero(parts == 0), np.flatnonzero(parts == 1), found


def prepare(images: ImageSet, recipe: Recipe, seed: int, expected: Statistics | None = None) -> Preparation:
    """Decide the splits (see `divide`), the scaling and the augmentation; the same arguments always decide the same.

    Args:
        images: the set.
        recipe: how it is to be trained on.
        seed: of the images that are held out.
        expected: mean and standard deviation of each channel of the images that the first weights were trained on.

    Raises:
        UserError: there are no training images, or nobody knows what the first weights expect.
    """
    division = divide(images, recipe, seed)
    channels, height, width = images.shape
    if recipe.normalize == "weights":
        if expected is None:
            raise UserError(
                "normalize is 'weights', but nothing says which pixels the weights expect; give half or dataset "
                "(--normalize), whichever they were trained with"
            )
        mean, std = expected
    elif recipe.normalize == "dataset":
        mean, std = channel_statistics(division.train.images)
    else:
        mean, std = (0.5,) * channels, (0.5,) * channels
    labels = division.train.labels if division.train_subset is None else division.train.labels[division.train_subset]
    counts = tuple(np.bincount(labels, minlength=len(images.classes)).tolist())
    fit = images.fit if images.fit != "none" else "stretch"
    flip = recipe.flip and images.flip_allowed
    return Preparation(
        **vars(division),
        preprocessing=Preprocessing(height, width, channels, fit, mean, std, images.pixel_range),
        augmentation=Augmentation(flip, recipe.shift) if flip or recipe.shift else None,
        pixel_augmentation=_pixel_augmentation(recipe, mean, seed, division.train_images),
        counts=counts,
        class_weights=class_weights(recipe.class_weights, counts),
    )


def _pixel_augmentation(
    recipe: Recipe, mean: tuple[float, ...], seed: int, train_images: int
) -> PixelAugmentation | None:
    settings = {name: getattr(recipe, name) for name in ("zoom", "rotation", "colour", "blur", "erase", "mixup")}
    if not any(settings.values()):
        return None
    fill = tuple(255 * value for value in mean)
    return PixelAugmentation(**settings, fill=fill, seed=seed, count=train_images)
