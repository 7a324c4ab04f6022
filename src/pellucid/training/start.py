"""Beginning a training, and taking one up again where it stopped."""

from __future__ import annotations

import platform
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import torch
from filelock import FileLock, Timeout

from pellucid import networks
from pellucid.data import ImageSet, describe, open_image_set
from pellucid.ground.devices import describe_device, pick_device, uses_mixed_precision
from pellucid.ground.errors import UserError
from pellucid.ground.files import PARTIAL
from pellucid.ground.memory import keep_freed_memory
from pellucid.ground.ranks import Ranks, join_ranks
from pellucid.ground.version import VERSION
from pellucid.recipes import Recipe, preset
from pellucid.run import DataRequest, Run, RunRecord
from pellucid.training.checkpoint import load_checkpoint
from pellucid.training.display import Display
from pellucid.training.loop import Training, fit
from pellucid.training.metrics_log import MetricsLog
from pellucid.training.optimizer import make_optimizer
from pellucid.training.position import Position
from pellucid.training.preparation import prepare
from pellucid.training.recorder import Recorder

__all__ = ["resume", "start"]


def start(
    data: str | Path,
    *,
    network: str | None = None,
    recipe: str | Recipe = "standard",
    seed: int = 0,
    device: str = "auto",
    out: str | Path | None = None,
    keep: int | None = None,
    data_dir: str | Path | None = None,
    size: tuple[int, int] | None = None,
    channels: int | None = None,
    fit: str = "stretch",
    strict: bool = False,
    split_seed: int = 0,
    stream: TextIO | None = None,
    **settings: Any,
) -> Run:
    """Train a network on an image set and return the run; `pellucid.train` says what each argument is.

    Raises:
        UserError: whatever cannot be, before anything is written; a loss that is not finite; a full disk.
        Interrupted: asked to stop, with everything up to then kept.
    """
    chosen = (preset(recipe) if isinstance(recipe, str) else recipe).replace(**settings)
    torch_device = _check_request(chosen, seed, device, out, keep)
    images = open_image_set(
        data,
        data_dir=data_dir,
        size=size,
        channels=channels,
        fit=fit,
        strict=strict,
        split_seed=split_seed,
    )
    request = DataRequest(
        source=_absolute_source(data),
        data_dir=None if data_dir is None else str(Path(data_dir).resolve()),
        size=size,
        channels=channels,
        fit=fit,
        strict=strict,
        split_seed=split_seed,
        fingerprint=images.fingerprint,
    )
    name = network or ("simple-mnist" if images.shape[0] == 1 else "simple-cifar")
    with torch.random.fork_rng():
        networks.build(name, input_shape=images.shape, classes=len(images.classes))  # says at once if it does not fit
    ranks = join_ranks(torch_device)
    record = RunRecord(
        network=name,
        data=request,
        recipe=chosen.to_dict(),
        seed=seed,
        device=device,
        threads=torch.get_num_threads(),
        processes=ranks.world,
        keep=keep,
        classes=images.classes,
        preprocessing=prepare(images, chosen, seed).preprocessing.to_dict(),
        versions=_versions(),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    directory = None
    if ranks.is_main:
        directory = Path(out) if out else _next_directory(Path("runs"), images.name, name)
        own_file = Path(name.rpartition(":")[0]) if networks.is_own_file(name) else None
        Run.create(directory, record, own_file, describe(images), _split_lists(images))
    return _train(Run(ranks.agree(directory), record), images, ranks, torch_device, stream)


def resume(run: Run, *, stream: TextIO | None = None) -> Run:
    """Take a run up again where its newest complete checkpoint is; on the CPU it ends bit-identical.

    A run that is finished is left as it is.

    Raises:
        UserError: another process is training it; its data are gone or have changed; and whatever `start` raises.
    """
    if run.metrics("end"):
        return run
    device = pick_device(run.record.device)
    images = run.open_images()
    ranks = join_ranks(device)
    if ranks.world != run.record.processes:
        raise UserError(
            f"{run.directory} was trained by {run.record.processes} process(es), now there are {ranks.world}; "
            f"resume it with as many"
        )
    return _train(run, images, ranks, device, stream)


def _train(run: Run, images: ImageSet, ranks: Ranks, device: torch.device, stream: TextIO | None) -> Run:
    recipe = Recipe.from_dict(run.record.recipe)
    threads_before = torch.get_num_threads()
    lock = FileLock(run.directory / ".lock", timeout=0)
    try:
        if ranks.is_main:
            lock.acquire()
            for leftover in run.directory.rglob(f"*{PARTIAL}"):  # of a process that was killed while writing
                leftover.unlink()
        # The caller's random state is none of a training's business; it is put back afterwards.
        with torch.random.fork_rng():
            torch.set_num_threads(run.record.threads)
            keep_freed_memory()
            training = _set_up(run, recipe, images, ranks, device)
            stream = stream if ranks.is_main else None
            with (
                MetricsLog(run.directory / "metrics.jsonl", training.position.metrics_bytes, ranks.is_main) as log,
                Display(stream, training.steps, training.position.step) as display,
            ):
                display.line(_opening_line(run, training, images))
                recorder = Recorder(
                    run, recipe, training.network, training.optimizer, log, display, writes=ranks.is_main
                )
                fit(training, recorder)
                display.line("Training finished.")
                recorder.end()
    except (RuntimeError, MemoryError) as error:  # torch has no one type for it
        if isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error):
            raise UserError(
                f"the memory of {describe_device(device)} does not suffice for batches of {recipe.batch_size} images "
                f"of {'×'.join(map(str, images.shape))}; try a smaller --batch-size, or a smaller --size"
            ) from error
        raise
    except Timeout:
        raise UserError(f"another process is training {run.directory}; wait for it, or stop it first") from None
    finally:
        lock.release()
        torch.set_num_threads(threads_before)
    ranks.wait()
    return run


