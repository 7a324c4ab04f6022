"""`pellucid trace`: what a run's network predicts for an image, and any value on the way traced back to the pixels."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pellucid.cli.command import Command
from pellucid.cli.options import (
    class_option,
    digits_option,
    epoch_option,
    force_option,
    image_argument,
    out_file_option,
    run_argument,
    top_option,
    unit_option,
)
from pellucid.cli.output import announce, json_option, print_json

if TYPE_CHECKING:
    from pellucid.glass import Feeds, UnitTrace

__all__ = ["trace"]


@click.command(
    cls=Command,
    section="Inspect",
    position=1,
    short_help="Trace any value of a network back to the pixels, term by term.",
)
@run_argument
@image_argument
@unit_option("The unit to trace.  [the predicted class's logit]")
@epoch_option
@click.option("--back", multiple=True, type=int, metavar="TERM", help="Go back to the unit that this term reads.")
@click.option("--forward", is_flag=True, help="List the units that it feeds.")
@click.option("--path", is_flag=True, help="Show the strongest chain from a pixel through it to a class's logit.")
@class_option("The class that --path leads to.  [the predicted one]")
@click.option("--training", is_flag=True, help="Run in training mode: dropout active, batch statistics of the image.")
@top_option(8, "terms and fed units to list")
@digits_option
@out_file_option(".png", ".svg")
@force_option
@json_option
def trace(
    run: str,
    image: str,
    unit: str | None,
    epoch: str | None,
    back: tuple[int, ...],
    forward: bool,
    path: bool,
    target: str | None,
    training: bool,
    top: int,
    out: Path | None,
    force: bool,
    as_json: bool,
) -> None:
    """Say what a network predicts for an image; trace it to the pixels.

    RUN is a run's directory; IMAGE a picture's path, or test/17 for an image of the run's own data. Without --unit the
    table of all layers comes first, then the trace of the predicted class's logit. Each sum is recomputed and checked
    against the network; commands that lead on stand at the end.

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
    from pellucid.glass import class_index, look
    from pellucid.glass.showing import summary_text, trace_text

    glass = look(run, image, epoch=epoch, training=training)
    if target is not None:
        class_index(glass, target)
    traced = glass.trace(unit)
    for term in back:
        traced = traced.back(term)
    fed = glass.feeds(traced, top if forward else 1)
    chain = glass.path(traced, target) if path or target is not None else None
    if out is not None:
        from pellucid.figures.saving import save_figure
        from pellucid.figures.unit import unit_figure

        save_figure(unit_figure(traced), out, force=force)
    base = ["pellucid", "trace", str(run), image]
    base += [] if epoch is None else ["--epoch", str(epoch)]
    base += ["--training"] if training else []
    steps = _next_steps(traced, fed, base)
    if as_json:
        document = {"prediction": None if glass.prediction is None else glass.prediction.to_dict()}
        document |= {"trace": traced.to_dict()}
        document |= {} if unit or back else {"glass": glass.to_dict()}
        document |= {"forward": fed.to_dict()} if forward else {}
        document |= {} if chain is None else {"path": chain.to_dict()}
        print_json(document | {"next": [command for _, command in steps]})
    else:
        click.echo(summary_text(glass) if unit or back else str(glass))
        click.echo(f"\n{trace_text(traced, top)}")
        for part in (fed if forward else None, chain):
            if part is not None:
                click.echo(f"\n{part}")
        click.echo(f"\n{_more(traced, fed, forward, top)}\n\nNext:")
        for what, command in steps:
            click.echo(f"  {what}\n    {command}")
    if out is not None:
        announce(out)


def _more(traced: UnitTrace, fed: Feeds, forward: bool, top: int) -> str:
    """Say how to get what was left out."""
    ways = ["--digits all for all digits"]
    cut = traced.trace is not None and len(traced.trace.terms) > top + 1
    if cut or (forward and fed.total > len(fed)):
        ways.insert(0, "--top N for more rows")
    return f"More: {', '.join(ways)}, --json for everything."


def _next_steps(traced: UnitTrace, fed: Feeds, base: list[str]) -> list[tuple[str, str]]:
    """Offer commands that lead on, ready to be typed."""

    def command(*more: str) -> str:
        return shlex.join([*base, *more])

    steps = []
    term = next((term for term in traced.strongest(50) if term.unit is not None), None)
    if term is not None and term.unit is not None:
        steps.append((f"back to what contributes most, {term.unit.name}:", command("--unit", term.unit.name)))
    if len(fed) and fed[0].derivative:
        steps.append((f"on to what it feeds, {fed[0].unit.name}:", command("--unit", fed[0].unit.name)))
    own = traced.unit.name
    steps.append(("the strongest chain from a pixel to the logit:", command("--unit", own, "--path")))
    steps.append(("the window on the image, drawn:", command("--unit", own, "--out", "unit.png")))
    return steps
