"""Command-line options made from the fields of the recipe, so that there is one place to configure a training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from pellucid.recipes import recipe_fields

__all__ = ["given_settings", "recipe_options", "size_option"]

Command = TypeVar("Command", bound=Callable[..., Any])


class Size(click.ParamType[tuple[int, int]]):
    """A size in pixels: `64`, or `48x64` for 48 rows and 64 columns."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Read the text."""
        parts = str(value).lower().replace("×", "x").split("x")
        if len(parts) > 2 or not all(part.isdigit() and int(part) > 0 for part in parts):
            self.fail(f"{value!r} is no size; expected pixels like 64, or rows and columns like 48x64", param, ctx)
        return int(parts[0]), int(parts[-1])


size_option = click.option("--size", type=Size(), help="Input size, like 64 or 48x64.  [the set's own; folders: 64]")


def recipe_options(command: Command) -> Command:
    """Add an option for each setting of a recipe; one that is not given keeps the recipe's own value."""
    for item in reversed(recipe_fields()):
        name = item.name.replace("_", "-")
        kind = type(item.default)
        if kind is bool:
            option = click.option(f"--{name}/--no-{name}", default=None, help=item.metadata["help"])
        else:
            option = click.option(f"--{name}", type=kind, help=item.metadata["help"])
        command = option(command)
    return command


def given_settings(options: dict[str, Any]) -> dict[str, Any]:
    """Pick, from a command's options, the settings of the recipe that were given."""
    names = {item.name for item in recipe_fields()}
    return {name: value for name, value in options.items() if name in names and value is not None}
