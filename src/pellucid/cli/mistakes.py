"""`pellucid mistakes`: the images that a run classifies wrongly."""

from __future__ import annotations

from pathlib import Path

import click

from pellucid.cli.options import epoch_option, force_option, json_option, top_option
from pellucid.cli.output import print_json
from pellucid.cli.pictures import check_folder, out_option, write_folder

__all__ = ["mistakes"]


@click.command()
@click.argument("run")
@click.option("--true", metavar="CLASS", help="Only images of this class.")
@click.option("--predicted", metavar="CLASS", help="Only images predicted as this class.")
@top_option(50, "mistakes to list")
@out_option
@force_option
@click.option("--data", help="Other images: a named set, a folder or an archive.  [the run's own]")
@click.option("--split", help="test, val or train.  [test; other images without splits: all]")
@epoch_option
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps.")
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
    epoch: str,
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
        from pellucid.figures.contact_sheet import mistakes_sheet

        pictures = {"mistakes.png": mistakes_sheet(listed, chosen)} if listed.shown else {}
        write_folder(out, pictures, "mistakes.json", listed.to_dict())
