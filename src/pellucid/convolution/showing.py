"""The steps as HTML for a notebook: tables, with the overlapping numbers framed."""

from __future__ import annotations

from html import escape

from pellucid.convolution.drawing import draw, number_list
from pellucid.convolution.result import Convolution
from pellucid.convolution.steps import WindowStep
from pellucid.ground.shown import as_html, as_text
from pellucid.ground.writing import counted, exact_number

__all__ = ["convolution_html", "convolution_text"]

MOST_STEPS = 24
WIDEST_SIGNAL = 24
CELL = "padding:2px 8px;text-align:right;border:2px solid transparent"
MET = "padding:2px 8px;text-align:right;border:2px solid #0072b2;font-weight:bold"


@as_text.register
def convolution_text(convolution: Convolution) -> str:
    """Draw the first steps of a convolution, and its result, as text."""
    return draw(convolution)


@as_html.register
def convolution_html(convolution: Convolution) -> str:
    """Draw the first steps of a convolution, and its result, as HTML."""
    if not (convolution.plain and len(convolution.axes) == 1 and convolution.axes[0].padded <= WIDEST_SIGNAL):
        return f"<pre>{escape(draw(convolution, most=8))}</pre>"
    steps = convolution.steps
    rows = [_step_row(convolution, k, steps[k]) for k in range(min(len(steps), MOST_STEPS))]
    more = f"<p>… and {counted(len(steps) - MOST_STEPS, 'more step')}</p>" if len(steps) > MOST_STEPS else ""
    orientation = "as given" if convolution.is_correlation else "flipped"
    name = "cross-correlation" if convolution.is_correlation else "convolution"
    head = f"<tr><th>step</th><th>signal</th><th>filter, {orientation}</th><th>sum of products</th></tr>"
    return (
        f"<table><caption>{name}, mode {convolution.mode}; the framed numbers overlap</caption>"
        f"<thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>{more}"
        f"<p>result {escape(number_list(convolution.result))}</p>"
    )


def _step_row(convolution: Convolution, k: int, step: WindowStep) -> str:
    axis = convolution.axes[0]
    begin, low, count = axis.overlap(k)
    met = {begin + j * axis.dilation for j in range(count)}
    signal = "".join(
        f'<td style="{MET if p in met else CELL}">{escape(exact_number(convolution.padded[0, p]))}</td>'
        for p in range(axis.padded)
    )
    weights = "".join(
        f'<td style="{MET if low <= j < low + count else CELL}">{escape(exact_number(weight))}</td>'
        for j, weight in enumerate(convolution.aligned[:WIDEST_SIGNAL])
    )
    return (
        f"<tr><td>{k}</td><td><table><tr>{signal}</tr></table></td>"
        f"<td><table><tr>{weights}</tr></table></td><td>{escape(str(step))}</td></tr>"
    )
