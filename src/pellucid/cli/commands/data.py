"""`pellucid data`: what an image set holds, and what of its source is not in it."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Any

import click

from pellucid.cli.command import Command
from pellucid.cli.options import data_argument, data_dir_option, range_option, size_option
from pellucid.cli.output import json_option, print_json

__all__ = ["data"]


@click.command(
    cls=Command, section="Train", position=5, short_help="Show what an image set holds, and what was left out."
)
@data_argument
@data_dir_option
@size_option
@range_option
@click.option("--strict", is_flag=True, help="Make an error of broken images and of pictures that are passed over.")
@json_option
def data(
    data: str,
    data_dir: Path | None,
    size: tuple[int, int] | None,
    pixel_range: tuple[float, float] | None,
    strict: bool,
    as_json: bool,
) -> None:
    """Show what DATA holds by split and class, and what is not in it: broken images, files of other kinds, links.

    DATA is a named set, a folder of images or an archive, as for `pellucid train`. A set that
    training refuses, such as one with an empty class, is shown with the reason. With --json every broken image and
    every picture that is passed over is listed.

    \b
    Examples:
      pellucid data my_photos/
      pellucid data my_photos.zip --json
    """
    from pellucid.data import describe_images, missing_lines, open_image_set
    from pellucid.ground.errors import UserError

    options: dict[str, Any] = {"data_dir": data_dir, "size": size, "pixel_range": pixel_range, "strict": strict}
    refusal = None
    try:
        images = open_image_set(data, **options)
    except UserError as problem:
        if strict:
            raise
        images = open_image_set(data, **options, trainable=False)  # raises what is wrong with more than the classes
        refusal = str(problem)
    described = {**describe_images(images), "refused_by_training": refusal}
    if as_json:
        print_json(described)
    else:
        from pellucid.ground.columns import terminal_width, wrapped

        lines = missing_lines(images, "--json")
        if refusal is not None:
            lines = [line for line in lines if line not in refusal]
            lines.append(f"Training refuses this set. {refusal}")
        said = [wrapped(line, following="  ", width=terminal_width()) for line in lines]
        click.echo("\n".join([*_lines(described), *chain.from_iterable(said)]))


def _lines(described: dict[str, Any]) -> list[str]:
    """Write a sentence, and the images of each class by split."""
    from pellucid.data.pixel_range import range_words
    from pellucid.ground.columns import terminal_width, wrapped
    from pellucid.ground.tables import text_table
    from pellucid.ground.writing import counted, shape_text

    splits, classes = described["images"], described["classes"]
    rows = [(name, *(f"{described['per_class'][split][name]:,}" for split in splits)) for name in classes]
    if len(rows) > 1:
        rows.append(("in all", *(f"{count:,}" for count in splits.values())))
    sentence = (
        f"{described['name']} has {counted(sum(splits.values()), 'image')} in "
        f"{counted(len(classes), 'class', 'classes')}, each {shape_text(described['shape'])}, from "
        f"{described['origin']}"
    )
    if described["pixel_range"]:
        sentence += f"; values of images of more than 8 bits: {range_words(described['pixel_range'])}"
    return [
        *wrapped(sentence + ".", width=terminal_width()),
        "",
        *text_table(("class", *splits), rows, right=tuple(range(1, len(splits) + 1))),
        "",
    ]
