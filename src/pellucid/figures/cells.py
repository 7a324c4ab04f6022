"""Numbers in squares: the building block of the pictures of filters and pooling."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch, Rectangle
from numpy.typing import NDArray

from pellucid.ground.writing import exact_number

__all__ = ["FILTER", "FRAME", "INK", "PRODUCT", "QUIET", "RESULT", "SIGNAL", "cell", "frame", "grid", "grid_axes"]

# Light fills of different lightness, so that they differ in grey too; the frame is Okabe and Ito's blue, darkened.
SIGNAL = "#dcebf7"
FILTER = "#fbdfa6"
PRODUCT = "#f1e8f4"
RESULT = "#bfe3d0"
INK = "#1c1c1c"
QUIET = "#6b6b6b"
FRAME = "#00507f"


def cell(
    axes: Axes,
    x: float,
    y: float,
    text: str,
    *,
    fill: str = "white",
    quiet: bool = False,
    size: float = 13,
    bold: bool = False,
) -> None:
    """Draw one square with its middle at (x, y); a quiet one is pale, with a broken edge."""
    edge, style = (QUIET, (0, (3, 2))) if quiet else (INK, "solid")
    box = Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=fill, edgecolor=edge, linewidth=0.8, linestyle=style)
    axes.add_patch(box)
    shrunk = size * min(1.0, 4.2 / max(1, len(text)))
    colour, weight = QUIET if quiet else INK, "bold" if bold else "normal"
    axes.text(x, y, text, ha="center", va="center_baseline", fontsize=shrunk, color=colour, fontweight=weight)


def frame(axes: Axes, left: float, bottom: float, width: float, height: float, **options: Any) -> None:
    """Draw the thick frame of a window around squares; corners in the coordinates of their middles."""
    settings: dict[str, Any] = {"edgecolor": FRAME, "linewidth": 3.0, "facecolor": "none", "zorder": 5, **options}
    shape = "round,pad=0.03,rounding_size=0.12"
    axes.add_patch(FancyBboxPatch((left - 0.5, bottom - 0.5), width, height, boxstyle=shape, **settings))


def grid(axes: Axes, values: NDArray[Any], fill: str, **options: Any) -> None:
    """Draw a matrix of numbers `[R, C]`, its first row on top, the middle of element (r, c) at (c, r)."""
    for row, numbers in enumerate(values):
        for column, number in enumerate(numbers):
            cell(axes, column, row, exact_number(number), fill=fill, **options)


def grid_axes(axes: Axes, rows: int, columns: int, title: str = "") -> None:
    """Prepare axes for squares: equal sides, rows downwards, no ticks."""
    axes.set(xlim=(-0.62, columns - 0.38), ylim=(rows - 0.38, -0.62), aspect="equal")
    axes.axis("off")
    if title:
        axes.set_title(title, fontsize=11, color=INK, pad=8)
