"""`pellucid runs`: how far each run came and how good it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pellucid.cli.command import Command
from pellucid.cli.kinds import Place
from pellucid.cli.options import json_option
from pellucid.cli.output import print_json
from pellucid.ground.errors import UserError, system_error
from pellucid.ground.tables import text_table
from pellucid.ground.writing import counted

if TYPE_CHECKING:
    from pellucid.run import Run

__all__ = ["runs"]


@click.command(
    cls=Command, section="Train", position=3, short_help="List the runs: how far each came and how good it is."
)
@click.argument("directory", type=Place(file_okay=False, must_exist=True), default="runs")
@json_option
def runs(directory: Path, as_json: bool) -> None:
    """List the runs in DIRECTORY, `runs` if not given: how far each came and how good it is, the newest last.

    The accuracy is that on the test images; before `pellucid evaluate`, that on the validation images.

    \b
    Examples:
      pellucid runs
      pellucid runs my_runs/ --json
    """
    from pellucid.run import open_run

    rows = []
    for path in sorted(file.parent for file in directory.glob("*/run.json")):
        try:
            run = open_run(path)
            rows.append((run.record.created, str(path), _run_row(run)))
        except (UserError, OSError) as error:
            reason = system_error(error) if isinstance(error, OSError) else str(error)
            rows.append(("", str(path), _damaged_row(path, reason)))
    listed = [row for _, _, row in sorted(rows, key=lambda entry: entry[:2])]
    if as_json:
        print_json(listed)
    elif listed:
        _print_runs(directory, listed)
    else:
        click.echo(f"No runs in {directory}. Begin one: pellucid train fashion-mnist", err=True)
    for row in listed:
        if row["problem"] is not None:
            click.echo(f"{row['run']}: {row['problem']}", err=True)


def _damaged_row(path: Path, problem: str) -> dict[str, Any]:
    names = ("network", "data", "recipe", "seed", "epochs", "test_accuracy", "validation_accuracy")
    return {"run": str(path), **dict.fromkeys(names), "status": "damaged", "problem": problem}


def _run_row(run: Run) -> dict[str, Any]:
    from pellucid.evaluation import own_evaluation

    evaluation, problem = None, None
    try:
        evaluation = own_evaluation(run)
    except UserError as error:  # damaged, or of another pellucid: a list says what it can
        problem = str(error)
    epochs = run.metrics("epoch")
    return {
        "run": str(run.directory),
        "network": run.record.network,
        "data": run.data["name"],
        "recipe": run.record.recipe["name"],
        "seed": run.record.seed,
        "status": run.status,
        "epochs": [len(epochs), run.record.recipe["epochs"]],
        "test_accuracy": evaluation.accuracy if evaluation and evaluation.split == "test" else None,
        "validation_accuracy": _validation_accuracy(run, epochs),
        "problem": problem,
    }


def _validation_accuracy(run: Run, epochs: list[dict[str, Any]]) -> float | None:
    """Give the validation accuracy of the weights that are used by default, or of the last epoch without any."""
    from pellucid.run.epochs import best_epoch

    best = best_epoch(epochs, run.epochs())
    figures: list[float | None] = [line.get("val_accuracy") for line in epochs if best in (None, line["epoch"])]
    return figures[-1] if figures else None


def _print_runs(directory: Path, rows: list[dict[str, Any]]) -> None:
    click.echo(f"{counted(len(rows), 'run')} in {directory}, the newest last\n")
    cells = []
    for row in rows:
        state = row["status"].partition(" ")[0]
        accuracy = next(
            (
                f"{row[f'{split}_accuracy']:.2%} {split}"
                for split in ("test", "validation")
                if row[f"{split}_accuracy"] is not None
            ),
            "",
        )
        cells.append(
            (
                _shortened(Path(row["run"]).name, 32),
                _shortened(row["network"] or "", 15),
                _shortened(row["data"] or "", 14),
                _shortened(row["recipe"] or "", 8),
                "/".join(map(str, row["epochs"] or ())),
                state,
                accuracy.replace("validation", "val"),
            )
        )
    for line in text_table(("run", "network", "data", "recipe", "epochs", "status", "accuracy"), cells, right=(4,)):
        click.echo(line)


def _shortened(text: str, most: int) -> str:
    """Leave out the middle of a long text; the end of a name tells more than its middle.

    >>> _shortened("experiments/my_nets.py:TinyNet", 15), _shortened("simple-cifar", 15)
    ('experi…:TinyNet', 'simple-cifar')
    """
    if len(text) <= most:
        return text
    start = (most - 1) // 2
    return f"{text[: start - 1]}…{text[-(most - start) :]}"
