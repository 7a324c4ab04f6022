"""`pellucid compare`: runs side by side."""

from __future__ import annotations

import click

from pellucid.cli.command import Command
from pellucid.cli.options import device_option, epoch_option, runs_argument, split_option, top_option
from pellucid.cli.output import json_option, print_json

__all__ = ["compare"]


@click.command(
    cls=Command, section="Evaluate", position=4, short_help="Compare runs on the same images, with a significance test."
)
@runs_argument
@split_option()
@epoch_option
@top_option(20, "disagreements of a pair to list", least=0)
@device_option
@json_option
def compare(runs: tuple[str, ...], split: str | None, epoch: str | None, top: int, device: str, as_json: bool) -> None:
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
