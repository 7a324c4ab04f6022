"""The figure that every picture is drawn on: what it says is text, never a formula."""

from __future__ import annotations

from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.text import Text

__all__ = ["Page"]


class Page(Figure):
    """A figure whose texts are shown letter by letter.

    matplotlib takes what stands between two dollar signs for a formula, and a class or file named `$\\frac{` would end
    the drawing with an error. Tick labels are made only while a figure is drawn, so it is switched off then.
    """

    def draw(self, renderer: Any) -> None:
        """Draw it; matplotlib calls this whenever the figure is shown or saved."""
        with rc_context({"text.parse_math": False}):
            for text in self.findobj(Text):
                assert isinstance(text, Text)
                text.set_parse_math(False)
            super().draw(renderer)
