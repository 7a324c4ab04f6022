"""In words: what of a source is not in its image set, and why."""

from __future__ import annotations

from collections import Counter, defaultdict

from pellucid.data.image_set import ImageSet
from pellucid.data.near_copies import near_copies_words
from pellucid.data.passed_over import LeftOut, PassedOver
from pellucid.data.pixel_range import range_words
from pellucid.ground.writing import counted

__all__ = ["lost_lines", "missing_lines", "passed_over_words"]

MOST_KINDS = 6
MOST_REASONS = 3
MOST_NOTES = 5
MOST_NAMED = 5


def missing_lines(images: ImageSet, whole_list: str | None = None) -> list[str]:
    """Say what was left out and passed over, a line each; nothing where everything is in the set.

    Args:
        images: the image set.
        whole_list: where all of it is listed, such as `runs/pets/data.json`.
    """
    lines = []
    see = f" (see {whole_list})" if whole_list else ""
    if images.left_out:
        total = len(images.left_out) + sum(map(len, images.splits.values()))
        verb = "is" if len(images.left_out) == 1 else "are"
        lines.append(
            f"{len(images.left_out):,} of {counted(total, 'image')} {verb} broken and left out{see}: "
            f"{_frequent(images.left_out)}"
        )
    near = near_copies_words(images.near_copies)
    return [*lines, *([near] if near else []), *lost_lines(images)]


def lost_lines(images: ImageSet) -> list[str]:
    """Say what of a set's images was cut off, and what of its source was passed over, a line each."""
    lines = []
    if images.cut_off is not None and images.pixel_range is not None:
        have = "has" if images.cut_off.images == 1 else "have"
        lines.append(
            f"{counted(images.cut_off.images, 'image')} {have} values beyond {range_words(images.pixel_range)}, "
            f"{_percent(images.cut_off.share)} of their pixels, which are cut off"
        )
    return lines + passed_over_words(images.passed_over)


def passed_over_words(passed: PassedOver) -> list[str]:
    """Say what was passed over: files of other kinds, pictures among them, a system's own, the notes."""
    lines = []
    if passed.endings:
        total = sum(passed.endings.values())
        kinds = [f"{count:,} {ending or 'without an ending'}" for ending, count in passed.endings.items()]
        rest = f" and {len(kinds) - MOST_KINDS} other kinds" if len(kinds) > MOST_KINDS else ""
        listing = ", ".join(kinds[:MOST_KINDS]) + rest
        lines.append(f"{counted(total, 'file')} of other kinds passed over ({listing})")
    if passed.pictures:
        remedies = Counter(picture.reason for picture in passed.pictures)
        verb = "is a picture" if len(passed.pictures) == 1 else "are pictures"
        lines.append(f"{len(passed.pictures):,} passed over {verb}: {_frequent(passed.pictures, len(remedies))}")
    reasons: dict[str, list[str]] = defaultdict(list)
    for file in passed.missing:
        reasons[file.reason].append(file.source)
    for reason, missing in reasons.items():
        more = f" and {len(missing) - MOST_NAMED:,} more" if len(missing) > MOST_NAMED else ""
        listing = ", ".join(missing[:MOST_NAMED])
        lines.append(f"{counted(len(missing), 'file')} of the table left out: {reason} ({listing}{more})")
    if passed.system:
        named = ", ".join(list(passed.system)[:MOST_KINDS])
        files = counted(sum(passed.system.values()), "system file or folder", "system files or folders")
        lines.append(f"{files} passed over ({named})")
    by_reason: dict[str, list[str]] = defaultdict(list)
    for note in passed.notes:
        by_reason[note.reason].append(note.source)
    for reason, sources in list(by_reason.items())[:MOST_NOTES]:
        more = f" and {len(sources) - 1:,} more" if len(sources) > 1 else ""
        lines.append(f"{sources[0]}{more}: {reason}")
    if len(by_reason) > MOST_NOTES:
        lines.append(f"and {counted(sum(map(len, list(by_reason.values())[MOST_NOTES:])), 'further note')}")
    return lines


def _percent(share: float) -> str:
    return "under 0.1%" if share < 0.001 else f"{share:.1%}"


def _frequent(images: tuple[LeftOut, ...], most: int = MOST_REASONS) -> str:
    reasons = Counter(image.reason for image in images).most_common()
    rest = sum(count for _, count in reasons[most:])
    shown = [f"{count:,} × {reason}" for reason, count in reasons[:most]]
    return "; ".join(shown + ([f"{rest:,} for other reasons"] if rest else []))
