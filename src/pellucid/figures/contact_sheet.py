"""A contact sheet: small pictures side by side, each with two lines below it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pellucid.evaluation.mistakes import Mistakes
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
    figure = Figure(figsize=(1.45 * columns, 1.75 * rows + 0.5), dpi=120, layout="constrained")
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
    """Draw mistakes, the surest first: below each what it was taken for, what it is, and where it came from."""
    captions = [(f"{one.predicted} {one.confidence:.0%}, is {one.true}", _tail(one.image)) for one in mistakes.shown]
    first = [f"{one.image}, {one.true}, taken for {one.predicted} ({one.confidence:.0%})" for one in mistakes.shown]
    description = f"Contact sheet: {mistakes.heading()} {'; '.join(first[:5])}{' …' if len(first) > 5 else ''}"
    pictures = [chosen.pixels(one.index) for one in mistakes.shown]
    return contact_sheet(pictures, captions, mistakes.heading().rstrip(":"), description)


def _tail(text: str) -> str:
    return text if len(text) <= LONGEST else f"…{text[1 - LONGEST :]}"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
