"""Beginning a training and resuming one: the lock, the log and the messages around the loop."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TextIO

import torch
from filelock import FileLock, Timeout

from pellucid.data import ImageSet, open_requested
from pellucid.ground.devices import describe_device, pick_device
from pellucid.ground.errors import UserError
from pellucid.ground.files import PARTIAL
from pellucid.ground.memory import keep_freed_memory
from pellucid.ground.ranks import Ranks, join_ranks
from pellucid.run import Run, RunFile
from pellucid.training.creation import create_run
from pellucid.training.display import Display
from pellucid.training.loop import train_to_end
from pellucid.training.metrics_log import MetricsLog
from pellucid.training.recorder import Recorder
from pellucid.training.request import TrainingRequest
from pellucid.training.session import Session, open_session

__all__ = ["resume", "start"]


def start(request: TrainingRequest, *, stream: TextIO | None = None) -> Run:
    """Begin the training that is asked for, train to its end and return the run.

    Raises:
        UserError: whatever cannot be, before anything is written; a loss that is not finite; a full disk.
        Interrupted: asked to stop, with everything up to then kept.
    """
    request.check()
    images = open_requested(request.data)
    device = pick_device(request.device)
    ranks = join_ranks(device)
    run = create_run(request, images, ranks)
    return _train(run, images, device, ranks, stream)


def resume(run: Run, *, stream: TextIO | None = None) -> Run:
    """Resume a run where its newest complete checkpoint is; on the CPU it ends bit-identical.

    A run that is finished is left as it is.

    Raises:
        UserError: another process is training it; its data are gone or have changed; and whatever `start` raises.
    """
    if run.metrics("end"):
        return run
    device = _device_to_resume_on(run)
    images = run.open_images()
    ranks = join_ranks(device)
    if ranks.world != run.record.processes:
        raise UserError(
            f"{run.directory} was trained by {run.record.processes} process(es), now there are {ranks.world}; "
            f"resume it with as many"
        )
    return _train(run, images, device, ranks, stream)


def _device_to_resume_on(run: Run) -> torch.device:
    """Pick the kind of device that `auto` picked before, so that sums are rounded alike; another if it is not here."""
    before = run.computations
    if run.record.device == "auto" and before:
        with contextlib.suppress(UserError):
            return pick_device(before[-1].device)
    return pick_device(run.record.device)


def _train(run: Run, images: ImageSet, device: torch.device, ranks: Ranks, stream: TextIO | None) -> Run:
    """Train a run to its end, alone, and leave the process as it was."""
    with _locked(run, ranks), _surroundings(run), _memory_explained(run, device):
        session = open_session(run, images, device, ranks)
        at = session.position
        with (
            MetricsLog(run.directory / RunFile.METRICS, at.metrics_bytes, ranks.is_main) as log,
            Display(stream if ranks.is_main else None, session.steps, at.step) as display,
        ):
            display.line(_opening_line(run, session, images))
            if session.head.remark:
                display.line(f"Note: {session.head.remark}.")
            recorder = Recorder(run, session, log, display)
            recorder.begin()
            train_to_end(session, recorder)
            display.line("Training finished.")
            recorder.end()
    ranks.wait()
    return run


@contextlib.contextmanager
def _locked(run: Run, ranks: Ranks) -> Iterator[None]:
    """Let no other process train the run; rank 0 holds the lock for all."""
    if not ranks.is_main:
        yield
        return
    lock = FileLock(run.directory / RunFile.LOCK, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise UserError(f"another process is training {run.directory}; wait for it, or stop it first") from None
    try:
        for leftover in run.directory.rglob(f"*{PARTIAL}"):  # of a process that was killed while writing
            leftover.unlink()
        yield
    finally:
        lock.release()


@contextlib.contextmanager
def _surroundings(run: Run) -> Iterator[None]:
    """Compute with the run's threads; the caller's threads and random state are put back afterwards."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng():
        try:
            torch.set_num_threads(run.record.threads)
            keep_freed_memory()
            yield
        finally:
            torch.set_num_threads(threads)


@contextlib.contextmanager
def _memory_explained(run: Run, device: torch.device) -> Iterator[None]:
    """Turn "out of memory" into a message that says what to make smaller."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:  # torch has no one type for it
        if isinstance(error, torch.OutOfMemoryError | MemoryError) or "can't allocate memory" in str(error):
            raise UserError(
                f"the memory of {describe_device(device)} does not suffice for batches of "
                f"{run.record.recipe['batch_size']} images of {'×'.join(map(str, run.preprocessing.input_shape))}; "
                "try a smaller --batch-size, or a smaller --size"
            ) from error
        raise


def _opening_line(run: Run, session: Session, images: ImageSet) -> str:
    count = sum(parameter.numel() for parameter in session.network.parameters())
    held_out = f", {len(session.val):,} for validation" if session.val else ""
    at = session.position
    begun = f"Resuming at epoch {at.epoch}, batch {at.batch}" if at.step else "Training"
    processes = f" · {session.ranks.world} processes" if session.ranks.world > 1 else ""
    precision = " in bfloat16" if session.mixed else ""
    return (
        f"{begun}: {run.record.network} ({count:,} parameters) on {images.name} ({len(session.train):,} images"
        f"{held_out}, {len(images.classes)} classes) · recipe {session.recipe.name}, "
        f"{session.recipe.epochs} epochs · {describe_device(session.device)}{precision}{processes} · {run.directory}"
    )
