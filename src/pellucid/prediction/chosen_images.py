"""Which images a run is measured on: a split of its own data, or other images, their classes matched by name."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pellucid.data import ImageSet, LeftOut, Split, file_of, lost_lines
from pellucid.data.places import data_folder
from pellucid.ground.errors import UserError, did_you_mean
from pellucid.recipes import Recipe
from pellucid.run import Run
from pellucid.training.preparation import Division, divide

__all__ = ["ChosenImages", "SplitPart", "choose_images", "own_division", "validation_part"]


@dataclass(frozen=True)
class SplitPart:
    """Images of one split, with their classes as the run's network counts them."""

    split: Split
    subset: NDArray[np.int64] | None = None
    """`[M]`, the indices of the images that belong; None for all."""
    translation: NDArray[np.int64] | None = None
    """`[K']`, the network's class for each class of the image set; None where they are the same."""

    @property
    def labels(self) -> NDArray[np.int64]:
        """`[M]`, the network's class of each image."""
        labels = np.asarray(self.split.labels if self.subset is None else self.split.labels[self.subset])
        return labels if self.translation is None else self.translation[labels]

    @property
    def sources(self) -> list[str]:
        """`[M]`, where each image came from."""
        sources = self.split.sources
        return list(sources) if self.subset is None else [sources[index] for index in self.subset]

    def __len__(self) -> int:
        return len(self.split) if self.subset is None else len(self.subset)


@dataclass(frozen=True)
class ChosenImages:
    """Images to measure on."""

    images: ImageSet
    split: str
    """`test`, `val`, `train`, or `all`: every image of a set without splits of its own."""
    parts: tuple[SplitPart, ...]
    own: bool
    """Whether these are the run's own data."""
    notes: tuple[str, ...] = field(default=())
    """What a reader of the figures must know about the choice."""

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """The images that could not be read; which split they would have been in is not known."""
        return self.images.left_out

    def pixels(self, index: int) -> NDArray[np.uint8]:
        """Give the pixels of image `index`, `[H, W, C]`, as the network gets them before they are scaled."""
        for part in self.parts:
            if index < len(part):
                return np.asarray(part.split.images[index if part.subset is None else part.subset[index]])
            index -= len(part)
        raise IndexError(index)

    def path_of(self, source: str) -> str | None:
        """Give the path of an image's file if the set is a folder that is still there, else None."""
        path = file_of(self.images.origin, source)
        return str(path) if path else None


def choose_images(
    run: Run,
    data: str | Path | None = None,
    split: str | None = None,
    *,
    data_dir: str | Path | None = None,
    shared_classes: bool = False,
) -> ChosenImages:
    """Choose the images that a run is measured on.

    Args:
        run: opened with `pellucid.open_run`.
        data: another named set, folder or archive; None is the run's own data. Its images are brought to the
            network's input size and channels as the run's own were.
        split: `test`, `val` or `train`; `val` and `train` of the run's own data are divided as they were in
            training. None is `test`, or `val` of data without test images, and `all` for other images that have no
            splits of their own.
        data_dir: where named sets lie; None is where the run found its own.
        shared_classes: measure other data only on the images whose classes the network knows.

    Raises:
        UserError: no such split; the data are not what they were; other data have classes that the network does not
            know.
    """
    if data_dir is not None:
        data_folder(data_dir)  # which a set that is found elsewhere would never look at
    if data is None:
        return _own_images(run, run.open_images(), split)
    images = run.open_other_images(data, data_dir=data_dir, strict=run.record.data.strict)
    if images.fingerprint == run.record.fingerprint:
        return _own_images(run, images, split)
    translation, subsets, notes = _match(run, images, shared_classes)
    if images.split_seed is not None and split in (None, "all"):
        names, split = list(images.splits), "all"
    else:
        absent = split is None and "test" not in images.splits and "val" in images.splits
        split = split or ("val" if absent else "test")
        if split not in images.splits:
            raise _no_such_split(images, split, list(images.splits))
        names = [split]
        if absent:
            notes = (*notes, f"{images.name} has no test images: these are its validation images.")
    parts = tuple(SplitPart(images.splits[name], subsets[name], translation) for name in names)
    if not any(map(len, parts)):
        raise UserError(f"the {split} split of {images.name} has no image of a class that {run.directory} knows")
    return ChosenImages(images, split, parts, False, (*notes, *_passed_over(images)))


