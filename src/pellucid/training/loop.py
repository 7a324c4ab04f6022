"""The training loop, top to bottom: batch, forward, loss, backward, update, log."""

from __future__ import annotations

import math
import time

import torch

from pellucid.training.frozen.judging import judge
from pellucid.training.frozen.last_layer import fit_last_layer
from pellucid.training.interruption import Interrupted, StopRequest
from pellucid.training.recorder import Recorder
from pellucid.training.scoring import score
from pellucid.training.session import Session
from pellucid.training.step import forward_backward, update

__all__ = ["train_to_end"]


def train_to_end(session: Session, recorder: Recorder) -> None:
    """Train from the session's position to the recipe's last epoch; the recorder keeps metrics, weights, checkpoints.

    Raises:
        UserError: a loss that is not finite, or a full disk; the run keeps its last good state.
        Interrupted: asked to stop, after the step under way and a checkpoint.
    """
    at = session.position
    with StopRequest() as stop:
        if at.epoch <= session.fits:
            fit_last_layer(session, recorder, stop)
            _end_epoch(session, recorder)
        while at.epoch <= session.recipe.epochs:
            _train_epoch(session, recorder, stop)
            _end_epoch(session, recorder)


def _end_epoch(session: Session, recorder: Recorder) -> None:
    judged = session.val is not None and session.ranks.is_main
    tuned = session.recipe.fine_tune and session.position.epoch == session.recipe.epochs
    recorder.after_epoch(score(session) if judged else None, judge(session, recorder.run) if tuned else None)


def _train_epoch(session: Session, recorder: Recorder, stop: StopRequest) -> None:
    """Take the steps of the epoch under way that are not done yet."""
    at, ranks = session.position, session.ranks
    session.learn()
    started = time.monotonic() - at.seconds
    for indices in session.batches()[at.batch :]:
        rate = session.rate
        gradients = forward_backward(session, indices)
        stop_number = torch.full_like(gradients.loss_sum, stop.signal or 0)
        figures = torch.stack((gradients.loss_sum, gradients.correct(), stop_number))
        # The CPU waits for the GPU here, for the one answer that it needs: without a finite loss there is no update.
        loss_sum, right, stopping = ranks.sum(figures).tolist()
        if not math.isfinite(loss_sum):
            raise recorder.not_finite(loss_sum)
        update(session)
        at.advance(loss_sum / len(indices), int(right), len(indices), time.monotonic() - started)
        recorder.after_step(rate)
        if stopping:
            recorder.checkpoint()
            raise Interrupted(stop.signal, recorder.run.directory, ranks.world)
    at.seconds = time.monotonic() - started
