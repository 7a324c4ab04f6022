"""`pellucid robustness`: accuracy on changed images."""

from __future__ import annotations

import click

from pellucid.cli.command import Command
from pellucid.cli.options import device_option, epoch_option, run_argument, split_option
from pellucid.cli.output import announce, json_option, print_json

__all__ = ["robustness"]


@click.command(
    cls=Command,
    section="Evaluate",
    position=3,
    short_help="Measure accuracy under noise, blur, shift and other changes.",
)
@run_argument
@click.option("--images", type=int, default=2000, show_default=True, help="Classify at most this many.")
@split_option()
@epoch_option
@device_option
@json_option
def robustness(run: str, images: int, split: str | None, epoch: str | None, device: str, as_json: bool) -> None:
    """Measure the accuracy of a RUN on changed images.

    The changes: noise, blur, contrast, brightness, shift and rotation, each from slight to strong. Writes
    RUN/robustness.json and the same as a picture, RUN/robustness.png.

    \b
    Examples:
      pellucid robustness runs/cifar10-simple-cifar-1
      pellucid robustness runs/cifar10-simple-cifar-1 --images 10000 --json
    """
    from pellucid.evaluation import robustness as measure
    from pellucid.figures.robustness import robustness_figure
    from pellucid.figures.saving import save_figure
    from pellucid.run import RunFile, open_run

    opened = open_run(run)
    measured = measure(opened, split=split, epoch=epoch, device=device, images=images, show_progress=True)
    picture = opened.directory / RunFile.ROBUSTNESS_PICTURE
    save_figure(robustness_figure(measured), picture, force=True)
    if as_json:
        print_json(measured.to_dict())
    else:
        click.echo(str(measured))
    announce(opened.directory / RunFile.ROBUSTNESS, picture)
