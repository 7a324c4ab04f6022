"""Listing a folder of images: a folder for each class, in `train/`, `val/`, `test/` or without.

    pets/cat/1.jpg  pets/dog/old/2.png ...      split here, by class and seed
    pets/train/cat/1.jpg  pets/Testing/cat/3.jpg ...   split already, under any name that `split_names` knows

One folder that wraps them all is looked through. Images may lie deeper inside a class's folder. Which links are
followed says `walk`; whatever is passed over is collected, with the reason. Names are compared and shown in Unicode's
composed form (NFC), and the files are opened by their own bytes.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from pellucid.data.file_kinds import is_hidden
from pellucid.data.listed_image import ListedImage, each_file_once, quoted
from pellucid.data.missing import passed_over_words
from pellucid.data.passed_over import PassedOver, PassingOver
from pellucid.data.split_names import mentions_split, nfc, says_nothing, split_of
from pellucid.data.walk import Walk, WalkedFile
from pellucid.ground.errors import UserError, did_you_mean
from pellucid.ground.writing import counted

__all__ = ["FolderListing", "list_folder", "look_through"]

MOST_WRAPPERS = 32


@dataclass(frozen=True)
class FolderListing:
    """Every image of a folder, sorted by path."""

    root: Path
    classes: tuple[str, ...]
    splits: dict[str, list[ListedImage]]
    """By split; the one key is `all` where the folder has no splits of its own."""

    passed_over: PassedOver = field(default_factory=PassedOver)


def list_folder(
    root: Path,
    passing: PassingOver | None = None,
    shown: Callable[[str], str] = lambda part: part,
    *,
    trainable: bool = True,
) -> FolderListing:
    """List the images of a folder.

    Args:
        root: the folder of classes or splits.
        passing: collects what is passed over.
        shown: how a folder's or file's name is shown, where that is not as the disk spells it.
        trainable: whether it must be fit to train on. Otherwise one class, one image in a class, an empty class and a
            folder without `train` will do.

    Raises:
        UserError: no image, two folders that mean the same split, folders that may be splits; and if it must be fit to
            train on, fewer than two classes, an empty class, a class with too few images to be split, a class in `val`
            or `test` that `train` lacks.
    """
    return _Lister(root, passing or PassingOver(), shown, trainable).listing()


def look_through(root: Path) -> Path:
    """Return the folder that holds the class or split folders: `root`, or the one folder inside that wraps them all."""
    outer = root
    for _ in range(MOST_WRAPPERS):  # links may lead round for ever
        walk = Walk(root, PassingOver())
        folders = walk.folders(root)
        if len(folders) != 1 or split_of(folders[0]) or walk.pictures_in(root):
            return root
        inner = root / folders[0]
        if not walk.folders(inner) or walk.pictures_in(inner):
            return root
        root = inner
    return outer


class _Lister:
    """Lists one folder."""

    def __init__(self, root: Path, passing: PassingOver, shown: Callable[[str], str], trainable: bool) -> None:
        self._root = root
        self._passing = passing
        self._walk = Walk(root, passing)
        self._shown = shown
        self._trainable = trainable

    def listing(self) -> FolderListing:
        split_folders = self._split_folders()
        if split_folders:
            self._walk.pass_over_loose(self._root, "beside the split folders, so it has no class")
            classes, splits = self._list_splits(split_folders)
            return FolderListing(self._root, classes, splits, self._passing.result())
        classes, images = self._list_classes(self._root)
        images = each_file_once({"all": images}, self._passing)["all"]
        if self._trainable:
            self._check_counts(classes, images)
        return FolderListing(self._root, classes, {"all": images}, self._passing.result())

    def _check_counts(self, classes: tuple[str, ...], images: list[ListedImage]) -> None:
        _check_classes(self._root, classes)
        counts = _counts(classes, images)
        empty = [name for name, count in counts.items() if count == 0]
        if empty:
            raise UserError(
                f"{self._root}: no image in the class folder{'s' if len(empty) > 1 else ''} {quoted(empty)}"
                f"{self._also()}; put images into each class folder, or remove it"
            )
        single = [name for name, count in counts.items() if count == 1]
        if single:
            raise UserError(
                f"{self._root}: only one image in {quoted(single)}; a class needs at least 2, one to learn from and "
                "one to test with: add images, or remove the class, or make train/ and test/ folders"
            )

    def _name(self, folder: str) -> str:
        return nfc(self._shown(folder))

    def _split_folders(self) -> dict[str, Path]:
        """Return the split folders of the root by split, or nothing where its folders are classes."""
        root = self._root
        folders = self._walk.folders(root)
        named = [name for name in folders if split_of(self._name(name))]
        others = [name for name in folders if name not in named]
        if "train" not in (split_of(self._name(name)) for name in named) and others:
            named = []  # a class may be called "test"
        if not named or (others and not any(self._walk.folders(root / name) for name in named)):
            self._check_no_hidden_splits(folders)
            return {}
        if others:
            raise UserError(
                f"{root} has {quoted(named)} and beside them {quoted(others)}; expected either folders of splits "
                "(train, val, test) or folders of classes, not both"
            )
        splits: dict[str, Path] = {}
        for name in named:
            split = split_of(self._name(name)) or ""
            if split in splits:
                raise UserError(f"{root} has both {splits[split].name!r} and {name!r}; expected one folder for {split}")
            splits[split] = root / name
            if self._name(name).lower() in ("eval", "evaluation"):
                self._passing.note(name, "read as the validation split; for test images call it test")
        if self._trainable and "train" not in splits:
            raise UserError(f"{root} has {quoted(named)} and no train folder; expected train/ to learn from")
        return splits

    def _check_no_hidden_splits(self, folders: list[str]) -> None:
        """Refuse folders that may be splits and would become classes, or splits inside of classes.

        Raises:
            UserError: which, and what to do.
        """
        innermost = {name: look_through(self._root / name) for name in folders}  # as in seg_train/seg_train/cat
        inside = {name: self._walk.folders(folder) for name, folder in innermost.items()}
        likely = [name for name in folders if mentions_split(self._name(name)) or split_of(self._name(name))]
        for first in likely:
            for second in folders:
                common = {nfc(name) for name in inside[first]} & {nfc(name) for name in inside[second]}
                if first != second and len(common) > 1 and not self._walk.pictures_in(innermost[first]):
                    raise UserError(
                        f"{self._root} has {quoted(likely)}, and {quoted([first, second])} hold folders of the same "
                        f"names ({quoted(sorted(common))}): are they splits or classes? Call splits train, val and "
                        "test; put the images of a class directly into its folder"
                    )
        for name, within in inside.items():
            splits = {split_of(nfc(part)) for part in within} - {None}
            if "train" in splits and len(splits) > 1:
                raise UserError(
                    f"{self._root} has splits inside of classes ({name}/{quoted(within)}), which would be mixed; "
                    f"expected classes inside of splits, such as train/{name}"
                )

    def _list_splits(self, folders: dict[str, Path]) -> tuple[tuple[str, ...], dict[str, list[ListedImage]]]:
        if not self._trainable:
            return self._list_untrained_splits(folders)
        classes, train = self._list_classes(folders["train"])
        _check_classes(folders["train"], classes)
        splits = {"train": train}
        for split in ("val", "test"):
            if split not in folders:
                continue
            own_classes, images = self._list_classes(folders[split])
            unknown = [name for name, count in _counts(own_classes, images).items() if count and name not in classes]
            if unknown:
                raise UserError(
                    f"{folders[split]} has the class {unknown[0]!r}, which {folders['train']} lacks: "
                    f"{did_you_mean(unknown[0], classes)}"
                )
            splits[split] = _relabelled(images, own_classes, classes)
        splits = {
            split: images
            for split, images in each_file_once(splits, self._passing).items()
            if images or split == "train"
        }
        empty = [name for name, count in _counts(classes, splits["train"]).items() if count == 0]
        if empty:
            raise UserError(
                f"{folders['train']}: no image to learn {quoted(empty)} from{self._also()}; expected images in each "
                "class"
            )
        return classes, splits

    def _list_untrained_splits(self, folders: dict[str, Path]) -> tuple[tuple[str, ...], dict[str, list[ListedImage]]]:
        """List splits to be measured on, each with the classes that it has."""
        listed = {split: self._list_classes(folder) for split, folder in folders.items()}
        classes = tuple(sorted({name for own_classes, _ in listed.values() for name in own_classes}))
        splits = {split: _relabelled(images, own_classes, classes) for split, (own_classes, images) in listed.items()}
        return classes, {split: images for split, images in each_file_once(splits, self._passing).items() if images}

    def _list_classes(self, folder: Path) -> tuple[tuple[str, ...], list[ListedImage]]:
        """List a folder of class folders; labels are positions in the sorted class names."""
        by_name: dict[str, list[str]] = defaultdict(list)
        for name in self._walk.folders(folder):
            by_name[self._name(name)].append(name)
        self._note_alike(folder, by_name)
        self._walk.pass_over_loose(folder, "beside the class folders, so it has no class")
        classes = tuple(sorted(by_name))
        images = []
        inner: dict[str, list[str]] = {}
        for label, name in enumerate(classes):
            by_shown: dict[str, list[WalkedFile]] = defaultdict(list)
            inside: set[str] = set()
            for spelled in by_name[name]:
                depth = self._walk.relative(folder / spelled).count("/") + 1
                for file in self._walk.files(folder / spelled):
                    parts = [self._name(part) for part in file.path.split("/")]
                    by_shown["/".join(parts)].append(file)
                    inside.add(parts[depth] if len(parts) > depth + 1 else "")
            if "" not in inside:
                inner[name] = sorted(inside)
            images += self._of_class(label, by_shown)
        if not images:
            raise UserError(_no_image(folder, classes, self._also()))
        self._note_nested(folder, inner)
        return classes, images

    def _note_nested(self, folder: Path, inner: dict[str, list[str]]) -> None:
        """Note classes whose images all lie in folders inside: those may be the classes, and these the splits.

        Args:
            folder: the folder of classes.
            inner: the names of the folders inside, by class.
        """
        for name, inside in inner.items():
            common = {other: set(inside) & set(inner[other]) for other in inner if other != name}
            twins = [other for other, names in common.items() if len(names) > 1]
            if twins and twins[0] > name:
                self._passing.note(
                    self._walk.relative(folder / name),
                    f"holds folders of the same names as {quoted(twins)} ({quoted(sorted(common[twins[0]]))}): they "
                    "look like splits, and are read as classes; call splits train, val and test",
                )
            elif not twins and any(not says_nothing(part) for part in inside):
                self._passing.note(
                    self._walk.relative(folder / name),
                    f"has all images in folders inside ({quoted(inside)}), which are read as one class",
                )

    def _of_class(self, label: int, by_shown: dict[str, list[WalkedFile]]) -> list[ListedImage]:
        """List one class's images in the order of their shown paths; files that would share one keep their own."""
        images = []
        for shown, files in sorted(by_shown.items()):
            for file in sorted(files, key=lambda file: file.path):
                if len(files) > 1:
                    self._passing.note(file.path, "differs from another file in its Unicode form only; both are kept")
                own = file.path if len(files) > 1 else shown
                images.append(ListedImage(file.path, label, file.size, file.modified, own, file))
        return images

    def _note_alike(self, folder: Path, by_name: dict[str, list[str]]) -> None:
        """Note class folders whose names are one in Unicode's composed form, or differ in case only."""
        lower: dict[str, str] = {}
        for name, spellings in sorted(by_name.items()):
            if len(spellings) > 1:
                self._passing.note(
                    self._walk.relative(folder / spellings[-1]),
                    f"{len(spellings)} folders whose names differ only in their Unicode form: read as one class",
                )
            other = lower.setdefault(name.casefold(), name)
            if other != name:
                self._passing.note(
                    self._walk.relative(folder / spellings[-1]),
                    f"differs from the class {other!r} only in capital letters; read as another class",
                )

    def _also(self) -> str:
        """Say what was passed over, where that may be why there are no images."""
        words = passed_over_words(self._passing.result())
        return "".join(f"; {line}" for line in words)


