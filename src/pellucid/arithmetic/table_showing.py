"""A layer table as text for a terminal and as HTML for a notebook."""

from __future__ import annotations

from collections import Counter
from textwrap import wrap

from markupsafe import Markup

from pellucid.arithmetic.layer_table import LayerTable, Row
from pellucid.arithmetic.operation import LETTERS
from pellucid.ground.shown import as_html, as_text
from pellucid.ground.tables import html_table, text_table
from pellucid.ground.writing import counted, shape_text

__all__ = ["headline", "layer_table_html", "layer_table_text"]

WIDEST = 100
"""Characters in a line, at most; longer names of layers are shortened."""

HEADINGS = ("layer", "operation", "output", "parameters", "multiply-adds", "sees", "memory")


@as_text.register
def layer_table_text(table: LayerTable, explain: bool = False) -> str:
    """Write a sentence, the table and the totals; `explain` adds formulas and shape rules under the rows."""
    cells = [_cells(row) for row in table.rows]
    lines = text_table(HEADINGS, cells, right=range(2, 7))
    too_long = max(map(len, lines)) - WIDEST
    if too_long > 0:
        room = max(12, max(len(row.name) for row in table.rows) - too_long)
        cells = [(name if len(name) <= room else f"…{name[1 - room :]}", *rest) for name, *rest in cells]
        lines = text_table(HEADINGS, cells, right=range(2, 7))
    head, *body = lines
    text = [
        *wrap(headline(table), WIDEST, break_on_hyphens=False, break_long_words=False),
        "",
        head,
        "─" * max(map(len, lines)),
    ]
    for row, line in zip(table.rows, body, strict=True):
        text.append(line)
        if explain:
            for remark in filter(None, (row.formula, *row.explanation, row.note)):
                text += wrap(remark, WIDEST, initial_indent="    ", subsequent_indent="        ")
    text += ["", *_totals(table), "sees: the receptive field, in pixels of the image along each axis"]
    if explain:
        text += wrap(f"letters: {LETTERS}", WIDEST, subsequent_indent="    ")
    if too_long > 0:
        text.append("names are shortened to fit; to_dict() and --json have them whole")
    return "\n".join(text)


@as_html.register
def layer_table_html(table: LayerTable) -> str:
    """Write the same sentence, table and totals as HTML."""
    totals = Markup().join(Markup("<li>{}</li>").format(line) for line in _totals(table))
    rows = html_table(HEADINGS, [_cells(row) for row in table.rows])
    return str(Markup("<div><p>{}</p>{}<ul>{}</ul></div>").format(headline(table), rows, totals))


def headline(table: LayerTable) -> str:
    """Say in a sentence or two what the network does and what it is made of."""
    operations = [row for row in table.rows if not row.is_source]
    nouns = Counter(row.noun for row in operations)
    kinds = ", ".join(counted(count, noun) for noun, count in nouns.items())
    output = table.rows[-1].output_shape
    result = counted(output[0], "number") if len(output) == 1 else shape_text(output)
    given = "image" if len(table.input_shape) == 3 else "input"
    made_of = f" It runs {counted(len(operations), 'operation')}: {kinds}." if operations else ""
    return (
        f"{table.network} turns one {shape_text(table.input_shape)} {given} into {result}, "
        f"with {counted(table.parameters, 'parameter')}.{made_of}"
    )


def _totals(table: LayerTable) -> list[str]:
    fixed = table.parameters - table.trainable
    memory = f"{_bytes(table.parameter_memory)} parameters, {_bytes(table.activation_memory)} activations of one image"
    return [
        f"parameters     {table.parameters:,} ({table.trainable:,} trained, {fixed:,} fixed)",
        f"multiply-adds  {table.multiply_adds:,} for one image",
        f"memory         {memory}",
        *(line for note in table.notes for line in wrap(f"note           {note}", WIDEST, subsequent_indent=" " * 15)),
    ]


def _cells(row: Row) -> tuple[str, ...]:
    count = f"{row.parameters:,}" if row.parameters else ("shared" if row.owned else "")
    return (
        row.name,
        row.label,
        shape_text(row.output_shape or (1,)),
        count,
        f"{row.multiply_adds:,}" if row.multiply_adds else "",
        row.field_text,
        _bytes(row.memory) if row.memory else "",
    )


def _bytes(count: int) -> str:
    """Write a number of bytes.

    >>> _bytes(12), _bytes(2048), _bytes(3 << 20)
    ('12 B', '2.0 KiB', '3.0 MiB')
    """
    if count < 1 << 10:
        return f"{count} B"
    for unit, size in (("KiB", 1 << 10), ("MiB", 1 << 20)):
        if count < size << 10:
            return f"{count / size:.1f} {unit}"
    return f"{count / (1 << 30):.1f} GiB"
