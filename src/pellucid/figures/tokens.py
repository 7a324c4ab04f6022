"""What a colour means, once for every picture and page: blue is above zero, orange below, red is for errors alone.

Loading this loads no matplotlib, so that whatever writes CSS reads the same table.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.colors import LinearSegmentedColormap

__all__ = [
    "DARK",
    "ERROR",
    "FRAME",
    "INK",
    "NEGATIVE",
    "POSITIVE",
    "QUIET",
    "TOKENS",
    "ZERO",
    "channels",
    "diverging",
    "sequential",
    "tint",
]

POSITIVE, NEGATIVE, ZERO = "#1f65a8", "#b35900", "#ffffff"
"""Above zero, below zero, and zero itself; both stand out from white by more than 4.5 to 1."""

INK, QUIET, FRAME, ERROR = "#1c1c1c", "#6b6b6b", "#00507f", "#b3261e"
"""Text and lines; what stands back; the frame of what is selected; errors, and nothing else."""

TOKENS = {
    "positive": POSITIVE,
    "negative": NEGATIVE,
    "zero": ZERO,
    "ink": INK,
    "quiet": QUIET,
    "frame": FRAME,
    "error": ERROR,
}
"""The same by name, as style sheets and scripts take them."""

DARK = {
    "positive": "#6db0f2",
    "negative": "#f0954a",
    "zero": "#16181b",
    "ink": "#e8e8e8",
    "quiet": "#a3a7ab",
    "frame": "#7cc4f5",
    "error": "#ff8a80",
}
"""The same on a dark surface, where zero is the surface again; each stands out from it by more than 4.5 to 1."""

DEEPEST_BEHIND_TEXT = 0.6
"""So much of the sign's colour lies behind the largest number: black text on it keeps a contrast above 4.5 to 1."""


def diverging() -> LinearSegmentedColormap:
    """Make the map for signed values: orange below zero, white at zero, blue above; give it limits −m and m.

    >>> import matplotlib.colors
    >>> [matplotlib.colors.to_hex(diverging()(end)) for end in (0.0, 1.0)] == [NEGATIVE, POSITIVE]
    True
    """
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("pellucid diverging", [NEGATIVE, ZERO, POSITIVE], N=257)


def sequential() -> LinearSegmentedColormap:
    """Make the map for values that are never negative, as after a ReLU: white at zero, blue at the largest."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("pellucid sequential", [ZERO, POSITIVE], N=257)


def tint(strength: float) -> str:
    """Mix a fill for a cell with a number in it: the sign's colour, the paler the nearer to zero.

    Args:
        strength: −1 to 1, the value divided by the largest of its scale.

    >>> tint(0.0), tint(1.0), tint(-1.0)
    ('#ffffff', '#79a3cb', '#d19b66')
    """
    share = DEEPEST_BEHIND_TEXT * min(1.0, abs(strength))
    pairs = zip(channels(ZERO), channels(POSITIVE if strength >= 0 else NEGATIVE), strict=True)
    return "#" + "".join(f"{round(white + share * (full - white)):02x}" for white, full in pairs)


def channels(colour: str) -> tuple[int, int, int]:
    """Split a colour like `#2a78d6` into red, green and blue, 0 to 255."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
