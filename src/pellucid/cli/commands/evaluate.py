"""`pellucid evaluate`: how good a run is, and whether its confidence is reliable."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from pellucid.cli.command import Command
from pellucid.cli.options import (
    data_dir_option,
    data_option,
    device_option,
    epoch_option,
    json_option,
    run_argument,
    split_option,
)
from pellucid.cli.output import announce, announce_next, print_json
from pellucid.ground.commands import command_line

if TYPE_CHECKING:
    from pathlib import Path

    from pellucid.evaluation import Evaluation

__all__ = ["evaluate"]


@click.command(
    cls=Command,
    section="Evaluate",
    position=1,
    short_help="Measure accuracy, confusion and calibration on unseen images.",
)
@run_argument
@data_option
@split_option(others=True)
@epoch_option
@click.option("--shared-classes", is_flag=True, help="Of other images, only those of classes the network knows.")
@click.option("--no-calibration", is_flag=True, help="Leave the probabilities as trained.")
@click.option(
    "--error-rate",
    type=float,
    default=0.05,
    show_default=True,
    help="Wrong predictions allowed above the confidence threshold.",
)
@click.option("--unknown", multiple=True, help="Out-of-class images: a set.  [noise and blank always]")
@click.option("--figures", is_flag=True, help="Draw confusion matrix, reliability and coverage as PNG.")
@click.option("--curve", is_flag=True, help="What more photos would bring (frozen backbones).")
@data_dir_option
@device_option
@json_option
def evaluate(
    run: str,
    no_calibration: bool,
    unknown: tuple[str, ...],
    figures: bool,
    curve: bool,
    device: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Measure a RUN on images that it has not seen.

    Accuracy, recall and precision of each class, the most frequent mistakes, and whether its confidence is reliable.
    Writes RUN/evaluation.json and RUN/predictions.csv (for other images, below RUN/evaluations/), and
    RUN/calibration.json: the temperature and the confidence threshold, both chosen on validation images.

    \b
    Examples:
      pellucid evaluate runs/cifar10-simple-cifar-1
      pellucid evaluate runs/cifar10-simple-cifar-1 --epoch 3 --json
      pellucid evaluate runs/cifar10-simple-cifar-1 --data my_photos/ --shared-classes
      pellucid evaluate runs/mnist-simple-mnist-1 --unknown fashion-mnist --error-rate 0.01
      torchrun --nproc-per-node 2 -m pellucid evaluate runs/cifar10-simple-cifar-1
    """
    from pellucid.evaluation import evaluate as measure
    from pellucid.evaluation import learning_curve
    from pellucid.evaluation.unknown import GENERATED
    from pellucid.ground.devices import pick_device
    from pellucid.ground.ranks import join_ranks
    from pellucid.run import RunFile, open_run

    opened = open_run(run)
    ranks = join_ranks(pick_device(device))
    evaluation = measure(
        opened,
        **options,
        device=device,
        calibrate=not no_calibration,
        unknown=tuple(dict.fromkeys((*GENERATED, *unknown))),
        ranks=ranks,
        show_progress=True,
    )
    if not ranks.is_main:
        return
    outlook = learning_curve(opened, epoch=evaluation.epoch, device=device, show_progress=True) if curve else None
    if as_json:
        print_json(evaluation.to_dict() | ({"curve": outlook.to_dict()} if outlook else {}))
    else:
        click.echo(str(evaluation))
        if outlook:
            click.echo(f"\n{outlook}")
    files = [evaluation.directory / RunFile.EVALUATION, evaluation.directory / RunFile.PREDICTIONS]
    if outlook:
        files.append(opened.directory / RunFile.CURVE)
    announce(*files, *(_draw(evaluation) if figures else ()))
    steps = [
        ("its most confident mistakes", command_line("mistakes", opened.directory)),
        ("everything about it on one page", command_line("report", opened.directory)),
        ("use it: images of your own", command_line("predict", opened.directory, "IMAGE")),
    ]
    announce_next(steps)


def _draw(evaluation: Evaluation) -> list[Path]:
    from pellucid.figures.confusion import confusion_figure
    from pellucid.figures.coverage import coverage_figure
    from pellucid.figures.reliability import reliability_figure
    from pellucid.figures.saving import save_figure

    names = [figures.name for figures in evaluation.classes]
    pictures = {
        "confusion.png": confusion_figure(evaluation.confusion, names),
        "reliability.png": reliability_figure(evaluation.as_trained, evaluation.calibrated),
        "coverage.png": coverage_figure(evaluation.coverage, evaluation.abstention),
    }
    for name, figure in pictures.items():
        save_figure(figure, evaluation.directory / name, force=True)
    return [evaluation.directory / name for name in pictures]
