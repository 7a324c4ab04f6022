"""`pellucid compare`: runs side by side."""

from __future__ import annotations

import click

from pellucid.cli.options import json_option
from pellucid.cli.output import print_json

__all__ = ["compare"]


@click.command()
@click.argument("runs", nargs=-1, required=True, metavar="RUN RUN...")
@click.option("--split", help="test, val or train of their own data.  [test]")
@click.option("--epoch", default="last", show_default=True, help="Of each: last, best (by validation) or a number.")
@click.option(
    "--top", type=click.IntRange(min=0), metavar="N", default=20, show_default=True, help="How many disagreements."
)
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps.")
@json_option
def compare(runs: tuple[str, ...], split: str | None, epoch: str, top: int, device: str, as_json: bool) -> None:
    """Compare two or more RUNs on the same images.

    A paired test says whether the difference is statistically significant (McNemar, exact; Holm's correction for
    several pairs). It accounts for which images were tested, not for the seed of a training.

    \b
    Examples:
      pellucid compare runs/cifar10-simple-cifar-1 runs/cifar10-small-resnet-1
      pellucid compare runs/cifar10-simple-cifar-1 runs/cifar10-small-resnet-1 --json
    """
    from pellucid.evaluation import compare as compare_runs
    from pellucid.run import open_run

    opened = [open_run(path) for path in runs]
    compared = compare_runs(*opened, split=split, epoch=epoch, device=device, top=top, show_progress=True)
    if as_json:
        print_json(compared.to_dict())
    else:
        click.echo(str(compared))
