"""`pellucid evaluate`: the figures of a run, and the table they come from."""

from __future__ import annotations

from typing import Any

import click

from pellucid.cli.command import Command
from pellucid.cli.options import data_dir_option, data_option, device_option, epoch_option, run_argument, split_option
from pellucid.cli.output import json_option, print_json

__all__ = ["evaluate"]


@click.command(cls=Command)
@run_argument
@data_option
@split_option()
@epoch_option
@click.option("--shared-classes", is_flag=True, help="Of other images, only those of classes the network knows.")
@click.option("--no-calibration", is_flag=True, help="Leave the probabilities as trained.")
@click.option(
    "--error-rate", type=float, default=0.05, show_default=True, help="Wrong answers allowed when it may abstain."
)
@click.option("--unknown", multiple=True, help="Images of none of the classes: a set.  [noise and blank always]")
@click.option("--figures", is_flag=True, help="Draw confusion, reliability and coverage as PNG beside the figures.")
@data_dir_option
@device_option
@json_option
def evaluate(
    run: str, no_calibration: bool, unknown: tuple[str, ...], figures: bool, device: str, as_json: bool, **options: Any
) -> None:
    """Measure a RUN on images it has not seen: accuracy, each class, who is taken for whom, how sure it may be.

    Writes RUN/evaluation.json and RUN/predictions.csv (for other images, below RUN/evaluations/), and keeps in
    RUN/calibration.json the temperature and the confidence to answer at, both found on validation images.

    \b
    Examples:
      pellucid evaluate runs/cifar10-simple-cifar-1
      pellucid evaluate runs/cifar10-simple-cifar-1 --epoch 3 --json
      pellucid evaluate runs/cifar10-simple-cifar-1 --data my_photos/ --shared-classes
      pellucid evaluate runs/mnist-simple-mnist-1 --unknown fashion-mnist --error-rate 0.01
      torchrun --nproc-per-node 2 -m pellucid evaluate runs/cifar10-simple-cifar-1
    """
    from pellucid.evaluation import evaluate as measure
    from pellucid.evaluation.unknown import MADE
    from pellucid.ground.devices import pick_device
    from pellucid.ground.ranks import join_ranks
    from pellucid.run import open_run

    opened = open_run(run)
    ranks = join_ranks(pick_device(device))
    evaluation = measure(
        opened,
        **options,
        device=device,
        calibrate=not no_calibration,
        unknown=tuple(dict.fromkeys((*MADE, *unknown))),
        ranks=ranks,
        show_progress=True,
    )
    if not ranks.is_main:
        return
    if figures:
        _draw(evaluation)
    if as_json:
        print_json(evaluation.to_dict())
    else:
        click.echo(str(evaluation))
        click.echo(f"Figures: {evaluation.directory / 'evaluation.json'}")
        click.echo(f"Each image: {evaluation.directory / 'predictions.csv'}")


def _draw(evaluation: Any) -> None:
    from pellucid.figures.confusion import confusion_figure
    from pellucid.figures.coverage import coverage_figure
    from pellucid.figures.reliability import reliability_figure
    from pellucid.figures.saving import save_figure

    names = [one.name for one in evaluation.classes]
    pictures = {
        "confusion.png": confusion_figure(evaluation.confusion, names),
        "reliability.png": reliability_figure(evaluation.as_trained, evaluation.calibrated),
        "coverage.png": coverage_figure(evaluation.coverage, evaluation.abstention),
    }
    for name, figure in pictures.items():
        save_figure(figure, evaluation.directory / name, force=True)
