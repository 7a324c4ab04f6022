"""Options that several commands share: each stands here once, under one name, with one help text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from pellucid.ground.writing import ALL_DIGITS, significant_digits

__all__ = [
    "class_option",
    "digits_option",
    "epoch_option",
    "force_option",
    "image_argument",
    "json_option",
    "out_file_option",
    "run_argument",
    "top_option",
    "unit_option",
    "weight_option",
]

Declared = TypeVar("Declared", bound=Callable[..., Any])
Decorator = Callable[[Declared], Declared]

run_argument = click.argument("run")
image_argument = click.argument("image")
epoch_option = click.option(
    "--epoch", default="last", show_default=True, help="Weights of which epoch: last, best (by validation) or a number."
)
weight_option = click.option("--weight", metavar="NAME[I,J,…]", help="The weight to follow.")
force_option = click.option("--force", is_flag=True, help="Replace existing files.")
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document on standard output, and nothing else there."
)


def out_file_option(*suffixes: str) -> Decorator[Any]:
    """Declare `--out FILE`, a file of one of these kinds."""
    kinds = f"{', '.join(suffixes[:-1])} or {suffixes[-1]}" if len(suffixes) > 1 else suffixes[0]
    return click.option(
        "--out", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help=f"Write to FILE: {kinds}."
    )


def top_option(default: int, what: str) -> Decorator[Any]:
    """Declare `--top N`: how many of the first to list."""
    return click.option(
        "--top", type=click.IntRange(min=1), metavar="N", default=default, show_default=True, help=f"How many {what}."
    )


def class_option(help: str, name: str = "--class") -> Decorator[Any]:
    """Declare an option that names a class of the run; `--class` arrives as `target`."""
    names = (name, "target") if name == "--class" else (name,)
    return click.option(*names, metavar="CLASS", help=help)


def unit_option(help: str, metavar: str = "LAYER[C,I,J]") -> Decorator[Any]:
    """Declare `--unit`, a unit or a channel of the run's network."""
    return click.option("--unit", metavar=metavar, help=help)


class Digits(click.ParamType[int]):
    """A number of significant digits, or `all`."""

    name = "digits"

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """Show what may be given."""
        return "[all|N]"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read `all` or a number from 1 to 17."""
        if str(value) == "all":
            return ALL_DIGITS
        if str(value).isdigit() and 1 <= int(value) <= 17:
            return int(value)
        self.fail(f"{value!r} is no number of digits; expected all, or a number from 1 to 17", param, ctx)


def _write_with_digits(ctx: click.Context, parameter: click.Parameter, count: int | None) -> None:
    if count is not None:
        ctx.with_resource(significant_digits(count))


digits_option = click.option(
    "--digits",
    type=Digits(),
    callback=_write_with_digits,
    expose_value=False,
    help="Significant digits of numbers.  [4; all: as many as float32 has]",
)
"""Sets how `ground.writing.number` writes while the command runs; the command's function does not see it."""
