"""One unit's value decomposed into its terms, and the way back from each term to the unit it was read from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pellucid.arithmetic import Check, Trace, trace
from pellucid.arithmetic.rounding import tolerance
from pellucid.glass.nodes import Unit
from pellucid.glass.receptive_field import Box, checked_box
from pellucid.ground.errors import UserError
from pellucid.ground.plain import plain
from pellucid.ground.shown import Shown

__all__ = ["Pixel", "Term", "UnitTrace", "trace_unit"]

CHANNELS = {1: ("grey",), 3: ("red", "green", "blue")}


@dataclass(frozen=True)
class Term:
    """One of the terms that a unit's value is made of.

    Attributes:
        number: its row among the terms, which `back` takes.
        unit: the unit it was read from, or None for padding.
        value: the value read there.
        weight: what it was multiplied by, or None where nothing was multiplied.
        product: what it contributes, or None where that is no single number.
        weight_name: which weight that is, like `weight[3,0,1,1]`; empty where it belongs to no tensor.
    """

    number: int
    unit: Unit | None
    value: float
    weight: float | None
    product: float | None
    weight_name: str = ""

    @property
    def name(self) -> str:
        """The unit's name, or `padding`."""
        return "padding" if self.unit is None else self.unit.name

    def to_dict(self) -> dict[str, Any]:
        """The same as words and numbers."""
        return {
            "term": self.number,
            "unit": None if self.unit is None else self.unit.name,
            "value": plain(self.value),
            "weight": self.weight,
            "product": self.product,
            "weight_name": self.weight_name or None,
        }


@dataclass(frozen=True)
class Pixel:
    """A value of the network's input and the byte it was made from: `(byte/255 − mean) / std`."""

    byte: int
    mean: float
    std: float
    channel: str
    row: int
    column: int

    @property
    def value(self) -> float:
        """The input's value, recomputed."""
        return (self.byte / 255 - self.mean) / self.std

    @property
    def slack(self) -> float:
        """How far rounding may move the network's value, in unit roundoffs: a scale, a shift and their sum."""
        return 4 * (self.byte / (255 * self.std) + abs(self.mean / self.std)) + 2 * abs(self.value)


@dataclass(frozen=True, eq=False)
class UnitTrace(Shown):
    """A unit's value and the terms it is made of.

    Attributes:
        unit: which.
        trace: the arithmetic of the operation that computed it; None for inputs, and where there is no arithmetic.
        pixel: the byte it was made from, for an input whose bytes are known; None otherwise.
    """

    unit: Unit
    trace: Trace | None = None
    pixel: Pixel | None = None

    def __repr__(self) -> str:
        return f"UnitTrace({self.unit!r}, {self.kind})"

    @property
    def value(self) -> float:
        """The network's value."""
        return self.unit.value

    @property
    def kind(self) -> str:
        """`operation`, `pixel`, `given` (the input, a parameter, a constant) or `no arithmetic`."""
        if self.trace is not None:
            return "operation"
        if self.pixel is not None:
            return "pixel"
        return "given" if self.unit.node.step.is_source else "no arithmetic"

    @property
    def check(self) -> Check | None:
        """The recomputed value beside the network's; None where nothing was recomputed."""
        if self.pixel is not None:
            allowed = tolerance(self.pixel.slack, self.unit.node.step.value.dtype)
            return Check(self.pixel.value, self.value, allowed)
        return None if self.trace is None else self.trace.check

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """The terms in the operation's order; none for a pixel."""
        if self.trace is None:
            return ()
        return tuple(self._term(number) for number in range(len(self.trace.terms)))

    def strongest(self, count: int = 8) -> list[Term]:
        """List the terms that contribute most, by size, the largest first."""
        if self.trace is None:
            return []
        return [self._term(int(number)) for number in self.trace.terms.strongest(count)]

    def back(self, number: int | None = None) -> UnitTrace:
        """Trace the unit that a term was read from; by default the strongest term's (of a maximum, the largest).

        Raises:
            UserError: the trace ends here (a pixel, a parameter), there is no such term, or it is padding.
        """
        if self.trace is None:
            why = self.unit.node.reason or "it is an input of the network"
            raise UserError(f"there is nothing to trace behind {self.unit.name}: {why}")
        if number is None:
            term = next((term for term in self.strongest(len(self.trace.terms)) if term.unit is not None), None)
            if term is None:
                raise UserError(f"{self.unit.name} reads nothing but padding, so there is nothing to trace behind it")
        else:
            count = len(self.trace.terms)
            if not 0 <= number < count:
                raise UserError(
                    f"{self.unit.name} has {count} terms; there is no term {number}, expected 0 to {count - 1}"
                )
            term = self._term(number)
        if term.unit is None:
            raise UserError(f"term {number} of {self.unit.name} is padding, not the value of a unit; choose another")
        return trace_unit(term.unit)

    @cached_property
    def receptive_field(self) -> Box | None:
        """The pixels it can depend on; None where the input is no image or the unit does not depend on it."""
        return checked_box(self.unit)

    def _term(self, number: int) -> Term:
        assert self.trace is not None
        terms, node = self.trace.terms, self.unit.node
        source = terms.source(number)
        unit = None
        if source is not None:
            unit = node.glass.node(node.step.operands[source[0]]).at(source[1])
        weight_name = ""
        if terms.weight_index is not None and (terms.weight_index[number] >= 0).all():
            weight_name = f"{terms.weight_of}[{','.join(map(str, terms.weight_index[number].tolist()))}]"
        weight = None if terms.weights is None else float(terms.weights[number])
        product = None if terms.products is None else float(terms.products[number])
        return Term(number, unit, float(terms.values[number]), weight, product, weight_name)

    def to_dict(self) -> dict[str, Any]:
        """Everything as numbers, words and lists; ready for JSON."""
        node = self.unit.node
        document: dict[str, Any] = {
            "unit": self.unit.name,
            "layer": node.name,
            "index": list(self.unit.index),
            "operation": node.operation,
            "kind": self.kind,
            "value": plain(self.value),
            "inputs": [source.name for source in node.inputs],
            "note": node.reason or None,
            "receptive_field": None if self.receptive_field is None else self.receptive_field.to_dict(),
            "check": None if self.check is None else self.check.to_dict(),
        }
        if self.trace is not None:
            document |= {
                "formula": self.trace.formula.text,
                "combine": self.trace.combine,
                "terms": [term.to_dict() for term in self.terms],
                "bias": self.trace.bias,
                "details": {name: plain(detail) for name, detail in self.trace.details.items()},
            }
        if self.pixel is not None:
            document["pixel"] = {**vars(self.pixel)}
        return document


def trace_unit(unit: Unit) -> UnitTrace:
    """Decompose a unit's value into its terms; a unit without arithmetic keeps its value and says so.

    Raises:
        TraceMismatch: the recomputed value is not the network's.
    """
    step, glass = unit.node.step, unit.node.glass
    if step.is_source:
        picture = glass.picture
        if step.number or picture.pixels is None or picture.preprocessing is None:
            return UnitTrace(unit)
        channel, row, column = unit.index
        names = CHANNELS.get(picture.preprocessing.channels, ())
        pixel = Pixel(
            byte=int(picture.pixels[row, column, channel]),
            mean=picture.preprocessing.mean[channel],
            std=picture.preprocessing.std[channel],
            channel=names[channel] if names else str(channel),
            row=row,
            column=column,
        )
        return UnitTrace(unit, pixel=pixel)
    if step.operation is None:
        return UnitTrace(unit)
    return UnitTrace(unit, trace(step.operation, step.inputs, unit.full_index, output=step.value))
