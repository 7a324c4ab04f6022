"""What a training says when it begins: its opening line, and remarks on what is not as one may think."""

from __future__ import annotations

from pellucid.data import ImageSet
from pellucid.data.pixel_range import range_words
from pellucid.ground.devices import computes_in_bfloat16, describe_device
from pellucid.ground.writing import counted
from pellucid.run import Run
from pellucid.training.session import Session

__all__ = ["frozen_line", "opening_line", "opening_remarks"]


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


def frozen_line(run: Run, session: Session) -> str:
    """Say what a training with a frozen backbone does, and with whose weights."""
    origin = run.record.weights
    whose = f"weights: {origin.source}, licence {origin.licence}" if origin else "its weights are random"
    augmentation = session.preparation.augmentation
    mirror = " and of its mirror image" if augmentation is not None and augmentation.flip else ""
    return (
        f"{run.record.network} stays as it is ({whose}); its features of each image{mirror} are computed once and "
        "kept, then a linear layer is fitted to them."
    )


def _processes(session: Session) -> str:
    world, over = session.ranks.world, session.images_per_statistic
    if world == 1:
        return ""
    statistics = f", batch statistics per process, of {over} images each" if over is not None else ""
    return f" · {world} processes{statistics}"


def opening_remarks(run: Run, session: Session) -> list[str]:
    """List what a resumed run computes otherwise than before: a run so moved does not end bit-identical."""
    remarks = []
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
