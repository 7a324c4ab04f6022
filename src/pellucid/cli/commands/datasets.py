"""`pellucid datasets`: the image sets known by name, and whether they are on this machine."""

from __future__ import annotations

from typing import Any

import click

from pellucid.cli.command import Command
from pellucid.cli.options import data_dir_option
from pellucid.cli.output import json_option, print_json

__all__ = ["datasets"]

COLUMNS = 100


@click.command(cls=Command, section="Train", position=4, short_help="List the data sets that have a name.")
@data_dir_option
@json_option
def datasets(data_dir: str | None, as_json: bool) -> None:
    """List the data sets that have a name, and where they are; nothing is downloaded or decoded.

    \b
    Examples:
      pellucid datasets
      pellucid datasets --data-dir ~/data --json
    """
    from pellucid.data.named_list import named_sets

    rows = named_sets(data_dir)
    if as_json:
        print_json(rows)
    else:
        click.echo("\n".join(_lines(rows)))


def _lines(rows: list[dict[str, Any]]) -> list[str]:
    """Write a sentence, the table, and what else can be trained on."""
    from pellucid.ground.tables import text_table
    from pellucid.ground.writing import counted, shape_text

    here = sum(row["here"] for row in rows)
    cells = [
        (
            row["name"],
            f"{row['images']['train']:,}",
            f"{row['images']['test']:,}",
            shape_text(row["shape"]),
            str(row["classes"]),
            row["where"] or _not_here(row["download_megabytes"]),
        )
        for row in rows
    ]
    table = text_table(("name", "train", "test", "shape", "classes", "where"), cells, right=(1, 2, 4))
    room = COLUMNS - table[0].index("where")
    cut = any(len(row[-1]) > room for row in cells)
    if cut:
        cells = [(*row[:-1], row[-1] if len(row[-1]) <= room else f"…{row[-1][1 - room :]}") for row in cells]
        table = text_table(("name", "train", "test", "shape", "classes", "where"), cells, right=(1, 2, 4))
    return [
        f"{here} of {counted(len(rows), 'named data set')} {'is' if here == 1 else 'are'} on this machine; "
        "`pellucid train NAME` downloads what is missing.",
        "",
        *table,
        "",
        *(["… marks a path cut at the front; --json has it whole."] if cut else []),
        "Your own images: a folder with a folder of images per class, or a .zip or .tar of one.",
    ]


def _not_here(megabytes: int) -> str:
    return f"not here; {megabytes} MB to download" if megabytes else "not here"
