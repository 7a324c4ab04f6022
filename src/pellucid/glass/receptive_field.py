"""Which pixels a unit can depend on: a box on the image."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.arithmetic import record
from pellucid.arithmetic.dependence import dependence, ends_of
from pellucid.arithmetic.positions import Mask, Positions
from pellucid.arithmetic.recording import ALONE
from pellucid.glass.nodes import ForwardPass, Unit
from pellucid.ground.errors import UserError

__all__ = ["Box", "box_of", "checked_box"]


@dataclass(frozen=True)
class Box:
    """Rows `top` to `bottom` and columns `left` to `right` of the image, the last ones not included.

    Attributes:
        exact: false where the box may be larger than what the unit depends on.
        corrected: whether a gradient was found outside the box that the operations gave, so that it was made larger.
        unchecked: whether it was to be checked against the gradient, and autograd could not find that.
        statistics: what it depends on besides, through the means and variances that normalisations take of the image
            itself; None where that is nothing outside the box.
    """

    top: int
    bottom: int
    left: int
    right: int
    exact: bool = True
    statistics: Box | None = None
    corrected: bool = False
    unchecked: bool = False

    def union(self, other: Box) -> Box:
        """Return the smallest box around both, without their statistics."""
        if self.is_empty or other.is_empty:
            chosen = other if self.is_empty else self
            return replace(chosen, exact=self.exact and other.exact, statistics=None)
        return Box(
            min(self.top, other.top),
            max(self.bottom, other.bottom),
            min(self.left, other.left),
            max(self.right, other.right),
            self.exact and other.exact,
        )

    @property
    def is_empty(self) -> bool:
        """Whether it holds no pixel."""
        return self.bottom == self.top or self.right == self.left

    def contains(self, other: Box) -> bool:
        """Whether every pixel of another box is in this one."""
        inside = self.top <= other.top and other.bottom <= self.bottom
        return other.is_empty or (inside and self.left <= other.left and other.right <= self.right)

    def __str__(self) -> str:
        text = "no pixel"
        if not self.is_empty:
            sides = f"{_span('row', self.top, self.bottom)}, {_span('column', self.left, self.right)}"
            text = sides if self.exact else f"at most {sides}"
        if self.statistics is not None:
            text += f"; and, through the mean and variance, {self.statistics}"
        if self.corrected:
            text += "; made larger, as a gradient was found outside what the operations read"
        if self.unchecked:
            text += "; not checked, as autograd finds no gradient here"
        return text

    def to_dict(self) -> dict[str, Any]:
        """The four sides, whether they are exact, and the same of the statistics."""
        return asdict(self)


def _span(name: str, start: int, end: int) -> str:
    return f"{name} {start}" if end == start + 1 else f"{name}s {start} to {end - 1}"


def box_of(unit: Unit) -> Box | None:
    """Find the pixels that a unit can depend on, cut to the image; None where there is no image.

    The recorded operations are walked once, backwards from the unit. A unit without pixels (a window that lies in the
    padding alone) gets an empty box.
    """
    glass = unit.node.glass
    steps = glass.recording.steps
    if steps[0].value.dim() != 4 or unit.node.step.number not in glass.from_image:
        return None
    start = unit.node.step
    at = Positions.at(unit.full_index, tuple(start.value.shape))
    image = dependence(glass.recording, start.number, at, glass.from_image)
    if image is None:
        return _whole(glass)
    box = _around(image.direct)
    if image.statistics:
        statistics = _around(image.statistics)
        if not box.contains(statistics):
            box = replace(box, statistics=statistics)
        elif not box.exact and statistics.exact and statistics.contains(box):
            box = replace(box, exact=True)
    return box


def checked_box(unit: Unit) -> Box | None:
    """Find the pixels as `box_of` does, and check them against the gradient of the unit by autograd, on this image.

    Where a gradient lies outside, the box is made larger and says so; where autograd finds none, it says that too.
    """
    box = box_of(unit)
    if box is None:
        return None
    whole = _whole(unit.node.glass)
    if box.contains(whole):
        return box  # there is nothing outside
    gradient = _gradient(unit)
    if gradient is None:
        return replace(box, unchecked=True)
    if not bool(gradient.any()):
        return box
    rows, columns = (gradient.any(dim=axis).numpy() for axis in (1, 0))
    (top, bottom), (left, right) = _ends(rows), _ends(columns)
    seen = Box(top, bottom, left, right)
    allowed = box if box.statistics is None else box.union(box.statistics)
    if not allowed.contains(seen):
        return replace(allowed.union(seen), exact=False, corrected=True)
    return box


def _gradient(unit: Unit) -> Tensor | None:
    """Mark the pixels of `[H, W]` at which the unit's gradient is not zero; None where autograd cannot find it."""
    glass, step = unit.node.glass, unit.node.step
    x = glass.recording.steps[0].value.detach().clone().requires_grad_()
    try:
        with ALONE, torch.random.fork_rng():
            until = None if step.is_source else step.name
            recording = record(glass.network, x, training=glass.training, keep_graph=True, until=until)
        again = recording.steps[step.number]
        if again.name != step.name:
            return None
        (gradient,) = torch.autograd.grad(again.value[unit.full_index], x, allow_unused=True)
    except (RuntimeError, UserError, IndexError):
        return None
    return None if gradient is None else (gradient[0] != 0).any(dim=0).cpu()


def _around(products: list[Positions]) -> Box:
    if not products:
        return Box(0, 0, 0, 0)
    ((top, bottom), (left, right)), exact = ends_of(products)
    return Box(top, bottom, left, right, exact)


def _ends(mask: Mask) -> tuple[int, int]:
    marked = np.flatnonzero(mask)
    return int(marked[0]), int(marked[-1]) + 1


def _whole(glass: ForwardPass) -> Box:
    rows, columns = glass.recording.steps[0].value.shape[2:]
    return Box(0, int(rows), 0, int(columns), exact=False)
