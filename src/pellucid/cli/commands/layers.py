"""`pellucid layers`: the table of a network's operations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from pellucid.cli.command import Command
from pellucid.cli.completing import run_path
from pellucid.cli.kinds import LARGEST_SIDE, is_whole
from pellucid.cli.options import force_option, network_argument, out_file_option, trust_option
from pellucid.cli.output import announce, json_option, print_json
from pellucid.ground.errors import UserError

if TYPE_CHECKING:
    from torch import nn

__all__ = ["layers"]

MOST_CLASSES = 1_000_000


@click.command(
    cls=Command, section="Learn", position=3, short_help="List a network's layers: shapes, parameters, multiply-adds."
)
@network_argument
@click.option("--input", "input_shape", metavar="CxHxW", help="Channels, rows and columns.  [the network's own]")
@click.option("--classes", type=int, metavar="K", help="How many classes the network tells apart.  [10; the run's own]")
@click.option("--explain", is_flag=True, help="Write under each row its formula and its shape rule with the numbers.")
@out_file_option(".svg")
@force_option
@json_option
@trust_option
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
      pellucid layers runs/mnist-simple-mnist-1
      pellucid layers simple-mnist --input 3x64x64 --classes 5
      pellucid layers my_nets.py:TinyNet --out tiny.svg
      pellucid layers small-resnet --json
      pellucid layers runs/cifar10-simple-cifar-1 --explain
    """
    if out is not None:
        from pellucid.figures.saving import check_destination

        check_destination(out, (".svg",), force)
    from pellucid.arithmetic import summarise
    from pellucid.arithmetic.table_showing import layer_table_text

    table = summarise(*_build(network, input_shape, classes))
    if out is not None:
        from pellucid.figures.architecture import architecture_svg
        from pellucid.ground.files import write_bytes

        write_bytes(out, architecture_svg(table).encode())
        announce(out)
    if as_json:
        print_json(table.to_dict())
        return
    click.echo(layer_table_text(table, explain))


def _build(network: str, input_shape: str | None, classes: int | None) -> tuple[nn.Module, tuple[int, int, int], str]:
    """Make the network that was asked for; give it with its input's shape and what to call it."""
    from pellucid.networks import NETWORKS, build, default_input, is_own_file

    known = network in NETWORKS
    directory = Path(run_path(network))
    if not known and directory.is_dir():
        from pellucid.run import open_run

        if input_shape is not None or classes is not None:
            raise UserError(f"{network} is a run, whose input and classes are known; expected no --input and --classes")
        run = open_run(directory)
        return run.build_network(), run.preprocessing.input_shape, f"{Path(run.record.network).name} of {run.directory}"
    if not known and not is_own_file(network) and "/" in network:
        raise UserError(f"there is no directory {network}; expected a run, a network's name, or file.py:ClassName")
    shape = default_input(network) if input_shape is None else parse_shape(input_shape)
    if classes is not None and not 2 <= classes <= MOST_CLASSES:
        raise UserError(f"--classes is {classes}; expected 2 to {MOST_CLASSES:,}")
    return build(network, input_shape=shape, classes=10 if classes is None else classes), shape, network


def parse_shape(text: str) -> tuple[int, int, int]:
    """Read `3x32x32` (or `3×32×32`).

    >>> parse_shape("3x32x32")
    (3, 32, 32)
    """
    parts = text.lower().replace("×", "x").split("x")
    if len(parts) != 3 or not all(is_whole(part.strip()) and 0 < int(part) <= LARGEST_SIDE for part in parts):
        raise UserError(f"--input is {text!r}; expected channels, rows, columns up to {LARGEST_SIDE}, like 3x32x32")
    channels, height, width = (int(part) for part in parts)
    return channels, height, width
