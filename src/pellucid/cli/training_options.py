"""Command-line options made from the fields of the recipe, so that there is one place to configure a training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from pellucid.cli.kinds import Choice
from pellucid.recipes import recipe_fields

__all__ = ["given_settings", "recipe_options"]

Command = TypeVar("Command", bound=Callable[..., Any])


def recipe_options(command: Command) -> Command:
    """Add an option for each setting of a recipe; one that is not given keeps the recipe's own value."""
    for item in reversed(recipe_fields()):
        name = item.name.replace("_", "-")
        kind = type(item.default)
        if kind is bool:
            option = click.option(f"--{name}/--no-{name}", default=None, help=item.metadata["help"])
        else:
            # The recipe's check of a name says what it expects as "adam or adamw or sgd".
            choices = Choice(item.metadata["check"][1].split(" or ")) if kind is str else kind
            option = click.option(f"--{name}", type=choices, help=item.metadata["help"])
        command = option(command)
    return command


def given_settings(options: dict[str, Any]) -> dict[str, Any]:
    """Pick, from a command's options, the settings of the recipe that were given."""
    names = {item.name for item in recipe_fields()}
    return {name: value for name, value in options.items() if name in names and value is not None}
