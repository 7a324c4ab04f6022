"""A forward pass, a unit's trace, what a unit feeds and a chain of units: as text and as HTML for a notebook."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path as FilePath

from markupsafe import Markup

from pellucid.arithmetic.result import Check
from pellucid.arithmetic.showing import details_of
from pellucid.glass.letters import letters_of
from pellucid.glass.nodes import ForwardPass, Node, Unit
from pellucid.glass.unit_trace import Term, UnitTrace
from pellucid.glass.walking import Feeds, Path
from pellucid.ground.columns import aligned, elided, wrapped
from pellucid.ground.shown import as_html, as_text
from pellucid.ground.tables import html_table, text_table
from pellucid.ground.writing import counted, number, shape_text, signed_number

__all__ = [
    "check_line",
    "closing_of",
    "difference_text",
    "facts_of",
    "feeds_text",
    "glass_text",
    "path_text",
    "sentence_of",
    "summary_text",
    "trace_sentence",
    "trace_text",
]

SHOWN = 8
"""Of a sum of more terms this many of the strongest are shown, and what the others come to together."""

NAME_WIDTH, LABEL_WIDTH = 22, 14
"""Longer names of layers and operations are elided in the table of all layers."""

FACT_WIDTH = 15

NUMBERS = {
    *("term", "value", "× weight", "× factor", "= product", "contributes"),
    *("derivative", "share of all terms", "smallest", "largest"),
}
"""Headings of the columns that are aligned at the point."""

Table = tuple[tuple[str, ...], list[tuple[str, ...]]]
"""Headings and rows."""


@as_text.register
def glass_text(glass: ForwardPass) -> str:
    """Write what the network predicts in one sentence, then the table of layers."""
    headings, rows = _layers(glass)
    lines = [summary_text(glass), "", *text_table(headings, _in_columns(rows, _numeric(headings)))]
    if any("…" in cell for row in rows for cell in row):
        lines += ["", "Names with … are cut; --json, or to_dict(), has them whole."]
    return "\n".join([*lines, *_remarks(glass)])


@as_html.register
def glass_html(glass: ForwardPass) -> str:
    """Write the same as a piece of a page."""
    above = [Markup("<strong>{}</strong>").format(sentence_of(glass)), glass.title, glass.picture.fitted]
    lines = Markup("<br>").join(line for line in above if line)
    below = Markup().join(Markup("<div>{}</div>").format(line) for line in _remarks(glass))
    return str(Markup("<div>{}{}{}</div>").format(lines, html_table(*_layers(glass)), below))


def summary_text(glass: ForwardPass) -> str:
    """Write what the network predicts in one sentence, and below it which weights and which image these are."""
    lines = [*wrapped(sentence_of(glass)), "", glass.title]
    return "\n".join([*lines, f"image fitted: {glass.picture.fitted}"] if glass.picture.fitted else lines)


def sentence_of(glass: ForwardPass) -> str:
    """Say what the network predicts for this image, how sure it is, what comes next, and whether it is right."""
    source = glass.picture.source
    image = source if len(source) <= NAME_WIDTH else FilePath(source).name
    network = type(glass.network).__name__ if glass.run is None else glass.run.record.network.rpartition(":")[2]
    if glass.prediction is None:
        top = glass.top_output()
        return (
            f"{network} returns {shape_text(glass.output.shape)} numbers for {image}; "
            f"the largest is {top.name} = {number(top.value)}."
        )
    if glass.classes is None:
        (name, share), (following, rest) = glass.prediction.top(2)
        return f"{network} gives {image} class {name} with {share:.1%}; next comes class {following} with {rest:.1%}."
    return glass.prediction.sentence(network, image, glass.calibrated_confidence)


@as_text.register
def trace_text(trace: UnitTrace, shown: int = SHOWN) -> str:
    """Write a trace: a sentence, the formula, the `shown` strongest terms with their numbers for `back`, the check."""
    lines = wrapped(trace_sentence(trace), following="  ")
    for label, fact in facts_of(trace):
        lines += wrapped(f"{label:<{FACT_WIDTH}}  {fact}", "  ", " " * (FACT_WIDTH + 4))
    headings, rows = _terms(trace, shown)
    if rows:
        lines += [f"    {line}" for line in text_table(headings, _in_columns(rows, _numeric(headings)))]
    for line in closing_of(trace, shown):
        lines += wrapped(line, "  ", "    ")
    return "\n".join(lines)


@as_html.register
def trace_html(trace: UnitTrace) -> str:
    """Write the same as a piece of a page."""
    facts = Markup().join(Markup("<div>{}: {}</div>").format(label, fact) for label, fact in facts_of(trace))
    table = _terms(trace, SHOWN)
    closing = Markup().join(Markup("<div>{}</div>").format(line) for line in closing_of(trace, SHOWN))
    return str(
        Markup("<div><strong>{}</strong>{}{}{}</div>").format(
            trace_sentence(trace), facts, html_table(*table) if table[1] else "", closing
        )
    )


@as_text.register
def feeds_text(feeds: Feeds) -> str:
    """Write the units that a unit feeds as a table below a sentence."""
    headings, rows = _fed(feeds)
    lines = wrapped(_feeds_sentence(feeds), following="  ")
    lines += [f"  {line}" for line in text_table(headings, _in_columns(rows, _numeric(headings)))] if rows else []
    return "\n".join([*lines, *(f"  {name}: no arithmetic for this operation" for name in feeds.without_arithmetic)])


@as_html.register
def feeds_html(feeds: Feeds) -> str:
    """Write the same as a piece of a page."""
    return str(Markup("<div><strong>{}</strong>{}</div>").format(_feeds_sentence(feeds), html_table(*_fed(feeds))))


@as_text.register
def path_text(path: Path) -> str:
    """Write a chain of units as a table below a sentence."""
    headings, rows = _links(path)
    lines = wrapped(_path_sentence(path), following="  ")
    lines += [f"  {line}" for line in text_table(headings, _in_columns(rows, _numeric(headings)))]
    for remark in path.remarks:
        lines += wrapped(remark, "  ", "    ")
    return "\n".join(lines)


@as_html.register
def path_html(path: Path) -> str:
    """Write the same as a piece of a page."""
    remarks = Markup().join(Markup("<div>{}</div>").format(remark) for remark in path.remarks)
    table = html_table(*_links(path))
    return str(Markup("<div><strong>{}</strong>{}{}</div>").format(_path_sentence(path), table, remarks))


def check_line(check: Check, who: str = "the network") -> str:
    """Write a check as people read it.

    >>> from pellucid.arithmetic import Check
    >>> check_line(Check(1.5, 1.5, 1e-6)).rstrip("✓ok ")
    'recomputed 1.5, the network says 1.5, difference 0'
    """
    mark = _mark("✓", "ok") if check.passed else _mark("✗", "more than rounding explains")
    numbers = f"recomputed {number(check.recomputed)}, {who} says {number(check.pytorch)}"
    return f"{numbers}, difference {difference_text(check)} {mark}"


def difference_text(check: Check) -> str:
    """Write how far the recomputed value is from PyTorch's: 2e-8, or 0.

    >>> from pellucid.arithmetic import Check
    >>> difference_text(Check(1.00000002, 1.0, 1e-6)), difference_text(Check(1.0, 1.0, 1e-6))
    ('2e-8', '0')
    """
    return f"{abs(check.difference):.0e}".replace("e-0", "e-") if check.difference else "0"


def _mark(sign: str, word: str) -> str:
    """Give a sign where standard output can show it, else a word."""
    try:
        sign.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return word
    return sign


def _in_columns(rows: Sequence[Sequence[str]], numeric: Sequence[int]) -> list[tuple[str, ...]]:
    """Align some columns of a table at the point."""
    if not rows:
        return []
    columns = [
        aligned(column) if position in numeric else list(column)
        for position, column in enumerate(zip(*rows, strict=True))
    ]
    return list(zip(*columns, strict=True))


def _layers(glass: ForwardPass) -> Table:
    headings = ("layer", "operation", "from", "shape", "smallest", "largest")
    return headings, [_layer(node) for node in glass]


def _layer(node: Node) -> tuple[str, ...]:
    facts = node.to_dict()
    extremes = ["not finite" if facts[name] is None else number(facts[name]) for name in ("min", "max")]
    inputs = [source.name for source in node.inputs]
    first = elided(inputs[0], NAME_WIDTH if len(inputs) == 1 else NAME_WIDTH // 2 - 1) if inputs else ""
    if len(inputs) == 2:
        first += f", {elided(inputs[1], NAME_WIDTH // 2 - 1)}"
    elif len(inputs) > 2:
        first += f", … ({len(inputs)})"
    label = elided(node.label, LABEL_WIDTH)
    return (elided(node.name, NAME_WIDTH), label, first, shape_text(node.shape), *extremes)


def _remarks(glass: ForwardPass) -> list[str]:
    lines: list[str] = []
    for node in glass:
        if node.reason:
            lines += wrapped(f"{node.name}: {node.reason}", "", "  ")
    for note in glass.recording.notes:
        lines += wrapped(f"note: {note}", "", "  ")
    return lines


def _role(unit: Unit) -> str:
    """Say of which class a unit of the output is the logit, between commas; nothing for other units."""
    glass = unit.node.glass
    prediction = glass.prediction
    if prediction is None or unit.node.name != glass.output.name:
        return ""
    name = prediction.classes[unit.index[0]]
    known = "" if glass.classes else "class "
    known = "the predicted class " if unit.index[0] == prediction.index else known
    return f", the {glass.head.noun} of {known}{name},"


def trace_sentence(trace: UnitTrace) -> str:
    """Say in one sentence what a unit's value is made of; `facts_of` has the rest."""
    start = f"{trace.unit.name} = {number(trace.value)}{_role(trace.unit)}"
    if trace.pixel is not None:
        pixel, source = trace.pixel, trace.unit.node.glass.picture.source
        return (
            f"{start} is the {pixel.channel} value of the pixel in row {pixel.row}, column {pixel.column} of {source}: "
            f"byte {pixel.byte}, scaled."
        )
    if trace.trace is None:
        if trace.kind == "given":
            label = trace.unit.node.label
            return f"{start} is {'a value of the input as it was given' if label == 'input' else f'a {label}'}."
        return f"{start} is shown as it is, without its arithmetic."
    terms, inner = trace.trace.terms, trace.trace
    count = len(terms)
    values = counted(count, "value")
    padding = int((terms.operand < 0).sum())
    more = f", {padding:,} of them padding" if padding else ""
    bias = " and a bias" if inner.bias is not None else ""
    if inner.combine == "maximum":
        return f"{start} is the largest of {values}{more}."
    if inner.combine == "product":
        return f"{start} is the product of {values}."
    if inner.combine == "sum" and count > 1:
        added = f"{count:,} products (value × weight{more})" if terms.weights is not None else f"{values}{more}"
        return f"{start} is the sum of {added}{bias}."
    if inner.combine == "sum" and terms.weights is not None:
        return f"{start} is one value times a factor{bias}{more}."
    return f"{start} is computed from {values}{more}."


