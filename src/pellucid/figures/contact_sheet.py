"""A contact sheet: small pictures side by side, each with two lines below it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pellucid.figures.page import Page

__all__ = ["LONGEST", "contact_sheet"]

COLUMNS = 8
MOST = 120
LONGEST = 21


def contact_sheet(
    pictures: Sequence[NDArray[np.uint8]],
    captions: Sequence[tuple[str, str]],
    title: str,
    description: str,
    of: int = 0,
) -> Figure:
    """Draw pictures `[H, W, C]` (grey or red-green-blue) in rows of eight, with two lines of caption each.

    Pixels stay squares. At most 120 pictures are drawn, and the title says so; `of` is how many there are, if more
    than are given. The description becomes the figure's label.
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
    total = max(of, len(pictures))
    more = f" (the first {len(shown)} of {total:,})" if total > len(shown) else ""
    figure.suptitle(title + more, fontsize=11)
    figure.set_label(description)
    return figure


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
