"""The pictures of results, and the pages of a notebook that hold one; imported when the first of them is asked for."""

from __future__ import annotations

from markupsafe import Markup
from matplotlib.figure import Figure

from pellucid.attribution.explanation import Explanation, Explanations
from pellucid.attribution.showing import HEADINGS, MEANING, opening, score_rows, verdict_sentence
from pellucid.causes.activating_images import Activations
from pellucid.causes.chain import Why
from pellucid.causes.epochs import History
from pellucid.causes.feature_maps import FeatureMaps, Filters
from pellucid.causes.showing import (
    ACTIVATION_HEADINGS,
    activation_rows,
    activations_title,
    feature_maps_title,
    history_headings,
    history_rows,
    history_sentence,
)
from pellucid.figures.activations import activations_figure
from pellucid.figures.attribution import attribution_figure
from pellucid.figures.chain import chain_figure
from pellucid.figures.embedding import image_tag
from pellucid.figures.history import history_figure
from pellucid.figures.sheets import feature_maps_figure, filters_figure
from pellucid.ground.shown import as_figure, as_html, html_of
from pellucid.ground.tables import html_lines, html_table

as_figure.register(Activations)(activations_figure)
as_figure.register(FeatureMaps)(feature_maps_figure)
as_figure.register(Filters)(filters_figure)
as_figure.register(History)(history_figure)
as_figure.register(Why)(chain_figure)


@as_figure.register
def explanation_figure(explanation: Explanation) -> Figure:
    """Draw the image, the map over it, and both curves."""
    return attribution_figure((explanation,))


@as_figure.register
def explanations_figure(explanations: Explanations) -> Figure:
    """Draw the image, every map over it, and their curves."""
    return attribution_figure(explanations.explanations)


@as_html.register
def explanation_html(explanation: Explanation) -> str:
    """Write the picture, what was computed, the scores and what they mean."""
    facts = html_lines(explanation.attribution.facts)
    table = html_table(HEADINGS, score_rows((explanation,)))
    return _page(opening(explanation), explanation.figure(), facts, table, html_lines([verdict_sentence(explanation)]))


@as_html.register
def explanations_html(explanations: Explanations) -> str:
    """Write the picture, the scores and what they mean."""
    table = html_table(HEADINGS, score_rows(explanations.explanations))
    return _page(opening(explanations[0]), explanations.figure(), table, html_lines(MEANING))


@as_html.register
def activations_html(activations: Activations) -> str:
    """Write the contact sheet and its numbers."""
    table = html_table(ACTIVATION_HEADINGS, activation_rows(activations))
    return _page(activations_title(activations), activations.figure(), table)


@as_html.register
def feature_maps_html(maps: FeatureMaps) -> str:
    """Write the sheet of channels."""
    return _page(feature_maps_title(maps), maps.figure())


@as_html.register
def filters_html(filters: Filters) -> str:
    """Write the sheet of filters."""
    return _page(filters.title, filters.figure())


@as_html.register
def history_html(history: History) -> str:
    """Write the strip of pictures and its numbers."""
    table = html_table(history_headings(history), history_rows(history))
    return _page(history_sentence(history), history.figure(), table)


@as_html.register
def why_html(why: Why) -> str:
    """Write the chain on one page, then each link of it."""
    links = Markup().join(Markup("<h4>{}</h4>{}").format(heading, html_of(link)) for heading, link in why.sections())
    return _page(why.glass.title, why.figure(), links)


def _page(heading: str, figure: Figure, *below: Markup) -> str:
    return str(Markup("<div><strong>{}</strong>{}{}</div>").format(heading, image_tag(figure), Markup().join(below)))
