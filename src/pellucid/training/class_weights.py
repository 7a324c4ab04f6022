"""Class weights: how much an image's loss counts, by its true label, where classes have unequal numbers of images."""

from __future__ import annotations

import math
from collections.abc import Sequence

__all__ = ["class_weights", "class_weights_words"]


def class_weights(kind: str, counts: Sequence[int]) -> tuple[float, ...] | None:
    """Give the weight of each class.

    A weight is proportional to 1/n (`balanced`) or 1/√n (`sqrt`), with n the class's training images. Their mean over
    all training images is 1, so that neither the size of the loss nor a fitting learning rate changes.

    Args:
        kind: `balanced`, `sqrt` or `none`.
        counts: training images of each class; a class without any has weight 1.

    Returns:
        K weights; None where every image counts the same.

    >>> class_weights("balanced", [30, 10])
    (0.6666666666666666, 2.0)
    >>> class_weights("none", [30, 10]) is None
    True
    """
    if kind == "none":
        return None
    power = 1.0 if kind == "balanced" else 0.5
    total = sum(count ** (1 - power) for count in counts if count)
    return tuple(sum(counts) / (count**power * total) if count else 1.0 for count in counts)


def class_weights_words(kind: str, weights: Sequence[float], classes: Sequence[str]) -> str:
    """Say what class weights do, with the largest and the smallest.

    >>> class_weights_words("balanced", (0.7, 2.1), ("cat", "owl"))
    'class weights (balanced): an error on owl counts 3 times as much as one on cat'
    """
    most, least = (choose(range(len(weights)), key=weights.__getitem__) for choose in (max, min))
    ratio = weights[most] / weights[least]
    if math.isclose(ratio, 1.0):
        return f"class weights ({kind}): all classes have the same number of training images, so they change nothing"
    return (
        f"class weights ({kind}): an error on {classes[most]} counts {ratio:.2g} times as much as one on "
        f"{classes[least]}"
    )
