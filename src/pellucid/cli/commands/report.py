"""`pellucid report`: a run as one page to look at."""

from __future__ import annotations

from pathlib import Path

import click

from pellucid.cli.command import Command
from pellucid.cli.options import device_option, epoch_option, force_option, out_file_option, run_argument
from pellucid.cli.output import announce

__all__ = ["report"]


@click.command(cls=Command, section="Evaluate", position=6, short_help="Write a run's report as one HTML file.")
@run_argument
@out_file_option(".html", default="RUN/report.html")
@force_option
@epoch_option
@device_option
def report(run: str, out: Path | None, force: bool, epoch: str | None, device: str) -> None:
    """Write the report of a RUN: one HTML file for a browser.

    It opens from the disk and loads nothing from outside of itself. What was not evaluated yet is evaluated first.
    Robustness and audit are shown where they were measured:

    \b
    Examples:
      pellucid report runs/cifar10-simple-cifar-1
      pellucid robustness runs/cifar10-simple-cifar-1
      pellucid audit --run runs/cifar10-simple-cifar-1
      pellucid report runs/cifar10-simple-cifar-1 --out report.html
    """
    from pellucid.reporting import report as write_page
    from pellucid.run import open_run

    path = write_page(open_run(run), out, epoch=epoch, device=device, force=force, show_progress=True)
    click.echo(f"The report is complete ({path.stat().st_size / 1e6:.1f} MB); open it in a browser.")
    announce(path)
