"""A figure inside a page: an image tag with the picture in it."""

from __future__ import annotations

import base64
import io
from html import escape

from matplotlib.figure import Figure

__all__ = ["image_tag"]


def image_tag(figure: Figure) -> str:
    """Write a figure as an `<img>` that needs no file; its label is what screen readers read."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    words = escape(str(figure.get_label()), quote=True)
    return f'<img alt="{words}" src="data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}">'
