"""A network that one can see through: looking at one image, and taking any unit of it apart."""

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
from pellucid.data.preprocessing import Preprocessing
from pellucid.glass.nodes import ForwardPass, Unit
from pellucid.glass.unit_trace import UnitTrace, trace_unit
from pellucid.glass.walking import Feeds, Path, feeds, path
from pellucid.ground.errors import UserError
from pellucid.prediction.picture import open_picture
from pellucid.run import Run, open_run

__all__ = ["Glass", "look", "random_numbers_kept", "steps_from_image"]


class Glass(ForwardPass):
    """A forward pass that can be decomposed: `glass.trace("conv2[3,4,5]")`, `glass.feeds(unit)`, `glass.path(unit)`."""

    def trace(self, unit: Unit | str | None = None) -> UnitTrace:
        """Decompose a unit into what made it, checked against the network; the predicted class's logit by default.

        Args:
            unit: a unit, or one as it is written: `conv2[3,4,5]`.

        Raises:
            UserError: no such layer or unit.
            TraceMismatch: the recomputed number is not the network's.
        """
        return trace_unit(self._unit(unit))

    def feeds(self, unit: Unit | UnitTrace | str, limit: int = 8) -> Feeds:
        """Find the units that a unit feeds, the `limit` strongest of them with what it contributes there."""
        return feeds(self._unit(unit), limit)

    def path(self, unit: Unit | UnitTrace | str | None = None, target: int | str | None = None) -> Path:
        """Find the strongest chain from a pixel through a unit to a class's logit, the predicted one's by default."""
        return path(self._unit(unit), target)

    def _unit(self, unit: Unit | UnitTrace | str | None) -> Unit:
        if isinstance(unit, UnitTrace):
            return unit.unit
        if isinstance(unit, Unit):
            return unit
        return self.winner() if unit is None else self.unit(unit)


def look(
    network: Run | str | FilePath | nn.Module,
    image: Any,
    *,
    epoch: int | str = "last",
    training: bool = False,
    preprocessing: Preprocessing | None = None,
    classes: tuple[str, ...] | None = None,
) -> Glass:
    """Run a network on one image and keep every operation with its value.

    Args:
        network: a run or its directory, or any module; a module is left exactly as it is.
        image: a path, `test/17` for an image of the run's own data, a PIL image, bytes `[H, W, C]`, or the network's
            input itself in floating point, `[C, H, W]`.
        epoch: of a run: `last`, `best` or a number.
        training: run in training mode: batch normalisation by the image's own mean, dropout drawn.
        preprocessing, classes: for a bare module, so that it takes pictures and names its answers; a run has its own.

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
        raise UserError(f"the network is a {type(network).__name__}; expected a run, its directory, or a torch module")
    if any(isinstance(each, torch.jit.ScriptModule) for each in module.modules()):
        raise UserError(
            f"the operations of {type(module).__name__} cannot be followed: it holds scripted modules, which hide what "
            "they do; give the network as it was before torch.jit"
        )
    picture = open_picture(image, preprocessing, run)
    with torch.no_grad(), random_numbers_kept():
        recording = record(module, _beside(picture.input, module), training=training)
    reached = steps_from_image(recording)
    if recording.output not in reached:
        raise UserError(
            f"the operations of {type(module).__name__} cannot be followed: what it returns is not connected to the "
            "image by operations on tensors. A forward that leaves torch (.numpy(), .item(), an exported "
            "program) hides what it does; write it with torch's functions and ordinary modules"
        )
    return Glass(module, recording, picture, training, run, resolved, classes, reached)


@contextmanager
def random_numbers_kept() -> Iterator[None]:
    """Put the generators of torch, NumPy and Python back to where they were, whatever happens."""
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng():
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)


def _beside(x: Tensor, module: nn.Module) -> Tensor:
    """Bring the input to the device and the type of the network's weights."""
    first = next((each for each in module.parameters() if each.is_floating_point()), None)
    return x if first is None else x.to(first.device, first.dtype)


def steps_from_image(recording: Recording) -> frozenset[int]:
    """Number the steps whose values depend on the image."""
    found: set[int] = set()
    for step in recording.steps:
        if (step.label == "input" and step.is_source) or found.intersection(step.operands):
            found.add(step.number)
    return frozenset(found)
