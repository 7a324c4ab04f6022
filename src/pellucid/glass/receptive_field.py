"""Which pixels a unit can depend on: a box on the image."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pellucid.arithmetic import RecordedStep, record, rule_of
from pellucid.arithmetic.positions import Mask, Positions
from pellucid.glass.nodes import ForwardPass, Unit
from pellucid.ground.errors import UserError

__all__ = ["Box", "box_of", "checked_box"]

KEPT_APART = 6
"""So many products of positions are kept for a step; more of them are put into one product around them all."""


@dataclass(frozen=True)
class Box:
    """Rows `top` to `bottom` and columns `left` to `right` of the image, the last ones not included.

    Attributes:
        exact: false where the box may be larger than what the unit depends on.
        corrected: whether a gradient was found outside the box that the operations gave, so that it was made larger.
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
    needs: defaultdict[int, _Need] = defaultdict(_Need)
    start = unit.node.step
    needs[start.number].add(Positions.at(unit.full_index, tuple(start.value.shape)), through_statistics=False)
    for number in range(start.number, 0, -1):
        need = needs.pop(number, None)
        if need is None:
            continue
        step = steps[number]
        if number in glass.hidden or (step.is_source and number in glass.from_image):
            return _whole(glass)
        for products, through_statistics in ((need.direct, False), (need.statistics, True)):
            for product in products:
                _follow(step, product, through_statistics, glass.from_image, needs)
    image = needs[0]
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

    Where a gradient lies outside, the box is made larger and says so.
    """
    box = box_of(unit)
    if box is None:
        return None
    gradient = _gradient(unit)
    if gradient is None or not bool(gradient.any()):
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
        with torch.random.fork_rng():
            until = None if step.is_source else step.name
            recording = record(glass.network, x, training=glass.training, keep_graph=True, until=until)
        value = recording.steps[step.number].value[unit.full_index]
        (gradient,) = torch.autograd.grad(value, x, allow_unused=True)
    except (RuntimeError, UserError, IndexError):
        return None
    return None if gradient is None else (gradient[0] != 0).any(dim=0).cpu()


@dataclass
class _Need:
    """What is read of a step: products of positions, and those that are read through means and variances alone."""

    direct: list[Positions] = field(default_factory=list)
    statistics: list[Positions] = field(default_factory=list)

    def add(self, positions: Positions, through_statistics: bool) -> None:
        if positions.is_empty:
            return
        if through_statistics:
            self.statistics = _with(self.statistics, positions)
        else:
            self.direct = _with(self.direct, positions)


def _with(products: list[Positions], new: Positions) -> list[Positions]:
    """Add a product; what another holds is dropped, two that are one product together become it."""
    if any(product.contains(new) and (product.exact or not new.exact) for product in products):
        return products
    kept = []
    for product in products:
        together = product.union(new)
        if together.exact or not (product.exact or new.exact):
            new = together
        elif not (new.exact and new.contains(product)):
            kept.append(product)
    kept.append(new)
    if len(kept) <= KEPT_APART:
        return kept
    around = kept[0]
    for product in kept[1:]:
        around = around.union(product)
    return [around]


def _follow(
    step: RecordedStep,
    product: Positions,
    through_statistics: bool,
    from_image: frozenset[int],
    needs: defaultdict[int, _Need],
) -> None:
    shapes = [tuple(value.shape) for value in step.inputs]
    if step.operation is None:
        for operand, shape in zip(step.operands, shapes, strict=True):
            if operand in from_image:
                needs[operand].add(Positions.all(shape, exact=False), through_statistics)
        return
    rule = rule_of(step.operation)
    direct = rule.reads(step.operation, shapes, product)
    besides = rule.reads_statistics(step.operation, shapes, product)
    for operand, read, also in zip(step.operands, direct, besides, strict=True):
        if operand in from_image:
            if read is not None:
                needs[operand].add(read, through_statistics)
            if also is not None:
                needs[operand].add(also, through_statistics=True)


def _around(products: list[Positions]) -> Box:
    if not products:
        return Box(0, 0, 0, 0)
    rows, columns = (np.logical_or.reduce([product.axes[axis] for product in products]) for axis in (2, 3))
    (top, bottom), (left, right) = _ends(rows), _ends(columns)
    # The box is known exactly when the products that are exact already reach to all its sides.
    sure = [product for product in products if product.exact]
    exact = len(sure) == len(products)
    if sure and not exact:
        sides = [_ends(np.logical_or.reduce([product.axes[axis] for product in sure])) for axis in (2, 3)]
        exact = sides == [(top, bottom), (left, right)]
    return Box(top, bottom, left, right, exact)


def _ends(mask: Mask) -> tuple[int, int]:
    marked = np.flatnonzero(mask)
    return int(marked[0]), int(marked[-1]) + 1


def _whole(glass: ForwardPass) -> Box:
    rows, columns = glass.recording.steps[0].value.shape[2:]
    return Box(0, int(rows), 0, int(columns), exact=False)
