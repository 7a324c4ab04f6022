"""How a run comes to be: its directory and its record, written before the first step."""

from __future__ import annotations

import platform
import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch

from pellucid import networks
from pellucid.data import ImageSet, describe_images
from pellucid.ground.ranks import Ranks
from pellucid.ground.version import VERSION
from pellucid.run import Run, RunRecord
from pellucid.training.preparation import prepare
from pellucid.training.request import TrainingRequest

__all__ = ["create_run"]


def create_run(request: TrainingRequest, images: ImageSet, ranks: Ranks) -> Run:
    """Make the directory and the record of a run; every process calls this, and rank 0 writes.

    Args:
        request: what was asked, checked.
        images: what the request's `data` gave.
        ranks: the processes that will train.

    Raises:
        UserError: the network cannot take these images, or there are no training images; nothing is written then.
    """
    network = request.network or ("simple-mnist" if images.shape[0] == 1 else "simple-cifar")
    with torch.random.fork_rng():
        networks.build(network, input_shape=images.shape, classes=len(images.classes))  # raises if it does not fit
    recipe = request.changed_recipe()
    record = RunRecord(
        network=network,
        data=request.data.absolute(),
        fingerprint=images.fingerprint,
        recipe=recipe.to_dict(),
        seed=request.seed,
        device=request.device,
        threads=torch.get_num_threads(),
        processes=ranks.world,
        keep=request.keep,
        classes=images.classes,
        preprocessing=prepare(images, recipe, request.seed).preprocessing.to_dict(),
        versions=_versions(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    directory = None
    if ranks.is_main:
        directory = Path(request.out) if request.out else _next_directory(Path("runs"), images.name, network)
        own_file = Path(network.rpartition(":")[0]) if networks.is_own_file(network) else None
        Run.create(directory, record, own_file, describe_images(images), _split_lists(images))
    return Run(ranks.agree(directory), record)


def _split_lists(images: ImageSet) -> dict[str, list[str]] | None:
    """List each split's images where the split was made by a seed, so that it can be read and made again."""
    if images.split_seed is None:
        return None
    return {name: list(split.sources) for name, split in images.splits.items()}


def _next_directory(parent: Path, data: str, network: str) -> Path:
    """Name a new run after its data and network, with the first number above those that exist."""
    stem = f"{data}-{network.rpartition(':')[2]}"
    pattern = re.compile(re.escape(stem) + r"-(\d+)")
    matches = [pattern.fullmatch(path.name) for path in parent.glob(f"{stem}-*")] if parent.is_dir() else []
    return parent / f"{stem}-{max((int(match[1]) for match in matches if match), default=0) + 1}"


def _versions() -> dict[str, str]:
    return {
        "pellucid": VERSION,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "platform": platform.platform(),
        "processor": torch.backends.cpu.get_cpu_capability(),
    }
