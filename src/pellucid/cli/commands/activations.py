"""`pellucid activations`: the training images that activate a channel or unit most."""

from __future__ import annotations

from pathlib import Path

import click

from pellucid.cli.command import Command
from pellucid.cli.options import epoch_option, run_argument, split_option, unit_option
from pellucid.cli.output import json_option, print_json
from pellucid.cli.pictures import check_folder, force_option, out_option, write_folder
from pellucid.ground.errors import UserError

__all__ = ["activations"]


@click.command(
    cls=Command, section="Inspect", position=5, short_help="Find the images that activate a unit or a channel most."
)
@run_argument
@unit_option("A channel, conv2[7], or a unit, conv2[7,3,5] or fc1[12].", "LAYER[C]")
@click.option("--top", default=9, show_default=True, help="How many images to keep.")
@split_option("train")
@click.option("--limit", type=int, help="Look only at so many images, evenly spaced.  [all]")
@click.option("--filters", "show_filters", is_flag=True, help="Show the filters of the first convolution instead.")
@epoch_option
@out_option
@force_option
@json_option
def activations(
    run: str,
    unit: str | None,
    top: int,
    split: str,
    limit: int | None,
    show_filters: bool,
    epoch: str | None,
    out: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Find the training images that activate a channel or unit most.

    Each image counts once, at the channel's strongest position in it; with --out the part of the image that the
    channel sees there is cut out and drawn.

    \b
    Examples:
      pellucid activations runs/cifar10-simple-cifar-1 --unit "conv2[7]" --out conv2-7/
      pellucid activations runs/cifar10-simple-cifar-1 --unit "fc1[12]" --top 20 --split test
      pellucid activations runs/cifar10-simple-cifar-1 --filters --out filters/
    """
    if (unit is None) == (not show_filters):
        raise UserError('expected either --unit, like --unit "conv2[7]", or --filters')
    check_folder(out, force)
    from pellucid.causes import activations as search
    from pellucid.causes import filters

    result = (
        filters(run, epoch=epoch)
        if unit is None
        else search(run, unit, top, split=split, epoch=epoch, limit=limit, show_progress=True)
    )
    if out is not None:
        name = "filters" if show_filters else "activations"
        write_folder(out, {f"{name}.png": result.figure()}, f"{name}.json", result.to_dict())
    if as_json:
        print_json(result.to_dict())
    else:
        click.echo(str(result))