def facts_of(trace: UnitTrace) -> list[tuple[str, str]]:
    """List what else is known of a unit: operation, receptive field, formula and what its letters mean."""
    node = trace.unit.node
    if trace.pixel is not None:
        pixel = trace.pixel
        return [
            ("formula", f"(byte/255 − mean) / std = ({pixel.byte}/255 − {number(pixel.mean)}) / {number(pixel.std)}")
        ]
    if trace.kind == "given":
        return []
    inputs = ", ".join(f"{source.name} ({shape_text(source.shape)})" for source in node.inputs)
    if trace.trace is None:
        return [
            ("operation", node.label),
            ("reads", inputs),
            ("note", node.reason or "no arithmetic for this operation"),
        ]
    facts = [("operation", f"{node.label}, which reads {inputs}")]
    if trace.receptive_field is not None:
        facts.append(("receptive field", f"{trace.receptive_field} of the image"))
    formula = trace.trace.formula.text
    facts.append(("formula", formula))
    letters = letters_of(trace.trace.kind, formula)
    return [*facts, ("letters", letters)] if letters else facts


def _shown(trace: UnitTrace, shown: int) -> list[Term]:
    if trace.trace is None:
        return []
    return list(trace.terms) if len(trace.trace.terms) <= shown + 1 else trace.strongest(shown)


