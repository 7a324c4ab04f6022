"""Which pixels a unit can depend on: a box on the image."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from math import ceil, floor
from typing import Any

from pellucid.arithmetic import NoArithmetic, trace
from pellucid.arithmetic.layer_table import Fields, receptive_fields
from pellucid.arithmetic.rule import EVERYTHING
from pellucid.glass.nodes import ForwardPass, Unit

__all__ = ["Box", "box_of"]

FOLLOWED = 64
"""Where a layer's axes are not the image's, a unit of more terms than these is taken to depend on all pixels."""


@dataclass(frozen=True)
class Box:
    """Rows `top` to `bottom` and columns `left` to `right` of the image, the last ones not included.

    `exact` is false where it is not known; the box is then the whole image.
    """

    top: int
    bottom: int
    left: int
    right: int
    exact: bool = True

    def union(self, other: Box) -> Box:
        """Return the smallest box around both."""
        return Box(
            min(self.top, other.top),
            max(self.bottom, other.bottom),
            min(self.left, other.left),
            max(self.right, other.right),
            self.exact and other.exact,
        )

    def __str__(self) -> str:
        if self.bottom == self.top or self.right == self.left:
            return "no pixel"
        sides = f"{_span('row', self.top, self.bottom)}, {_span('column', self.left, self.right)}"
        return sides if self.exact else f"at most {sides}"

    def to_dict(self) -> dict[str, Any]:
        """The four sides, and whether they are exact."""
        return asdict(self)


def _span(name: str, start: int, end: int) -> str:
    return f"{name} {start}" if end == start + 1 else f"{name}s {start} to {end - 1}"


def box_of(unit: Unit) -> Box | None:
    """Find the pixels that a unit can depend on through windows, cut to the image; None where there is no image.

    A unit without pixels (a window that lies in the padding alone) gets an empty box.
    """
    glass = unit.node.glass
    if len(glass.recording.steps[0].value.shape) != 4 or unit.node.step.number not in glass.from_image:
        return None
    return _box(unit, receptive_fields(glass.recording.steps))


def _box(unit: Unit, fields: list[Fields]) -> Box:
    glass, step = unit.node.glass, unit.node.step
    field = fields[step.number]
    if field == EVERYTHING:
        return _whole(glass)
    if not isinstance(field, str) and len(field) == 2 and step.value.dim() == 4:
        sides = []
        for axis, position, size in zip(
            field, unit.full_index[2:], glass.recording.steps[0].value.shape[2:], strict=True
        ):
            first = axis.start + axis.jump * position
            start = min(max(floor(first), 0), size)
            sides.append((start, max(min(ceil(first + axis.size), size), start)))
        (top, bottom), (left, right) = sides
        return Box(top, bottom, left, right)
    # Its axes are not the image's: the union of what its terms depend on.
    if step.operation is None:
        return _whole(glass, exact=False)
    try:
        terms = trace(step.operation, step.inputs, unit.full_index, output=step.value).terms
    except NoArithmetic:
        return _whole(glass, exact=False)
    if len(terms) > FOLLOWED:
        return _whole(glass, exact=False)
    union: Box | None = None
    for row in range(len(terms)):
        source = terms.source(row)
        if source is None or step.operands[source[0]] not in glass.from_image:
            continue
        node = glass.node(step.operands[source[0]])
        box = _box(node.at(source[1]), fields)
        union = box if union is None else union.union(box)
    return union or Box(0, 0, 0, 0)


def _whole(glass: ForwardPass, exact: bool = True) -> Box:
    rows, columns = glass.recording.steps[0].value.shape[2:]
    return Box(0, int(rows), 0, int(columns), exact)
