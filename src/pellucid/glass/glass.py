"""A network that one can see through: run it on one image, trace any of its values back to the pixels."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path as FilePath
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pellucid.arithmetic import Recording, record
from pellucid.arithmetic.dependence import steps_from_image
from pellucid.arithmetic.proving import OUTSIDE
from pellucid.arithmetic.recording import ALONE
from pellucid.data.preprocessing import Preprocessing
from pellucid.glass.nodes import ForwardPass, Unit
from pellucid.glass.unit_trace import UnitTrace, trace_unit
from pellucid.glass.walking import Feeds, Path, feeds, path
from pellucid.ground.errors import UserError
from pellucid.prediction.picture import open_picture
from pellucid.prediction.prediction import with_article
from pellucid.run import Run, open_run

__all__ = ["Glass", "look", "random_numbers_kept"]


class Glass(ForwardPass):
    """A forward pass whose every value can be traced.

    `glass.trace("conv2[3,4,5]")` shows what made a unit's value, `glass.feeds(unit)` what the unit feeds, and
    `glass.path(unit)` the strongest chain from a pixel through it to a logit.
    """

    def trace(self, unit: Unit | str | None = None) -> UnitTrace:
        """Decompose a unit's value into its terms, checked against the network; by default the predicted class's logit.

        Args:
            unit: a unit, or how it is written: `conv2[3,4,5]`.

        Raises:
            UserError: no such layer or unit.
            TraceMismatch: the recomputed value is not the network's.
        """
        return trace_unit(self._unit(unit))

    def feeds(self, unit: Unit | UnitTrace | str, limit: int = 8) -> Feeds:
        """Find the units that a unit feeds; the `limit` strongest come with what the unit contributes to them."""
        return feeds(self._unit(unit), limit)

    def path(self, unit: Unit | UnitTrace | str | None = None, target: int | str | None = None) -> Path:
        """Find the strongest chain from a pixel through a unit to a class's logit, by default the predicted class's."""
        return path(self._unit(unit), target)

    def _unit(self, unit: Unit | UnitTrace | str | None) -> Unit:
        if isinstance(unit, UnitTrace):
            return unit.unit
        if isinstance(unit, Unit):
            return unit
        return self.top_output() if unit is None else self.unit(unit)


def look(
    network: Run | str | FilePath | nn.Module,
    image: Any,
    *,
    epoch: int | str | None = None,
    training: bool = False,
    preprocessing: Preprocessing | None = None,
    classes: tuple[str, ...] | None = None,
) -> Glass:
    """Run a network on one image and keep every operation with its value.

    Args:
        network: a run or its directory, or any torch module, which is left exactly as it was.
        image: a path, the bytes of an image file, `test/17` for an image of the run's own data, a PIL image, uint8
            `[H, W, C]`, or the network's input itself in floating point, `[C, H, W]`.
        epoch: of a run: `last`, `best` or a number; None is the best on validation images, else the last.
        training: run in training mode: batch normalisation uses the image's own mean and variance, dropout is active.
        preprocessing, classes: for a bare module, so that it takes pictures and names its classes; a run has its own.

    Raises:
        UserError: no such run, epoch or image; the network fails on the image; or its operations cannot be followed.

    >>> glass = look(nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten()), torch.ones(1, 4, 4))
    >>> list(glass.nodes), glass["0"].shape
    (['input', '0', '1'], (2, 2, 2))
    """
    run, resolved = None, None
    if isinstance(network, nn.Module):
        module = network
    elif isinstance(network, Run | str | FilePath):
        run = network if isinstance(network, Run) else open_run(network)
        resolved = run.resolve_epoch(epoch)
        preprocessing, classes = run.preprocessing, run.classes
        module = run.network(resolved)
    else:
        raise UserError(
            f"the network is {with_article(type(network).__name__)}; expected a run, its directory, or a torch module"
        )
    if any(isinstance(part, torch.jit.ScriptModule) for part in module.modules()):
        raise UserError(
            f"the operations of {type(module).__name__} cannot be followed: it holds scripted modules, which hide what "
            "they do; give the network as it was before torch.jit"
        )
    picture = open_picture(image, preprocessing, run)
    with torch.no_grad(), random_numbers_kept():
        recording = record(module, _matched(picture.input, module), training=training)
    from_image = steps_from_image(recording)
    if recording.output not in _connected(recording):
        raise UserError(
            f"the operations of {type(module).__name__} cannot be followed: what it returns is not connected to the "
            "image by operations on tensors. A forward that leaves torch (.numpy(), .item(), an exported "
            "program) hides what it does; write it with torch's functions and ordinary modules"
        )
    return Glass(module, recording, picture, training, run, resolved, classes, from_image)


@contextmanager
def random_numbers_kept() -> Iterator[None]:
    """Restore the random generators of torch, NumPy and Python afterwards, also after an exception.

    They are the process's, so one thread at a time does this; the others wait.
    """
    with ALONE:
        python, numpy = random.getstate(), np.random.get_state()
        gpus = range(torch.cuda.device_count() if torch.cuda.is_initialized() else 0)  # none is woken up for this
        with torch.random.fork_rng(devices=gpus):
            try:
                yield
            finally:
                random.setstate(python)
                np.random.set_state(numpy)


def _matched(x: Tensor, module: nn.Module) -> Tensor:
    """Move the input to the device and the dtype of the network's weights."""
    weight = next((parameter for parameter in module.parameters() if parameter.is_floating_point()), None)
    return x if weight is None else x.to(weight.device, weight.dtype)


def _connected(recording: Recording) -> set[int]:
    """Number the steps that values of the image reach without leaving torch."""
    reached: set[int] = set()
    for step in recording.steps:
        inside = step.label != OUTSIDE and reached.intersection(step.operands)
        if (step.label == "input" and step.is_source) or inside:
            reached.add(step.number)
    return reached
