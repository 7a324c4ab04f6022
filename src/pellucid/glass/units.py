"""How people write units: `conv2[3,4,5]`, a layer's name and the place in its values, without the batch axis."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pellucid.ground.errors import UserError
from pellucid.ground.writing import shape_text

__all__ = ["check_place", "parse_unit", "unit_text"]

WRITTEN = re.compile(r"\s*([^\[\]\s]+)\s*(?:\[\s*([^\[\]]*?)\s*\])?\s*")


def parse_unit(text: str) -> tuple[str, tuple[int, ...] | None]:
    """Read a layer's name and an index, or the name alone.

    Raises:
        UserError: it is written in another way.

    >>> parse_unit("conv2[3, 4, 5]"), parse_unit("pool_2"), parse_unit("loss[]")
    (('conv2', (3, 4, 5)), ('pool_2', None), ('loss', ()))
    """
    found = WRITTEN.fullmatch(text)
    numbers = None if found is None else found[2]
    if found is None or (numbers and not re.fullmatch(r"-?\d+(\s*,\s*-?\d+)*", numbers)):
        raise UserError(f"the unit is written {text!r}; expected a layer and a place in it, like conv2[3,4,5]")
    if numbers is None:
        return found[1], None
    return found[1], tuple(int(number) for number in numbers.split(",")) if numbers else ()


def unit_text(name: str, index: Sequence[int]) -> str:
    """Write a unit.

    >>> unit_text("conv2", (3, 4, 5))
    'conv2[3,4,5]'
    """
    return f"{name}[{','.join(str(int(position)) for position in index)}]"


def check_place(name: str, index: Sequence[int], shape: Sequence[int]) -> tuple[int, ...]:
    """Return the index as plain integers.

    Raises:
        UserError: there is no such unit; the message has the shape and the nearest unit that there is.
    """
    place = tuple(int(position) for position in index)
    axes = {1: "(number)", 3: "(channel, row, column)"}.get(len(shape), "")
    stated = f"{name} has the shape {shape_text(shape)} {axes}".rstrip()
    # Missing numbers are taken to be the last ones.
    padded = (*place, *(size // 2 for size in shape[len(place) :]))[: len(shape)]
    nearest = tuple(min(max(position, 0), size - 1) for position, size in zip(padded, shape, strict=True))
    if len(place) != len(shape):
        raise UserError(
            f"{stated}; {unit_text(name, place)} gives {len(place)} numbers, expected {len(shape)}, "
            f"like {unit_text(name, nearest)}"
        )
    if place != nearest:
        at = next(axis for axis, (given, near) in enumerate(zip(place, nearest, strict=True)) if given != near)
        raise UserError(
            f"{stated}, so there is no {unit_text(name, place)}: number {at + 1} is {place[at]}, expected 0 to "
            f"{shape[at] - 1}; the nearest unit is {unit_text(name, nearest)}"
        )
    return place
