"""What held-out images say of a fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CHANCE", "Judgement", "judgement_words"]

CHANCE = 0.05
"""A fine-tuning is used where one as good came about by chance less often than this."""


@dataclass(frozen=True, kw_only=True)
class Judgement:
    """The fine-tuned network beside the fitted last layer alone, on the same held-out images."""

    images: int
    loss: float
    """Mean cross-entropy after the fine-tuning; with class weights, each image's is weighted by its class's."""
    fitted_loss: float
    """The same with the last layer fitted alone."""
    accuracy: float
    """0 to 1; weighted as the loss is."""
    fitted_accuracy: float
    chance: float
    """How often a gain like this comes about where there is none, by flipping signs of differences, 0 to 1."""
    kept: bool


def judgement_words(judgement: Judgement, is_cut: bool) -> str:
    """Say in one line what is used by default, and why.

    Args:
        judgement: on what it rests.
        is_cut: whether the images were held out of the training images.
    """
    figures = (
        f"loss {judgement.fitted_loss:.3f} → {judgement.loss:.3f}, accuracy {judgement.fitted_accuracy:.1%} → "
        f"{judgement.accuracy:.1%} on {judgement.images:,} validation images"
    )
    if judgement.kept:
        return f"Fine-tuning is kept: {figures}; that is more than chance (p = {judgement.chance:.2g})."
    remedy = "; without --fine-tune the held-out images would train the last layer too" if is_cut else ""
    return (
        f"Fine-tuning is not kept, the last layer fitted alone is used: {figures}; that is no gain beyond chance "
        f"(p = {judgement.chance:.2g}){remedy}."
    )
