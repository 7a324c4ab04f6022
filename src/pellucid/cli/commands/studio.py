"""`pellucid studio`: click any number of one's own networks, in the browser."""

from __future__ import annotations

import sys

import click

from pellucid.cli.command import Command
from pellucid.cli.kinds import Place
from pellucid.cli.options import trust_option

__all__ = ["studio"]


@click.command(cls=Command, section="Inspect", position=0, short_help="Click any number of a network, in a browser.")
@click.argument("place", type=Place(), default="runs", metavar="[RUN|FOLDER]")
@click.option("--port", type=int, help="Where to listen; 0 is any free port.  [default: 8501, or the next free one]")
@click.option("--browser/--no-browser", default=True, help="Open it in the browser.  [default: yes]")
@trust_option
def studio(place: str, port: int | None, browser: bool) -> None:
    """Open the studio on a RUN, or on a FOLDER of runs (by default `runs`).

    It is a local web page: every feature map of an image, and behind every number its window, weights and sum; training
    to watch and to start; the way from a mistake to its cause. Nothing leaves this machine. The address holds a
    token: who has it may start trainings. Ctrl-C ends the studio; trainings that it started go on.

    \b
    Examples:
      pellucid studio
      pellucid studio runs/mnist-1
      pellucid studio --port 9000 --no-browser
    """
    from pellucid.studio.serving import serve

    def started(address: str) -> None:
        print(f"Studio: {address} · Ctrl-C ends it", file=sys.stderr, flush=True)

    serve(place, port=port, open_browser=browser, on_start=started)
