"""What the answers about mathematics have in common: numbers as cells, and which field a mistake is in."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from starlette.responses import JSONResponse

from pellucid.ground.errors import UserError
from pellucid.ground.writing import exact_number
from pellucid.ground.writing import number as four_digits

__all__ = ["FieldMistakes", "cells", "shown_number"]

Read = TypeVar("Read")


class FieldMistakes(dict[str, str]):
    """What is wrong with each field, in the room's own words; all of them are told at once."""

    def add(self, field: str, message: str) -> None:
        """Note a mistake; the first one of a field stays."""
        self.setdefault(field, message)

    def reading(self, field: str, read: Callable[[], Read]) -> Read | None:
        """Read a field, or note what is wrong with it and give None."""
        try:
            return read()
        except UserError as error:
            self.add(field, str(error))
            return None

    def answer(self) -> JSONResponse:
        """Refuse, with every field's message."""
        return JSONResponse({"error": "; ".join(self.values()), "mistakes": dict(self)}, 400)


def shown_number(number: Any) -> list[Any]:
    """Give a number as it is shown, with all its digits, and as a float for its colour (None for a complex one)."""
    number = number.item() if isinstance(number, np.generic) else number
    if isinstance(number, complex):
        return [exact_number(number), str(number), None]
    size = float(number)
    return [_short(number), str(number), size if math.isfinite(size) else None]


def _short(value: int | float) -> str:
    """Write whole numbers in full, others with four digits."""
    if isinstance(value, int) or not math.isfinite(value):
        return exact_number(value)
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.0f}" if 1e4 <= abs(value) < 1e6 else four_digits(value)


def cells(array: Any) -> list[list[list[Any]]]:
    """Give the numbers of an array as rows of cells; one of one dimension is one row."""
    grid = array if array.ndim == 2 else array.reshape(1, -1)
    return [[shown_number(number) for number in row] for row in grid]
