"""Numbers coming in and going out: checked arrays, text to numbers, numbers to text."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sized
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pellucid.ground.errors import UserError
from pellucid.ground.writing import exact_number

__all__ = [
    "Array",
    "as_numbers",
    "parse_domain",
    "parse_number",
    "parse_numbers",
    "parse_whole_numbers",
    "plain_number",
    "plain_numbers",
    "product_sum_text",
]

LARGEST = 1_000_000
"""Of strides, paddings and dilations that are typed."""

Array = NDArray[Any]
"""An array of int64, of a float or complex type, or of Python integers (dtype object) too large for int64."""


def as_numbers(value: ArrayLike, name: str, dimensions: tuple[int, ...], *, finite: bool = False) -> Array:
    """Turn `value` into an array of numbers that can be computed with exactly, or say what is wrong with it.

    Booleans and all integer types become int64; integers beyond int64 become Python integers in an array of
    dtype object; floats and complex numbers keep their type.

    Args:
        value: a number array or nested lists.
        name: what messages call it, such as "the signal".
        dimensions: the numbers of dimensions that are accepted.
        finite: also refuse infinity. NaN is always refused.

    Raises:
        UserError: no numbers, ragged, empty, NaN, or another number of dimensions.

    >>> as_numbers([3, 2**70], "the signal", (1,)).dtype
    dtype('O')
    """
    array = value if isinstance(value, np.ndarray) else _from_lists(value, name)
    if array.dtype.kind not in "iufcb":
        array = _from_objects(array, name)
    if array.ndim not in dimensions:
        expected = " or ".join(str(count) for count in dimensions)
        raise UserError(f"{name} has {array.ndim} dimensions, shape {array.shape}; expected {expected}")
    if array.size == 0:
        raise UserError(f"{name} is empty, shape {array.shape}; expected at least one number")
    if array.dtype.kind in "iub":
        if array.dtype == np.uint64 and int(array.max()) > np.iinfo(np.int64).max:
            return array.astype(object)
        return array.astype(np.int64, copy=False)
    if array.dtype.kind in "fc":
        _refuse_nan(array, name, finite)
    return array


def _from_lists(value: ArrayLike, name: str) -> Array:
    try:
        array = np.asarray(value)
    except ValueError:
        raise UserError(f"{name} is ragged: {_lengths(value)}; expected rows of one length") from None
    except OverflowError as error:
        raise UserError(f"{name} holds a number that cannot be represented: {error}") from None
    # NumPy rounds a list such as [2**63, -1] to floats; integers are to stay exact
    if array.dtype.kind == "f" and array.size and np.abs(array).max() >= 2.0**63:
        exact = np.asarray(value, dtype=object)
        if all(isinstance(element, int) for element in exact.flat):
            return exact
    return array


def _lengths(value: Any) -> str:
    """Describe rows of different lengths, at the outermost level where they differ."""
    rows = list(value)
    lengths = [len(row) if isinstance(row, Sized) and not isinstance(row, str) else None for row in rows]
    if len(set(lengths)) == 1:
        return next((text for row in rows if (text := _lengths(row))), "") if lengths[0] is not None else ""
    shown = ", ".join("a single number" if length is None else str(length) for length in lengths[:8])
    return f"its rows have the lengths {shown}" + (", …" if len(lengths) > 8 else "")


def _from_objects(array: Array, name: str) -> Array:
    elements = array.ravel()
    for index, element in enumerate(elements):
        if not isinstance(element, (int, float, complex, np.number, np.bool_)):
            given = element.item() if isinstance(element, np.generic) else element
            raise UserError(
                f"{name} holds {given!r}{_position_text(index, array.shape)}, which is not a number; expected numbers"
            )
    if all(isinstance(element, (int, np.integer, np.bool_)) for element in elements):
        integers = np.array([int(element) for element in elements], dtype=object).reshape(array.shape)
        if all(-(2**63) <= element < 2**63 for element in integers.flat):
            return integers.astype(np.int64)
        return integers
    is_complex = any(isinstance(element, (complex, np.complexfloating)) for element in elements)
    return array.astype(np.complex128 if is_complex else np.float64)


def _refuse_nan(array: Array, name: str, finite: bool) -> None:
    # one pass over a large array: its largest element is NaN if any element is
    if np.isnan(array.max()):
        index = int(np.isnan(array).argmax())
        position = _position_text(index, array.shape)
        raise UserError(f"{name} holds NaN (not a number){position}; expected numbers without NaN")
    if finite and not np.isfinite(array).all():
        index = int(np.isinf(array).argmax())
        raise UserError(f"{name} holds infinity{_position_text(index, array.shape)}; expected finite numbers")


def _position_text(index: int, shape: tuple[int, ...]) -> str:
    position = tuple(int(i) for i in np.unravel_index(index, shape)) if shape else ()
    return "" if not position else f" at position {position[0] if len(position) == 1 else position}"


def parse_numbers(text: str, name: str) -> Array:
    """Read `3,2,1,0` as a 1-D array and `1,0;0,1` as a 2-D one, rows separated by semicolons.

    Integers, decimals, `1e-3`, fractions such as `1/9`, and complex numbers such as `1+2j` are read.

    Raises:
        UserError: something is no number, or the rows differ in length.

    >>> parse_numbers("1, 0, -1", "the filter")
    array([ 1,  0, -1])
    >>> parse_numbers("1,0;0,1", "the filter").shape
    (2, 2)
    """
    cleaned = text.strip().strip("[]()")
    rows = [[_parse_number(word, text, name) for word in _words(row)] for row in cleaned.split(";")]
    if len(rows) > 1 and not rows[-1]:  # a closing semicolon
        rows.pop()
    return as_numbers(rows if len(rows) > 1 else rows[0], name, (1, 2))


def _words(row: str) -> list[str]:
    return re.split(r"\s*,\s*|\s+", row.strip()) if row.strip() else []


def _parse_number(word: str, text: str, name: str) -> int | float | complex:
    readers: tuple[type[int], type[float], type[complex]] = (int, float, complex)
    for reader in readers:
        try:
            return reader(word)
        except ValueError:
            pass
    above, slash, below = word.partition("/")
    try:
        if slash and float(below) != 0:
            return float(above) / float(below)
    except ValueError:
        pass
    raise UserError(
        f"{name} is {_beginning(text)!r}: {_beginning(word)!r} is not a number; "
        "expected numbers separated by commas, rows by semicolons, such as 3,2,1,0 or 1,0;0,1"
    )


def _beginning(text: str, most: int = 80) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"


def parse_whole_numbers(text: str, name: str) -> int | tuple[int, ...]:
    """Read `2`, or `2,1`: one whole number for each end, or for rows and columns.

    Raises:
        UserError: something is no whole number, or beyond a million.

    >>> parse_whole_numbers("2", "--stride"), parse_whole_numbers("2,1", "--stride")
    (2, (2, 1))
    """
    numbers = []
    for part in text.split(","):
        try:
            whole = int(part)
        except ValueError:
            raise UserError(f"{name} is {text!r}; expected whole numbers, such as 2 or 2,1") from None
        if abs(whole) > LARGEST:
            raise UserError(f"{name} is {text}; expected at most {LARGEST:,}")
        numbers.append(whole)
    return numbers[0] if len(numbers) == 1 else tuple(numbers)


def parse_number(text: str, name: str) -> float:
    """Read a number, which may be infinite.

    Raises:
        UserError: it is none.
    """
    try:
        return float(text)
    except ValueError:
        raise UserError(f"{name} is {text!r}; expected a number") from None


def parse_domain(text: str, name: str) -> tuple[float, float]:
    """Read both ends of a domain.

    Raises:
        UserError: there are not two numbers with a colon between them.

    >>> parse_domain("-10:10", "--domain")
    (-10.0, 10.0)
    """
    low, colon, high = text.partition(":")
    if not colon:
        raise UserError(f"{name} is {text!r}; expected two numbers with a colon between them, such as -10:10")
    return parse_number(low, name), parse_number(high, name)


def product_sum_text(first: Array, second: Array, value: Any, most: int = 64) -> str:
    """Write `3*0 + 2*1 = 2`, negative factors in brackets; beyond `most` products the middle is left out.

    >>> product_sum_text(np.array([3, 2]), np.array([-1, 0]), -3)
    '3*(-1) + 2*0 = -3'
    """
    count = first.size
    if count == 0:
        return f"nothing overlaps = {exact_number(value)}"
    ends = itertools.chain(range(most // 2), range(count - most // 2, count))
    chosen = list(range(count)) if count <= most else list(ends)
    left, right = first.ravel(), second.ravel()
    products = [f"{_factor(left[i], True)}*{_factor(right[i], False)}" for i in chosen]
    if count > most:
        products.insert(most // 2, f"… {count - 2 * (most // 2):,} more …")
    return " + ".join(products) + f" = {exact_number(value)}"


def _factor(number: Any, leading: bool) -> str:
    text = exact_number(number)
    compound = "+" in text[1:].replace("e+", "") or "-" in text[1:].replace("e-", "")
    return f"({text})" if compound or (text.startswith("-") and not leading) else text


def plain_number(number: Any) -> Any:
    """Give a number as JSON has it: a Python integer or float, or `{"real", "imaginary"}` for a complex one."""
    if isinstance(number, (complex, np.complexfloating)):
        return {"real": float(number.real), "imaginary": float(number.imag)}
    return float(number) if isinstance(number, (float, np.floating)) else int(number)


def plain_numbers(values: Any) -> Any:
    """Make every number of nested lists one that JSON has."""
    return [plain_numbers(value) for value in values] if isinstance(values, list) else plain_number(values)
