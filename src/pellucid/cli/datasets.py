"""`pellucid datasets`: the image sets known by name, and whether they are on this machine."""

from __future__ import annotations

from typing import Any

import click

from pellucid.cli.command import Command
from pellucid.cli.options import data_dir_option
from pellucid.cli.output import json_option, print_json

__all__ = ["datasets"]


@click.command(cls=Command)
@data_dir_option
@json_option
def datasets(data_dir: str | None, as_json: bool) -> None:
    """List the data sets that have a name, and where they are; nothing is downloaded or decoded.

    \b
    Examples:
      pellucid datasets
      pellucid datasets --data-dir ~/data --json
    """
    from pellucid.data.find import find_here
    from pellucid.data.locate import Found
    from pellucid.data.named import NAMED
    from pellucid.data.places import cache_folder, data_folder

    data, cache = data_folder(data_dir), cache_folder(None)
    rows: list[dict[str, Any]] = []
    for named in NAMED.values():
        found = find_here(named, data, cache)
        where = None
        if isinstance(found, Found):
            where = str(found.archive or found.files[0].parent)
        rows.append(
            {
                "name": named.name,
                "title": named.title,
                "images": {"train": named.counts[0], "test": named.counts[1]},
                "shape": list(named.shape),
                "classes": len(named.classes),
                "here": where is not None,
                "where": where,
                "download_megabytes": named.megabytes,
            }
        )
    if as_json:
        print_json(rows)
        return
    click.echo(f"{'name':<14} {'train':>7} {'test':>7}  {'size':<9} {'classes':>7}  where")
    for row in rows:
        size = "x".join(map(str, row["shape"]))
        where = row["where"] or f"to be downloaded, {row['download_megabytes']} MB"
        counts = f"{row['images']['train']:>7,} {row['images']['test']:>7,}"
        click.echo(f"{row['name']:<14} {counts}  {size:<9} {row['classes']:>7}  {where}")
    click.echo("\nYour own: a folder with a folder of images per class, or a .zip or .tar of one.")
