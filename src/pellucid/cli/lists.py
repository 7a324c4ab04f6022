"""`pellucid runs`, `pellucid networks`, `pellucid recipes`: what there is."""

from __future__ import annotations

import inspect
from typing import Any

import click

from pellucid.cli.output import json_option, print_json
from pellucid.ground.errors import UserError
from pellucid.recipes import PRESETS, recipe_fields

__all__ = ["networks", "recipes", "runs"]


@click.command()
@click.argument("directory", default="runs")
@json_option
def runs(directory: str, as_json: bool) -> None:
    """List the runs in DIRECTORY, `runs` if not given: how far each came and how good it is.

    \b
    Example:
      pellucid runs
    """
    from pellucid.run import find_runs

    rows = [_run_row(run) for run in find_runs(directory)]
    if as_json:
        print_json(rows)
        return
    if not rows:
        click.echo(f"No runs in {directory}. Begin one: pellucid train fashion-mnist", err=True)
    for row in rows:
        accuracy = "" if row["test_accuracy"] is None else f"  test {row['test_accuracy']:.2%}"
        click.echo(f"{row['run']}  {row['network']} on {row['data']}, {row['recipe']}  {row['status']}{accuracy}")


@click.command()
@json_option
def networks(as_json: bool) -> None:
    """List the networks that have a name, with their parameters at the input they were made for.

    \b
    Example:
      pellucid networks
    """
    from pellucid.networks import NETWORKS, build

    rows: list[dict[str, Any]] = []
    for name, entry in NETWORKS.items():
        network = build(name, input_shape=entry.default_input, classes=10)
        count = sum(parameter.numel() for parameter in network.parameters())
        rows.append({"name": name, "input": list(entry.default_input), "parameters": count, "summary": entry.summary})
    if as_json:
        print_json(rows)
        return
    for row in rows:
        size = "x".join(map(str, row["input"]))
        click.echo(f"{row['name']:<14} {size:<8} {row['parameters']:>11,} parameters  {row['summary']}")
    click.echo("\nYour own: file.py:ClassName, an nn.Module that takes `input_shape` and `classes` if it wants them.")


@click.command()
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
        click.echo(f"{name}: {inspect.getdoc(make)}\n")
    width = max(len(item.name) for item in recipe_fields())
    click.echo(" " * width + "".join(f"{name:>12}" for name in chosen))
    for item in recipe_fields():
        values = [getattr(recipe, item.name) for recipe in chosen.values()]
        shown = ["yes" if value is True else "no" if value is False else str(value) for value in values]
        click.echo(f"{item.name:<{width}}" + "".join(f"{value:>12}" for value in shown))


def _run_row(run: Any) -> dict[str, Any]:
    from pellucid.evaluation import read_evaluation
    from pellucid.run import RunFile

    try:
        evaluation = read_evaluation(run.directory / RunFile.EVALUATION)
    except UserError:  # damaged, or of another pellucid: a list says what it can
        evaluation = None
    return {
        "run": str(run.directory),
        "network": run.record.network,
        "data": run.data["name"],
        "recipe": run.record.recipe["name"],
        "seed": run.record.seed,
        "status": run.status,
        "test_accuracy": evaluation.accuracy if evaluation and evaluation.split == "test" else None,
    }
