"""The pictures of results, and the pages of a notebook that hold one; imported when the first of them is asked for."""

from __future__ import annotations

from markupsafe import Markup
from matplotlib.figure import Figure

from pellucid.attribution.explanation import HEADINGS, MEANING, Comparison, Explanation, score_rows, verdict_line
from pellucid.causes.chain import Why
from pellucid.causes.epochs import History
from pellucid.causes.excitation import HEADINGS as EXCITATION_HEADINGS
from pellucid.causes.excitation import Excitation
from pellucid.causes.feature_maps import FeatureMaps, Filters
from pellucid.figures.attribution import attribution_figure
from pellucid.figures.chain import chain_figure
from pellucid.figures.embedding import image_tag
from pellucid.figures.excitation import excitation_figure
from pellucid.figures.history import history_figure
from pellucid.figures.sheets import feature_maps_figure, filters_figure
from pellucid.ground.shown import as_figure, as_html, html_of
from pellucid.ground.tables import html_table

as_figure.register(Excitation)(excitation_figure)
as_figure.register(FeatureMaps)(feature_maps_figure)
as_figure.register(Filters)(filters_figure)
as_figure.register(History)(history_figure)
as_figure.register(Why)(chain_figure)


@as_figure.register
def explanation_figure(explanation: Explanation) -> Figure:
    """Draw the image, the map over it, and both curves."""
    return attribution_figure((explanation,))


@as_figure.register
def comparison_figure(comparison: Comparison) -> Figure:
    """Draw the image, every map over it, and their curves."""
    return attribution_figure(comparison.explanations)


@as_html.register
def explanation_html(explanation: Explanation) -> str:
    """Write the picture, what was computed, the scores and what they say."""
    facts = Markup().join(Markup("<div>{}</div>").format(fact) for fact in explanation.attribution.facts)
    table = html_table(HEADINGS, score_rows((explanation,)))
    heading = f"{explanation.title}: {explanation.method}"
    return _page(heading, explanation.figure(), facts, table, _line(verdict_line(explanation)))


@as_html.register
def comparison_html(comparison: Comparison) -> str:
    """Write the picture, the scores and what they mean."""
    table = html_table(HEADINGS, score_rows(comparison.explanations))
    return _page(comparison.explanations[0].title, comparison.figure(), table, _line(MEANING))


@as_html.register
def excitation_html(excitation: Excitation) -> str:
    """Write the contact sheet and its numbers."""
    return _page(excitation.title, excitation.figure(), html_table(EXCITATION_HEADINGS, excitation.rows()))


@as_html.register
def feature_maps_html(maps: FeatureMaps) -> str:
    """Write the sheet of channels."""
    return _page(maps.title, maps.figure())


@as_html.register
def filters_html(filters: Filters) -> str:
    """Write the sheet of filters."""
    return _page(filters.title, filters.figure())


@as_html.register
def history_html(history: History) -> str:
    """Write the strip of pictures and its numbers."""
    return _page(history.title, history.figure(), html_table(history.headings, history.rows()))


@as_html.register
def why_html(why: Why) -> str:
    """Write the chain on one page, then each link of it."""
    links = Markup().join(Markup("<h4>{}</h4>{}").format(heading, html_of(link)) for heading, link in why.sections())
    return _page(why.glass.title, why.figure(), links)


def _page(heading: str, figure: Figure, *below: Markup) -> str:
    return str(Markup("<div><strong>{}</strong>{}{}</div>").format(heading, image_tag(figure), Markup().join(below)))


def _line(text: str) -> Markup:
    return Markup("<div>{}</div>").format(text)