def _terms(trace: UnitTrace, shown: int) -> Table:
    terms = _shown(trace, shown)
    if trace.trace is None or not terms:
        return (), []
    cells = [(str(term.number), term.name, number(term.value)) for term in terms]
    if trace.trace.combine == "maximum":
        largest = trace.trace.details["winner"]
        marks = ["← the largest" if term.number == largest else "" for term in terms]
        rows: list[tuple[str, ...]] = [(*cell, mark) for cell, mark in zip(cells, marks, strict=True)]
        return ("term", "read from", "value", "chosen"), rows
    products = ["" if term.product is None else number(term.product) for term in terms]
    if all(term.weight is None for term in terms):
        rows = [(*cell, product) for cell, product in zip(cells, products, strict=True)]
        return ("term", "read from", "value", "contributes"), rows
    weights = ["" if term.weight is None else number(term.weight) for term in terms]
    names = [term.weight_name for term in terms]
    if not any(names):
        rows = [(*cell, *rest) for cell, *rest in zip(cells, weights, products, strict=True)]
        return ("term", "read from", "value", "× factor", "= product"), rows
    rows = [(*cell, *rest) for cell, *rest in zip(cells, weights, names, products, strict=True)]
    return ("term", "read from", "value", "× weight", "which weight", "= product"), rows


