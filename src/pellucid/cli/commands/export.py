"""`pellucid export`: a run as one file that answers elsewhere as it does here."""

from __future__ import annotations

from pathlib import Path

import click

from pellucid.cli.command import Command
from pellucid.cli.options import epoch_option, force_option, json_option, out_file_option, run_argument
from pellucid.cli.output import announce, print_json

__all__ = ["export"]


@click.command(cls=Command, section="Use", position=5, short_help="Write a run as one file: ONNX, torch, or a page.")
@run_argument
@click.option(
    "--to",
    type=click.Choice(["onnx", "torch", "page"]),
    default="onnx",
    show_default=True,
    help="For ONNX Runtime; a .pt2 for torch; a page for a browser.",
)
@out_file_option(".onnx", ".pt2", ".html", default="RUN/model.onnx")
@force_option
@epoch_option
@json_option
def export(run: str, to: str, out: Path | None, force: bool, epoch: str | None, as_json: bool) -> None:
    """Write a RUN as one file with everything inside: pictures in, decisions out.

    It takes pictures of any size as bytes. Fitting, normalisation, the network, the temperature and the threshold are
    in it. It is kept only if it gives the run's own answers, on held-out images and on pictures made to be difficult:
    the same pixels, the same decisions, probabilities within 0.0001.

    A page is HTML in which the network itself runs, offline, on a phone too:
    draw, drop or photograph an image, and click any number to see how it was
    computed.

    \b
    Examples:
      pellucid export runs/cifar10-simple-cifar-1
      pellucid export runs/cifar10-simple-cifar-1 --out cifar.onnx --force
      pellucid export runs/cifar10-simple-cifar-1 --to torch
      pellucid export runs/mnist-simple-mnist-1 --to page --out digits.html
    """
    from pellucid.api import export as write_file

    exported = write_file(run, to=to, out=out, epoch=epoch, force=force, show_progress=True)
    if as_json:
        print_json(exported.to_dict())
    else:
        click.echo(str(exported))
    announce(exported.path)
    if to == "onnx" and not as_json:
        click.echo(f"Use it: pellucid predict {exported.path} PATH", err=True)
    if to == "page" and not as_json:
        click.echo("Open it in a browser, on this machine or a phone; it needs no network.", err=True)