def _set_up(run: Run, recipe: Recipe, images: ImageSet, ranks: Ranks, device: torch.device) -> Training:
    seed = run.record.seed
    prepared = prepare(images, recipe, seed)
    torch.manual_seed(seed)
    network = run.build_network().to(device)
    optimizer = make_optimizer(network, recipe, device)
    position = load_checkpoint(run, network, optimizer, device) or Position()
    return Training(
        recipe=recipe,
        seed=seed,
        network=network,
        optimizer=optimizer,
        train=prepared.train_on(device),
        val=prepared.val_on(device),
        augmentation=prepared.augmentation,
        preprocessing=prepared.preprocessing,
        classes=len(images.classes),
        device=device,
        mixed=uses_mixed_precision(recipe.precision, device),
        ranks=ranks,
        position=position,
    )


def _opening_line(run: Run, training: Training, images: ImageSet) -> str:
    count = sum(parameter.numel() for parameter in training.network.parameters())
    held_out = f", {len(training.val):,} for validation" if training.val else ""
    at = training.position
    begun = f"Resuming at epoch {at.epoch}, batch {at.batch}" if at.step else "Training"
    ranks = f" · {training.ranks.world} processes" if training.ranks.world > 1 else ""
    precision = " in bfloat16" if training.mixed else ""
    return (
        f"{begun}: {run.record.network} ({count:,} parameters) on {images.name} ({len(training.train):,} images"
        f"{held_out}, {len(images.classes)} classes) · recipe {training.recipe.name}, "
        f"{training.recipe.epochs} epochs · {describe_device(training.device)}{precision}{ranks} · {run.directory}"
    )


def _check_request(recipe: Recipe, seed: int, device: str, out: str | Path | None, keep: int | None) -> torch.device:
    problems = []
    if keep is not None and keep < 1:
        problems.append(f"keep is {keep}; expected at least 1 epoch's weights, or nothing to keep all")
    if not 0 <= seed < 2**63:
        problems.append(f"seed is {seed}; expected a whole number from 0 to 2^63 - 1")
    if out is not None and not Run.can_begin_in(Path(out)):
        is_run = (Path(out) / "run.json").exists()
        remedy = f"take it up again with: pellucid resume {out}" if is_run else "choose another --out"
        problems.append(f"{out} is there already and not empty; {remedy}")
    torch_device = torch.device("cpu")
    try:
        torch_device = pick_device(device)
        uses_mixed_precision(recipe.precision, torch_device)
    except UserError as error:
        problems.append(str(error))
    if problems:
        raise UserError.all_of("this training cannot begin", problems)
    return torch_device


def _split_lists(images: ImageSet) -> dict[str, list[str]] | None:
    """List each split's images where the split was made by a seed, so that it can be read and made again."""
    if images.split_seed is None:
        return None
    return {name: list(split.sources) for name, split in images.splits.items()}


def _absolute_source(data: str | Path) -> str:
    """Keep a name as it is; make a path absolute, so that the run can be resumed from anywhere."""
    return str(Path(data).resolve()) if Path(data).exists() else str(data)


def _next_directory(parent: Path, data: str, network: str) -> Path:
    """Name a new run after its data and network, with the first number above those that are taken."""
    stem = f"{data}-{network.rpartition(':')[2]}"
    pattern = re.compile(re.escape(stem) + r"-(\d+)")
    matches = [pattern.fullmatch(path.name) for path in parent.glob(f"{stem}-*")] if parent.is_dir() else []
    taken = [int(match[1]) for match in matches if match]
    return parent / f"{stem}-{max(taken, default=0) + 1}"


def _versions() -> dict[str, str]:
    return {
        "pellucid": VERSION,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "platform": platform.platform(),
        "processor": torch.backends.cpu.get_cpu_capability(),
    }
