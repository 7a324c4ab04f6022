"""`pellucid demo`: the main job on real images, from nothing to a tested network, its curves and its report."""

from __future__ import annotations

import os
import sys
import time

import click

from pellucid.cli.command import Command
from pellucid.ground.commands import command_line, next_lines
from pellucid.ground.notices import notice

__all__ = ["demo"]


@click.command(
    cls=Command,
    section="Set up",
    position=1,
    short_help="Train, test and report a network on real images: three minutes.",
)
@click.option(
    "--epochs", type=click.IntRange(1, 1000), default=5, show_default=True, help="Passes over the training images."
)
def demo(epochs: int) -> None:
    """Train, test and report the lesson's network on real images, in about three minutes.

    CIFAR-10 is taken where it is on this machine, and Fashion-MNIST elsewhere (30 MB are fetched once).

    \b
    Example:
      pellucid demo --epochs 1
    """
    import pellucid
    from pellucid.data import is_here

    data = "cifar10" if is_here("cifar10") else "fashion-mnist"
    if not is_here(data) and os.environ.setdefault("PELLUCID_APT", "yes") == "yes":
        click.echo(
            f"{data} will be downloaded. If its address cannot be reached, Debian's package is fetched by apt-get and "
            "unpacked into the cache, not installed (PELLUCID_APT=no forbids that)."
        )
    started = time.monotonic()
    run = pellucid.train(data, recipe="tutorial", epochs=epochs, keep="all", stream=sys.stdout)
    click.echo(f"\n{pellucid.evaluate(run)}\n")
    click.echo(f"That took {time.monotonic() - started:.0f} s. The run: {run.directory}")
    click.echo(f"Everything on one page, for a browser: {pellucid.report(run)}")
    try:
        page = pellucid.export(run, to="page", show_progress=True).path
        click.echo(f"The network itself in a page, on a phone too: {page}")
    except pellucid.UserError as error:  # what it takes is an extra, and is fetched once
        notice(f"no page was made in which the network runs: {error}")
    steps = [
        ("click any number of it, in a browser", command_line("studio", run.directory)),
        ("trace one image through it", command_line("trace", run.directory, run.example_image)),
        ("use it: images of your own", command_line("predict", run.directory, "IMAGE")),
    ]
    click.echo("\n" + "\n".join(next_lines(steps)))
