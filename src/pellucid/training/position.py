"""How far a training is: everything a checkpoint holds but the tensors."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Position"]


@dataclass(kw_only=True)
class Position:
    """Where a training stands, with the sums its log needs. All of it goes through JSON unchanged."""

    epoch: int = 1
    """The epoch under way, counted from 1."""
    batch: int = 0
    """Batches of it that are done."""
    step: int = 0
    """Steps done in all."""
    loss_sum: float = 0.0
    """Sum of the mean losses of the epoch's batches."""
    recent_loss_sum: float = 0.0
    """The same since the last line of the log."""
    correct: int = 0
    """Images of the epoch that were classified correctly when the network was trained on them."""
    seen: int = 0
    """Images of the epoch that the network was trained on."""
    seconds: float = 0.0
    """Time the epoch has taken."""
    metrics_bytes: int = 0
    """Length of `metrics.jsonl`; what a killed process wrote beyond it is cut off."""

    @property
    def mean_loss(self) -> float:
        """Mean over the epoch's batches so far, as the lesson averages."""
        return self.loss_sum / self.batch

    @property
    def accuracy(self) -> float:
        """Share of the epoch's images so far that were classified correctly when trained on, 0 to 1."""
        return self.correct / self.seen

    @property
    def images_per_second(self) -> float:
        """Images of the epoch trained on per second."""
        return self.seen / self.seconds if self.seconds else 0.0

    def advance(self, loss: float, correct: int, images: int, seconds: float) -> None:
        """Count one step: its mean loss, how many images were correct, and the epoch's seconds so far."""
        self.batch += 1
        self.step += 1
        self.loss_sum += loss
        self.recent_loss_sum += loss
        self.correct += correct
        self.seen += images
        self.seconds = seconds

    def begin_next_epoch(self) -> None:
        """Start the sums of the next epoch."""
        self.epoch += 1
        self.batch = self.correct = self.seen = 0
        self.loss_sum = self.recent_loss_sum = self.seconds = 0.0
