"""How predictions are shown: one in a line, many as a table, in a terminal and in a notebook."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from heapq import nlargest

from pellucid.ground.tables import text_table
from pellucid.ground.writing import counted, number
from pellucid.prediction.classifier import Answer, Refusal
from pellucid.prediction.predicting import PredictedImage
from pellucid.prediction.prediction import percent
from pellucid.prediction.prediction_file import UNREADABLE, UNSURE

__all__ = ["HEADINGS", "PredictionTable", "Tally", "table_cells"]

HEADINGS = ("image", "answer", "confidence", "next")
LONGEST_NAME = 60
MOST_CLASSES = 5
LONGEST_CONFIDENCE = len("more than 99.9%")


class PredictionTable:
    """A table for a terminal whose lines can be printed one after the other: the columns' widths are known before."""

    def __init__(self, names: Sequence[str], classes: tuple[str, ...], top: int) -> None:
        self._classes, self._top = classes, top
        longest = max([len(HEADINGS[0]), *(len(_shortened(name)) for name in names)])
        self._widest = ("x" * longest, "x" * max(len("unreadable"), *map(len, classes)), "x" * LONGEST_CONFIDENCE, "")

    def heading(self) -> str:
        """Give the line of headings."""
        return self._lines([])[0]

    def lines(self, images: Sequence[PredictedImage]) -> list[str]:
        """Give a line for each image."""
        return self._lines([_cells(image, self._classes, self._top) for image in images])[1:]

    def _lines(self, rows: list[tuple[str, str, str, str]]) -> list[str]:
        return text_table(HEADINGS, [*rows, self._widest], right=(2,))[:-1]


@dataclass
class Tally:
    """Counts the answers as they come, and remembers the least confident image whose file stays where it is."""

    total: int = 0
    classes: Counter[str] = field(default_factory=Counter)
    unsure: int = 0
    unreadable: int = 0
    doubtful: PredictedImage | None = None

    def add(self, images: Sequence[PredictedImage]) -> None:
        """Count some more."""
        self.total += len(images)
        for image in images:
            answer = image.answer
            if isinstance(answer, Refusal):
                self.unreadable += 1
                continue
            if answer.unsure:
                self.unsure += 1
            else:
                self.classes[answer.label] += 1
            least = self.doubtful and self.doubtful.answer
            stays = image.source.name == image.source.path
            if stays and (not isinstance(least, Answer) or answer.confidence < least.confidence):
                self.doubtful = image

    def sentence(self, threshold: float | None) -> str:
        """Say the counts.

        >>> Tally(3, Counter(cat=1), unsure=1, unreadable=1).sentence(0.8)
        '3 images: 1 cat, 1 unsure (confidence below 0.8), 1 unreadable.'
        """
        parts = [f"{count:,} {label}" for label, count in self.classes.most_common(MOST_CLASSES)]
        if len(self.classes) > MOST_CLASSES:
            rest = self.classes.most_common()[MOST_CLASSES:]
            others = counted(len(rest), "other class", "other classes")
            parts.append(f"{sum(count for _, count in rest):,} of {others}")
        parts += [f"{self.unsure:,} unsure (confidence below {number(threshold or 0)})"] if self.unsure else []
        parts += [f"{self.unreadable:,} unreadable"] if self.unreadable else []
        return f"{counted(self.total, 'image')}: {', '.join(parts)}."


def table_cells(name: str, ranked: Sequence[tuple[str, float]], unsure: bool, top: int) -> tuple[str, str, str, str]:
    """Give the cells of an answer, by the most probable classes and their probabilities, the first one first.

    >>> table_cells("a.jpg", [("cat", 0.75), ("dog", 0.25)], False, 2)
    ('a.jpg', 'cat', '75.0%', 'dog 25.0%')
    """
    listed = ", ".join(f"{label} {percent(share)}" for label, share in ranked[0 if unsure else 1 : top])
    return name, UNSURE if unsure else ranked[0][0], percent(ranked[0][1]), listed


def _cells(image: PredictedImage, classes: tuple[str, ...], top: int) -> tuple[str, str, str, str]:
    answer, name = image.answer, _shortened(image.source.name)
    if isinstance(answer, Refusal):
        return name, UNREADABLE, "", answer.reason
    rest = (index for index in range(len(classes)) if index != answer.index)
    order = [answer.index, *nlargest(top - 1, rest, key=answer.probabilities.__getitem__)]
    return table_cells(name, [(classes[index], answer.probabilities[index]) for index in order], answer.unsure, top)


def _shortened(name: str) -> str:
    """Keep the end of a long path, which tells files apart.

    >>> len(_shortened("a/" * 50)), _shortened("a.jpg")
    (60, 'a.jpg')
    """
    return name if len(name) <= LONGEST_NAME else "…" + name[1 - LONGEST_NAME :]
