"""`pellucid layers`: the table of a network's operations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pellucid.cli.command import Command
from pellucid.cli.output import json_option, print_json
from pellucid.ground.errors import UserError

if TYPE_CHECKING:
    from pellucid.arithmetic import LayerTable, Row

__all__ = ["layers"]


@click.command(cls=Command)
@click.argument("network")
@click.option("--input", "input_shape", metavar="CxHxW", help="Channels, rows and columns; default: the network's own.")
@click.option("--classes", default=10, show_default=True, metavar="K", help="How many classes the network tells apart.")
@click.option("--explain", is_flag=True, help="Write under each row its formula and its shape rule with the numbers.")
@click.option("--svg", type=click.Path(dir_okay=False, path_type=Path), help="Write the architecture diagram here.")
@json_option
def layers(network: str, input_shape: str | None, classes: int, explain: bool, svg: Path | None, as_json: bool) -> None:
    """Print NETWORK operation by operation: shapes, parameters, multiply-adds, receptive field, memory.

    NETWORK is a name that `pellucid networks` lists, or a class in a file of your own, like my_nets.py:TinyNet.
    Functions such as F.relu, additions and concatenations are rows like modules; a module used twice is two rows.

    \b
    Examples:
      pellucid layers simple-cifar
      pellucid layers simple-mnist --input 3x64x64 --classes 5
      pellucid layers my_nets.py:TinyNet --svg tiny.svg
      pellucid layers small-resnet --json
    """
    from pellucid.arithmetic import summarise
    from pellucid.networks import build, default_input

    shape = default_input(network) if input_shape is None else parse_shape(input_shape)
    if classes < 2:
        raise UserError(f"--classes is {classes}; expected 2 or more")
    table = summarise(build(network, input_shape=shape, classes=classes), shape, network)
    if svg is not None:
        from pellucid.figures.architecture import architecture_svg
        from pellucid.ground.files import write_bytes

        write_bytes(svg, architecture_svg(table).encode())
    if as_json:
        print_json(table.to_dict())
        return
    _print(table, explain)
    if svg is not None:
        click.echo(f"wrote {svg}", err=True)


def parse_shape(text: str) -> tuple[int, int, int]:
    """Read `3x32x32` (or `3×32×32`).

    >>> parse_shape("3x32x32")
    (3, 32, 32)
    """
    parts = text.lower().replace("×", "x").split("x")
    if len(parts) != 3 or not all(part.strip().isdigit() and int(part) > 0 for part in parts):
        raise UserError(f"--input is {text!r}; expected channels, rows and columns, like 3x32x32")
    channels, height, width = (int(part) for part in parts)
    return channels, height, width


def _print(table: LayerTable, explain: bool) -> None:
    # Written without a terminal's width in mind: a narrow window wraps, and a pipe gets whole lines.
    headings = ("layer", "operation", "output", "parameters", "multiply-adds", "field", "memory")
    lines = [headings, *(_cells(row) for row in table.rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(headings))]
    for number, line in enumerate(lines):
        left = "  ".join(cell.ljust(width) for cell, width in zip(line[:2], widths[:2], strict=True))
        right = "  ".join(cell.rjust(width) for cell, width in zip(line[2:], widths[2:], strict=True))
        click.echo(f"{left}  {right}".rstrip())
        if number == 0:
            click.echo("─" * (sum(widths) + 2 * (len(widths) - 1)))
        elif explain:
            row = table.rows[number - 1]
            for text in filter(None, (row.formula, *row.explanation, row.note)):
                click.echo(f"    {text}")
    click.echo()
    frozen = table.parameters - table.trainable
    click.echo(f"parameters     {table.parameters:,} ({table.trainable:,} trained, {frozen:,} fixed)")
    click.echo(f"multiply-adds  {table.multiply_adds:,} for one image")
    memory = f"{_bytes(table.parameter_memory)} parameters, {_bytes(table.activation_memory)} activations of one image"
    click.echo(f"memory         {memory}")
    for note in table.notes:
        click.echo(f"note           {note}")


def _cells(row: Row) -> tuple[str, ...]:
    count = f"{row.parameters:,}" if row.parameters else ("shared" if row.owned else "")
    return (
        row.name,
        row.label,
        "×".join(str(size) for size in row.output_shape) or "1",
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
