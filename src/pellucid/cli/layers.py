"""`pellucid layers`: the table of a network's operations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pellucid.cli.command import Command
from pellucid.cli.completing import run_path
from pellucid.cli.options import force_option, network_argument, out_file_option
from pellucid.cli.output import announce, json_option, print_json
from pellucid.ground.errors import UserError

if TYPE_CHECKING:
    from pellucid.arithmetic import LayerTable, Row

__all__ = ["layers"]


@click.command(cls=Command)
@network_argument
@click.option("--input", "input_shape", metavar="CxHxW", help="Channels, rows and columns.  [the network's own]")
@click.option("--classes", type=int, metavar="K", help="How many classes the network tells apart.  [10; the run's own]")
@click.option("--explain", is_flag=True, help="Write under each row its formula and its shape rule with the numbers.")
@out_file_option(".svg")
@force_option
@json_option
def layers(
    network: str,
    input_shape: str | None,
    classes: int | None,
    explain: bool,
    out: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Print NETWORK operation by operation: shapes, parameters, multiply-adds, receptive field, memory.

    NETWORK is a name that `pellucid networks` lists, a run, or a class in a file of your own, like my_nets.py:TinyNet.
    Functions such as F.relu, additions and concatenations are rows like modules; a module used twice is two rows.

    \b
    Examples:
      pellucid layers simple-cifar
      pellucid layers simple-mnist --input 3x64x64 --classes 5
      pellucid layers my_nets.py:TinyNet --out tiny.svg
      pellucid layers small-resnet --json
      pellucid layers runs/cifar10-simple-cifar-1 --explain
    """
    if out is not None:
        from pellucid.figures.saving import check_destination

        check_destination(out, (".svg",), force)
    table = _table(network, input_shape, classes)
    if out is not None:
        from pellucid.figures.architecture import architecture_svg
        from pellucid.ground.files import write_bytes

        write_bytes(out, architecture_svg(table).encode())
        announce(out)
    if as_json:
        print_json(table.to_dict())
        return
    _print(table, explain)


def _table(network: str, input_shape: str | None, classes: int | None) -> LayerTable:
    from pellucid.arithmetic import summarise
    from pellucid.networks import build, default_input
    from pellucid.run import open_run

    directory = run_path(network)
    if (Path(directory) / "run.json").is_file():
        if input_shape is not None or classes is not None:
            raise UserError(f"{network} is a run, which has its own input and classes; leave out --input and --classes")
        run = open_run(directory)
        return summarise(run.build_network(), run.preprocessing.input_shape, run.record.network)
    shape = default_input(network) if input_shape is None else parse_shape(input_shape)
    if classes is not None and classes < 2:
        raise UserError(f"--classes is {classes}; expected 2 or more")
    return summarise(build(network, input_shape=shape, classes=10 if classes is None else classes), shape, network)


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
