"""What some elements of a recorded value depend on in the input: the operations walked backwards, each once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

import numpy as np

from pellucid.arithmetic.operation import Operation
from pellucid.arithmetic.positions import Positions
from pellucid.arithmetic.recorded_step import RecordedStep, Recording
from pellucid.arithmetic.rule import Rule, rule_of

__all__ = ["Dependence", "dependence", "ends_of", "steps_from_image"]

KEPT_APART = 6
"""So many products of positions are kept for a step; more of them are put into one product around them all."""


def steps_from_image(recording: Recording) -> frozenset[int]:
    """Number the steps whose values depend on the image."""
    dependent: set[int] = set()
    for step in recording.steps:
        if (step.label == "input" and step.is_source) or dependent.intersection((*step.operands, *step.decided_by)):
            dependent.add(step.number)
    return frozenset(dependent)


def dependence(
    recording: Recording, start: int, positions: Positions, from_image: frozenset[int] | None = None
) -> Dependence | None:
    """Find the positions of the first step, the input, that some positions of another step depend on.

    Args:
        recording: its values are not looked at, their shapes alone.
        start: the number of the step.
        positions: of its value.
        from_image: what `steps_from_image` returns, where it is there already.

    Returns:
        None where a step was met of which nobody knows what it depends on.

    >>> import torch
    >>> from pellucid.arithmetic.recording import record
    >>> recording = record(torch.nn.Conv2d(1, 1, 3), torch.zeros(1, 1, 5, 5))
    >>> read = dependence(recording, recording.output, Positions.at((0, 0, 1, 2), (1, 1, 3, 3)))
    >>> [mask.nonzero()[0].tolist() for mask in read.direct[0].axes[2:]]
    [[1, 2, 3], [2, 3, 4]]
    """
    steps = _plan(recording, from_image)
    needs: defaultdict[int, Dependence] = defaultdict(Dependence)
    needs[start].add(positions, through_statistics=False)
    for number in range(start, 0, -1):
        need = needs.pop(number, None)
        if need is None:
            continue
        step = steps[number]
        if step is None:
            return None
        for product in need.direct:
            _follow(step, product, False, needs)
        for product in need.statistics:
            _follow(step, product, True, needs)
    return needs[0]


@dataclass(frozen=True, eq=False, slots=True)
class _Planned:
    """What walking through a step needs to know of it, found out once for all walks.

    `operands` has None for those that do not depend on the image; `unsure` says that what is read may not matter.
    """

    operation: Operation
    rule: Rule
    shapes: list[tuple[int, ...]]
    operands: list[int | None]
    unsure: bool


_PLANS: WeakKeyDictionary[Recording, list[_Planned | None]] = WeakKeyDictionary()


def _plan(recording: Recording, from_image: frozenset[int] | None) -> list[_Planned | None]:
    """Prepare every step; None where nobody knows what it depends on, and for those that read nothing."""
    plan = _PLANS.get(recording)
    if plan is None:
        from_image = steps_from_image(recording) if from_image is None else from_image
        hidden = recording.hidden
        plan = [None if number in hidden else _planned(step, from_image) for number, step in enumerate(recording.steps)]
        _PLANS[recording] = plan
    return plan


def _planned(step: RecordedStep, from_image: frozenset[int]) -> _Planned | None:
    if step.operation is None:
        return None
    rule = rule_of(step.operation)
    read_twice = len(set(step.operands)) < len(step.operands)
    several = len(from_image.intersection(step.operands)) > 1
    return _Planned(
        step.operation,
        rule,
        [tuple(value.shape) for value in step.inputs],
        [operand if operand in from_image else None for operand in step.operands],
        (rule.multiplies and several) or ((rule.multiplies or rule.cancels) and read_twice),
    )


@dataclass
class Dependence:
    """What is read of a step: products of positions, and those that are read through means and variances alone.

    Elements in no product are not read; a product that is not exact may hold elements that are not read.
    """

    direct: list[Positions] = field(default_factory=list)
    statistics: list[Positions] = field(default_factory=list)

    def add(self, positions: Positions, through_statistics: bool) -> None:
        """Take some more."""
        if positions.is_empty:
            return
        if through_statistics:
            self.statistics = _with(self.statistics, positions)
        else:
            self.direct = _with(self.direct, positions)


def ends_of(products: Sequence[Positions]) -> tuple[tuple[tuple[int, int], ...], bool]:
    """Find the first position and the one after the last along each axis of an image, and whether they are exact.

    They are when the products that are exact already reach to all sides.
    """
    sides = _ends(products)
    sure = [product for product in products if product.exact]
    return sides, len(sure) == len(products) or (bool(sure) and _ends(sure) == sides)


def _ends(products: Sequence[Positions]) -> tuple[tuple[int, int], ...]:
    sides = []
    for axis in range(2, len(products[0].axes)):
        marked = [np.flatnonzero(product.axes[axis]) for product in products]
        sides.append((min(int(places[0]) for places in marked), max(int(places[-1]) for places in marked) + 1))
    return tuple(sides)


def _with(products: list[Positions], new: Positions) -> list[Positions]:
    """Add a product; what another holds is dropped, two that are one product together become it."""
    if not products:
        return [new]
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


def _follow(step: _Planned, product: Positions, through_statistics: bool, needs: defaultdict[int, Dependence]) -> None:
    direct = step.rule.reads(step.operation, step.shapes, product)
    besides = step.rule.reads_statistics(step.operation, step.shapes, product)
    for operand, read, also in zip(step.operands, direct, besides, strict=True):
        if operand is not None:
            if read is not None:
                needs[operand].add(read.inexact() if step.unsure else read, through_statistics)
            if also is not None:
                needs[operand].add(also, through_statistics=True)
