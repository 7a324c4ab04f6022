"""A contact sheet: small pictures side by side, each with two lines below it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pellucid.evaluation.mistakes import Mistakes
from pellucid.evaluation.showing import mistakes_sentence
from pellucid.figures.page import Page
from pellucid.prediction.chosen_images import ChosenImages

__all__ = ["contact_sheet", "mistakes_sheet"]

COLUMNS = 8
MOST = 120
LONGEST = 21


def contact_sheet(
    pictures: Sequence[NDArray[np.uint8]], captions: Sequence[tuple[str, str]], title: str, description: str
) -> Figure:
    """Draw pictures `[H, W, C]` (grey or red-green-blue) in rows of eight, with two lines of caption each.

    Pixels stay squares. At most 120 pictures are drawn, and the title says so. The description becomes the figure's
    label.
    """
    shown = pictures[:MOST]
    columns = min(COLUMNS, max(3, len(shown)))
    rows = max(1, -(-len(shown) // columns))
    figure = Page(figsize=(1.45 * columns, 1.75 * rows + 0.5), dpi=120, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.axis("off")
    for axes, picture, (first, second) in zip(grid.flat, shown, captions, strict=False):
        if picture.shape[2] == 1:
            axes.imshow(picture[:, :, 0], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        else:
            axes.imshow(picture, interpolation="nearest")
        height = picture.shape[0]
        below = {"ha": "center", "va": "top", "transform": axes.transData, "clip_on": False}
        middle = (picture.shape[1] - 1) / 2
        axes.text(middle, height * 1.02, f"{_cut(first)}\n{_cut(second)}", fontsize=7.5, color="#1c1c1c", **below)
    more = f" (the first {MOST} of {len(pictures)})" if len(pictures) > MOST else ""
    figure.suptitle(title + more, fontsize=11)
    figure.set_label(description)
    return figure


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


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
