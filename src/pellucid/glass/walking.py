"""From a unit onward: the units it feeds, and the strongest chain from a pixel through it to a class's logit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from pellucid.arithmetic import NoArithmetic, rule_of
from pellucid.arithmetic.arrays import lattice
from pellucid.arithmetic.positions import Positions
from pellucid.arithmetic.rule import LocalDerivatives
from pellucid.glass.gradients import Gradients, gradients
from pellucid.glass.nodes import ForwardPass, Node, Unit
from pellucid.glass.unit_trace import Term, UnitTrace, trace_unit
from pellucid.ground.errors import UserError, did_you_mean
from pellucid.ground.shown import Shown

__all__ = ["Feed", "Feeds", "Link", "Path", "class_index", "feeds", "path"]


@dataclass(frozen=True)
class Feed:
    """A unit that reads another one's value.

    Attributes:
        unit: the unit that reads it.
        derivative: how much its value changes for a small change of the unit that feeds it.
        term: what it reads there, as in its own trace; None where the influence goes through a mean and a variance
            alone.
        share: that term's size as a part of the sum of all its terms' sizes, 0 to 1; None where terms are not added.
    """

    unit: Unit
    derivative: float
    term: Term | None
    share: float | None

    def to_dict(self) -> dict[str, Any]:
        """The same as words and numbers."""
        return {
            "unit": self.unit.name,
            "value": self.unit.value,
            "derivative": self.derivative,
            "share": self.share,
            "term": None if self.term is None else self.term.to_dict(),
        }


@dataclass(frozen=True)
class Feeds(Shown):
    """The units that a unit feeds: the strongest of them, how many there are, and operations without arithmetic."""

    unit: Unit
    strongest: tuple[Feed, ...]
    total: int
    without_arithmetic: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Feed]:
        return iter(self.strongest)

    def __len__(self) -> int:
        return len(self.strongest)

    def __getitem__(self, position: int) -> Feed:
        return self.strongest[position]

    def to_dict(self) -> dict[str, Any]:
        """Everything as words, numbers and lists."""
        return {
            "unit": self.unit.name,
            "total": self.total,
            "feeds": [feed.to_dict() for feed in self.strongest],
            "without_arithmetic": list(self.without_arithmetic),
        }


@dataclass(frozen=True)
class Link:
    """One unit of a chain and what it contributes to the next: a term of the next unit's trace, None at the end."""

    unit: Unit
    term: Term | None

    def to_dict(self) -> dict[str, Any]:
        """The same as words and numbers."""
        return {
            "unit": self.unit.name,
            "value": self.unit.value,
            "term": None if self.term is None else self.term.to_dict(),
        }


@dataclass(frozen=True)
class Path(Shown):
    """A chain of units from a pixel to a class's logit, or as far as it goes.

    Attributes:
        links: in the order of the network.
        through: the unit that the chain was asked to pass.
        target: the logit that it leads to.
        remarks: why it begins after the pixels or ends before the logit, where it does.
    """

    links: tuple[Link, ...]
    through: Unit
    target: Unit
    remarks: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Path({len(self.links)} units, through {self.through!r} to {self.target!r})"

    @property
    def complete(self) -> bool:
        """Whether it goes all the way."""
        return not self.remarks

    def __iter__(self) -> Iterator[Link]:
        return iter(self.links)

    def __len__(self) -> int:
        return len(self.links)

    def to_dict(self) -> dict[str, Any]:
        """Everything as words, numbers and lists."""
        return {
            "through": self.through.name,
            "target": self.target.name,
            "complete": self.complete,
            "links": [link.to_dict() for link in self.links],
            "remarks": list(self.remarks),
        }


