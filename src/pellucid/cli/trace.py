"""`pellucid trace`: any number of a run's network taken apart, back to the pixels and on to the score."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pellucid.cli.command import Command
from pellucid.cli.options import (
    class_option,
    epoch_option,
    force_option,
    image_argument,
    out_file_option,
    run_argument,
    unit_option,
)
from pellucid.cli.output import json_option, print_json

if TYPE_CHECKING:
    from pellucid.glass import Glass, UnitTrace

__all__ = ["trace"]


@click.command(cls=Command)
@run_argument
@image_argument
@unit_option("The number to take apart.  [the winning class's score]", "LAYER[I,J,K]")
@epoch_option
@click.option("--back", multiple=True, type=int, metavar="I", help="Go on to the unit that term I was read from.")
@click.option("--forward", is_flag=True, help="List the units that it feeds.")
@click.option("--path", is_flag=True, help="Show the strongest chain from a pixel through it to a class score.")
@class_option("The class that --path leads to.  [the winning one]")
@click.option("--training", is_flag=True, help="Run in training mode: dropout drawn, batch statistics of the image.")
@out_file_option(".png", ".svg")
@force_option
@json_option
def trace(
    run: str,
    image: str,
    unit: str | None,
    epoch: str,
    back: tuple[int, ...],
    forward: bool,
    path: bool,
    target: str | None,
    training: bool,
    out: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Show how any number in a RUN's network came to be from IMAGE, term by term, checked against the network.

    IMAGE is a picture's path, or test/17 for an image of the run's own data. Without --unit the table of all layers
    comes first, then the winning class's score; each answer ends with commands that lead on.

    \b
    Examples:
      pellucid trace runs/cifar10-simple-cifar-1 test/17
      pellucid trace runs/cifar10-simple-cifar-1 cat.jpg --unit "conv2[3,4,5]"
      pellucid trace runs/cifar10-simple-cifar-1 test/17 --back 21 --back 0
      pellucid trace runs/cifar10-simple-cifar-1 test/17 --unit "pool[0,8,8]" --path
      pellucid trace runs/cifar10-simple-cifar-1 test/17 --unit "conv2[3,4,5]" --out unit.png
    """
    if out is not None:
        from pellucid.figures.saving import check_destination

        check_destination(out, (".png", ".svg"), force)
    from pellucid.glass import class_number, look

    glass = look(run, image, epoch=epoch, training=training)
    if target is not None:
        class_number(glass, target)
    found = glass.trace(unit)
    for number in back:
        found = found.back(number)
    fed = glass.feeds(found) if forward else None
    chain = glass.path(found, target) if path or target is not None else None
    if out is not None:
        from pellucid.figures.saving import save_figure
        from pellucid.figures.unit import unit_figure

        save_figure(unit_figure(found), out, force=force)
    steps = _next_steps(glass, found, run, image, epoch, training)
    if as_json:
        document = {"prediction": None if glass.prediction is None else glass.prediction.to_dict()}
        document |= {"trace": found.to_dict()}
        document |= {} if unit or back else {"glass": glass.to_dict()}
        document |= {} if fed is None else {"forward": fed.to_dict()}
        document |= {} if chain is None else {"path": chain.to_dict()}
        print_json(document | {"next": [command for _, command in steps]})
        return
    click.echo(str(glass) if not (unit or back) else _heading(glass))
    for part in (found, fed, chain):
        if part is not None:
            click.echo(f"\n{part}")
    if out is not None:
        click.echo(f"wrote {out}", err=True)
    if steps:
        click.echo("\nNext:")
        for what, command in steps:
            click.echo(f"  {what}\n    {command}")


def _heading(glass: Glass) -> str:
    lines = [glass.title]
    if glass.picture.fitted:
        lines.append(f"image       {glass.picture.fitted}")
    if glass.prediction is not None:
        lines.append(f"prediction  {glass.prediction}")
    return "\n".join(lines)


def _next_steps(
    glass: Glass, found: UnitTrace, run: str, image: str, epoch: str, training: bool
) -> list[tuple[str, str]]:
    """Offer commands that lead on, ready to be typed."""
    base = ["pellucid", "trace", run, image]
    base += [] if epoch == "last" else ["--epoch", epoch]
    base += ["--training"] if training else []

    def command(*more: str) -> str:
        return shlex.join([*base, *more])

    steps = []
    term = next((each for each in found.strongest(50) if each.unit is not None), None)
    if term is not None and term.unit is not None:
        steps.append((f"back to what brings most, {term.unit.name}:", command("--unit", term.unit.name)))
    fed = glass.feeds(found, 1)
    if len(fed) and fed[0].derivative:
        steps.append((f"on to what it feeds, {fed[0].unit.name}:", command("--unit", fed[0].unit.name)))
    own = found.unit.name
    steps.append(("the strongest chain from a pixel to the score:", command("--unit", own, "--path")))
    steps.append(("the window on the image, drawn:", command("--unit", own, "--out", "unit.png")))
    return steps
