"""What a network that is being trained has learned so far: answers to a few images, first filters, mistakes.

Computed with the newest kept weights, one look at a time, on one core at low priority, and only so much of it that it
costs the training no more than a small share of its time. What is left out for that is said.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn.modules.conv import _ConvNd

from pellucid.evaluation.measures import confusion_matrix, confusion_tints, most_frequent_mistakes
from pellucid.ground.errors import UserError
from pellucid.prediction.chosen_images import ChosenImages, choose_images
from pellucid.prediction.predictor import Predictor, open_predictor
from pellucid.run import Run

__all__ = ["Look", "Looks"]

EXAMPLES = 12
SHARE = 0.01
"""Of a core's time that looks may take while the run is being trained."""
MOST_IMAGES = 5000
LEAST_IMAGES = 50
"""Below this a confusion matrix says little."""
MOST_CLASSES = 25
"""Up to which the whole matrix is shown; of more classes the most frequent mistakes are."""
MOST_FILTERS = 32
KEPT = 24
NICENESS = 10


@dataclass(frozen=True)
class Look:
    """One epoch's weights, looked at."""

    head: dict[str, Any]
    filters: NDArray[np.float32] | None
    """`[O, C, …]` of the first convolution."""


class Looks:
    """Looks at epochs' weights, each once; the newest few are kept."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, int, bool], Look] = OrderedDict()
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="looks", initializer=_be_modest)
        self._lock = threading.Lock()
        self._not_before = 0.0

    def at(self, run: Run, epoch: int, *, seconds: float | None, whole: bool = False) -> Look:
        """Look at an epoch's weights.

        Args:
            run: whose.
            epoch: one that is kept.
            seconds: how long an epoch takes, where the run is being trained and is not to be slowed; None else.
            whole: look at all images whatever it costs, as the person asked.

        Returns:
            What was seen; of a run that is being trained, where the last look was too short a time ago, only `later`:
            in how many seconds it may be asked for again.

        Raises:
            UserError: the weights or the images are gone.
        """
        key = (run.record.identity, epoch, whole or seconds is None)
        with self._lock:
            for known in (key, (key[0], epoch, True)):
                if known in self._kept:
                    self._kept.move_to_end(known)
                    return self._kept[known]
            waiting = self._not_before - time.monotonic()
        if seconds is not None and not whole and waiting > 0:
            return Look({"epoch": epoch, "later": waiting}, None)
        look, cost = self._worker.submit(_look_timed, run, epoch, None if whole else seconds).result()
        with self._lock:
            self._not_before = time.monotonic() + cost / SHARE
            self._kept[key] = look
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return look


def _be_modest() -> None:
    """Leave the other cores, and this one where it is wanted, to the training."""
    torch.set_num_threads(1)  # of this thread's operations
    if hasattr(os, "setpriority") and hasattr(threading, "get_native_id") and os.uname().sysname == "Linux":
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)  # Linux: of this thread alone


def _look_timed(run: Run, epoch: int, seconds: float | None) -> tuple[Look, float]:
    """Look, and give how many seconds of a core it took."""
    started = time.thread_time()
    look = _look(run, epoch, seconds)
    return look, time.thread_time() - started


def _look(run: Run, epoch: int, seconds: float | None) -> Look:
    predictor = open_predictor(run, epoch, "cpu")
    head: dict[str, Any] = {"epoch": epoch, "classes": list(run.classes)}
    name, filters = _first_filters(predictor.network)
    head["filters"] = name
    try:
        chosen = _unseen(run)
    except UserError as error:
        return Look(head | {"missing": str(error)}, filters)
    started = time.thread_time()
    head |= _examples(predictor, chosen)
    each = (time.thread_time() - started) / max(1, len(head["examples"]))
    head |= _confusion(predictor, chosen, each, seconds)
    return Look(head, filters)


def _unseen(run: Run) -> ChosenImages:
    """Choose validation images, else test images."""
    try:
        return choose_images(run, split="val")
    except UserError:
        return choose_images(run)


def _first_filters(network: nn.Module) -> tuple[str | None, NDArray[np.float32] | None]:
    for name, module in network.named_modules():
        if isinstance(module, _ConvNd):
            weight = module.weight.detach().to("cpu", torch.float32)[:MOST_FILTERS]
            return f"{name}.weight", np.ascontiguousarray(weight.numpy())
    return None, None


def _examples(predictor: Predictor, chosen: ChosenImages) -> dict[str, Any]:
    """Predict a handful of images, spread over the split, so that several classes are among them."""
    part = chosen.parts[0]
    places = np.unique(np.linspace(0, len(part) - 1, min(EXAMPLES, len(part))).astype(np.int64))
    inside = places if part.subset is None else part.subset[places]
    logits = torch.from_numpy(predictor.logits(part.split, inside)).double()
    shares = logits.softmax(1).numpy()
    split = "train" if part.subset is not None and chosen.split == "val" else chosen.split
    examples = [
        {
            "image": f"{split}/{at}",
            "source": part.split.sources[at],
            "label": int(part.labels[place]),
            "predicted": int(logits[row].argmax()),
            "share": float(shares[row].max()),
            "of_truth": float(shares[row][part.labels[place]]),
        }
        for row, (place, at) in enumerate(zip(places.tolist(), inside.tolist(), strict=True))
    ]
    return {"split": chosen.split, "examples": examples}


def _confusion(predictor: Predictor, chosen: ChosenImages, each: float, seconds: float | None) -> dict[str, Any]:
    """Count who is predicted as whom, on as many images as may be looked at in the time there is."""
    part = chosen.parts[0]
    count = min(len(part), MOST_IMAGES)
    if seconds is not None:
        count = min(count, int(SHARE * seconds / each) if each > 0 else count)
    words: dict[str, Any] = {"images": count, "of": len(part)}
    if count < min(LEAST_IMAGES, len(part)):
        return words | {"skipped": f"The confusion matrix waits: looking at enough images would cost the training more "
                                   f"than {SHARE:.0%} of its time."}  # fmt: skip
    places = np.unique(np.linspace(0, len(part) - 1, count).astype(np.int64))
    labels = part.labels[places]
    logits = predictor.logits(part.split, places if part.subset is None else part.subset[places])
    counts = confusion_matrix(labels, logits.argmax(1), len(predictor.run.classes))
    mistakes = most_frequent_mistakes(counts, 10)
    words |= {"right": int(counts.diagonal().sum()), "mistakes": [list(mistake) for mistake in mistakes]}
    if len(counts) <= MOST_CLASSES:
        words |= {"confusion": counts.tolist(), "tints": confusion_tints(counts).tolist()}
    return words