def own_division(run: Run, images: ImageSet) -> Division:
    """Divide the run's own images into those that trained and those that validated, as its training did."""
    return divide(images, Recipe.from_dict(run.record.recipe), run.record.seed)


def validation_part(run: Run, images: ImageSet) -> SplitPart | None:
    """Give the run's validation images: the set's own, or those its recipe held out; None where it has neither."""
    division = own_division(run, images)
    return None if division.val is None else SplitPart(division.val, division.val_subset)


def _own_images(run: Run, images: ImageSet, split: str | None) -> ChosenImages:
    division = own_division(run, images)
    absent = split is None and "test" not in images.splits and division.val is not None
    split = split or ("val" if absent else "test")
    if split == "train":
        part = SplitPart(division.train, division.train_subset)
    elif split == "val" and division.val is not None:
        part = SplitPart(division.val, division.val_subset)
    elif split == "test" and "test" in images.splits:
        part = SplitPart(images.splits["test"])
    else:
        names = (
            ["train"] + (["val"] if division.val is not None else []) + (["test"] if "test" in images.splits else [])
        )
        raise _no_such_split(images, split, names)
    notes = _passed_over(images)
    if split == "train":
        notes.append("The network was trained on these images: the figures say nothing about unseen images.")
    elif split == "val":
        reason = f"{images.name} has no test images: these are its validation images. " if absent else ""
        notes.append(
            f"{reason}Training was monitored, its best epoch chosen and any temperature fitted on these images: the "
            "figures are optimistic."
        )
    return ChosenImages(images, split, (part,), True, tuple(notes))


def _passed_over(images: ImageSet) -> list[str]:
    return [f"{images.name}: {line}." for line in lost_lines(images)]


def _no_such_split(images: ImageSet, split: str, names: list[str]) -> UserError:
    if split == "test":
        return UserError(
            f"{images.name} has no test images, only: {', '.join(names)}; measure on those with "
            f"--split {names[-1]}, or on other images with --data"
        )
    return UserError(f"{images.name} has no split {split!r}; {did_you_mean(split, names)}")


def _match(
    run: Run, images: ImageSet, shared_classes: bool
) -> tuple[NDArray[np.int64], dict[str, NDArray[np.int64] | None], tuple[str, ...]]:
    """Match classes by name: the network's index of each, the images of each split that belong, what to note."""
    index = {name: number for number, name in enumerate(run.classes)}
    known = [name for name in images.classes if name in index]
    unknown = [name for name in images.classes if name not in index]
    unseen = [name for name in run.classes if name not in images.classes]
    if unknown and not (known and shared_classes):
        lines = [
            f"both know: {_listed(known)}",
            f"only {images.name} has: {_listed(unknown)}",
            f"only the network knows: {_listed(unseen)}",
        ]
        remedy = (
            "measure on the classes that both know with --shared-classes"
            if known
            else f"to see how confident the network is on out-of-class images: --unknown {images.name}"
        )
        raise UserError(
            UserError.all_of(f"the classes of {images.name} are not those of {run.directory}", lines).args[0]
            + f"\n{remedy[0].upper()}{remedy[1:]}."
        )
    translation = np.array([index.get(name, -1) for name in images.classes], dtype=np.int64)
    subsets = {
        name: np.flatnonzero(translation[split.labels] >= 0).astype(np.int64) if unknown else None
        for name, split in images.splits.items()
    }
    notes = []
    if unknown:
        notes.append(f"Left out, because the network does not know their classes: images of {_listed(unknown)}.")
    if unseen:
        notes.append(f"{images.name} has no class {_listed(unseen)}; figures of classes without images are undefined.")
    return translation, subsets, tuple(notes)


def _listed(names: list[str], most: int = 12) -> str:
    if not names:
        return "none"
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
