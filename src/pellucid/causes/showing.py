"""What a notebook shows of the causes that need no picture."""

from __future__ import annotations

from markupsafe import Markup

from pellucid.causes.confused_pair import HEADINGS, ConfusedPair
from pellucid.ground.shown import as_html
from pellucid.ground.tables import html_table

__all__ = ["pair_html"]


@as_html.register
def pair_html(pair: ConfusedPair) -> str:
    """Write the pair and the other images of the same mistake."""
    notes = Markup().join(Markup("<div>{}</div>").format(note) for note in pair.notes)
    return str(
        Markup("<div><strong>{}</strong>{}{}</div>").format(pair.title, html_table(HEADINGS, pair.rows()), notes)
    )
