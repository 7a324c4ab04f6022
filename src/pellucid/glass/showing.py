"""A forward pass and a unit's trace, as text for a terminal and as HTML for a notebook."""

from __future__ import annotations

from html import escape

from markupsafe import Markup

from pellucid.arithmetic.result import Check
from pellucid.arithmetic.showing import details_of, rest_of
from pellucid.glass.nodes import ForwardPass, Node
from pellucid.glass.unit_trace import Term, UnitTrace
from pellucid.glass.walking import Feeds, Path
from pellucid.ground.shown import as_html, as_text
from pellucid.ground.tables import html_table, text_table
from pellucid.ground.writing import counted, number, shape_text, signed_number

__all__ = [
    "check_line",
    "difference_text",
    "glass_html",
    "glass_text",
    "trace_html",
    "trace_text",
]

SHOWN = 8
"""A sum of more terms shows this many of the strongest, and what the others come to together."""

HEADINGS = ("layer", "operation", "from", "shape", "smallest", "mean", "largest", "")


@as_text.register
def glass_text(glass: ForwardPass) -> str:
    """Write the nodes as a table, the prediction above it."""
    lines = [glass.title]
    if glass.picture.fitted:
        lines.append(f"image       {glass.picture.fitted}")
    if glass.prediction is not None:
        lines.append(f"prediction  {glass.prediction}")
    lines += ["", *text_table(HEADINGS, [_cells(node) for node in glass], right=(4, 5, 6))]
    lines += [f"note  {note}" for note in glass.recording.notes]
    return "\n".join(lines)


@as_html.register
def glass_html(glass: ForwardPass) -> str:
    """Write the same as a table of a page."""
    above = [f"<strong>{escape(glass.title)}</strong>"]
    if glass.picture.fitted:
        above.append(escape(glass.picture.fitted))
    if glass.prediction is not None:
        above.append(f"prediction: {escape(str(glass.prediction))}")
    below = "".join(f"<div>{escape(note)}</div>" for note in glass.recording.notes)
    table = html_table(HEADINGS, [_cells(node) for node in glass])
    return f"<div>{'<br>'.join(above)}{table}{below}</div>"


@as_text.register
def trace_text(found: UnitTrace) -> str:
    """Write a trace: what it is, its terms with the numbers that `back` takes, the check."""
    lines = [f"{found.unit.name} = {number(found.value)}", *(f"  {line}" for line in _facts(found))]
    terms = _shown(found)
    if terms:
        rows = [_row(found, term) for term in terms]
        lines += [f"    {line}" for line in text_table(("term", "from", "value", "", ""), rows, right=(0, 2))]
    lines += [f"  {line}" for line in _closing(found)]
    return "\n".join(lines)


@as_html.register
def trace_html(found: UnitTrace) -> str:
    """Write the same as a piece of a page."""
    facts = "".join(f"<div>{escape(line)}</div>" for line in _facts(found))
    rows = [_row(found, term) for term in _shown(found)]
    table = html_table(("term", "from", "value", "", ""), rows) if rows else ""
    closing = "".join(f"<div>{escape(line)}</div>" for line in _closing(found))
    return f"<div><strong>{escape(found.unit.name)} = {number(found.value)}</strong>{facts}{table}{closing}</div>"


@as_html.register
def feeds_html(found: Feeds) -> str:
    """Write the units that a unit feeds as a table."""
    above = f"{found.unit.name} = {number(found.unit.value)} feeds {counted(found.total, 'unit')}"
    return str(Markup("<div><strong>{}</strong>{}</div>").format(above, html_table(found.headings, found.rows())))


@as_html.register
def path_html(found: Path) -> str:
    """Write a chain of units as a table."""
    remarks = Markup().join(Markup("<div>{}</div>").format(remark) for remark in found.remarks)
    table = html_table(found.headings, found.rows())
    return str(Markup("<div><strong>{}</strong>{}{}</div>").format(found.title, table, remarks))


