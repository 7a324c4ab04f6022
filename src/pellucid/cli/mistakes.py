"""`pellucid mistakes`: the images behind the figures."""

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
from pellucid.cli.output import announce, json_option, print_json
from pellucid.cli.pictures import check_folder

__all__ = ["mistakes"]


@click.command(cls=Command)
@run_argument
@class_option("Only images of this class.", "--true")
@class_option("Only images predicted as this class.", "--predicted")
@top_option(50, "mistakes to list")
@out_folder_option("mistakes.json and mistakes.png")
@force_option
@data_option
@split_option()
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
    epoch: str,
    device: str,
    as_json: bool,
) -> None:
    """List the images that a RUN gets wrong, the surest mistakes first.

    \b
    Examples:
      pellucid mistakes runs/cifar10-simple-cifar-1
      pellucid mistakes runs/cifar10-simple-cifar-1 --true cat --predicted dog --out cats/
    """
    check_folder(out, force)
    from pellucid.evaluation.kept_predictions import table_of
    from pellucid.evaluation.mistakes import find_mistakes
    from pellucid.run import open_run

    opened = open_run(run)
    table, chosen, _ = table_of(opened, data=data, split=split, epoch=epoch, device=device, show_progress=True)
    found = find_mistakes(table, chosen, true=true, predicted=predicted, most=top)
    if out is not None:
        from pellucid.figures.contact_sheet import mistakes_sheet
        from pellucid.figures.saving import save_figure
        from pellucid.ground.files import write_json

        write_json(out / "mistakes.json", found.to_dict())
        if found.shown:
            save_figure(mistakes_sheet(found, chosen), out / "mistakes.png", force=True)
        announce(*(out / name for name in ("mistakes.json", "mistakes.png") if found.shown or name != "mistakes.png"))
    if as_json:
        print_json(found.to_dict())
        return
    click.echo(str(found))
