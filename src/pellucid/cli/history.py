"""`pellucid history`: what a run's network made of the same image, epoch by epoch."""

from __future__ import annotations

from pathlib import Path

import click

from pellucid.cli.command import Command
from pellucid.cli.options import class_option, image_argument, layer_option, run_argument, unit_option
from pellucid.cli.output import json_option, print_json
from pellucid.cli.pictures import check_folder, force_option, out_option, write_folder

__all__ = ["history"]


@click.command(cls=Command)
@run_argument
@image_argument
@unit_option("A channel, conv2[7], or a unit.  [the channel that carried the last decision]", "LAYER[C]")
@click.option("--method", default="grad-cam", show_default=True, help="What makes the maps, as in explain.")
@class_option("The class that the maps explain.  [the last prediction]")
@layer_option("Of grad-cam: a layer with rows and columns.  [the last one]")
@out_option
@force_option
@json_option
def history(
    run: str,
    image: str,
    unit: str | None,
    method: str,
    target: str | None,
    layer: str | None,
    out: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Show the same unit, feature map, prediction and attribution of IMAGE over all epochs that a RUN keeps.

    With --out a strip of pictures, an animation and their numbers are written.

    \b
    Examples:
      pellucid history runs/cifar10-simple-cifar-1 test/3 --out history/
      pellucid history runs/cifar10-simple-cifar-1 test/3 --unit "conv2[7]" --method occlusion
      pellucid history runs/cifar10-simple-cifar-1 test/3 --class dog --json
    """
    check_folder(out, force)
    from pellucid.causes import history as look_back

    found = look_back(run, image, unit, method=method, target=target, layer=layer)
    if out is not None:
        from pellucid.figures.history import history_frames
        from pellucid.figures.saving import save_animation

        figure = found.figure()
        save_animation(history_frames(found), out / "history.gif", str(figure.get_label()), force=True)
        write_folder(out, {"history.png": figure}, "history.json", found.to_dict())
    if as_json:
        print_json(found.to_dict())
    else:
        click.echo(str(found))
