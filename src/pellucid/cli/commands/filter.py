"""`pellucid filter`: a named filter, or one's own, over an image file."""

from __future__ import annotations

from pathlib import Path

import click

from pellucid.cli.command import Command
from pellucid.cli.kinds import Place
from pellucid.cli.options import force_option
from pellucid.cli.output import json_option, print_json
from pellucid.ground.errors import UserError

__all__ = ["filter"]


@click.command(cls=Command, section="Learn", position=2, short_help="Slide a filter over an image file.")
@click.argument("image", type=Place(), required=False)
@click.option("--kernel", metavar="NAME", help="A filter's name (see --list), or rows: 1,0,-1;2,0,-2;1,0,-1")
@click.option("--out", type=Place(), metavar="FILE", help="The image to write.")
@click.option("--flip", is_flag=True, help="Flip the filter: convolution instead of correlation.")
@click.option(
    "--border",
    type=click.Choice(["replicate", "reflect", "circular", "zeros"]),
    default="replicate",
    show_default=True,
    help="What lies beyond the edge.",
)
@click.option("--abs", "absolute", is_flag=True, help="Drop the sign of each sum, so that all edges show.")
@click.option("--offset", type=float, default=0.0, metavar="N", help="Add N to each sum; 128 shows both signs.")
@force_option
@click.option("--list", "list_them", is_flag=True, help="List the named filters.")
@json_option
def filter(
    image: Path | None,
    kernel: str | None,
    out: Path | None,
    flip: bool,
    border: str,
    absolute: bool,
    offset: float,
    force: bool,
    list_them: bool,
    as_json: bool,
) -> None:
    """Slide a filter over each colour channel of IMAGE; transparency is kept.

    The filter lies on the image as it is written (correlation); sums are rounded to whole numbers and clipped to
    0–255 (0–65535 for images of 16 bits).

    \b
    Examples:
      pellucid filter photo.jpg --kernel sobel-x --out edges.png
      pellucid filter photo.jpg --kernel edges --abs --out edges.png
      pellucid filter photo.jpg --kernel "1,0,-1;2,0,-2;1,0,-1" --offset 128 --out relief.png
      pellucid filter --list
    """
    if list_them:
        _list(as_json)
        return
    missing = [name for name, given in (("IMAGE", image), ("--kernel", kernel), ("--out", out)) if given is None]
    if image is None or kernel is None or out is None:
        raise UserError(f"{' and '.join(missing)} missing; expected IMAGE --kernel NAME --out FILE")
    from pellucid.convolution import filter_file, named_kernel

    width, height, kind = filter_file(
        image,
        named_kernel(kernel),
        out,
        flip=flip,
        padding_mode=border,
        absolute=absolute,
        offset=offset,
        force=force,
    )
    operation = "convolution" if flip else "correlation"
    highest = 65535 if kind.startswith("I;16") else 255
    if as_json:
        print_json(
            {
                "out": str(out),
                "width": width,
                "height": height,
                "kind": kind,
                "kernel": named_kernel(kernel).tolist(),
                "operation": operation,
                "border": border,
                "absolute": absolute,
                "offset": offset,
                "clipped_to": [0, highest],
            }
        )
        return
    sums = f"{'absolute ' if absolute else ''}sums{f' plus {offset:g}' if offset else ''}"
    click.echo(f"{out}: {width}×{height} {kind}")
    click.echo(f"{kernel} by {operation}, border: {border}, {sums} rounded and clipped to 0–{highest}")


def _list(as_json: bool) -> None:
    from pellucid.convolution import KERNELS

    if as_json:
        print_json([{"name": k.name, "about": k.about, "kernel": k.values.tolist()} for k in KERNELS.values()])
        return
    for kernel in KERNELS.values():
        click.echo(f"{kernel.name:<14} {kernel.about}")
        share = f"  / {kernel.divisor}" if kernel.divisor != 1 else ""
        width = max(len(str(number)) for row in kernel.rows for number in row)
        for number, row in enumerate(kernel.rows):
            middle = share if number == len(kernel.rows) // 2 else ""
            click.echo(f"{'':<15}{' '.join(f'{value:>{width}}' for value in row)}{middle}")