def feeds(unit: Unit, limit: int = 8) -> Feeds:
    """Find the units that a unit feeds.

    The strongest are those with the largest derivatives by size.
    """
    derivatives: dict[Unit, float] = {}
    unknown = []
    for node in unit.node.consumers:
        local = _locals(node, unit)
        if local is None:
            unknown.append(node.name)
            continue
        for part in local:
            for index, derivative in zip(part.positions.tolist(), part.derivatives.tolist(), strict=True):
                fed = node.at(tuple(index))
                derivatives[fed] = derivatives.get(fed, 0.0) + derivative
    order = sorted(derivatives, key=lambda fed: -abs(derivatives[fed]))
    strongest = tuple(_feed(fed, derivatives[fed], unit) for fed in order[:limit])
    return Feeds(unit, strongest, len(derivatives), tuple(unknown))


def _feed(fed: Unit, derivative: float, unit: Unit) -> Feed:
    traced = trace_unit(fed)
    term = _term_of(traced, unit)
    share = None
    if term is not None and term.product is not None and traced.trace is not None and traced.trace.combine == "sum":
        assert traced.trace.terms.products is not None
        total = float(np.abs(traced.trace.terms.products).sum())
        share = abs(term.product) / total if total else None
    return Feed(fed, derivative, term, share)


def _term_of(traced: UnitTrace, unit: Unit) -> Term | None:
    """Find the term that was read from a unit; the one that contributes most where it was read twice."""
    assert traced.trace is not None
    terms, step = traced.trace.terms, traced.unit.node.step
    operands = [position for position, operand in enumerate(step.operands) if operand == unit.node.step.number]
    full = np.asarray(unit.full_index, dtype=np.int64)
    rows = np.flatnonzero(np.isin(terms.operand, operands) & (terms.index[:, : len(full)] == full).all(axis=1))
    if not len(rows):
        return None
    if terms.products is not None:
        rows = rows[np.argsort(-np.abs(terms.products[rows]), kind="stable")]
    return traced.terms[int(rows[0])]


def _locals(node: Node, unit: Unit) -> list[LocalDerivatives] | None:
    """Find the outputs of a node that read a unit, once for each operand it is in; None without arithmetic."""
    step = node.step
    if step.operation is None:
        return None
    rule = rule_of(step.operation)
    operation = rule.prepare(step.operation, step.inputs, step.value, None)
    try:
        return [
            rule.local_derivatives(operation, step.inputs, "input", position, unit.full_index)
            for position, operand in enumerate(step.operands)
            if operand == unit.node.step.number
        ]
    except NoArithmetic:
        return None


def path(unit: Unit, target: int | str | None = None) -> Path:
    """Find the strongest chain from a pixel through a unit to a class's logit.

    Backwards it follows each unit's strongest term (of a maximum, the largest). Forwards it follows the fed unit
    through which the logit changes most: the largest derivative times the gradient of the logit there.

    Args:
        unit: where the chain must pass.
        target: the class, by name or number; the predicted class by default. A unit of the output is its own target.

    Raises:
        UserError: there is no such class.
    """
    glass = unit.node.glass
    goal = _goal(unit, target)
    before, remarks = _backwards(unit)
    upstream = torch.zeros_like(goal.node.step.value)
    upstream[goal.full_index] = 1.0
    follow = gradients(glass.recording, goal.node.step.number, upstream, stopped=False)
    after, stopped = _forwards(unit, goal, follow)
    chain = [*before, unit, *after]
    links = []
    for here, following in zip(chain, [*chain[1:], None], strict=True):
        term = None
        if following is not None:
            traced = trace_unit(following)
            term = _term_of(traced, here) if traced.trace is not None else None
        links.append(Link(here, term))
    return Path(tuple(links), unit, goal, (*remarks, *stopped))


def _goal(unit: Unit, target: int | str | None) -> Unit:
    glass = unit.node.glass
    if target is None:
        return unit if unit.node.name == glass.output.name else glass.top_output()
    return glass.output[class_index(glass, target)]


def class_index(glass: ForwardPass, target: int | str) -> int:
    """Find a class by name or number; `UserError` has the nearest name."""
    prediction = glass.prediction
    if prediction is None:
        raise UserError(
            f"the network's output has the shape {list(glass.output.shape)}, so it has no classes to choose from"
        )
    if isinstance(target, str) and target in prediction.classes:
        return prediction.classes.index(target)
    if str(target).isascii() and str(target).isdigit() and int(target) < len(prediction.classes):
        return int(target)
    raise UserError(
        f"no class is called {target!r}; {did_you_mean(str(target), prediction.classes)}, "
        f"or a number from 0 to {len(prediction.classes) - 1}"
    )


