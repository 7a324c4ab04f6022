"""An image file of a folder and its class; a file that has several names is one image."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from pellucid.data.image_set import SPLIT_NAMES
from pellucid.data.passed_over import PassingOver
from pellucid.data.walk import WalkedFile

__all__ = ["ListedImage", "each_file_once", "quoted"]


@dataclass(frozen=True)
class ListedImage:
    """One image file and its class."""

    path: str
    """Relative to the listed folder, with `/`, as the disk spells it."""

    label: int
    size: int
    modified: int
    """In nanoseconds."""

    shown: str = ""
    """The path as it is shown and recorded."""

    file: WalkedFile | None = field(default=None, compare=False, repr=False)


def each_file_once(splits: dict[str, list[ListedImage]], passing: PassingOver) -> dict[str, list[ListedImage]]:
    """Keep of every file on the disk one name: its own before a link, then the first, train before val and test.

    A file that is of several classes by different names is of none.
    """
    listed = [(split, image) for split in (*SPLIT_NAMES, "all") for image in splits.get(split, ())]
    if not any(image.file and (image.file.linked or image.file.names > 1) for _, image in listed):
        return splits
    by_file: dict[tuple[int, int], list[tuple[str, ListedImage]]] = defaultdict(list)
    for split, image in listed:
        if image.file and image.file.identity:
            by_file[image.file.identity].append((split, image))
    dropped: set[str] = set()
    for named in by_file.values():
        # some network disks number files twice: without a link of either kind they are two
        if len(named) > 1 and any(image.file and (image.file.linked or image.file.names > 1) for _, image in named):
            dropped.update(_dropped(named, passing))
    return {
        split: [image for image in images if image.path not in dropped] if dropped else images
        for split, images in splits.items()
    }


def _dropped(named: list[tuple[str, ListedImage]], passing: PassingOver) -> Iterable[str]:
    own = [image for _, image in named if image.file and not image.file.linked]
    candidates = own or [image for _, image in named]
    if len({image.label for image in candidates}) > 1:
        paths = [image.path for image in candidates]
        for image in candidates:
            passing.picture(image.path, f"one file under several classes ({quoted(paths)}), so in none")
        kept = None
    else:
        kept = candidates[0].path
    for _, image in named:
        if image.path != kept and not (kept is None and image in candidates):
            passing.note(image.path, f"the same file as {(own or candidates)[0].path}; passed over")
    return [image.path for _, image in named if image.path != kept]


def quoted(names: Sequence[str]) -> str:
    """Quote at most ten names, and count the rest."""
    shown = ", ".join(repr(name) for name in names[:10])
    return shown if len(names) <= 10 else f"{shown} and {len(names) - 10} more"
