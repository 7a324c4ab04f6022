"""`pellucid resume`: continue a stopped run."""

from __future__ import annotations

import sys

import click

from pellucid.cli.command import Command
from pellucid.cli.kinds import Device
from pellucid.cli.options import (
    run_argument,
)
from pellucid.cli.output import json_option, log_stream, print_json
from pellucid.cli.run_summary import run_summary

__all__ = ["resume"]


@click.command(cls=Command, section="Train", position=2, short_help="Continue a stopped run where it stopped.")
@run_argument
@click.option("--device", type=Device(), help="Where to compute from here on.  [as before]")
@json_option
def resume(run: str, device: str | None, as_json: bool) -> None:
    """Resume a stopped RUN where it stopped.

    On the CPU it ends with the same weights, bit for bit, as a run that was never stopped. On another --device sums are
    rounded differently from there on; the precision stays as it was.

    \b
    Examples:
      pellucid resume runs/cifar10-simple-cifar-1
      torchrun --nproc-per-node 2 -m pellucid resume runs/cifar10-simple-cifar-2
    """
    from pellucid import api

    finished = api.resume(run, device=device, stream=log_stream(sys.stderr if as_json else sys.stdout))
    if as_json:
        print_json(run_summary(finished))
