"""`pellucid explain`: maps of the pixels that are evidence for a class, and how faithful each is."""

from __future__ import annotations

from pathlib import Path

import click

from pellucid.cli.method_option import MethodCommand, MethodName
from pellucid.cli.options import class_option, epoch_option, image_argument, layer_option, run_argument
from pellucid.cli.output import json_option, print_json
from pellucid.cli.pictures import check_folder, force_option, out_option, write_folder

__all__ = ["explain"]


@click.command(
    cls=MethodCommand, section="Inspect", position=3, short_help="Map the pixels that are evidence for a class."
)
@run_argument
@image_argument
@click.option(
    "--method",
    type=MethodName(several=True),
    default="all",
    show_default=True,
    help="What makes the map; the methods are listed below.",
)
@class_option("The class to explain.  [the predicted one]")
@layer_option("A layer with rows and columns, for methods that take one.  [the last]")
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
    epoch: str | None,
    out: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Map the pixels of IMAGE that are evidence for a class.

    IMAGE is an image file, or test/17 for an image of the run's own data. Beside each map stand its deletion and
    insertion scores (Petsiuk et al. 2018), each tested against the same map moved elsewhere in the image; the p-values
    are corrected for the number of maps.

    \b
    Examples:
      pellucid explain runs/cifar10-simple-cifar-1 test/17 --out why/
      pellucid explain runs/cifar10-simple-cifar-1 cat.jpg --method occlusion --class dog
      pellucid explain runs/cifar10-simple-cifar-1 cat.jpg --method grad-cam --layer conv1 --json
    """
    check_folder(out, force)
    import pellucid

    explanations = pellucid.explain(run, image, method, target, layer=layer, epoch=epoch)
    if out is not None:
        from pellucid.figures.attribution import overlay_figure

        figures = {"explanation.png": explanations.figure()}
        figures |= {f"{explanation.method}.png": overlay_figure(explanation) for explanation in explanations}
        write_folder(out, figures, "explanation.json", explanations.to_dict())
    if as_json:
        print_json(explanations.to_dict())
    else:
        click.echo(str(explanations))