def _no_image(folder: Path, classes: tuple[str, ...], also: str) -> str:
    wanted = "expected a folder per class with images in it, such as cat/1.jpg and dog/2.png"
    names = os.listdir(folder)
    loose = Walk(folder, PassingOver()).pictures_in(folder)
    if not any(not is_hidden(name) for name in names):
        return f"{folder} is empty; {wanted}"
    if loose:
        return f"{folder}: {counted(len(loose), 'image')} directly in it, outside any class folder; {wanted}"
    where = f"its {counted(len(classes), 'folder')}" if classes else "it"
    return f"{folder}: no image in {where}{also}; {wanted}"


def _check_classes(folder: Path, classes: tuple[str, ...]) -> None:
    if len(classes) == 1:
        raise UserError(f"{folder}: one class only, {classes[0]!r}; expected at least 2 folders, one per class")


def _relabelled(images: list[ListedImage], own_classes: tuple[str, ...], classes: tuple[str, ...]) -> list[ListedImage]:
    """Give images labels that are positions in other classes."""
    positions = {name: number for number, name in enumerate(classes)}
    return [replace(image, label=positions[own_classes[image.label]]) for image in images]


def _counts(classes: tuple[str, ...], images: list[ListedImage]) -> dict[str, int]:
    counts = dict.fromkeys(classes, 0)
    for image in images:
        counts[classes[image.label]] += 1
    return counts
