"""The result of an audit, and `audit.json`, which holds it.

format             2
name, origin, fingerprint, classes   of the image set
shape              [channels, height, width] of its images
splits             a list: name, images, per_class (counts, in the order of `classes`), mean and std of each channel
imbalance          images of the most frequent training class / of the rarest; null where that has none
original_sizes     files, shortest_side and longest_side (each least, median, largest); null where not a folder
left_out           images that could not be read: a list of source, reason
suspicious         a list of image (split, index, source, label) and reason
duplicates         detail (threshold), exact, near (numbers of pairs), images (that are in some pair), groups,
                   other_label (pairs whose labels differ), compared (pairs that were compared in detail), complete
                   (whether all that are alike were compared), between (a list of first, second
                   (splits), exact, near, images of the second split that are in such pairs), and pairs (a list of
                   first, second (images), kind (`exact` or `near`), similarity, flipped, shift), at most 10,000
doubts             null without a run; else run, epochs, never (by split), most (a list of image, given, instead,
                   probability, agreed)
notes              sentences that a reader of the figures must know
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from pellucid.auditing.composition import ImageAt, OriginalSizes, SplitFigures, Suspicious
from pellucid.auditing.doubts import Doubts
from pellucid.ground.shown import Shown

__all__ = ["MOST_PAIRS", "Audit", "Between", "DuplicatePair", "Duplicates"]

FORMAT = 2
MOST_PAIRS = 10_000


@dataclass(frozen=True)
class DuplicatePair:
    """Two images that show the same; their kind is `exact` or `near`."""

    first: ImageAt
    second: ImageAt
    kind: str
    similarity: float
    flipped: bool
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
    complete: bool
    between: tuple[Between, ...]
    pairs: tuple[DuplicatePair, ...]


@dataclass(frozen=True, kw_only=True)
class Audit(Shown):
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
