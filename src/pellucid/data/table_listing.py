"""Listing the images of a table of files and labels, such as `labels.csv` beside or above a folder of images.

    photos/1.png  photos/2.png ...  photos/labels.csv:   file,label      split here, by class and seed
                                                         1.png,cat
    pets/images/7.jpg ...  pets/labels.csv:   image,species,split        split already, by a column
                                              7,dog,test

From the listing on it is an image set like that of a folder with a folder for each class.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

from pellucid.data.file_index import FileIndex
from pellucid.data.folder import FolderListing
from pellucid.data.image_set import SPLIT_NAMES
from pellucid.data.listed_image import ListedImage
from pellucid.data.passed_over import PassingOver
from pellucid.data.split_names import nfc, split_of
from pellucid.data.table import is_table, read_rows
from pellucid.data.table_columns import Columns, choose_columns
from pellucid.data.walk import Walk
from pellucid.ground.errors import UserError
from pellucid.ground.writing import counted

__all__ = ["find_table", "list_table", "tables_in"]

USUAL = ("labels.csv", "labels.tsv", "train.csv", "train_labels.csv", "metadata.csv", "annotations.csv")
SHOWN = 10


def tables_in(folder: Path) -> list[Path]:
    """List the tables that lie in a folder."""
    return sorted(path for path in folder.iterdir() if is_table(path.name) and path.is_file() and path.name[0] != ".")


def find_table(folder: Path) -> Path | None:
    """Find the table that says what the images of a folder are; None where its folders do, or there is no table.

    It is one where pictures lie in the folder itself, or all in one folder or in folders of splits inside of it. A
    folder that wraps it all is looked through.

    Raises:
        UserError: there are several tables, none of a usual name.
    """
    walk = Walk(folder, PassingOver())
    tables = tables_in(folder)
    if not tables:
        inner = walk.folders(folder)
        alone = len(inner) == 1 and not split_of(inner[0]) and not walk.pictures_in(folder)
        return find_table(folder / inner[0]) if alone and not (folder / inner[0]).is_symlink() else None
    if not _says_no_classes(walk, folder):
        return None
    by_name = {path.name.lower(): path for path in tables}
    usual = [by_name[name] for name in USUAL if name in by_name]
    if len(tables) > 1 and not usual:
        names = ", ".join(path.name for path in tables[:SHOWN])
        raise UserError(f"{folder} has several tables ({names}) and no labels.csv; name one: {tables[0]}")
    return usual[0] if usual else tables[0]


def _says_no_classes(walk: Walk, folder: Path) -> bool:
    folders = walk.folders(folder)
    if walk.pictures_in(folder) or len(folders) <= 1:
        return not any(walk.folders(folder / name) for name in folders if len(folders) == 1 and split_of(name))
    return all(split_of(name) and not walk.folders(folder / name) for name in folders)


def list_table(
    table: Path,
    passing: PassingOver,
    shown: Callable[[str], str] = nfc,
    *,
    file_column: str | None = None,
    label_column: str | None = None,
    trainable: bool = True,
) -> FolderListing:
    """List the images that a table names, among the files of its folder and the folders in it.

    Args:
        table: a .csv or .tsv.
        passing: collects what is passed over: rows whose file is missing, pictures that no row names.
        shown: how a file's or a folder's name is shown.
        file_column, label_column: columns by name, or by number from 1; None finds them.
        trainable: whether it must be fit to train on.

    Raises:
        UserError: the table cannot be read; a column is missing or several may be meant; no file is there; and if it
            must be fit to train on, fewer than two classes, or a class with too few images.
    """
    root = table.parent
    walk = Walk(root, passing)
    index = FileIndex(root, walk.files(root), shown)
    passing.forget(table.name)
    rows = read_rows(table)
    columns = choose_columns(table, rows, index, file_column, label_column)
    named = _Named(table, columns, index, passing)
    for note in (*rows.notes, *columns.notes):
        passing.note(table.name, note)
    for reason, example in index.notes.items():
        passing.note(table.name, f"files {reason} (such as {example})")
    split = "" if columns.split is None else f", splits from {columns.names[columns.split]!r}"
    passing.note(
        table.name,
        f"a table of {counted(len(columns.rows), 'row')}: files from {columns.names[columns.file]!r}, labels from "
        f"{columns.names[columns.label]!r}{split}",
    )
    for path in index.files:
        if path not in named.mentioned:
            passing.picture(path, f"in no row of {table.name}, so it has no label")
    classes = _in_order({label for label, _ in named.rows.values()})
    positions = {name: number for number, name in enumerate(classes)}
    splits: dict[str, list[ListedImage]] = defaultdict(list)
    for path, (label, part) in sorted(named.rows.items()):
        file = index.files[path]
        splits[part].append(ListedImage(file.path, positions[label], file.size, file.modified, path, file))
    _check(table, columns, classes, splits, trainable)
    ordered = {part: splits[part] for part in (*SPLIT_NAMES, "all") if part in splits}
    return FolderListing(root, classes, ordered, passing.result())


class _Named:
    """The rows of a table by the picture that they name, each picture once."""

    def __init__(self, table: Path, columns: Columns, index: FileIndex, passing: PassingOver) -> None:
        self.mentioned: set[str] = set()
        """Every picture that a row names, whether it is used or not."""
        self.rows: dict[str, tuple[str, str]] = {}
        """By path: label and split (`all` where the table has no splits)."""
        by_path: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for row in columns.rows:
            value, label = row.cells[columns.file].strip(), nfc(row.cells[columns.label].strip())
            path, reason = index.find(value)
            if path is None:
                passing.missing(value or f"line {row.line} of {table.name}", reason)
                continue
            self.mentioned.add(path)
            if not label:
                passing.picture(path, f"its row in {table.name} has no label")
                continue
            split = "all" if columns.split is None else split_of(row.cells[columns.split].strip()) or "all"
            by_path[path].append((label, split))
        for path, entries in by_path.items():
            labels = sorted({label for label, _ in entries})
            if len(labels) > 1:
                listed = ", ".join(map(repr, labels[:SHOWN]))
                passing.picture(path, f"under several labels in {table.name} ({listed}), so it is in no class")
                continue
            parts = {part for _, part in entries}
            # Where one is in several splits it is trained on, so that no image is tested on that was learned.
            part = next(part for part in (*SPLIT_NAMES, "all") if part in parts)
            if len(entries) > 1:
                where = f" and in several splits; it is in {part}" if len(parts) > 1 else "; it is read once"
                passing.note(path, f"in several rows of {table.name}{where}")
            self.rows[path] = (labels[0], part)


def _in_order(labels: set[str]) -> tuple[str, ...]:
    """Sort class names; whole numbers by size, so that output 10 follows 9."""
    if all(label.isascii() and label.isdigit() and len(label) < 18 for label in labels):
        return tuple(sorted(labels, key=lambda label: (int(label), label)))
    return tuple(sorted(labels))


def _check(
    table: Path, columns: Columns, classes: tuple[str, ...], splits: dict[str, list[ListedImage]], trainable: bool
) -> None:
    total = sum(map(len, splits.values()))
    column = columns.names[columns.label]
    if not total:
        raise UserError(f"{table}: no row is left with a file that is there and a label in {column!r}")
    if not trainable:
        return
    if len(classes) < 2:
        raise UserError(f"{table}: one class only, {classes[0]!r}, in the column {column!r}; expected at least 2")
    if "all" not in splits and "train" not in splits:
        raise UserError(f"{table} has rows of {' and '.join(splits)} and none of train; expected some to learn from")
    learned = splits["all"] if "all" in splits else splits["train"]
    counts = [0] * len(classes)
    for image in learned:
        counts[image.label] += 1
    least = 2 if "all" in splits else 1
    few = [name for name, count in zip(classes, counts, strict=True) if count < least]
    if few:
        listed = ", ".join(map(repr, few[:SHOWN])) + (f" and {len(few) - SHOWN:,} more" if len(few) > SHOWN else "")
        if len(few) > len(classes) / 2 and len(classes) > SHOWN:
            raise UserError(
                f"{table}: the column {column!r} has {len(classes):,} values in {counted(total, 'row')}, most of "
                f"them once ({listed}): they are no classes. Name another column (--label-column), one of: "
                f"{', '.join(columns.names)}"
            )
        what = "only one image of" if least == 2 else "no image to learn from of"
        raise UserError(
            f"{table}: {what} {listed}; a class needs at least {counted(least, 'image')} with its file there: add "
            "images, or remove the rows"
        )
