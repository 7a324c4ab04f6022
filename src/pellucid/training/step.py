"""The training step, in two halves: forward and backward; then the update of the weights.

The loop takes it, and `pellucid step` repeats it. Shape letters: B images in the batch, K classes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from pellucid.networks import as_logits
from pellucid.training.session import Session

__all__ = ["StepGradients", "forward_backward", "update"]


@dataclass(frozen=True, eq=False, slots=True)
class StepGradients:
    """What the first half of a step gives, besides the gradients of the weights, which are in the network."""

    logits: Tensor
    """`[B, K]`, of this process's share of the batch; with `keep_logit_gradient`, their gradient is `logits.grad`."""
    labels: Tensor
    """`[B]` int64."""
    loss_sum: Tensor
    """The sum of the images' cross-entropies, with label smoothing and class weights; float32, no dimensions."""
    counts: bool = True
    """Whether these images count, or are another process's share (see `pellucid.ground.ranks`)."""

    def correct(self) -> Tensor:
        """How many images have their label's logit as the largest; int64, no dimensions."""
        correct = (self.logits.argmax(1) == self.labels).sum()
        return correct if self.counts else torch.zeros_like(correct)


def forward_backward(session: Session, indices: Tensor, *, keep_logit_gradient: bool = False) -> StepGradients:
    """Do the first half of the next step: the loss of a batch and its gradients. The weights are still the old ones.

    Args:
        session: its network is in training mode and its gradients are zero.
        indices: `[B]` int64, the images of the batch over all processes.
        keep_logit_gradient: keep the gradient at the logits as well.
    """
    batch = session.cut(indices)
    with torch.autocast(session.device.type, torch.bfloat16, enabled=session.mixed):
        outputs = session.forward(session.preparation.preprocessing(batch.pixels))
        logits = as_logits(outputs, session.head)
        loss_sum = F.cross_entropy(
            logits,
            batch.targets,
            session.class_weights,
            label_smoothing=session.recipe.label_smoothing,
            reduction="sum",
        )
    counts = session.ranks.counts(len(indices))
    if not counts:  # gradients of zero, so that the mean over processes is still that of the batch
        loss_sum = loss_sum * 0.0
    if keep_logit_gradient:
        logits.retain_grad()
    # The mean over the batch; where processes share it, their wrapper takes the mean over processes.
    (loss_sum * (session.ranks.world / len(indices))).backward()
    return StepGradients(logits, batch.labels, loss_sum.detach().float(), counts)


def update(session: Session) -> None:
    """Do the second half: move the weights at the rate of this step, and set the gradients to zero."""
    rate = session.rate
    for group in session.optimizer.param_groups:
        group["lr"] = rate * group["share"]
    session.optimizer_step()
    session.optimizer.zero_grad()
