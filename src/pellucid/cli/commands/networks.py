"""`pellucid networks`: the networks that have a name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pellucid.cli.command import Command
from pellucid.cli.options import json_option
from pellucid.cli.output import print_json
from pellucid.ground.tables import text_table
from pellucid.ground.writing import shape_text

if TYPE_CHECKING:
    pass

__all__ = ["networks"]


@click.command(cls=Command, section="Train", position=5, short_help="List the networks that have a name.")
@json_option
def networks(as_json: bool) -> None:
    """List the networks that have a name, with their parameters at the input size they are meant for.

    \b
    Example:
      pellucid networks
    """
    from pellucid.networks import NETWORKS, build

    rows: list[dict[str, Any]] = []
    for name, entry in NETWORKS.items():
        network = build(name, input_shape=entry.default_input, classes=10)
        count = sum(parameter.numel() for parameter in network.parameters())
        rows.append({"name": name, "input": list(entry.default_input), "parameters": count, "summary": entry.summary})
    if as_json:
        print_json(rows)
        return
    cells = [(row["name"], shape_text(row["input"]), f"{row['parameters']:,}", row["summary"]) for row in rows]
    for line in text_table(("network", "input", "parameters", ""), cells, right=(2,)):
        click.echo(line)
    click.echo("\nYour own: file.py:ClassName, an nn.Module whose `__init__` may take `input_shape` and `classes`.")