def check_line(check: Check) -> str:
    """Write a check as people read it.

    >>> from pellucid.arithmetic import Check
    >>> check_line(Check(1.5, 1.5, 1e-6))
    'sum by hand 1.5, the network says 1.5, difference 0'
    """
    numbers = f"sum by hand {number(check.recomputed)}, the network says {number(check.pytorch)}"
    return f"{numbers}, difference {difference_text(check)}"


def difference_text(check: Check) -> str:
    """Write how far by hand is from PyTorch: 2e-8, or 0.

    >>> from pellucid.arithmetic import Check
    >>> difference_text(Check(1.00000002, 1.0, 1e-6)), difference_text(Check(1.0, 1.0, 1e-6))
    ('2e-8', '0')
    """
    return f"{abs(check.difference):.0e}".replace("e-0", "e-") if check.difference else "0"


def _facts(found: UnitTrace) -> list[str]:
    node = found.unit.node
    sees = "" if found.receptive_field is None else f"; it sees {found.receptive_field} of the image"
    if found.pixel is not None:
        pixel = found.pixel
        formula = f"({pixel.byte}/255 − {number(pixel.mean)}) / {number(pixel.std)}"
        picture = node.glass.picture.source
        return [
            f"{pixel.channel} of the pixel in row {pixel.row}, column {pixel.column} of {picture}: byte {pixel.byte}",
            f"(byte/255 − mean) / std = {formula}",
        ]
    if found.kind == "given":
        return [{"input": "a number of the input as it was given"}.get(node.label, f"a {node.label} of the network")]
    inputs = ", ".join(f"{each.name} ({shape_text(each.shape)})" for each in node.inputs)
    if found.trace is None:
        return [f"{node.label}: {node.reason or 'no arithmetic for this operation'}", f"computed from {inputs}"]
    trace, terms = found.trace, found.trace.terms
    what = {"sum": "added", "maximum": "compared", "product": "multiplied"}.get(trace.combine, "used")
    count = f"{len(terms):,} {'term' if len(terms) == 1 else 'terms'} {what}"
    padding = int((terms.operand < 0).sum())
    if padding:
        count += f", {padding:,} of them padding"
    if len(terms) > SHOWN + 1:
        count += ", the strongest first"
    return [f"{node.label} of {inputs}{sees}", trace.formula.text, count]


def _shown(found: UnitTrace) -> list[Term]:
    if found.trace is None:
        return []
    return list(found.terms) if len(found.trace.terms) <= SHOWN + 1 else found.strongest(SHOWN)


def _row(found: UnitTrace, term: Term) -> tuple[str, str, str, str, str]:
    assert found.trace is not None
    label = f"{term.number}"
    if found.trace.combine == "maximum":
        won = term.number == found.trace.details["winner"]
        return label, term.name, number(term.value), "← the largest" if won else "", ""
    if term.weight is None:
        return label, term.name, number(term.value), "" if term.product is None else f"→ {number(term.product)}", ""
    factor = f"× {number(term.weight)} {term.weight_name}".rstrip()
    return label, term.name, number(term.value), factor, "" if term.product is None else f"= {number(term.product)}"


def _closing(found: UnitTrace) -> list[str]:
    lines = []
    if found.trace is not None:
        rest = rest_of(found.trace)
        lines += [rest] if rest else []
        lines += [f"{name} {shown}" for name, shown in details_of(found.trace) if name != "winner index"]
        if found.trace.bias is not None and found.trace.terms.products is not None:
            total = float(found.trace.terms.products.sum())
            lines.append(f"sum {number(total)}, bias {signed_number(found.trace.bias)}")
    if found.check is not None:
        lines.append(check_line(found.check))
    return lines


def _cells(node: Node) -> tuple[str, ...]:
    facts = node.to_dict()
    extremes = ["not finite" if facts[name] is None else number(facts[name]) for name in ("min", "mean", "max")]
    inputs = ", ".join(each.name for each in node.inputs)
    return (node.name, node.label, inputs, shape_text(node.shape), *extremes, node.reason)
