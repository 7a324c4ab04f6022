"""An audit as text for a terminal: a sentence, the figures, the first of each list."""

from __future__ import annotations

import textwrap

from pellucid.auditing.composition import ImageAt
from pellucid.auditing.result import Audit, DuplicatePair
from pellucid.ground.shown import as_text
from pellucid.ground.tables import text_table
from pellucid.ground.writing import counted

__all__ = ["audit_text"]

SHOWN = 10
COLUMNS = 100


@as_text.register
def audit_text(audited: Audit) -> str:
    """Write an audit within 100 columns, long paths apart; lists give their first 10 entries."""
    blocks = [
        _summary(audited),
        _split_table(audited),
        _class_table(audited),
        _duplicates(audited),
        _listed("Broken and left out", [f"{image['source']}: {image['reason']}" for image in audited.left_out]),
        _listed("Suspicious", [f"{_where(entry.image)}: {entry.reason}" for entry in audited.suspicious]),
        _doubts(audited),
        [f"Note: {note}" for note in audited.notes],
    ]
    return "\n\n".join("\n".join(map(_wrapped, block)) for block in blocks if block)


def _summary(audited: Audit) -> list[str]:
    channels, height, width = audited.shape
    total = sum(split.images for split in audited.splits)
    duplicates = audited.duplicates
    copies = (
        f"{counted(duplicates.images, 'image has', 'images have')} an exact or near duplicate"
        if duplicates.images
        else "no image has a duplicate"
    )
    odd = len({(entry.image.split, entry.image.index) for entry in audited.suspicious})
    return [
        f"{audited.name} has {counted(total, 'image')} in {counted(len(audited.classes), 'class', 'classes')}, each "
        f"{width}×{height} pixels, {'grey' if channels == 1 else 'colour'}; {copies}; "
        f"{counted(odd, 'image looks', 'images look') if odd else 'no image looks'} suspicious; "
        f"{counted(len(audited.left_out), 'file') if audited.left_out else 'no file'} could not be read."
    ]


def _split_table(audited: Audit) -> list[str]:
    rows = [
        (
            split.name,
            f"{split.images:,}",
            ", ".join(f"{value:.4f}" for value in split.mean),
            ", ".join(f"{value:.4f}" for value in split.std),
        )
        for split in audited.splits
    ]
    lines = text_table(("split", "images", "mean", "standard deviation"), rows, right=(1,))
    if audited.original_sizes:
        short, long = _span(audited.original_sizes.shortest_side), _span(audited.original_sizes.longest_side)
        lines.append(f"The shorter side of the files is {short}, the longer side {long}.")
    return lines


def _span(sides: tuple[int, int, int]) -> str:
    """Write least, median and largest side; one number where all are equal."""
    least, median, largest = sides
    return f"{least:,} pixels" if least == largest else f"{least:,} to {largest:,} pixels (median {median:,})"


def _class_table(audited: Audit) -> list[str]:
    rows = [
        (name, *(f"{split.per_class[label]:,}" for split in audited.splits))
        for label, name in enumerate(audited.classes)
    ]
    columns = range(1, 1 + len(audited.splits))
    lines = text_table(("class", *(split.name for split in audited.splits)), rows, right=columns)
    if audited.imbalance is None:
        lines.append("A class has no training image.")
    elif audited.imbalance > 1:
        lines.append(f"The most frequent training class has {audited.imbalance:.2f} times the images of the rarest.")
    return lines


def _duplicates(audited: Audit) -> list[str]:
    duplicates = audited.duplicates
    if not duplicates.exact + duplicates.near:
        return ["Duplicates: none found, exact or near."]
    lines = [
        f"Duplicates: {counted(duplicates.exact, 'exact pair')} and {counted(duplicates.near, 'near pair')}; "
        f"{counted(duplicates.images, 'image')} in {counted(duplicates.groups, 'group')}; "
        f"{counted(duplicates.other_label, 'pair')} with different labels."
    ]
    images_of = {split.name: split.images for split in audited.splits}
    for entry in duplicates.between:
        where = f"within {entry.first}" if entry.first == entry.second else f"between {entry.first} and {entry.second}"
        share = entry.images / images_of[entry.second]
        lines.append(
            f"  {where}: {entry.exact:,} exact, {entry.near:,} near; {counted(entry.images, 'image')} of "
            f"{entry.second} ({share:.2%})"
        )
    relabelled = [pair for pair in duplicates.pairs if pair.first.label != pair.second.label]
    crossing = [pair for pair in duplicates.pairs if pair.crosses and pair.first.label == pair.second.label]
    lines += _listed("Same picture, different labels (similarity)", list(map(_pair, relabelled)))
    return lines + _listed("Same picture in two splits (similarity)", list(map(_pair, crossing)))


def _doubts(audited: Audit) -> list[str]:
    if audited.doubts is None:
        return []
    never = ", ".join(f"{count:,} of {name}" for name, count in audited.doubts.never.items())
    epochs = ", ".join(map(str, audited.doubts.epochs))
    lines = [f"Images whose label was the top class after none of the epochs {epochs}: {never}."]
    return lines + _listed(
        "Labels doubted most (probability of the given label, mean over those epochs)",
        [
            f"{_where(doubt.image)}: {doubt.given:.4f}; {doubt.instead} instead: {doubt.probability:.4f}"
            for doubt in audited.doubts.most
        ],
    )


def _where(image: ImageAt) -> str:
    return f"{image.source} ({image.label})"


def _pair(pair: DuplicatePair) -> str:
    similarity = "exact" if pair.kind == "exact" else f"{pair.similarity:.2f}{', flipped' if pair.flipped else ''}"
    return f"{_where(pair.first)} = {_where(pair.second)}: {similarity}"


def _listed(title: str, lines: list[str]) -> list[str]:
    if not lines:
        return []
    more = [f"  and {len(lines) - SHOWN:,} more (all with --json)"] if len(lines) > SHOWN else []
    return [f"{title}:", *(f"  {line}" for line in lines[:SHOWN]), *more]


def _wrapped(line: str) -> str:
    """Break a line that is too long between words, further lines indented."""
    if len(line) <= COLUMNS:
        return line
    indent = " " * (len(line) - len(line.lstrip()) + 2)
    return "\n".join(
        textwrap.wrap(
            line,
            COLUMNS,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
            drop_whitespace=True,
            replace_whitespace=False,
        )
    )
