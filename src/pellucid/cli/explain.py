"""`pellucid explain`: maps of the pixels that speak for a class, and whether they are to be believed."""

from __future__ import annotations

from pathlib import Path

import click

from pellucid.cli.command import Command
from pellucid.cli.options import class_option, epoch_option, image_argument, layer_option, run_argument
from pellucid.cli.output import json_option, print_json
from pellucid.cli.pictures import check_folder, force_option, out_option, write_folder

__all__ = ["explain"]


@click.command(cls=Command)
@run_argument
@image_argument
@click.option(
    "--method",
    default="all",
    show_default=True,
    help="saliency, integrated-gradients, grad-cam, occlusion, or all of them.",
)
@class_option("The class to explain.  [the likeliest]")
@layer_option("Of grad-cam: a layer with rows and columns.  [the last one]")
@epoch_option
@out_option
@force_option
@json_option
def explain(
    run: str,
    image: str,
    method: str,
    target: str | None,
    layer: str | None,
    epoch: str,
    out: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Map the pixels of IMAGE that speak for a class, and measure what each map is worth.

    IMAGE is a picture's path, or test/17 for an image of the run's own data. Beside each map stand its deletion and
    insertion score (Petsiuk et al. 2018) and those of the same map moved elsewhere in the image: a map that does no
    better does not explain the decision.

    \b
    Examples:
      pellucid explain runs/cifar10-simple-cifar-1 test/17 --out why/
      pellucid explain runs/cifar10-simple-cifar-1 cat.jpg --method occlusion --class dog
      pellucid explain runs/cifar10-simple-cifar-1 cat.jpg --method grad-cam --layer conv1 --json
    """
    check_folder(out, force)
    from pellucid.attribution import METHODS, compare

    made = compare(run, image, METHODS if method == "all" else (method,), target, layer=layer, epoch=epoch)
    if out is not None:
        from pellucid.figures.attribution import overlay_figure

        figures = {"explanation.png": made.figure(), **{f"{one.method}.png": overlay_figure(one) for one in made}}
        write_folder(out, figures, "explanation.json", made.to_dict())
    if as_json:
        print_json(made.to_dict())
    else:
        click.echo(str(made))
