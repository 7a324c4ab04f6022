"""How a run comes to be: its directory and its record, written before the first step."""

from __future__ import annotations

import contextlib
import itertools
import platform
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pellucid import networks
from pellucid.data import ImageSet, describe_images
from pellucid.ground.devices import full_float32
from pellucid.ground.errors import UserError
from pellucid.ground.locks import LockHeld, only_one
from pellucid.ground.ranks import Ranks
from pellucid.ground.version import VERSION
from pellucid.run import Run, RunFile, RunRecord, WeightsOrigin
from pellucid.training.device_check import IMAGES, check_gradients
from pellucid.training.frozen.last_layer import check_can_be_fitted
from pellucid.training.preparation import Preparation, prepare
from pellucid.training.request import TrainingRequest

__all__ = ["create_run"]

LONGEST_NAME = 200
"""Bytes of a made name, without its number; file systems take 255."""


def create_run(request: TrainingRequest, images: ImageSet, ranks: Ranks, device: torch.device) -> Run:
    """Make the directory and the record of a run; every process calls this, and rank 0 writes.

    Args:
        request: what was asked, checked.
        images: what the request's `data` gave.
        ranks: the processes that will train.
        device: where this one will; a GPU's gradients are checked against the CPU's.

    Raises:
        UserError: the network cannot take these images, there are no training images or too few in a batch for so many
            processes, or the device computes wrong gradients; nothing is written then.
    """
    if request.settings.get("flip") and not images.flip_allowed:
        raise UserError(
            f"--flip was given, but an image of {images.name} means something else when it is flipped, as digits and "
            "letters do; leave it out"
        )
    network = request.network or ("simple-mnist" if images.shape[0] == 1 else "simple-cifar")
    recipe = request.changed_recipe()
    starting = networks.starting_weights(network, request.weights, images.shape, len(images.classes))
    prepared = prepare(images, recipe, request.seed, starting.statistics if starting else None)
    last_batch = prepared.train_images % recipe.batch_size or recipe.batch_size
    if recipe.batch_size < 2 * ranks.world:
        raise UserError(
            f"batch_size is {recipe.batch_size} for {ranks.world} processes; expected at least {2 * ranks.world}, two "
            "images for each of them"
        )
    with torch.random.fork_rng(devices=[]):  # these raise if it does not fit
        built = networks.build(network, input_shape=images.shape, classes=len(images.classes))
        if starting is not None:
            networks.begin_with(built, starting, images.shape)
        head = networks.head_of(built, images.shape)
        if recipe.backbone == "frozen":
            check_can_be_fitted(built, network, images.shape, ranks.world)
            if recipe.fine_tune and prepared.val is None:
                raise UserError(
                    f"fine-tuning is judged by held-out photos, and {images.name} has none: no val/, and a share of "
                    f"{recipe.validation:g} of each class is less than one photo; give --validation a larger share, or "
                    "leave --fine-tune out"
                )
        else:
            networks.check_trains_on(built, network, images.shape, len(images.classes), min(last_batch, 2))
        with full_float32():
            check_gradients(built, *_some_images(prepared), prepared.preprocessing, device)
    record = RunRecord(
        network=network,
        head=head.value,
        data=request.data.absolute(),
        fingerprint=images.fingerprint,
        recipe=recipe.to_dict(),
        seed=request.seed,
        device=request.device,
        threads=torch.get_num_threads(),
        processes=ranks.world,
        keep=request.keep,
        classes=images.classes,
        preprocessing=prepared.preprocessing.to_dict(),
        versions=_versions(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        weights=WeightsOrigin(**starting.origin) if starting else None,
    )
    directory, run = None, None
    if ranks.is_main:
        own_file = Path(network.rpartition(":")[0]) if networks.is_own_file(network) else None
        with _claimed_directory(request.out, f"{images.name}-{network.rpartition(':')[2]}") as directory:
            run = Run.create(directory, record, own_file, describe_images(images), _split_lists(images))
    directory = ranks.agree(directory)
    return run or Run(directory, record, trust=True)


def _some_images(prepared: Preparation) -> tuple[Tensor, Tensor]:
    return prepared.train_on(torch.device("cpu")).cut(torch.arange(min(IMAGES, prepared.train_images)))


def _split_lists(images: ImageSet) -> dict[str, list[str]] | None:
    """List each split's images where the split was made by a seed, so that it can be read and made again."""
    if images.split_seed is None:
        return None
    return {name: list(split.sources) for name, split in images.splits.items()}


@contextlib.contextmanager
def _claimed_directory(out: str | Path | None, stem: str) -> Iterator[Path]:
    """Make a directory that holds no run yet, and lock it until the record is in it, so that no two runs begin in one.

    Without `out` it is the first `runs/STEM-1`, `runs/STEM-2` … above those that exist.

    Raises:
        UserError: `out` holds a run by now, or another process is beginning one there; no directory can be made.
    """
    candidates = iter([Path(out)]) if out else _directories(Path("runs"), stem)
    for directory in candidates:
        problem = f"{directory} exists and is not empty"
        try:
            directory.mkdir(parents=True, exist_ok=True)
            with only_one(directory / RunFile.LOCK):
                if Run.can_begin_in(directory):
                    yield directory
                    return
        except LockHeld:
            problem = f"another process is training in {directory}"
        except OSError as error:
            reason = error.strerror or str(error)
            raise UserError(
                f"the run's directory {directory} cannot be made: {reason}; choose another --out"
            ) from error
        if out:
            raise UserError(f"{problem}; choose another --out")


def _directories(parent: Path, stem: str) -> Iterator[Path]:
    """Name new runs after their data and network, numbered above those that exist; long names are shortened."""
    while len(stem.encode()) > LONGEST_NAME:
        stem = stem[:-1]
    pattern = re.compile(re.escape(stem) + r"-(\d+)")
    matches = [pattern.fullmatch(path.name) for path in parent.iterdir()] if parent.is_dir() else []
    first = max((int(match[1]) for match in matches if match), default=0) + 1
    return (parent / f"{stem}-{number}" for number in itertools.count(first))


def _versions() -> dict[str, str]:
    return {
        "pellucid": VERSION,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "platform": platform.platform(),
        "processor": torch.backends.cpu.get_cpu_capability(),
    }
