"""`pellucid why`: from a decision of a run's network to its causes."""

from __future__ import annotations

from pathlib import Path

import click

from pellucid.cli.command import Command
from pellucid.cli.options import epoch_option, image_argument, run_argument
from pellucid.cli.output import json_option, print_json
from pellucid.cli.pictures import check_folder, force_option, out_option, write_folder

__all__ = ["why"]


@click.command(cls=Command)
@run_argument
@image_argument
@click.option("--method", help="What makes the map, as in explain.  [the one that does best on this image]")
@epoch_option
@click.option("--limit", default=2000, show_default=True, help="Look for exciting images among so many; 0 means all.")
@out_option
@force_option
@json_option
def why(
    run: str,
    image: str,
    method: str | None,
    epoch: str,
    limit: int,
    out: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Follow a RUN's decision on IMAGE back to its causes.

    The prediction; the pair of classes it is about, and other images of the same mistake; the map that explains it;
    the unit that carried it; that unit's arithmetic, checked; the training images that excite the unit.

    \b
    Examples:
      pellucid why runs/cifar10-simple-cifar-1 test/0
      pellucid why runs/cifar10-simple-cifar-1 cat.jpg --out why-dog/
      pellucid why runs/cifar10-simple-cifar-1 test/0 --method grad-cam --limit 0 --json
    """
    check_folder(out, force)
    from pellucid.causes import why as follow

    found = follow(run, image, method=method, epoch=epoch, limit=limit or None)
    if out is not None:
        from pellucid.figures.unit import unit_figure

        figures = {
            "why.png": found.figure(),
            "explanation.png": found.explanation.figure(),
            "unit.png": unit_figure(found.trace),
            "excitation.png": found.excitation.figure(),
        }
        write_folder(out, figures, "why.json", found.to_dict())
    if as_json:
        print_json(found.to_dict())
    else:
        click.echo(str(found))
