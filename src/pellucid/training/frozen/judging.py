"""Whether a fine-tuning is better than the last layer fitted alone: a paired comparison on held-out images.

Shape letters: N validation images, K classes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.ground.seeds import derive_seed
from pellucid.networks import as_logits, place
from pellucid.run import Run
from pellucid.training.frozen.judgement import CHANCE, Judgement
from pellucid.training.scoring import evaluation_batches
from pellucid.training.session import Session

__all__ = ["chance_of_gain", "judge"]

DRAWS, AT_ONCE = 10_000, 500


def judge(session: Session, run: Run) -> Judgement:
    """Compare the network as it is now with what the fit alone gave, the weights of the epoch before the fine-tuning.

    There is one comparison, after the last step: looking after each epoch would find a gain by chance more often.

    Raises:
        UserError: the weights of that epoch are gone.
    """
    assert session.val is not None
    labels = session.val.labels.cpu()
    weights = None if session.class_weights is None else session.class_weights.cpu().double()[labels]
    counts = torch.ones(len(labels)).double() if weights is None else weights
    shares = counts / counts.sum()
    logits = _logits(session, session.network)
    fitted = _logits(session, place(run.network(session.fits), session.device))
    losses, fitted_losses = (F.cross_entropy(values, labels, reduction="none") for values in (logits, fitted))
    right, fitted_right = ((values.argmax(1) == labels).double() for values in (logits, fitted))
    chance = chance_of_gain(shares * (fitted_losses - losses), derive_seed(session.seed, "judgement"))
    return Judgement(
        images=len(labels),
        loss=float(shares @ losses),
        fitted_loss=float(shares @ fitted_losses),
        accuracy=float(shares @ right),
        fitted_accuracy=float(shares @ fitted_right),
        chance=chance,
        kept=chance < CHANCE,
    )


def chance_of_gain(gains: Tensor, seed: int) -> float:
    """Say how often a sum as large as that of paired gains `[N]` comes about where each might as well be a loss.

    The signs of all gains are drawn at random 10,000 times (Fisher's randomisation test, one-sided).

    >>> chance_of_gain(torch.full((20,), 0.1).double(), 0) < 0.001, chance_of_gain(-torch.ones(20).double(), 0)
    (True, 1.0)
    """
    generator = torch.Generator().manual_seed(seed)
    as_large = 0
    observed = float(gains.sum()) * (1 - 1e-12)  # the same sum in another order may round otherwise
    for _ in range(DRAWS // AT_ONCE):
        signs = torch.randint(0, 2, (AT_ONCE, len(gains)), generator=generator).double() * 2 - 1
        as_large += int((signs @ gains >= observed).sum())
    return (as_large + 1) / (DRAWS + 1)


def _logits(session: Session, network: nn.Module) -> Tensor:
    """Give the logits of the validation images in evaluation mode, `[N, K]` float64 on the CPU."""
    images, preprocessing = session.val, session.preparation.preprocessing
    assert images is not None
    network.eval()
    parts = []
    with torch.inference_mode():
        for indices in evaluation_batches(torch.arange(len(images)), preprocessing):
            outputs = network(preprocessing(images.cut(indices)[0])).float()
            parts.append(as_logits(outputs, session.head).double().cpu())
    return torch.cat(parts)
