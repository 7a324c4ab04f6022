"""Listing a folder of images: a folder for each class, in `train/`, `val/`, `test/` or without.

    pets/cat/1.jpg  pets/dog/old/2.png ...      split here, by class and seed
    pets/train/cat/1.jpg  pets/test/cat/3.jpg ...   split already; `valid` and `validation` are read as `val`

Images may lie deeper inside a class's folder. Hidden files and folders, and files that are no images by their name, are
passed over, and so are images that lie beside the class folders, since they have no class.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pellucid.ground.errors import UserError, did_you_mean
from pellucid.ground.writing import counted

__all__ = ["IMAGE_ENDINGS", "FolderListing", "ListedImage", "is_hidden", "list_folder", "look_through"]

# fmt: off
IMAGE_ENDINGS = frozenset({
    ".avif", ".bmp", ".dib", ".gif", ".ico", ".jfif", ".jp2", ".jpe", ".jpeg", ".jpg", ".pbm", ".pcx", ".pgm", ".png",
    ".ppm", ".pnm", ".tga", ".tif", ".tiff", ".webp",
})
# fmt: on
SPLIT_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True)
class ListedImage:
    """One image file and its class."""

    path: str
    """Relative to the listed folder, with `/`."""

    label: int
    size: int
    modified: int
    """In nanoseconds."""


@dataclass(frozen=True)
class FolderListing:
    """Every image of a folder, sorted by path."""

    root: Path
    classes: tuple[str, ...]
    splits: dict[str, list[ListedImage]]
    """By split; the one key is `all` where the folder has no splits of its own."""


def list_folder(root: Path) -> FolderListing:
    """List the images of a folder.

    Raises:
        UserError: no image, fewer than two classes, an empty class, a class with too few images to be split, a class
            in `val` or `test` that `train` lacks, two folders that mean the same split.
    """
    split_folders = _split_folders(root)
    if split_folders:
        return _list_splits(root, split_folders)
    classes, images = _list_classes(root, root)
    _check_classes(root, classes)
    counts = _counts(classes, images)
    empty = [name for name, count in counts.items() if count == 0]
    if empty:
        raise UserError(
            f"{root}: no image in the class folder{'s' if len(empty) > 1 else ''} {_quoted(empty)}; put images into "
            "each class folder, or remove it"
        )
    single = [name for name, count in counts.items() if count == 1]
    if single:
        raise UserError(
            f"{root}: only one image in {_quoted(single)}; a class needs at least 2, one to learn from and one to test "
            "with: add images, or remove the class, or make train/ and test/ folders"
        )
    return FolderListing(root, tuple(classes), {"all": images})


def look_through(root: Path) -> Path:
    """Return the folder that holds the class or split folders: `root`, or the one folder inside that wraps them all."""
    while True:
        folders = _subfolders(root)
        wrapped = len(folders) == 1 and folders[0].lower() not in SPLIT_FOLDERS and not _has_images(root)
        if not wrapped or not _subfolders(root / folders[0]) or _has_images(root / folders[0]):
            return root
        root = root / folders[0]


def is_hidden(name: str) -> bool:
    """Tell whether a file or folder is not meant as content: `.name`, macOS's and Windows's own."""
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "desktop.ini")


def _split_folders(root: Path) -> dict[str, Path]:
    """Return the split folders of `root` by split, or nothing where its folders are classes."""
    folders = _subfolders(root)
    named = [name for name in folders if name.lower() in SPLIT_FOLDERS]
    if "train" not in (SPLIT_FOLDERS[name.lower()] for name in named) and len(named) < len(folders):
        return {}  # a class may be called "test"
    others = [name for name in folders if name not in named]
    if not named or (others and not any(_subfolders(root / name) for name in named)):
        return {}
    if others:
        raise UserError(
            f"{root} has {_quoted(named)} and beside them {_quoted(others)}; expected either folders of splits (train, "
            "val, test) or folders of classes, not both"
        )
    splits: dict[str, Path] = {}
    for name in named:
        split = SPLIT_FOLDERS[name.lower()]
        if split in splits:
            raise UserError(f"{root} has both {splits[split].name!r} and {name!r}; expected one folder for {split}")
        splits[split] = root / name
    if "train" not in splits:
        raise UserError(f"{root} has {_quoted(named)} and no train folder; expected train/ to learn from")
    return splits


def _list_splits(root: Path, folders: dict[str, Path]) -> FolderListing:
    classes, train = _list_classes(root, folders["train"])
    _check_classes(folders["train"], classes)
    empty = [name for name, count in _counts(classes, train).items() if count == 0]
    if empty:
        raise UserError(f"{folders['train']}: no image to learn {_quoted(empty)} from; expected images in each class")
    splits = {"train": train}
    for split in ("val", "test"):
        if split not in folders:
            continue
        own_classes, images = _list_classes(root, folders[split])
        unknown = [name for name, count in _counts(own_classes, images).items() if count and name not in classes]
        if unknown:
            raise UserError(
                f"{folders[split]} has the class {unknown[0]!r}, which {folders['train']} lacks: "
                f"{did_you_mean(unknown[0], classes)}"
            )
        positions = {name: number for number, name in enumerate(classes)}
        relabelled = [
            ListedImage(image.path, positions[own_classes[image.label]], image.size, image.modified) for image in images
        ]
        if relabelled:
            splits[split] = relabelled
    return FolderListing(root, tuple(classes), splits)


def _list_classes(root: Path, folder: Path) -> tuple[list[str], list[ListedImage]]:
    """List a folder of class folders; labels are positions in the sorted class names, paths relative to `root`."""
    classes = _subfolders(folder)
    images, passed_over = [], 0
    for label, name in enumerate(classes):
        for entry in _files(folder / name):
            if os.path.splitext(entry.name)[1].lower() not in IMAGE_ENDINGS:
                passed_over += 1
                continue
            path = os.path.relpath(entry.path, root).replace(os.sep, "/")
            images.append(ListedImage(path, label, *_size_and_time(entry)))
    if not images:
        raise UserError(_no_image(folder, classes, passed_over))
    return classes, sorted(images, key=lambda image: (image.label, image.path))


def _no_image(folder: Path, classes: list[str], passed_over: int) -> str:
    wanted = "expected a folder per class with images in it, such as cat/1.jpg and dog/2.png"
    loose = sum(os.path.splitext(name)[1].lower() in IMAGE_ENDINGS for name in os.listdir(folder))
    if not any(not is_hidden(name) for name in os.listdir(folder)):
        return f"{folder} is empty; {wanted}"
    if loose:
        return f"{folder}: {counted(loose, 'image')} directly in it, outside any class folder; {wanted}"
    others = f" (passed over: {counted(passed_over, 'file')} of other kinds)" if passed_over else ""
    where = f"its {counted(len(classes), 'folder')}" if classes else "it"
    return f"{folder}: no image in {where}{others}; {wanted}"


def _check_classes(folder: Path, classes: list[str]) -> None:
    if len(classes) == 1:
        raise UserError(f"{folder}: one class only, {classes[0]!r}; expected at least 2 folders, one per class")


def _counts(classes: list[str], images: list[ListedImage]) -> dict[str, int]:
    counts = dict.fromkeys(classes, 0)
    for image in images:
        counts[classes[image.label]] += 1
    return counts


def _subfolders(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not is_hidden(entry.name))


def _has_images(folder: Path) -> bool:
    with os.scandir(folder) as entries:
        return any(os.path.splitext(entry.name)[1].lower() in IMAGE_ENDINGS for entry in entries)


def _files(folder: Path, above: frozenset[tuple[int, int]] = frozenset()) -> Iterator[os.DirEntry[str]]:
    """Give every file in a folder and below it that is not hidden; a link that leads back up is passed over."""
    facts = os.stat(folder)
    here = (facts.st_dev, facts.st_ino)
    if here in above:
        return
    with os.scandir(folder) as entries:
        for entry in entries:
            if is_hidden(entry.name):
                continue
            if entry.is_dir():
                yield from _files(Path(entry.path), above | {here})
            elif entry.is_file() or entry.is_symlink():
                yield entry


def _size_and_time(entry: os.DirEntry[str]) -> tuple[int, int]:
    try:
        facts = entry.stat()
    except OSError:  # a link to nothing: a broken image, which decoding will say
        return 0, 0
    return facts.st_size, facts.st_mtime_ns


def _quoted(names: list[str]) -> str:
    shown = ", ".join(repr(name) for name in names[:10])
    return shown if len(names) <= 10 else f"{shown} and {len(names) - 10} more"
