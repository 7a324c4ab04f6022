"""A contact sheet of what a run classifies wrongly."""

from __future__ import annotations

from matplotlib.figure import Figure

from pellucid.evaluation.mistakes import Mistakes
from pellucid.evaluation.showing import mistakes_sentence
from pellucid.figures.contact_sheet import LONGEST, contact_sheet
from pellucid.prediction.chosen_images import ChosenImages

__all__ = ["mistakes_sheet"]


def mistakes_sheet(mistakes: Mistakes, chosen: ChosenImages) -> Figure:
    """Draw mistakes, the most confident first: below each what it was predicted as, its true label, and its source."""
    captions = [
        (f"{mistake.predicted} {mistake.confidence:.0%}, is {mistake.true}", _tail(mistake.image))
        for mistake in mistakes.shown
    ]
    listed = [
        f"{mistake.image}, {mistake.true} predicted as {mistake.predicted} ({mistake.confidence:.0%})"
        for mistake in mistakes.shown
    ]
    sentence = mistakes_sentence(mistakes)
    description = f"Contact sheet: {sentence} {'; '.join(listed[:5])}{' …' if len(listed) > 5 else ''}"
    pictures = [chosen.pixels(mistake.index) for mistake in mistakes.shown]
    return contact_sheet(pictures, captions, sentence.rstrip(":."), description)


def _tail(text: str) -> str:
    return text if len(text) <= LONGEST else f"…{text[1 - LONGEST :]}"
