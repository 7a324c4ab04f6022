"""What a training leaves behind as it goes: lines for people, metrics, weights, checkpoints. Rank 0 alone writes."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import torch

from pellucid.ground.errors import UserError
from pellucid.run import Run
from pellucid.training.checkpoint import remove_old_weights, save_checkpoint, save_epoch_weights
from pellucid.training.display import Display
from pellucid.training.frozen.judgement import Judgement, judgement_words
from pellucid.training.metrics_log import MetricsLog
from pellucid.training.scoring import Scores
from pellucid.training.session import Session

__all__ = ["Recorder"]

SECONDS_BETWEEN_CHECKPOINTS = 30.0
SECONDS_BETWEEN_UPDATES = 0.2


@dataclass
class Recorder:
    """Keeps the record of one training. On ranks other than 0 it does nothing."""

    run: Run
    session: Session
    log: MetricsLog
    display: Display
    _saved: float = field(default_factory=time.monotonic)
    _shown: float = 0.0

    @property
    def writes(self) -> bool:
        """Whether this process keeps the record."""
        return self.session.ranks.is_main

    def begin(self) -> None:
        """Note on what the next steps are computed, if the run does not say so already."""
        if not self.writes:
            return
        computation, before = self.session.computation, self.run.computations
        if not before or replace(before[-1], step=computation.step) != computation:
            self.log.write("device", **asdict(computation))

    def after_step(self, rate: float) -> None:
        """Log every so many batches, refresh the live line, and write a checkpoint when one is due."""
        if not self.writes:
            return
        at, recipe = self.session.position, self.session.recipe
        if at.batch % recipe.log_every == 0:
            loss = at.recent_loss_sum / recipe.log_every
            at.recent_loss_sum = 0.0
            self.log.write("batch", epoch=at.epoch, batch=at.batch, step=at.step, loss=loss, learning_rate=rate)
            self.display.line(f"[Epoch {at.epoch}, Batch {at.batch}] Loss: {loss:.3f}")
        now = time.monotonic()
        if now - self._shown > SECONDS_BETWEEN_UPDATES:
            self._shown = now
            self.display.update(at, rate, recipe.epochs)
        if now - self._saved > SECONDS_BETWEEN_CHECKPOINTS:
            self.checkpoint()

    def after_fit(self, figures: Mapping[str, Any], line: str) -> None:
        """Log what a fit of the last layer found, in place of an epoch's steps."""
        if self.writes:
            self.log.write("fit", epoch=self.session.position.epoch, step=self.session.position.step, **figures)
            self.display.line(line)

    def after_epoch(self, val: Scores | None, judgement: Judgement | None = None) -> None:
        """Log the epoch, keep its weights, and write a checkpoint at the start of the next one.

        Of a fine-tuning, no epoch is used by default but the last, and that only where the judgement is for it.
        """
        at = self.session.position
        if self.writes:
            figures: dict[str, Any] = {
                "train_loss": at.mean_loss,
                "train_accuracy": at.accuracy,
                "images_per_second": at.images_per_second,
                "seconds": at.seconds,
            }
            line = f"Epoch {at.epoch}: Loss = {at.mean_loss:.3f}, Training Accuracy = {at.accuracy:.2%}"
            if val is not None:
                figures |= {"val_loss": val.loss, "val_accuracy": val.accuracy}
                line += f", Validation Loss = {val.loss:.3f}, Validation Accuracy = {val.accuracy:.2%}"
                weights = self.session.preparation.class_weights
                if weights is not None:  # what the training is after is what the best epoch is chosen by
                    figures["val_weighted_accuracy"] = val.weighted_accuracy(weights)
                    line += f" ({figures['val_weighted_accuracy']:.2%} with class weights)"
            if self.session.recipe.fine_tune and at.epoch > self.session.fits:
                figures["kept"] = judgement is not None and judgement.kept
            self._require_finite_weights()
            self.log.write("epoch", epoch=at.epoch, step=at.step, **figures)
            self.display.line(line)
            if judgement is not None:
                self.log.write("fine-tune", epoch=at.epoch, step=at.step, **asdict(judgement))
                self.display.line(judgement_words(judgement, self.session.preparation.is_cut))
            save_epoch_weights(self.run, self.session.network, at.epoch)
        at.begin_next_epoch()
        self.checkpoint()
        if self.writes:
            remove_old_weights(self.run)

    def end(self) -> None:
        """Mark the run as finished."""
        if self.writes:
            remove_old_weights(self.run)  # a kill may have come between the last checkpoint and this
            self.log.write("end")
            self.log.sync()

    def checkpoint(self) -> None:
        """Write a checkpoint of this moment."""
        if not self.writes:
            return
        self._require_finite_weights()
        session = self.session
        session.position.metrics_bytes = self.log.sync()
        save_checkpoint(self.run, session.network, session.optimizer, session.position)
        self._saved = time.monotonic()

    def not_finite(self, loss: float) -> UserError:
        """Keep the weights as they are before the step that cannot be taken, if they are good; give the error."""
        if self.writes and self._weights_are_finite():
            self.checkpoint()
        at = self.session.position
        return UserError(
            f"the loss is {loss} in epoch {at.epoch}, batch {at.batch + 1}; training stopped before that step, and "
            f"the last good weights are in {self.run.directory}. Start again with a lower --learning-rate than "
            f"{self.session.recipe.learning_rate:g}"
        )

    def _weights_are_finite(self) -> bool:
        # Buffers too: the running variance of a batch normalisation overflows before its weights do.
        return all(bool(torch.isfinite(tensor).all()) for tensor in self.session.network.state_dict().values())

    def _require_finite_weights(self) -> None:
        """Keep weights that are not finite from ever replacing good ones, although the last loss was finite."""
        if not self._weights_are_finite():
            at = self.session.position
            raise UserError(
                f"weights are no longer finite after epoch {at.epoch}, batch {at.batch}; the last good ones are in "
                f"{self.run.directory}. Start again with a lower --learning-rate than "
                f"{self.session.recipe.learning_rate:g}"
            )
