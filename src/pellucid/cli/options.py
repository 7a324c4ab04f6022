"""Options and arguments that several commands share: each stands here once, under one name, with one help text."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import click

from pellucid.cli.completing import class_names, layer_names, unit_names, weight_names
from pellucid.cli.kinds import Choice, Device, Digits, Epoch, NameOf, OfRun, Place, Range, RunPath, Size
from pellucid.ground.writing import significant_digits

__all__ = [
    "class_option",
    "data_argument",
    "data_dir_option",
    "data_option",
    "device_option",
    "digits_option",
    "epoch_option",
    "force_option",
    "image_argument",
    "json_option",
    "layer_option",
    "network_argument",
    "network_option",
    "out_file_option",
    "out_folder_option",
    "range_option",
    "recipe_option",
    "run_argument",
    "runs_argument",
    "size_option",
    "split_option",
    "top_option",
    "trust_option",
    "unit_option",
    "weight_option",
]

Declared = TypeVar("Declared", bound=Callable[..., Any])
Decorator = Callable[[Declared], Declared]


def _networks() -> Iterable[str]:
    from pellucid.networks import NETWORKS

    return NETWORKS


def _data_sets() -> Iterable[str]:
    from pellucid.data.named import NAMED

    return NAMED


def _recipes() -> Iterable[str]:
    from pellucid.recipes import PRESETS

    return PRESETS


DATA, NETWORK = NameOf("data", _data_sets), NameOf("network", _networks)


def _trust_for_this_call(ctx: click.Context, parameter: click.Parameter, is_trusted: bool) -> None:
    if is_trusted:
        from pellucid.run import trusting

        ctx.with_resource(trusting())


trust_option = click.option(
    "--trust",
    is_flag=True,
    callback=_trust_for_this_call,
    expose_value=False,
    help="Run the network's file in the run, also if the run was made elsewhere.",
)
"""Every command that may build a run's network has it; the command's function does not see it."""


def run_argument(function: Declared) -> Declared:
    """Declare RUN, a run's directory, and `--trust` for it."""
    return click.argument("run", type=RunPath())(_with_trust_last(function))


def runs_argument(function: Declared) -> Declared:
    """Declare RUN RUN..., two runs' directories or more, and `--trust` for them."""
    runs = click.argument("runs", type=RunPath(), nargs=-1, required=True, metavar="RUN RUN...")
    return runs(_with_trust_last(function))


def _with_trust_last(function: Declared) -> Declared:
    """Declare `--trust` so that it stands below a command's other options, which were declared before it."""
    declared = trust_option(function)
    parameters: list[click.Parameter] = vars(declared)["__click_params__"]
    parameters.insert(0, parameters.pop())  # click keeps them from the last to the first
    return declared


image_argument = click.argument("image")
data_argument = click.argument("data", type=DATA)
network_argument = click.argument("network", type=NETWORK)

epoch_option = click.option(
    "--epoch", type=Epoch(), help="Weights of which epoch; best by validation.  [best, else last]"
)
device_option = click.option("--device", type=Device(), default="auto", show_default=True, help="Where to compute.")
data_dir_option = click.option(
    "--data-dir",
    type=Place(file_okay=False, must_exist=True),
    metavar="DIR",
    envvar="PELLUCID_DATA",
    help="Where named data sets lie.  [$PELLUCID_DATA]",
)
data_option = click.option(
    "--data", type=DATA, help="Other images: a named set, a folder or an archive.  [the run's own]"
)
size_option = click.option(
    "--size", type=Size(), help="Input size in pixels.  [the set's own; folders: 64, with pretrained weights 224]"
)
range_option = click.option(
    "--range",
    "pixel_range",
    type=Range(),
    help="Values of images of more than 8 bits that become black and white.  [chosen for the whole set]",
)
network_option = click.option(
    "--network",
    "-n",
    type=NETWORK,
    help="A name of `pellucid networks`, timm:NAME, or file.py:ClassName.  [by the recipe and the images]",
)
recipe_option = click.option(
    "--recipe",
    "-r",
    type=NameOf("recipe", _recipes, listed=True),
    help="The settings to begin with.  [photos for a folder and for pretrained networks, else standard]",
)
force_option = click.option("--force", is_flag=True, help="Replace existing files.")
json_option = click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON document on standard output, and nothing else there."
)

weight_option = click.option(
    "--weight", type=OfRun("weight", weight_names), metavar="NAME[I,J,…]", help="The weight to follow."
)


def out_file_option(*suffixes: str, default: str | None = None) -> Decorator[Any]:
    """Declare `--out FILE`, a file of one of these kinds; the help names the default."""
    kinds = " or ".join(filter(None, (", ".join(suffixes[:-1]), suffixes[-1])))
    return click.option(
        "--out",
        type=Place(dir_okay=False),
        metavar="FILE",
        help=f"Write to FILE: {kinds}.{f'  [{default}]' if default else ''}",
    )


def out_folder_option(contents: str = "pictures and JSON", default: str | None = None) -> Decorator[Any]:
    """Declare `--out DIR`, a folder for several files; the help names the default."""
    return click.option(
        "--out",
        type=Place(file_okay=False),
        metavar="DIR",
        help=f"Write {contents} into DIR.{f'  [{default}]' if default else ''}",
    )


def split_option(default: str | None = None, *, others: bool = False) -> Decorator[Any]:
    """Declare `--split`; `others`: of a command that takes other images too."""
    preset = f"  [test, or val where there is none{'; other images without splits: all' if others else ''}]"
    return click.option(
        "--split",
        type=Choice(["train", "val", "test"]),
        default=default,
        show_default=default is not None,
        help=f"Which images.{'' if default else preset}",
    )


def top_option(default: int, what: str, least: int = 1) -> Decorator[Any]:
    """Declare `--top N`: how many of the first to list."""
    return click.option(
        "--top",
        type=click.IntRange(min=least),
        metavar="N",
        default=default,
        show_default=True,
        help=f"How many {what}.",
    )


def class_option(help: str, name: str = "--class") -> Decorator[Any]:
    """Declare an option that names a class of the run; `--class` arrives as `target`."""
    names = (name, "target") if name == "--class" else (name,)
    return click.option(*names, type=OfRun("class", class_names), metavar="CLASS", help=help)


def layer_option(help: str) -> Decorator[Any]:
    """Declare `--layer`, a layer of the run's network."""
    return click.option("--layer", type=OfRun("layer", layer_names), metavar="LAYER", help=help)


def unit_option(help: str, metavar: str = "LAYER[C,I,J]") -> Decorator[Any]:
    """Declare `--unit`, a unit or a channel of the run's network."""
    return click.option("--unit", type=OfRun("unit", unit_names), metavar=metavar, help=help)


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
