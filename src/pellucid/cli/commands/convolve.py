"""`pellucid convolve`: a convolution worked step by step, of numbers or of two functions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from pellucid.cli.command import Command
from pellucid.cli.options import force_option, out_file_option
from pellucid.cli.output import json_option, print_json
from pellucid.ground.errors import UserError
from pellucid.ground.writing import exact_number

if TYPE_CHECKING:
    from pellucid.convolution import Convolution

__all__ = ["convolve"]

FOR_NUMBERS = ("mode", "stride", "padding", "padding_mode", "dilation", "correlate", "steps")
FOR_FUNCTIONS = ("domain", "samples")


class NumbersCommand(Command):
    """A command whose arguments may be negative numbers; mistyped options are still refused."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put a space before negative numbers, so that click does not take them for options."""
        return super().parse_args(ctx, [f" {word}" if re.match(r"-[\d.]", word) else word for word in args])


@click.command(
    cls=NumbersCommand, section="Learn", position=1, short_help="Convolve numbers or functions, step by step."
)
@click.argument("signal", required=False)
@click.argument("kernel", metavar="[FILTER]", required=False)
@click.option("--mode", type=click.Choice(["full", "same", "valid"]), help="Positions taken.  [default: full]")
@click.option("--stride", default="1", metavar="N", help="Distance between positions.  [default: 1]")
@click.option("--padding", metavar="N", help="Elements put at both ends, or BEFORE,AFTER; makes the mode valid.")
@click.option(
    "--padding-mode",
    type=click.Choice(["zeros", "reflect", "replicate", "circular"]),
    default="zeros",
    show_default=True,
    help="What lies beyond the ends.",
)
@click.option("--dilation", default="1", metavar="N", help="Distance between filter elements.  [default: 1]")
@click.option("--correlate", is_flag=True, help="Do not flip the filter, as a convolution layer does not.")
@click.option("--steps", default=32, show_default=True, metavar="N", help="How many steps to print.")
@click.option("--functions", nargs=2, metavar="F H", help="Convolve two expressions in x instead of numbers.")
@click.option("--domain", default="-10:10", show_default=True, metavar="A:B", help="Where functions are sampled.")
@click.option("--samples", default=1000, show_default=True, metavar="N", help="How many samples of functions.")
@click.option("--at", metavar="X", help="Draw what happens at this x, or at this step of numbers.")
@out_file_option(".gif", ".png", ".svg")
@force_option
@json_option
def convolve(
    signal: str | None,
    kernel: str | None,
    functions: tuple[str, str] | None,
    out: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Convolve SIGNAL with FILTER and print every step; rows of a matrix are separated by semicolons.

    \b
    Examples:
      pellucid convolve 3,2,1,0 1,0,-1
      pellucid convolve -1,2,5 1,1 --mode valid --stride 2 --json
      pellucid convolve 3,2,1,0 1,0,-1 --out sliding.gif
      pellucid convolve "1,2,3;4,5,6;7,8,9" "1,0;0,-1" --correlate --padding 1
      pellucid convolve --functions "sin(x)" "x**2" --domain=-10:10 --out three.png
      pellucid convolve --functions "rect(x)" "exp(-x)*step(x)" --domain=-3:5 --at 0.8 --out at.png

    Expressions know + - * / **, pi, e, and sin cos tan exp log sqrt abs sign sinh cosh tanh atan rect tri step
    sinc gauss.
    """
    if functions:
        if signal is not None:
            raise UserError(f"--functions and the numbers {signal!r} were given; expected one or the other")
        _refuse("numbers", FOR_NUMBERS)
        _functions(functions, out, as_json, options)
    elif signal is None or kernel is None:
        raise UserError("SIGNAL and FILTER are expected, such as 3,2,1,0 1,0,-1, or --functions F H")
    else:
        _refuse("functions", FOR_FUNCTIONS)
        _numbers(signal, kernel, out, as_json, options)


def _refuse(kind: str, names: tuple[str, ...]) -> None:
    """Refuse options that would change nothing.

    Raises:
        UserError: one of them was given.
    """
    context = click.get_current_context()
    for name in names:
        if context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise UserError(f"--{name.replace('_', '-')} is for {kind}; leave it out here")


def _numbers(signal: str, kernel: str, out: Path | None, as_json: bool, options: dict[str, Any]) -> None:
    from pellucid.convolution import convolve as convolve_1d
    from pellucid.convolution import convolve2d, parse_numbers, parse_whole_numbers
    from pellucid.convolution.drawing import draw

    numbers, weights = parse_numbers(signal, "SIGNAL"), parse_numbers(kernel, "FILTER")
    is_image = max(numbers.ndim, weights.ndim) == 2
    settings = {
        "mode": options["mode"],
        "stride": parse_whole_numbers(options["stride"], "--stride"),
        "padding": None if options["padding"] is None else parse_whole_numbers(options["padding"], "--padding"),
        "padding_mode": options["padding_mode"],
        "dilation": parse_whole_numbers(options["dilation"], "--dilation"),
        "correlate": options["correlate"],
    }
    if is_image:
        convolution = convolve2d(
            numbers.reshape(-1, numbers.shape[-1]), weights.reshape(-1, weights.shape[-1]), **settings
        )
    else:
        convolution = convolve_1d(numbers, weights, **settings)
    if options["steps"] < 0:
        raise UserError(f"--steps is {options['steps']}; expected 0 or more")
    if options["at"] is not None and (out is None or out.suffix.lower() == ".gif"):
        raise UserError("--at chooses what a picture shows; expected --out with a .png or .svg as well")
    drawn = _draw_numbers(convolution, out, options) if out else None
    if as_json:
        print_json(convolution.to_dict() | ({"out": str(out)} if out else {}))
        return
    click.echo(draw(convolution, most=options["steps"]))
    if drawn:
        click.echo(f"\n{drawn}")


def _draw_numbers(convolution: Convolution, out: Path, options: dict[str, Any]) -> str:
    from pellucid.figures.saving import check_destination, save_figure
    from pellucid.figures.sliding import save_sliding, sliding_figure

    check_destination(out, (".gif", ".png", ".svg"), options["force"])
    steps = len(convolution.steps)
    if out.suffix.lower() == ".gif":
        frames = save_sliding(convolution, out, force=options["force"])
        return f"{out}: {frames} of {steps:,} steps, animated"
    # the first step with the most overlap tells the most
    chosen = max(range(min(steps, 1000)), key=lambda k: convolution.steps[k].signal_values.size)
    if options["at"] is not None:
        try:
            chosen = int(options["at"])
        except ValueError:
            raise UserError(f"--at is {options['at']!r}; expected the number of a step") from None
        if not 0 <= chosen < steps:
            raise UserError(f"--at is {chosen}; expected a step from 0 to {steps - 1}")
    save_figure(sliding_figure(convolution, chosen), out, force=options["force"])
    return f"{out}: step {chosen}"


def _functions(functions: tuple[str, str], out: Path | None, as_json: bool, options: dict[str, Any]) -> None:
    from pellucid.convolution import convolve_functions, parse_domain, parse_number

    sampled = convolve_functions(*functions, parse_domain(options["domain"], "--domain"), options["samples"])
    at = None if options["at"] is None else parse_number(options["at"], "--at")
    overlap = None if at is None else sampled.at(at)
    if out:
        from pellucid.figures.continuous import convolution_figure
        from pellucid.figures.saving import check_destination, save_figure

        check_destination(out, (".png", ".svg"), options["force"])
        save_figure(convolution_figure(sampled, at), out, force=options["force"])
    if as_json:
        more = {"at": {"x": overlap.x, "area": overlap.area}} if overlap else {}
        print_json(sampled.to_dict() | more | ({"out": str(out)} if out else {}))
        return
    click.echo(str(sampled))
    if overlap:
        x = exact_number(overlap.x)
        click.echo(f"(f * h)({x}) = {exact_number(overlap.area)}, the area under f(t)·h({x} − t)")
    if out:
        click.echo(str(out))
