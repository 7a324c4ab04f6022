"""`pellucid step`: one training step of a run, recomputed for one weight."""

from __future__ import annotations

import click

from pellucid.cli.command import Command
from pellucid.cli.options import digits_option, run_argument, weight_option
from pellucid.cli.output import json_option, print_json

__all__ = ["step"]


@click.command(
    cls=Command, section="Inspect", position=2, short_help="Repeat one training step and recompute it for one weight."
)
@run_argument
@weight_option
@click.option("--step", "number", type=int, metavar="K", help="Its number in the run, counted from 1.  [1]")
@click.option("--epoch", type=int, metavar="E", help="Or: a step of this epoch, the first unless --batch is given.")
@click.option("--batch", type=int, metavar="N", help="The batch of the epoch, counted from 1.")
@click.option("--verify/--no-verify", default=True, show_default=True, help="Go on to the run's next record; check it.")
@digits_option
@json_option
def step(
    run: str,
    weight: str | None,
    number: int | None,
    epoch: int | None,
    batch: int | None,
    verify: bool,
    as_json: bool,
) -> None:
    """Repeat one training step; recompute what it does to one weight.

    RUN is a run's directory. Loss, its gradient at the logits, the chain rule back to the weight, the gradient as a sum
    over images and positions, the optimizer: each checked against PyTorch. Steps before it are repeated from the
    nearest checkpoint or from the seed, and checked against what the run recorded. Without --weight, weights to choose
    from are listed.

    \b
    Examples:
      pellucid step runs/cifar10-simple-cifar-1
      pellucid step runs/cifar10-simple-cifar-1 --weight "conv1.weight[0,0,1,1]"
      pellucid step runs/cifar10-simple-cifar-1 --weight "fc2.bias[3]" --epoch 2
      pellucid step runs/cifar10-simple-cifar-1 --weight "fc1.weight[3,210]" --step 200 --json
    """
    if weight is None:
        _list_weights(run, as_json)
        return
    from pellucid.stepping import take_step

    training_step = take_step(run, weight, step=number, epoch=epoch, batch=batch, verify=verify, show_progress=True)
    if as_json:
        print_json(training_step.to_dict())
    else:
        click.echo(str(training_step))


def _list_weights(run: str, as_json: bool) -> None:
    from pellucid.run import open_run
    from pellucid.stepping import check_has_steps, example_weights
    from pellucid.stepping.showing import examples_text

    opened = open_run(run)
    check_has_steps(opened)
    examples = example_weights(opened.build_network())
    if as_json:
        print_json({"weights": [{"example": name, "shape": list(shape)} for name, shape in examples.items()]})
    else:
        click.echo(examples_text(str(run), examples))
