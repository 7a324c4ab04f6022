"""`pellucid mistakes`: the images behind the figures."""

from __future__ import annotations

from pathlib import Path

import click

from pellucid.cli.command import Command
from pellucid.cli.output import json_option, print_json

__all__ = ["mistakes"]


@click.command(cls=Command)
@click.argument("run")
@click.option("--true", help="Only images of this class.")
@click.option("--predicted", help="Only images taken for this class.")
@click.option("--most", type=int, default=50, show_default=True, help="List no more than so many.")
@click.option("--out", type=click.Path(path_type=Path), help="Write mistakes.json and mistakes.png into this folder.")
@click.option("--data", help="Other images: a named set, a folder or an archive.  [the run's own]")
@click.option("--split", help="test, val or train.  [test; other images without splits: all]")
@click.option("--epoch", default="last", show_default=True, help="last, best (by validation) or a number.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda, cuda:1 or mps.")
@json_option
def mistakes(
    run: str,
    true: str | None,
    predicted: str | None,
    most: int,
    out: Path | None,
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
    from pellucid.evaluation.kept_predictions import table_of
    from pellucid.evaluation.mistakes import find_mistakes
    from pellucid.run import open_run

    opened = open_run(run)
    table, chosen, _ = table_of(opened, data=data, split=split, epoch=epoch, device=device, show_progress=True)
    found = find_mistakes(table, chosen, true=true, predicted=predicted, most=most)
    if out is not None:
        from pellucid.figures.contact_sheet import mistakes_sheet
        from pellucid.figures.saving import save_figure
        from pellucid.ground.files import write_json

        write_json(out / "mistakes.json", found.to_dict())
        if found.shown:
            save_figure(mistakes_sheet(found, chosen), out / "mistakes.png", force=True)
    if as_json:
        print_json(found.to_dict())
        return
    click.echo(str(found))
    if out is not None:
        click.echo(f"Written: {out / 'mistakes.json'}" + (f", {out / 'mistakes.png'}" if found.shown else ""))
