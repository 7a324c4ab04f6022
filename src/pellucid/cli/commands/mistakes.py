"""`pellucid mistakes`: the images that a run classifies wrongly."""

from __future__ import annotations

from pathlib import Path

import click

from pellucid.cli.command import Command
from pellucid.cli.options import (
    class_option,
    data_option,
    device_option,
    epoch_option,
    force_option,
    out_folder_option,
    run_argument,
    split_option,
    top_option,
)
from pellucid.cli.output import json_option, print_json
from pellucid.cli.pictures import check_folder, write_folder

__all__ = ["mistakes"]


@click.command(
    cls=Command, section="Evaluate", position=2, short_help="List the misclassified images, the most confident first."
)
@run_argument
@class_option("Only images of this class.", "--true")
@class_option("Only images predicted as this class.", "--predicted")
@top_option(50, "mistakes to list")
@out_folder_option("mistakes.json and mistakes.png")
@force_option
@data_option
@split_option(others=True)
@epoch_option
@device_option
@json_option
def mistakes(
    run: str,
    true: str | None,
    predicted: str | None,
    top: int,
    out: Path | None,
    force: bool,
    data: str | None,
    split: str | None,
    epoch: str | None,
    device: str,
    as_json: bool,
) -> None:
    """List the images that a RUN classifies wrongly.

    The most confident mistakes come first. `pellucid trace RUN IMAGE` and `pellucid why RUN IMAGE` look into one.

    \b
    Examples:
      pellucid mistakes runs/cifar10-simple-cifar-1
      pellucid mistakes runs/cifar10-simple-cifar-1 --true cat --predicted dog --out cats/
    """
    check_folder(out, force)
    from pellucid.evaluation.kept_predictions import predictions_of
    from pellucid.evaluation.mistakes import mistakes_among
    from pellucid.run import open_run

    opened = open_run(run)
    table, chosen, _ = predictions_of(opened, data=data, split=split, epoch=epoch, device=device, show_progress=True)
    listed = mistakes_among(table, chosen, true=true, predicted=predicted, top=top)
    if as_json:
        print_json(listed.to_dict())
    else:
        click.echo(str(listed))
    if out is not None:
        from pellucid.figures.mistakes_sheet import mistakes_sheet

        pictures = {"mistakes.png": mistakes_sheet(listed, chosen)} if listed.shown else {}
        write_folder(out, pictures, "mistakes.json", listed.to_dict())
