"""What a training says when it begins and when it ends, and remarks on what is not as one may think."""

from __future__ import annotations

import math

from pellucid.data import ImageSet
from pellucid.data.pixel_range import range_words
from pellucid.ground.devices import computes_in_bfloat16, describe_device
from pellucid.ground.writing import counted
from pellucid.run import Run
from pellucid.run.epochs import best_epoch
from pellucid.training.class_weights import class_weights_words
from pellucid.training.session import Session

__all__ = [
    "closing_line",
    "composition_line",
    "few_steps_remark",
    "frozen_line",
    "opening_line",
    "opening_remarks",
]

CLASSES_SHOWN = 12
FEW_STEPS, ENOUGH_STEPS = 50, 100
"""Steps below which a training is warned of, and those that are proposed."""


def opening_line(run: Run, session: Session, images: ImageSet) -> str:
    """Say in one line what is trained on what, by which recipe, where."""
    count = sum(parameter.numel() for parameter in session.network.parameters())
    held_out = f", {len(session.val):,} for validation" if session.val else ""
    at = session.position
    begun = f"Resuming at epoch {at.epoch}, batch {at.batch}" if at.step else "Training"
    scale = f"; more than 8 bits: {range_words(images.pixel_range)}" if images.pixel_range else ""
    precision = " in bfloat16" if session.mixed else ""
    epochs = counted(session.recipe.epochs, "epoch")
    return (
        f"{begun}: {run.record.network} ({count:,} parameters) on {images.name} ({len(session.train):,} images"
        f"{held_out}, {len(images.classes)} classes{scale}) · recipe {session.recipe.name}, "
        f"{epochs} · {describe_device(session.device)}{precision}{_processes(session)} · "
        f"{run.directory}"
    )


def closing_line(run: Run) -> str:
    """Say that a training is done, and which epoch's weights every command uses by default."""
    best = best_epoch(run.metrics("epoch"), run.epochs())
    if best is None:
        return "Training finished."
    return f"Training finished. Used by default: {run.epoch_words(best)} (--epoch takes another)."


def composition_line(run: Run, session: Session) -> str:
    """Say how many training images each class has, how many steps there are, and what guessing gives."""
    counts = session.preparation.counts
    pairs = sorted(zip(run.classes, counts, strict=True), key=lambda pair: -pair[1])
    if min(counts) == max(counts):
        images = f"{counts[0]:,} of each class"
    elif len(counts) <= CLASSES_SHOWN:
        images = ", ".join(f"{name} {count:,}" for name, count in pairs)
    else:
        images = f"from {pairs[-1][1]:,} of {pairs[-1][0]} to {pairs[0][1]:,} of {pairs[0][0]}"
    each = min(session.recipe.batch_size, len(session.train))
    steps = f"{counted(session.steps - session.fits, 'step')} in all, of {counted(each, 'image')} each. "
    return (
        f"Training images: {images}. {steps if session.steps > session.fits else ''}"
        f"Always guessing {pairs[0][0]} would be right for {max(counts) / sum(counts):.1%} of them."
    )


def few_steps_remark(session: Session) -> str | None:
    """Warn where there are too few steps to learn, and say which setting gives more; None where there are enough.

    Measured on pairs of classes of CIFAR-10 with 120 training images each, recipe standard: of cats and dogs 12 steps
    get 60 % right, 24 steps 64 %, 50 and more 65 %; of planes and frogs 89 %, 92.5 % and 92.2 %.
    """
    if session.is_frozen or session.steps >= FEW_STEPS:
        return None
    epochs = math.ceil(ENOUGH_STEPS / session.steps_per_epoch)
    return (
        f"{counted(session.steps, 'step')} are hardly a training: from random weights it takes some {ENOUGH_STEPS} or "
        f"more. Give it --epochs {epochs:,}"
    )


def frozen_line(run: Run, session: Session) -> str:
    """Say what a training with a frozen backbone does, and with whose weights."""
    origin = run.record.weights
    whose = f"weights: {origin.source}, licence {origin.licence}" if origin else "its weights are random"
    augmentation = session.preparation.augmentation
    mirror = " and of its mirror image" if augmentation is not None and augmentation.flip else ""
    stays, then = ("begins", _tuning_words(session)) if session.recipe.fine_tune else ("stays", "")
    return (
        f"{run.record.network} {stays} as it is ({whose}); its features of each image{mirror} are computed once and "
        f"kept, then a linear layer is fitted to them.{then}"
    )


def _tuning_words(session: Session) -> str:
    """Say what comes after the fit, and by which images it is judged."""
    weights = [weight.numel() for weight in session.network.parameters() if weight.requires_grad]
    assert session.val is not None
    origin = ", held out of the training images," if session.preparation.is_cut else ""
    return (
        f" Fine-tuning then trains the last stages too ({sum(weights):,} weights, "
        f"{counted(session.recipe.epochs - session.fits, 'epoch')}), and is used only where {len(session.val):,} "
        f"validation images{origin} say that it is better."
    )


def _processes(session: Session) -> str:
    world, over = session.ranks.world, session.images_per_statistic
    if world == 1:
        return ""
    statistics = f", batch statistics per process, of {over} images each" if over is not None else ""
    return f" · {world} processes{statistics}"


def opening_remarks(run: Run, session: Session) -> list[str]:
    """List what the loss weighs, and what a resumed run computes otherwise than before: it may end otherwise."""
    remarks = []
    weights = session.preparation.class_weights
    if weights is not None:
        remarks.append(class_weights_words(session.recipe.class_weights, weights, run.classes))
    before = run.computations[-1] if run.computations else None
    now = session.computation
    if before is not None and before.name != now.name:
        remarks.append(
            f"so far this run was computed on {before.name}, from here on it is on {now.name}, which may round sums "
            "differently: it may not end bit-identical with a run that was never moved"
        )
    elif now.device == "cpu" and now.threads != run.record.threads:
        remarks.append(
            f"the run began with {run.record.threads} threads, and there are cores for {now.threads}: sums may be "
            "rounded differently, so it may not end bit-identical"
        )
    if session.mixed and not computes_in_bfloat16(session.device):
        remarks.append(
            f"the run's precision is bfloat16 and stays so; {now.name} only imitates it, which is slower than float32"
        )
    return remarks