def _backwards(unit: Unit) -> tuple[list[Unit], list[str]]:
    """Follow the strongest terms, and turn back where a unit reads nothing of the image, such as a class token."""
    traces = [trace_unit(unit)]
    ways = [_onward(traces[0])]
    tried = {unit}
    while traces and traces[-1].kind == "operation":
        onward = next((candidate for candidate in ways[-1] if candidate not in tried), None)
        if onward is None:  # nothing of the image here
            traces.pop()
            ways.pop()
            continue
        tried.add(onward)
        traces.append(trace_unit(onward))
        ways.append(_onward(traces[-1]))
    if not traces:
        return [], [f"the chain begins at {unit.name}: nothing that it reads was found to depend on the image"]
    chain = [traced.unit for traced in reversed(traces[1:])]
    begins = traces[-1].unit
    if begins.node.step.number == 0:
        return chain, []
    reason = begins.node.reason or "it is an input of the network"
    return chain, [f"the chain begins at {begins.name}: {reason}"]


def _onward(traced: UnitTrace) -> Iterator[Unit]:
    """List the units that a unit reads, the strongest first; a chain to a pixel cannot go through a parameter."""
    if traced.trace is None:
        return
    step, glass = traced.unit.node.step, traced.unit.node.glass
    for term in traced.strongest(len(traced.trace.terms)):
        if term.unit is not None and term.unit.node.step.number in glass.from_image:
            yield term.unit
    # What terms are multiplied by is read as well: the second factor of a matrix product is no term of its own.
    assert step.operation is not None
    shapes = [tuple(x.shape) for x in step.inputs]
    output = Positions.at(traced.unit.full_index, tuple(step.value.shape))
    read = rule_of(step.operation).reads(step.operation, shapes, output)
    for operand, positions in enumerate(read):
        number = step.operands[operand]
        known = positions is not None and positions.exact and number in glass.from_image
        if positions is None or not known or (traced.trace.terms.operand == operand).any():
            continue
        node = glass.node(number)
        index = lattice(*(np.flatnonzero(mask) for mask in positions.axes))
        sizes = np.abs(step.inputs[operand].detach().cpu().double().numpy()[tuple(index.T)])
        for row in np.argsort(-sizes, kind="stable"):
            yield node.at(tuple(int(at) for at in index[row]))


def _forwards(unit: Unit, goal: Unit, follow: Gradients) -> tuple[list[Unit], list[str]]:
    chain: list[Unit] = []
    remarks: list[str] = []
    names = ", ".join(follow.without_arithmetic)
    here = unit
    while here != goal:
        best, strength = None, 0.0
        hidden = False
        for node in here.node.consumers:
            gradient = follow.known_part(node.step.number)
            local = _locals(node, here)
            if node.step.number in follow.hidden or (local is None and here.node.step.number in follow.hidden):
                hidden = True
            if local is None or gradient is None:
                continue
            for part in local:
                rates = np.abs(part.derivatives * gradient.cpu().double().numpy()[tuple(part.positions.T)])
                if len(rates) and float(rates.max()) > strength:
                    strength = float(rates.max())
                    best = node.at(tuple(part.positions[int(rates.argmax())].tolist()))
        if best is None:
            if hidden:
                return chain, [
                    *remarks,
                    f"the chain ends at {here.name}: no arithmetic for an operation on the way ({names})",
                ]
            return chain, [*remarks, f"the chain ends at {here.name}: no small change of it reaches {goal.name}"]
        if hidden and not remarks:
            remarks.append(
                f"from {here.name} on, only operations with arithmetic were compared: a stronger chain may go through "
                f"one without ({names})"
            )
        chain.append(best)
        here = best
    return chain, remarks
