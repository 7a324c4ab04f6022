"""`pellucid why`: from a decision of a run's network to its causes."""

from __future__ import annotations

from pathlib import Path

import click

from pellucid.cli.method_option import MethodCommand, MethodName
from pellucid.cli.options import epoch_option, image_argument, run_argument
from pellucid.cli.output import json_option, print_json
from pellucid.cli.pictures import check_folder, force_option, out_option, write_folder

__all__ = ["why"]


@click.command(cls=MethodCommand, section="Inspect", position=7, short_help="Follow a prediction back to its causes.")
@run_argument
@image_argument
@click.option(
    "--method",
    type=MethodName(several=True),
    default="all",
    help="What makes the map; the methods are listed below.  [all, of which the most faithful is shown]",
)
@epoch_option
@click.option(
    "--limit", default=2000, show_default=True, help="Search so many training images, evenly spaced; 0 means all."
)
@out_option
@force_option
@json_option
def why(
    run: str,
    image: str,
    method: str,
    epoch: str | None,
    limit: int,
    out: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Follow a RUN's decision on IMAGE back to its causes.

    The prediction; the pair of classes it is about, and images that are confused in the same way; the map of the
    evidence; the unit that contributed most; that unit's arithmetic, checked; the training images that activate it.

    \b
    Examples:
      pellucid why runs/cifar10-simple-cifar-1 test/0
      pellucid why runs/cifar10-simple-cifar-1 cat.jpg --out why-dog/
      pellucid why runs/cifar10-simple-cifar-1 test/0 --method grad-cam --limit 0 --json
    """
    check_folder(out, force)
    from pellucid.causes import why as causes_of

    causes = causes_of(run, image, method=method, epoch=epoch, limit=limit or None)
    if out is not None:
        from pellucid.figures.unit import unit_figure

        figures = {
            "why.png": causes.figure(),
            "explanation.png": causes.explanation.figure(),
            "unit.png": unit_figure(causes.trace),
            "activations.png": causes.activations.figure(),
        }
        write_folder(out, figures, "why.json", causes.to_dict())
    if as_json:
        print_json(causes.to_dict())
    else:
        click.echo(str(causes))
