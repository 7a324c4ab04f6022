"""A learning curve as sentences, a table and a chart."""

from __future__ import annotations

import textwrap

from markupsafe import Markup

from pellucid.evaluation.charts import Chart, Scale, Series
from pellucid.evaluation.learning_curve import LearningCurve
from pellucid.evaluation.power_law import Forecast
from pellucid.evaluation.result import SPLITS
from pellucid.ground.shown import as_html, as_text
from pellucid.ground.tables import html_table, text_table

__all__ = ["CURVE_HEADINGS", "curve_chart", "curve_rows", "curve_sentences"]

WIDTH = 100
CURVE_HEADINGS = ("class", "held out", "recall", "points more", "90% interval", "")


def curve_sentences(curve: LearningCurve) -> list[str]:
    """Say what more images would bring, or why that cannot be said; and how it was measured."""
    outlook, more = curve.forecast, curve.more
    how = (
        f"Measured on {curve.held_out:,} {SPLITS.get(curve.split, curve.split)} images by refitting the last layer on "
        f"{', '.join(f'{size:.0f}' for size in curve.sizes)} photos of each class, several times each. The interval "
        "is meant to hold the change in nine cases of ten, if the new photos are like those that are there; on 50 "
        "forecasts of CIFAR-10 each for twice and four times the photos it held 87 of 100, with two classes 29 of 40."
    )
    if outlook is None:
        return [
            f"Nothing can be said about more photos: {curve.each:.0f} of each class to train on and {curve.held_out:,} "
            "held out are too few (at least 10 and 30)."
        ]
    if not outlook.clear:
        return [
            f"Whether more photos would help cannot be said: with {more} more of each class accuracy would change by "
            f"{_between(outlook)} points, which {curve.held_out:,} held-out images cannot tell from none.",
            how,
        ]
    sentence = (
        f"{more} more photos of each class would bring about {_points(outlook.gain)} points of accuracy "
        f"({_between(outlook)})."
    )
    return [sentence, how]


def curve_rows(curve: LearningCurve) -> list[tuple[str, ...]]:
    """Write a row for each class: its recall, and what it would be with more photos of each class."""
    return [
        (
            row.name,
            f"{row.images:,}",
            f"{row.recall:.1%}",
            _points(row.forecast.gain) if row.forecast.clear else "–",
            f"{_points(row.forecast.low)} to {_points(row.forecast.high)}",
            "" if row.forecast.clear else "cannot be said",
        )
        for row in curve.classes
    ]


def curve_chart(curve: LearningCurve) -> Chart:
    """Prepare accuracy against the number of photos of each class, and the forecast where there is one."""
    points = tuple(zip(curve.sizes, curve.accuracies, strict=True))
    series = [Series("measured", points, "line", tuple(zip(curve.lowest, curve.highest, strict=True)))]
    outlook = curve.forecast
    if outlook is not None:
        last = curve.accuracies[-1]
        ends = (points[-1], (curve.each + curve.more, min(1.0, last + outlook.gain)))
        band = ((last, last), (max(0.0, last + outlook.low), min(1.0, last + outlook.high)))
        series.append(Series("forecast", ends, "dashed", band))
    heights = [*curve.lowest, *(low for line in series for low, _ in line.interval)]
    return Chart(
        title="Accuracy by the number of training photos",
        x=Scale("training photos of each class"),
        y=Scale("accuracy", (max(0.0, min(heights) - 0.05), 1.0), percent=True),
        description=" ".join(curve_sentences(curve)),
        series=tuple(series),
    )


@as_text.register
def curve_text(curve: LearningCurve) -> str:
    """Write the sentences and a row for each class."""
    table = "\n".join(text_table(CURVE_HEADINGS, curve_rows(curve), right=(1, 2, 3, 4)))
    sentences = [textwrap.fill(sentence, WIDTH) for sentence in curve_sentences(curve)]
    return "\n\n".join([*sentences, *([table] if curve.classes else [])])


@as_html.register
def curve_html(curve: LearningCurve) -> str:
    """Write the same for a notebook."""
    sentences = Markup().join(Markup("<p>{}</p>").format(sentence) for sentence in curve_sentences(curve))
    return str(Markup("<div>{}{}</div>").format(sentences, html_table(CURVE_HEADINGS, curve_rows(curve))))


def _points(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "−")


def _between(outlook: Forecast) -> str:
    return f"between {_points(outlook.low)} and {_points(outlook.high)}"
