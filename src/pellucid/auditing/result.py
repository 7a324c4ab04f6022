"""The result of an audit, and `audit.json`, which holds it.

format             1
name, origin, fingerprint, classes   of the image set
shape              [channels, height, width] of its images
splits             a list: name, images, per_class (counts, in the order of `classes`), mean and std of each channel
imbalance          images of the most frequent training class / of the rarest; null where that has none
original_sizes     files, shortest_side and longest_side (each least, median, largest); null where not a folder
left_out           images that could not be read: a list of source, reason
suspicious         a list of image (split, index, source, label) and reason
duplicates         detail (threshold), exact, near (numbers of pairs), images (that are in some pair), groups,
                   other_label (pairs whose labels differ), compared, least_alike, between (a list of first, second
                   (splits), exact, near, images of the second split that are in such pairs), and pairs (a list of
                   first, second (images), kind (`exact` or `near`), similarity, mirrored, shift), at most 10,000
doubts             null without a run; else run, epochs, never (by split), most (a list of image, given, instead,
                   probability, agreed)
notes              sentences that a reader of the figures must know
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from pellucid.auditing.composition import ImageAt, OriginalSizes, SplitFigures, Suspicious
from pellucid.auditing.doubts import Doubts

__all__ = ["MOST_PAIRS", "Audit", "Between", "DuplicatePair", "Duplicates"]

FORMAT = 1
MOST_PAIRS = 10_000
SHOWN = 10


@dataclass(frozen=True)
class DuplicatePair:
    """Two images that show the same."""

    first: ImageAt
    second: ImageAt
    kind: str
    similarity: float
    mirrored: bool
    shift: tuple[int, int]

    @property
    def crosses(self) -> bool:
        """Whether they lie in different splits."""
        return self.first.split != self.second.split


@dataclass(frozen=True)
class Between:
    """The duplicates between two splits, or within one."""

    first: str
    second: str
    exact: int
    near: int
    images: int
    """How many images of the second split are in such a pair."""


@dataclass(frozen=True)
class Duplicates:
    """All duplicates; the module says what each field means."""

    detail: float
    exact: int
    near: int
    images: int
    groups: int
    other_label: int
    compared: int
    least_alike: float
    between: tuple[Between, ...]
    pairs: tuple[DuplicatePair, ...]


@dataclass(frozen=True, kw_only=True)
class Audit:
    """What an audit found; the module says what each field means."""

    name: str
    origin: str
    fingerprint: str
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    splits: tuple[SplitFigures, ...]
    imbalance: float | None
    original_sizes: OriginalSizes | None
    left_out: tuple[dict[str, str], ...]
    suspicious: tuple[Suspicious, ...]
    duplicates: Duplicates
    doubts: Doubts | None
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Give the audit as `audit.json` holds it."""
        return {"format": FORMAT, **asdict(self)}

    def __str__(self) -> str:
        """The figures and the first of each list."""
        blocks = [
            self._head(),
            self._class_lines(),
            self._duplicate_lines(),
            _listed("Broken and left out", [f"{one['source']}: {one['reason']}" for one in self.left_out]),
            _listed("Suspicious", [f"{_where(one.image)}: {one.reason}" for one in self.suspicious]),
            self._doubt_lines(),
            [f"Note: {note}" for note in self.notes],
        ]
        return "\n\n".join("\n".join(block) for block in blocks if block)

    def _head(self) -> list[str]:
        channels, height, width = self.shape
        lines = [f"{self.name}: {len(self.classes)} classes, images of {width} × {height}, {channels} channels"]
        for split in self.splits:
            mean, std = (", ".join(f"{value:.3f}" for value in values) for values in (split.mean, split.std))
            lines.append(f"  {split.name:<5} {split.images:9,} images   mean {mean}   deviation {std}")
        if self.original_sizes:
            short, long = self.original_sizes.shortest_side, self.original_sizes.longest_side
            lines.append(
                f"  files: shorter side {short[0]:,} to {short[2]:,} pixels (median {short[1]:,}), longer side "
                f"{long[0]:,} to {long[2]:,} (median {long[1]:,})"
            )
        return lines

    def _class_lines(self) -> list[str]:
        width = max(len("class"), *(len(name) for name in self.classes))
        lines = [f"{'class':<{width}}" + "".join(f"{split.name:>10}" for split in self.splits)]
        for index, name in enumerate(self.classes):
            lines.append(f"{name:<{width}}" + "".join(f"{split.per_class[index]:10,}" for split in self.splits))
        if self.imbalance is None or self.imbalance > 1:
            share = "undefined" if self.imbalance is None else f"{self.imbalance:.2f}"
            lines.append(f"most frequent class / rarest, in training: {share}")
        return lines

    def _duplicate_lines(self) -> list[str]:
        found = self.duplicates
        if not found.exact + found.near:
            return ["Duplicates: none found, exact or near"]
        lines = [
            f"Duplicates: {found.exact:,} exact and {found.near:,} near pairs; {found.images:,} images in "
            f"{found.groups:,} groups; {found.other_label:,} with different labels"
        ]
        for one in found.between:
            where = f"within {one.first}" if one.first == one.second else f"between {one.first} and {one.second}"
            share = one.images / next(split.images for split in self.splits if split.name == one.second)
            lines.append(
                f"  {where}: {one.exact:,} exact, {one.near:,} near; {one.images:,} images of {one.second}"
                f" ({share:.2%})"
            )
        odd = [pair for pair in found.pairs if pair.first.label != pair.second.label]
        crossing = [pair for pair in found.pairs if pair.crosses and pair.first.label == pair.second.label]
        lines += _listed("Same picture, different labels", [_pair(pair) for pair in odd])
        lines += _listed("Same picture in two splits", [_pair(pair) for pair in crossing])
        return lines

    def _doubt_lines(self) -> list[str]:
        if self.doubts is None:
            return []
        never = ", ".join(f"{count:,} of {name}" for name, count in self.doubts.never.items())
        epochs = ", ".join(map(str, self.doubts.epochs))
        lines = [f"Images whose label was the most probable after none of the epochs {epochs}: {never}"]
        return lines + _listed(
            "Labels most doubted (probability of the given label, mean over those epochs)",
            [
                f"{_where(one.image)}: {one.given:.4f}; {one.instead} instead: {one.probability:.3f}"
                for one in self.doubts.most
            ],
        )


def _where(image: ImageAt) -> str:
    return f"{image.source} ({image.label})"


def _pair(pair: DuplicatePair) -> str:
    how = "exact" if pair.kind == "exact" else f"{pair.similarity:.2f}{', mirrored' if pair.mirrored else ''}"
    return f"{_where(pair.first)} = {_where(pair.second)}: {how}"


def _listed(title: str, lines: list[str]) -> list[str]:
    if not lines:
        return []
    more = [f"  and {len(lines) - SHOWN:,} more"] if len(lines) > SHOWN else []
    return [f"{title}:", *(f"  {line}" for line in lines[:SHOWN]), *more]
