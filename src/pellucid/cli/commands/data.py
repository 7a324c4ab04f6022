"""`pellucid data`: what an image set holds, and what of its source is not in it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from pellucid.cli.command import Command
from pellucid.cli.options import data_argument, data_dir_option, size_option
from pellucid.cli.output import json_option, print_json

__all__ = ["data"]


@click.command(
    cls=Command, section="Train", position=5, short_help="Show what an image set holds, and what was left out."
)
@data_argument
@data_dir_option
@size_option
@click.option("--strict", is_flag=True, help="Make an error of broken images and of pictures that are passed over.")
@json_option
def data(data: str, data_dir: Path | None, size: tuple[int, int] | None, strict: bool, as_json: bool) -> None:
    """Show what DATA holds by split and class, and what is not in it: broken images, files of other kinds, links.

    DATA is a named set, a folder of images or an archive, as for `pellucid train`. With --json every broken image and
    every picture that is passed over is listed.

    \b
    Examples:
      pellucid data my_photos/
      pellucid data my_photos.zip --json
    """
    from pellucid.data import describe_images, missing_lines, open_image_set

    images = open_image_set(data, data_dir=data_dir, size=size, strict=strict)
    described = describe_images(images)
    if as_json:
        print_json(described)
    else:
        click.echo("\n".join([*_lines(described), *missing_lines(images, "--json")]))


def _lines(described: dict[str, Any]) -> list[str]:
    """Write a sentence, and the images of each class by split."""
    from pellucid.ground.tables import text_table
    from pellucid.ground.writing import counted, shape_text

    splits, classes = described["images"], described["classes"]
    rows = [(name, *(f"{described['per_class'][split][name]:,}" for split in splits)) for name in classes]
    if len(rows) > 1:
        rows.append(("in all", *(f"{count:,}" for count in splits.values())))
    return [
        f"{described['name']} has {counted(sum(splits.values()), 'image')} in "
        f"{counted(len(classes), 'class', 'classes')}, each {shape_text(described['shape'])}, from "
        f"{described['origin']}.",
        "",
        *text_table(("class", *splits), rows, right=tuple(range(1, len(splits) + 1))),
        "",
    ]
