"""`pellucid recipes`: the recipes and their settings."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

import click

from pellucid.cli.command import Command
from pellucid.cli.options import json_option
from pellucid.cli.output import print_json
from pellucid.recipes import PRESETS, recipe_fields

if TYPE_CHECKING:
    pass

__all__ = ["recipes"]


@click.command(cls=Command, section="Train", position=6, short_help="List the recipes and their settings.")
@json_option
def recipes(as_json: bool) -> None:
    """List the recipes and their settings.

    \b
    Example:
      pellucid recipes
    """
    chosen = {name: make() for name, make in PRESETS.items()}
    if as_json:
        print_json({name: recipe.to_dict() for name, recipe in chosen.items()})
        return
    for name, make in PRESETS.items():
        click.echo(click.wrap_text(f"{name}: {inspect.getdoc(make)}", 100, preserve_paragraphs=True) + "\n")
    width = max(len(item.name) for item in recipe_fields())
    click.echo(" " * width + "".join(f"{name:>12}" for name in chosen))
    for item in recipe_fields():
        values = [getattr(recipe, item.name) for recipe in chosen.values()]
        shown = ["yes" if value is True else "no" if value is False else str(value) for value in values]
        click.echo(f"{item.name:<{width}}" + "".join(f"{value:>12}" for value in shown))
