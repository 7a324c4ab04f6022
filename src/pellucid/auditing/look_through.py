"""Looking through a set of images before, or after, a network learns from it."""

from __future__ import annotations

import csv
import io
from dataclasses import asdict
from itertools import combinations_with_replacement
from pathlib import Path

from pellucid.auditing.candidates import MOST_CANDIDATES
from pellucid.auditing.composition import image_at, original_sizes, size_figures, split_figures, suspicious
from pellucid.auditing.doubts import find_doubts
from pellucid.auditing.duplicates import DETAIL, Search, find_duplicates, groups_of
from pellucid.auditing.result import MOST_PAIRS, Audit, Between, DuplicatePair, Duplicates
from pellucid.auditing.thumbnails import thumbnails
from pellucid.data import ImageSet, lost_lines
from pellucid.data.places import data_folder
from pellucid.ground.documents import write_document
from pellucid.ground.errors import UserError, did_you_mean
from pellucid.ground.files import write_bytes
from pellucid.ground.outside import csv_cell
from pellucid.ground.writing import counted
from pellucid.run import Run, RunFile

__all__ = ["audit", "open_images_of", "write_audit"]

RECALL = (
    "What the search finds, measured on CIFAR-10: 98% of the pairs between training and test images that a comparison "
    "of everything with everything finds; of planted copies all that were flipped horizontally, made brighter or grey, "
    "or moved by up to 2 of 32 pixels, 78% of those with a caption over 3% of the image, and none turned by 90 degrees "
    "or upside down. By eye, 37 of the 415 test images that it names there show a different picture, "
    "mostly aircraft of one shape before a plain sky."
)
"""From `benchmarks/auditing.py --real`, and by eye."""
MANY = 0.1
"""Where a larger share of the images has a partner, similar does not mean the same picture."""


def audit(images: ImageSet, run: Run | None = None, *, detail: float = DETAIL, device: str = "auto") -> Audit:
    """Look through a set of images: duplicates, balance, broken and suspicious images, doubted labels.

    Args:
        images: from `open_image_set`, or `open_images_of` where there is a run.
        run: whose network says which labels it doubts; None leaves that out.
        detail: how alike near duplicates must be, 0 to 1: the least correlation of their fine detail.
        device: where the network runs.

    Raises:
        UserError: `detail` cannot be; the run has no weights yet or other classes.
    """
    if not 0 < detail <= 1:
        raise UserError(f"the least similarity is {detail:g}; expected more than 0 and at most 1, such as {DETAIL}")
    if run is not None:
        _check_classes(images, run)
    splits = list(images.splits.values())
    small = thumbnails(splits)
    sizes = original_sizes(images)
    search = find_duplicates(splits, small, flip=images.flip_allowed, detail=detail)
    figures = split_figures(images)
    train = next((split for split in figures if split.name == "train"), figures[0]).per_class
    duplicates = _duplicates(images, search, detail)
    return Audit(
        name=images.name,
        origin=images.origin,
        fingerprint=images.fingerprint,
        classes=images.classes,
        shape=images.shape,
        splits=figures,
        imbalance=max(train) / min(train) if min(train) else None,
        original_sizes=size_figures(sizes),
        left_out=tuple(asdict(image) for image in images.left_out),
        suspicious=suspicious(images, small, sizes),
        duplicates=duplicates,
        doubts=None if run is None else find_doubts(run, images, device),
        notes=tuple(_notes(images, duplicates, search, run)),
    )


def open_images_of(run: Run, data: str | Path | None, data_dir: str | Path | None = None) -> ImageSet:
    """Open the run's own images, or others at the size of its input.

    Raises:
        UserError: they cannot be opened, or are no longer what they were.
    """
    if data_dir is not None:
        data_folder(data_dir)
    return run.open_images() if data is None else run.open_other_images(data, data_dir=data_dir)


