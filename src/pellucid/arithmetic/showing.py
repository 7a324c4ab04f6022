"""A trace as text for a terminal and as HTML for a notebook."""

from __future__ import annotations

import html as markup
from collections.abc import Iterator
from typing import Any

import numpy as np

from pellucid.arithmetic.result import Terms, Trace
from pellucid.ground.shown import as_html, as_text
from pellucid.ground.writing import number, signed_number

__all__ = ["details_of", "rest_of", "trace_html", "trace_text"]

SHOWN = 8
"""A sum of more terms shows this many of the strongest, and what the others come to together."""


@as_text.register
def trace_text(trace: Trace) -> str:
    """Write a trace in about a dozen lines: formula, terms, what is added, the check."""
    terms = trace.terms
    lines = [trace.title, f"  {trace.formula.text}"]
    lines.append(f"  {_summary(trace)}")
    rows = [_row(trace, int(term)) for term in _order(terms)]
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    for position, factor, result in rows:
        cells = f"{position:<{widths[0]}}{factor:<{widths[1]}}{result:<{widths[2]}}"
        lines.append(f"    {cells.rstrip()}")
    rest = rest_of(trace)
    if rest:
        lines.append(f"    {rest}")
    for name, shown in details_of(trace):
        lines.append(f"  {name} {shown}")
    if trace.bias is not None and terms.products is not None:
        lines.append(f"  sum {number(float(terms.products.sum()))}, bias {signed_number(trace.bias)}")
    lines.append(f"  = {number(trace.value)}")
    lines.append(f"  {trace.check}")
    return "\n".join(lines)


@as_html.register
def trace_html(trace: Trace) -> str:
    """Write a trace as a table with its formula; nothing in it needs a script or a style sheet."""
    escape = markup.escape
    rows = "".join(
        "<tr>" + "".join(f"<td>{escape(cell.strip())}</td>" for cell in _row(trace, int(term))) + "</tr>"
        for term in _order(trace.terms)
    )
    rest = rest_of(trace)
    if rest:
        rows += f'<tr><td colspan="3">{escape(rest)}</td></tr>'
    details = "".join(f"<li>{escape(name)} {escape(shown)}</li>" for name, shown in details_of(trace))
    if trace.bias is not None and trace.terms.products is not None:
        details += f"<li>sum {number(float(trace.terms.products.sum()))}, bias {signed_number(trace.bias)}</li>"
    verdict = "✓" if trace.check.passed else "✗"
    return (
        f"<div><strong>{escape(trace.title)}</strong>"
        f"<div>$\\displaystyle {escape(trace.formula.latex)}$</div>"
        f"<div>{escape(_summary(trace))}</div>"
        f"<table><tbody>{rows}</tbody></table>"
        f"<ul>{details}</ul>"
        f"<div><strong>= {number(trace.value)}</strong></div>"
        f"<div>{verdict} {escape(str(trace.check))}</div></div>"
    )


def _order(terms: Terms) -> Any:
    return range(len(terms)) if len(terms) <= SHOWN + 1 else terms.strongest(SHOWN)


def _row(trace: Trace, term: int) -> tuple[str, str, str]:
    terms = trace.terms
    source = terms.source(term)
    if source is None:
        position = "padding"
    else:
        operand, index = source
        letter = "∂L/∂y" if trace.of != "output" else ("x" if len(terms.ranks) == 1 else f"x{operand}")
        position = f"{letter}[{', '.join(map(str, index))}]"
    value = float(terms.values[term])
    # A softmax's exponentials and a function's result are made from the value, not multiplied with it.
    if trace.combine == "maximum":
        return f"{position}  {number(value)}", "", "  ← the largest" if term == trace.details["winner"] else ""
    if terms.weights is None:
        result = "" if terms.products is None else f"  → {number(float(terms.products[term]))}"
        return f"{position}  {number(value)}", "", result
    factor = f"  × {number(float(terms.weights[term]))}"
    if terms.weight_index is not None and (terms.weight_index[term] >= 0).all():
        where = ", ".join(map(str, terms.weight_index[term].tolist()))
        factor += f" {terms.weight_of}[{where}]"
    assert terms.products is not None
    return f"{position}  {number(value)}", factor, f"  = {number(float(terms.products[term]))}"


def rest_of(trace: Trace) -> str:
    """Write what the terms beyond the strongest come to together; nothing where all are shown."""
    terms = trace.terms
    if len(terms) <= SHOWN + 1:
        return ""
    count = len(terms) - SHOWN
    if terms.products is None or trace.combine == "maximum":
        return f"… {count:,} more"
    rest = float(terms.products.sum() - terms.products[terms.strongest(SHOWN)].sum())
    return f"… {count:,} more, together {number(rest)}"


def _summary(trace: Trace) -> str:
    terms = trace.terms
    count = f"{len(terms):,} term" + ("" if len(terms) == 1 else "s")
    padding = int((terms.operand < 0).sum())
    what = {"sum": "added", "maximum": "compared", "product": "multiplied"}.get(trace.combine, "used")
    parts = [f"{count} {what}"]
    if padding:
        parts.append(f"{padding:,} of them padding")
    if len(terms) > SHOWN + 1:
        parts.append("the strongest first")
    return ", ".join(parts)


def details_of(trace: Trace) -> Iterator[tuple[str, str]]:
    """Write what else took part: each detail's name and its number or numbers."""
    for name, detail in trace.details.items():
        if name in ("winner", "own"):  # rows of the terms, for those who read the arrays
            continue
        label = name.replace("_", " ")
        if isinstance(detail, np.ndarray):
            if detail.size > SHOWN:
                shown = f"{detail.size:,} numbers from {number(float(detail.min()))} to {number(float(detail.max()))}"
            else:
                shown = ", ".join(number(float(element)) for element in detail.ravel())
        elif isinstance(detail, float):
            shown = number(detail)
        elif detail is None:
            shown = "unknown"
        else:
            shown = str(detail)
        yield label, shown
