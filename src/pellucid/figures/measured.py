"""What was measured of a run, as pictures and as pages of a notebook; imported when the first of them is asked for."""

from __future__ import annotations

from markupsafe import Markup
from matplotlib.figure import Figure

from pellucid.evaluation.measures import confusion_tints
from pellucid.evaluation.result import Evaluation, own_evaluation
from pellucid.evaluation.robustness import Robustness
from pellucid.evaluation.showing import (
    CLASS_HEADINGS,
    PROBABILITY_HEADINGS,
    UNKNOWN_HEADINGS,
    class_rows,
    fact_rows,
    interval_text,
    probability_rows,
    share_text,
    summary_sentence,
    threshold_sentence,
    unknown_rows,
)
from pellucid.figures.confusion import confusion_figure
from pellucid.figures.curves import curves_figure
from pellucid.figures.embedding import image_tag
from pellucid.figures.robustness import robustness_figure
from pellucid.figures.tokens import tint
from pellucid.ground.errors import UserError
from pellucid.ground.shown import as_figure, as_html
from pellucid.ground.tables import html_table
from pellucid.run import Run

__all__ = ["evaluation_figure", "evaluation_html", "run_figure", "run_html"]

MATRIX_UP_TO = 20

as_figure.register(Robustness)(robustness_figure)


@as_figure.register
def evaluation_figure(evaluation: Evaluation) -> Figure:
    """Draw the confusion matrix."""
    return confusion_figure(evaluation.confusion, [figures.name for figures in evaluation.classes])


@as_figure.register
def run_figure(run: Run) -> Figure:
    """Draw loss and accuracy over the epochs, with the measured accuracy where there is one."""
    evaluation = _evaluation_of(run)
    return curves_figure(run, evaluation.accuracy if evaluation else None)


@as_html.register
def evaluation_html(evaluation: Evaluation) -> str:
    """Write the sentence, the figures, each class, the confusion matrix, and how reliable the confidence is."""
    parts = [
        Markup("<p><strong>{}</strong></p>").format(summary_sentence(evaluation)),
        html_table(("", "", ""), fact_rows(evaluation)),
        _heading("Each class"),
        html_table(CLASS_HEADINGS, class_rows(evaluation)),
    ]
    if len(evaluation.classes) <= MATRIX_UP_TO:
        parts += [_heading("Confusion matrix (rows: true label, columns: predicted as)"), _matrix(evaluation)]
    parts += [
        _heading("Is its confidence reliable? (calibration)"),
        html_table(PROBABILITY_HEADINGS, probability_rows(evaluation)),
        Markup("<p>{}</p>").format(threshold_sentence(evaluation)),
    ]
    if evaluation.unknown:
        parts.append(html_table(UNKNOWN_HEADINGS, unknown_rows(evaluation)))
    parts += [Markup("<p>Note: {}</p>").format(note) for note in evaluation.notes]
    return str(Markup("<div>{}</div>").format(Markup().join(parts)))


@as_html.register
def run_html(run: Run) -> str:
    """Write what was trained, how far it came, how good it is, and draw its curves."""
    record, evaluation = run.record, _evaluation_of(run)
    rows = [
        ("directory", str(run.directory)),
        ("network", record.network),
        ("data", str(record.data.source)),
        ("recipe, seed", f"{record.recipe['name']}, {record.seed}"),
        ("status", run.status),
    ]
    if evaluation is not None:
        interval = interval_text(evaluation.accuracy_interval)
        accuracy = f"{share_text(evaluation.accuracy)} (95% interval {interval}), epoch {evaluation.epoch}"
        rows.append((f"{evaluation.split} accuracy", accuracy))
    curves = image_tag(run_figure(run)) if run.metrics() else Markup()
    return str(Markup("<div>{}{}</div>").format(html_table(("run", run.directory.resolve().name), rows), curves))


def _evaluation_of(run: Run) -> Evaluation | None:
    """Read what was measured of the run itself; a file that cannot be read is passed over."""
    try:
        return own_evaluation(run)
    except UserError:
        return None


def _matrix(evaluation: Evaluation) -> Markup:
    names = [figures.name for figures in evaluation.classes]
    head = Markup().join(Markup("<th>{}</th>").format(name) for name in names)
    rows = Markup().join(
        Markup("<tr><th>{}</th>{}</tr>").format(
            name,
            Markup().join(
                Markup('<td style="background:{};color:#000">{}</td>').format(tint(float(strength)), count or "·")
                for count, strength in zip(counts, tints, strict=True)
            ),
        )
        for name, counts, tints in zip(names, evaluation.confusion, confusion_tints(evaluation.confusion), strict=True)
    )
    return Markup("<table><thead><tr><th></th>{}</tr></thead><tbody>{}</tbody></table>").format(head, rows)


def _heading(text: str) -> Markup:
    return Markup("<h4>{}</h4>").format(text)
