"""`pellucid maps`: all channels of a run's layers on one image."""

from __future__ import annotations

from pathlib import Path

import click

from pellucid.cli.command import Command
from pellucid.cli.options import epoch_option, image_argument, layer_option, run_argument
from pellucid.cli.output import json_option, print_json
from pellucid.cli.pictures import check_folder, force_option, out_option, write_folder

__all__ = ["maps"]


@click.command(cls=Command)
@run_argument
@image_argument
@layer_option("Only this layer.  [all that have rows and columns]")
@epoch_option
@out_option
@force_option
@json_option
def maps(run: str, image: str, layer: str | None, epoch: str, out: Path | None, force: bool, as_json: bool) -> None:
    """Show what every channel of a RUN's layers makes of IMAGE, a contact sheet a layer.

    \b
    Examples:
      pellucid maps runs/cifar10-simple-cifar-1 test/17 --out maps/
      pellucid maps runs/cifar10-simple-cifar-1 cat.jpg --layer conv1
    """
    check_folder(out, force)
    from pellucid.causes import feature_maps
    from pellucid.causes.feature_maps import spatial_nodes
    from pellucid.glass import look

    glass = look(run, image, epoch=epoch)
    names = [node.name for node in spatial_nodes(glass)] if layer is None else [layer]
    found = [feature_maps(glass, layer=name) for name in names]
    document = {"image": glass.picture.to_dict(), "layers": [each.to_dict() for each in found]}
    if out is not None:
        # A layer's name may have characters that a file's may not.
        figures = {f"{each.node.name.replace('/', '-')}.png": each.figure() for each in found}
        write_folder(out, figures, "maps.json", document)
    if as_json:
        print_json(document)
    else:
        click.echo("\n\n".join(str(each) for each in found))
