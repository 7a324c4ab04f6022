"""How units are written: `conv2[3,4,5]`, a layer's name and an index into its values, without the batch axis."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pellucid.ground.errors import UserError
from pellucid.ground.writing import shape_text

__all__ = ["check_index", "parse_unit", "unit_text"]

WRITTEN = re.compile(r"\s*([^\[\]\s]+)\s*(?:\[\s*([^\[\]]*?)\s*\])?\s*")


def parse_unit(text: str) -> tuple[str, tuple[int, ...] | None]:
    """Read a layer's name and an index, or the name alone.

    Raises:
        UserError: it is written in another way.

    >>> parse_unit("conv2[3, 4, 5]"), parse_unit("pool_2"), parse_unit("loss[]")
    (('conv2', (3, 4, 5)), ('pool_2', None), ('loss', ()))
    """
    match = WRITTEN.fullmatch(text)
    numbers = None if match is None else match[2]
    if match is None or (numbers and not re.fullmatch(r"-?\d+(\s*,\s*-?\d+)*", numbers)):
        raise UserError(f"the unit is written {text!r}; expected a layer and an index, like conv2[3,4,5]")
    if numbers is None:
        return match[1], None
    return match[1], tuple(int(number) for number in numbers.split(",")) if numbers else ()


def unit_text(name: str, index: Sequence[int]) -> str:
    """Write a unit.

    >>> unit_text("conv2", (3, 4, 5))
    'conv2[3,4,5]'
    """
    return f"{name}[{','.join(str(int(position)) for position in index)}]"


def check_index(name: str, index: Sequence[int], shape: Sequence[int]) -> tuple[int, ...]:
    """Return the index as plain integers.

    Raises:
        UserError: there is no such unit; the message has the shape and the nearest unit that there is.
    """
    given = tuple(int(position) for position in index)
    axes = {1: "(values)", 3: "(channel, row, column)"}.get(len(shape), "")
    stated = f"{name} has the shape {shape_text(shape)} {axes}".rstrip()
    # Missing numbers are taken to be the last ones.
    padded = (*given, *(size // 2 for size in shape[len(given) :]))[: len(shape)]
    nearest = tuple(min(max(position, 0), size - 1) for position, size in zip(padded, shape, strict=True))
    if len(given) != len(shape):
        raise UserError(
            f"{stated}; {unit_text(name, given)} gives {len(given)} numbers, expected {len(shape)}, "
            f"like {unit_text(name, nearest)}"
        )
    if given != nearest:
        at = next(axis for axis, (wrong, near) in enumerate(zip(given, nearest, strict=True)) if wrong != near)
        raise UserError(
            f"{stated}, so there is no {unit_text(name, given)}: number {at + 1} is {given[at]}, expected 0 to "
            f"{shape[at] - 1}; the nearest unit is {unit_text(name, nearest)}"
        )
    return given
