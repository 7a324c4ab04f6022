"""`pellucid maps`: the feature maps of a run's layers on one image."""

from __future__ import annotations

from pathlib import Path

import click

from pellucid.cli.command import Command
from pellucid.cli.options import epoch_option, image_argument, layer_option, run_argument
from pellucid.cli.output import json_option, print_json
from pellucid.cli.pictures import check_folder, force_option, out_option, write_folder

__all__ = ["maps"]


@click.command(
    cls=Command, section="Inspect", position=4, short_help="Show the feature maps of every layer on an image."
)
@run_argument
@image_argument
@layer_option("Only this layer.  [all that have rows and columns]")
@click.option("--list", "list_all", is_flag=True, help="List every channel, not only the strongest.")
@epoch_option
@out_option
@force_option
@json_option
def maps(
    run: str,
    image: str,
    layer: str | None,
    list_all: bool,
    epoch: str | None,
    out: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Show the feature maps that a RUN's layers make of IMAGE.

    With --out a picture of all channels is written for each layer.

    \b
    Examples:
      pellucid maps runs/cifar10-simple-cifar-1 test/17 --out maps/
      pellucid maps runs/cifar10-simple-cifar-1 cat.jpg --layer conv1 --list
    """
    check_folder(out, force)
    from pellucid.attribution.layers import spatial_layers
    from pellucid.attribution.showing import answer_sentence
    from pellucid.causes import maps as maps_of
    from pellucid.causes.showing import FEW, feature_maps_text
    from pellucid.glass import look

    glass = look(run, image, epoch=epoch)
    names = [node.name for node in spatial_layers(glass)] if layer is None else [layer]
    layers = [maps_of(glass, layer=name) for name in names]
    document = {"image": glass.picture.to_dict(), "layers": [feature_maps.to_dict() for feature_maps in layers]}
    if out is not None:
        # A layer's name may have characters that a file's may not.
        figures = {f"{feature_maps.node.name.replace('/', '-')}.png": feature_maps.figure() for feature_maps in layers}
        write_folder(out, figures, "maps.json", document)
    if as_json:
        print_json(document)
        return
    if glass.prediction is not None:
        click.echo(f"{answer_sentence(glass)}\n")
    click.echo("\n\n".join(feature_maps_text(feature_maps, None if list_all else FEW) for feature_maps in layers))
    if not list_all:
        click.echo("\nEvery channel: --list. Pictures of all of them: --out DIR.")
