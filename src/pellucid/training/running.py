"""Beginning a training and resuming one: the lock, the log and the messages around the loop."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TextIO

import torch

from pellucid.data import ImageSet, missing_lines, open_requested
from pellucid.data.near_copies import near_copies_words
from pellucid.ground.devices import describe_device, full_float32, generators_kept, pick_device, usable_threads
from pellucid.ground.errors import UserError
from pellucid.ground.exhaustion import is_out_of_memory
from pellucid.ground.locks import LockHeld, only_one
from pellucid.ground.memory import keep_freed_memory
from pellucid.ground.outside import visible
from pellucid.ground.ranks import Ranks, join_ranks, lost_processes_explained
from pellucid.ground.writing import counted
from pellucid.run import Run, RunFile
from pellucid.run.files import remove_leftovers
from pellucid.run.resuming import resume_command
from pellucid.training.choosing import chosen
from pellucid.training.creation import create_run
from pellucid.training.device_check import check_gradients
from pellucid.training.display import Display
from pellucid.training.loop import train_to_end
from pellucid.training.metrics_log import MetricsLog
from pellucid.training.opening import (
    closing_line,
    composition_line,
    few_steps_remark,
    frozen_line,
    opening_line,
    opening_remarks,
)
from pellucid.training.recorder import Recorder
from pellucid.training.request import TrainingRequest
from pellucid.training.session import open_session

__all__ = ["resume", "start"]


def start(request: TrainingRequest, *, stream: TextIO | None = None) -> Run:
    """Begin the training that is asked for, train to its end and return the run.

    Raises:
        UserError: whatever cannot be, before anything is written; a loss that is not finite; a full disk.
        Interrupted: asked to stop, with everything up to then kept.
    """
    request, words = chosen(request)
    request.check()
    if stream and os.environ.get("RANK", "0") == "0":
        for line in words:
            print(visible(line), file=stream, flush=True)
    images = open_requested(request.data)
    device = pick_device(request.device)
    ranks = join_ranks(device)
    run = create_run(request, images, ranks, device)
    return _train(run, images, device, ranks, stream)


def resume(run: Run, *, device: str | None = None, stream: TextIO | None = None) -> Run:
    """Resume a run where its newest complete checkpoint is; on the CPU that began it, it ends bit-identical.

    A run that is finished is left as it is.

    Args:
        run: which.
        device: where to compute from here on; None is where it was computed before. Precision stays as it was.
        stream: where the log goes.

    Raises:
        UserError: another process is training it; its data are gone or have changed; and whatever `start` raises.
    """
    if run.metrics("end"):
        if stream:
            print(
                f"{run.directory} is finished: its {counted(run.record.recipe['epochs'], 'epoch')} are done. To train "
                "longer, begin a new run with more --epochs.",
                file=stream,
                flush=True,
            )
        return run
    chosen = _device_to_resume_on(run, device)
    images = run.open_images()
    ranks = join_ranks(chosen)
    if ranks.world != run.record.processes:
        raise UserError(
            f"{run.directory} was trained by {run.record.processes} process(es), now there are {ranks.world}; "
            f"resume it with: {resume_command(run.directory, run.record.processes)}"
        )
    return _train(run, images, chosen, ranks, stream)


def _device_to_resume_on(run: Run, asked: str | None) -> torch.device:
    """Pick the kind of device that computed before, so that sums are rounded alike; another if `auto` has to."""
    if asked is not None:
        return pick_device(asked)
    before = [computation.device for computation in run.computations]
    if before and before[-1] != run.record.device.partition(":")[0]:
        with contextlib.suppress(UserError) if run.record.device == "auto" else contextlib.nullcontext():
            return pick_device(before[-1])
    return pick_device(run.record.device)


def _train(run: Run, images: ImageSet, device: torch.device, ranks: Ranks, stream: TextIO | None) -> Run:
    """Train a run to its end, alone, and leave the process as it was."""
    remedy = f"everything up to the last checkpoint is kept; go on with: {resume_command(run.directory, ranks.world)}"
    with (
        _locked(run, ranks),
        _surroundings(run, device),
        _memory_explained(run, device),
        lost_processes_explained(ranks, remedy),
    ):
        session = open_session(run, images, device, ranks)
        at = session.position
        if at.step:  # a run that begins was checked before its directory was made
            check_gradients(session.network, *session.some_images(), session.preparation.preprocessing, device)
        with (
            MetricsLog(run.directory / RunFile.METRICS, at.metrics_bytes, ranks.is_main) as log,
            Display(stream if ranks.is_main else None, session.steps, at.step) as display,
        ):
            display.line(opening_line(run, session, images))
            if session.is_frozen:
                display.line(frozen_line(run, session))
            if not at.step:
                display.line(composition_line(run, session))
            few_steps = few_steps_remark(session)
            for remark in (*opening_remarks(run, session), *([few_steps] if few_steps else ())):
                display.line(f"Note: {remark}.")
            for line in missing_lines(images, str(run.directory / RunFile.DATA)):
                display.line(line)
            near_copies = near_copies_words(session.preparation.near_copies)
            if near_copies:
                display.line(f"{near_copies}.")
            if session.head.remark:
                display.line(f"Note: {session.head.remark}.")
            recorder = Recorder(run, session, log, display)
            recorder.begin()
            train_to_end(session, recorder)
            display.line(closing_line(run))
            recorder.end()
        ranks.wait()
    return run


@contextlib.contextmanager
def _locked(run: Run, ranks: Ranks) -> Iterator[None]:
    """Let no other process train the run; rank 0 holds the lock for all."""
    if not ranks.is_main:
        yield
        return
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(only_one(run.directory / RunFile.LOCK))
        except LockHeld:
            raise UserError(f"another process is training {run.directory}; wait for it, or stop it first") from None
        remove_leftovers(run.directory)
        yield


@contextlib.contextmanager
def _surroundings(run: Run, device: torch.device) -> Iterator[None]:
    """Compute with the run's threads, in full float32; what the caller had is put back, random state included."""
    threads = torch.get_num_threads()
    with generators_kept(device), full_float32():
        try:
            torch.set_num_threads(usable_threads(run.record.threads))
            keep_freed_memory()
            yield
        finally:
            torch.set_num_threads(threads)


@contextlib.contextmanager
def _memory_explained(run: Run, device: torch.device) -> Iterator[None]:
    """Turn "out of memory" into a message that says what to make smaller."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if is_out_of_memory(error):
            raise UserError(
                f"the memory of {describe_device(device)} does not suffice for batches of "
                f"{run.record.recipe['batch_size']} images of {'×'.join(map(str, run.preprocessing.input_shape))}; "
                "try a smaller --batch-size, or a smaller --size"
            ) from error
        raise