def write_audit(audited: Audit, directory: Path) -> list[Path]:
    """Write `audit.json` and `duplicates.csv` (a line for each pair), each whole or not at all; return their paths."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["first", "first_label", "second", "second_label", "kind", "similarity", "flipped"])
    for pair in audited.duplicates.pairs:
        writer.writerow(
            [
                csv_cell(pair.first.source),
                csv_cell(pair.first.label),
                csv_cell(pair.second.source),
                csv_cell(pair.second.label),
                pair.kind,
                f"{pair.similarity:.4f}",
                "yes" if pair.flipped else "no",
            ]
        )
    write_bytes(directory / RunFile.DUPLICATES, table.getvalue().encode())
    write_document(directory / RunFile.AUDIT, audited.to_dict())
    return [directory / RunFile.AUDIT, directory / RunFile.DUPLICATES]


def _check_classes(images: ImageSet, run: Run) -> None:
    if images.classes == run.classes:
        return
    unknown = [name for name in images.classes if name not in run.classes]
    if unknown:
        problem = f"class {unknown[0]!r} of {images.name}: {did_you_mean(unknown[0], run.classes)}"
    else:
        problem = f"{images.name} has {len(images.classes)} of its {len(run.classes)} classes, or another order"
    raise UserError(f"{run.directory} knows other classes; {problem}. Audit {images.name} without --run")


def _duplicates(images: ImageSet, search: Search, detail: float) -> Duplicates:
    names = [name for name, split in images.splits.items() for _ in range(len(split))]
    starts, total = {}, 0
    for name, split in images.splits.items():
        starts[name] = total
        total += len(split)

    def at(position: int) -> tuple[str, int]:
        return names[position], position - starts[names[position]]

    def label(position: int) -> int:
        name, index = at(position)
        return int(images.splits[name].labels[index])

    between = []
    for first, second in combinations_with_replacement(images.splits, 2):
        pairs = [pair for pair in search.pairs if (names[pair.first], names[pair.second]) == (first, second)]
        exact = sum(pair.exact for pair in pairs)
        within = {pair.first for pair in pairs} if first == second else set()
        members = within | {pair.second for pair in pairs}
        if pairs:
            between.append(Between(first, second, exact, len(pairs) - exact, len(members)))
    groups = groups_of(search.pairs)
    exact = sum(pair.exact for pair in search.pairs)
    return Duplicates(
        detail=detail,
        exact=exact,
        near=len(search.pairs) - exact,
        images=sum(map(len, groups)),
        groups=len(groups),
        other_label=sum(label(pair.first) != label(pair.second) for pair in search.pairs),
        compared=search.compared,
        complete=search.complete,
        between=tuple(between),
        pairs=tuple(
            DuplicatePair(
                image_at(images, *at(pair.first)),
                image_at(images, *at(pair.second)),
                "exact" if pair.exact else "near",
                pair.similarity,
                pair.flipped,
                pair.shift,
            )
            for pair in search.pairs[:MOST_PAIRS]
        ),
    )


def _notes(images: ImageSet, duplicates: Duplicates, search: Search, run: Run | None) -> list[str]:
    notes = [f"{line}." for line in lost_lines(images)]
    total = sum(map(len, images.splits.values()))
    if search.pairs[MOST_PAIRS:]:
        notes.append(f"Of {len(search.pairs):,} pairs the first {MOST_PAIRS:,} are listed; all are counted.")
    if duplicates.near and duplicates.images > MANY * total:
        notes.append(
            f"{duplicates.images / total:.0%} of the images have a partner this alike. That is usual among digits, "
            "letters and other simple shapes, and says little of copies there: look at the exact pairs, or demand more "
            "with --similarity 0.95."
        )
    leaks = [between for between in duplicates.between if between.first != between.second]
    if leaks:
        listed = "; ".join(
            f"{leak.images:,} of {leak.second} (also in {leak.first}; {counted(leak.exact, 'exact pair')})"
            for leak in leaks
        )
        unsure = duplicates.images > MANY * total and not any(leak.exact for leak in leaks)
        doubt = " if they are copies" if unsure else ""
        notes.append(f"The same pictures are in two splits: {listed}. Accuracy on those images is optimistic{doubt}.")
    if not search.complete:
        notes.append(
            f"More than {MOST_CANDIDATES:,} pairs are alike at coarse resolution; only the most alike were compared in "
            "detail, so near duplicates may be missing."
        )
    notes.append(RECALL)
    if run is not None and len(run.epochs()) == 1:
        notes.append(
            "The run keeps the weights of one epoch only, so doubts rest on it; training without --keep gives more."
        )
    return notes
