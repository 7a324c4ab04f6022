"""`pellucid history`: what a run's network made of the same image, epoch by epoch."""

from __future__ import annotations

from pathlib import Path

import click

from pellucid.cli.method_option import MethodCommand, MethodName
from pellucid.cli.options import class_option, image_argument, layer_option, run_argument, unit_option
from pellucid.cli.output import announce, json_option, print_json
from pellucid.cli.pictures import check_folder, force_option, out_option, write_folder

__all__ = ["history"]


@click.command(
    cls=MethodCommand,
    section="Inspect",
    position=6,
    short_help="Show how a unit and a prediction changed over the epochs.",
)
@run_argument
@image_argument
@unit_option("A channel, conv2[7], or a unit.  [the channel that contributed most]", "LAYER[C]")
@click.option(
    "--method",
    type=MethodName(),
    default="grad-cam",
    show_default=True,
    help="What makes the maps; the methods are listed below.",
)
@class_option("The class that the maps explain.  [the last prediction]")
@layer_option("A layer with rows and columns, for methods that take one.  [the last]")
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
    """Show a unit and the prediction for IMAGE, epoch by epoch.

    The same unit, feature map, prediction and map of evidence over all epochs whose weights a RUN keeps. With --out a
    strip of pictures, an animation and their values are written.

    \b
    Examples:
      pellucid history runs/cifar10-simple-cifar-1 test/3 --out history/
      pellucid history runs/cifar10-simple-cifar-1 test/3 --unit "conv2[7]" --method occlusion
      pellucid history runs/cifar10-simple-cifar-1 test/3 --class dog --json
    """
    check_folder(out, force)
    from pellucid.causes import history as history_of

    past = history_of(run, image, unit, method=method, target=target, layer=layer)
    if out is not None:
        from pellucid.figures.history import history_frames
        from pellucid.figures.saving import save_animation

        figure = past.figure()
        save_animation(history_frames(past), out / "history.gif", str(figure.get_label()), force=True)
        announce(out / "history.gif")
        write_folder(out, {"history.png": figure}, "history.json", past.to_dict())
    if as_json:
        print_json(past.to_dict())
    else:
        click.echo(str(past))
