"""A figure inside a page: an image tag that contains the picture."""

from __future__ import annotations

import base64
import io

from markupsafe import Markup
from matplotlib.figure import Figure

__all__ = ["image_tag"]


def image_tag(figure: Figure) -> Markup:
    """Write a figure as an `<img>` that needs no file; its label is its alternative text."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    picture = base64.b64encode(buffer.getvalue()).decode()
    return Markup('<img alt="{}" src="data:image/png;base64,{}">').format(figure.get_label(), picture)
