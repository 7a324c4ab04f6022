"""Which epochs' weights a run keeps, and which of them are used where nobody says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["ALL", "BEST_AND_LAST", "KEEP_EXPECTED", "best_epoch", "epoch_words", "is_keep", "kept_epochs"]

BEST_AND_LAST, ALL = "best-and-last", "all"

KEEP_EXPECTED = "best-and-last, all, or a number from 1: so many of the newest, and the best"


def is_keep(value: object) -> bool:
    """Say whether a value tells which weights are to be kept.

    >>> is_keep("all"), is_keep(3), is_keep(0), is_keep(True)
    (True, True, False, False)
    """
    return value in (BEST_AND_LAST, ALL) or (type(value) is int and 1 <= value <= 10**6)


def best_epoch(lines: Sequence[dict[str, Any]], among: Sequence[int]) -> int | None:
    """Find the epoch with the highest validation accuracy, of equal ones that with the lowest validation loss.

    Of a fine-tuning that is the epoch before it, which fitted the last layer, unless the tuned weights were found to be
    better (`kept`). Where the training had class weights, an image's part in the accuracy is weighted by them too.

    Args:
        lines: the `epoch` lines of a run's metrics.
        among: the epochs that may be chosen.

    Returns:
        The epoch, counted from 1; None where none of them was validated.

    >>> lines = [{"epoch": 1, "val_accuracy": 0.5, "val_loss": 2.0}, {"epoch": 2, "val_accuracy": 0.5, "val_loss": 1.0}]
    >>> best_epoch(lines, [1, 2]), best_epoch(lines, [1]), best_epoch(lines, [3])
    (2, 1, None)
    """
    scored = [line for line in lines if "val_accuracy" in line and line["epoch"] in among and line.get("kept", True)]
    if not scored:
        return None
    best = max(
        scored,
        key=lambda line: (
            "kept" in line,
            line.get("val_weighted_accuracy", line["val_accuracy"]),
            -line.get("val_loss", 0.0),
        ),
    )
    epoch: int = best["epoch"]
    return epoch


def kept_epochs(keep: int | str, there: Sequence[int], lines: Sequence[dict[str, Any]]) -> set[int]:
    """Choose, of the epochs whose weights are there, those that stay.

    Args:
        keep: `best-and-last`, `all` or a number: so many of the newest, and the best; and what a fine-tuning began
            with, which it is compared with.
        there: the epochs, ascending.
        lines: the `epoch` lines of the run's metrics.

    >>> accuracies = enumerate([0.5, 0.7, 0.6, 0.6], start=1)
    >>> lines = [{"epoch": epoch, "val_accuracy": accuracy} for epoch, accuracy in accuracies]
    >>> [sorted(kept_epochs(keep, [1, 2, 3, 4], lines)) for keep in ("best-and-last", "all", 2)]
    [[2, 4], [1, 2, 3, 4], [2, 3, 4]]
    """
    if keep == ALL:
        return set(there)
    newest = there[-(1 if isinstance(keep, str) else keep) :]
    best = best_epoch(lines, there)
    fitted = min((line["epoch"] for line in lines if "kept" in line), default=1) - 1
    return {*newest, *(() if best is None else (best,)), *({fitted} & set(there))}


def epoch_words(epoch: int, epochs: int, best: int | None, last: int, *, is_tuned: bool = False) -> str:
    """Say which epoch that is.

    Args:
        epoch: which.
        epochs: how many were asked for.
        best: the best on validation images of those whose weights are kept, if they were validated.
        last: the last of them.
        is_tuned: whether there was a fine-tuning, so that there were but two to choose from.

    >>> epoch_words(9, 20, 9, 20), epoch_words(5, 5, None, 5)
    ('epoch 9 of 20, the best on validation images', 'epoch 5 of 5, the last')
    >>> epoch_words(20, 20, 9, 20)
    'epoch 20 of 20, the last; the best on validation images is 9'
    """
    words = f"epoch {epoch} of {epochs}"
    praise = "chosen" if is_tuned else "the best"
    if epoch == best:
        return f"{words}, {praise} on validation images"
    words += ", the last" if epoch == last else ""
    return words if best is None else f"{words}; {praise} on validation images is {best}"