def _numeric(headings: Sequence[str]) -> list[int]:
    return [position for position, heading in enumerate(headings) if heading in NUMBERS]


def closing_of(trace: UnitTrace, shown: int = SHOWN) -> list[str]:
    """Write what stands below the terms: what the others come to, what else took part, the check."""
    lines = []
    if trace.trace is not None:
        terms, inner = trace.trace.terms, trace.trace
        if len(terms) > shown + 1:
            more = f"… and {len(terms) - shown:,} more"
            if terms.products is not None and inner.combine != "maximum":
                rest = float(terms.products.sum() - terms.products[terms.strongest(shown)].sum())
                more += f", together {number(rest)}"
            lines.append(more)
        lines += [f"{name} {value}" for name, value in details_of(inner) if name != "winner index"]
        if inner.bias is not None and terms.products is not None:
            lines.append(f"sum {number(float(terms.products.sum()))}, bias {signed_number(inner.bias)}")
    if trace.check is not None:
        lines.append(check_line(trace.check))
    return lines


def _feeds_sentence(feeds: Feeds) -> str:
    count = counted(feeds.total, "unit")
    if feeds.without_arithmetic:
        count = f"{count} that can be told, and others behind {', '.join(feeds.without_arithmetic)}"
    start = f"{feeds.unit.name} = {number(feeds.unit.value)} feeds {count}"
    if not feeds.strongest:
        return f"{start}."
    which = "" if len(feeds) == feeds.total else f"; the {len(feeds)} that depend on it most"
    return f"{start}{which}. Derivative: how much a unit changes for a small change of {feeds.unit.name}."


def _fed(feeds: Feeds) -> Table:
    rows: list[tuple[str, ...]] = [
        (
            feed.unit.name,
            number(feed.unit.value),
            number(feed.derivative),
            "" if feed.term is None or feed.term.product is None else number(feed.term.product),
            "" if feed.share is None else f"{feed.share:.1%}",
        )
        for feed in feeds
    ]
    return ("unit", "value", "derivative", "contributes", "share of all terms"), rows


def _path_sentence(path: Path) -> str:
    target = path.target
    through = "" if path.through.name == target.name else f" through {path.through.name}"
    return (
        f"The strongest chain from a pixel{through} to {target.name}{_role(target).rstrip(',')}: "
        "each unit contributes to the next."
    )


def _links(path: Path) -> Table:
    rows: list[tuple[str, ...]] = []
    for link in path:
        term = link.term
        contributes = "" if term is None or term.product is None else number(term.product)
        weight = "" if term is None or term.weight is None else number(term.weight)
        name = "" if term is None else term.weight_name
        mark = "← asked for" if link.unit == path.through else ""
        rows.append((link.unit.name, number(link.unit.value), weight, name, contributes, mark))
    headings = ("unit", "value", "× weight", "which weight", "contributes", "note")
    used = [column for column in range(len(headings)) if column != 3 or any(row[3] for row in rows)]
    return tuple(headings[column] for column in used), [tuple(row[column] for column in used) for row in rows]
