"""How numbers, shapes and counts are written, once for every room."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from numbers import Complex, Integral, Real
from typing import Any

__all__ = [
    "ALL_DIGITS",
    "DIGITS",
    "counted",
    "exact_number",
    "number",
    "numbers_apart",
    "shape_text",
    "signed_number",
    "significant_digits",
]

DIGITS, ALL_DIGITS = 4, 9
"""Significant digits of a number in a table, and as many as tell any two numbers of float32 apart."""

SHORT = 6
"""Significant digits up to which a float is written exactly, where they hold all of it."""

_digits: ContextVar[int] = ContextVar("digits", default=DIGITS)


def number(value: float) -> str:
    """Write a number with at most four significant digits, or as many as `significant_digits` says.

    >>> number(1.8342910000000001), number(0.0)
    ('1.834', '0')
    """
    text = f"{value:.{_digits.get()}g}"
    return "0" if text == "-0" else text


def exact_number(value: Any) -> str:
    """Write a number for arithmetic that a reader follows: exactly where that is short, else as `number` does.

    Integers of any size are written in full, and floats whose decimals end within six digits; complex numbers too.

    >>> exact_number(2**70), exact_number(1000.5), exact_number(1 / 9), exact_number(1 - 2j)
    ('1180591620717411303424', '1000.5', '0.1111', '1-2j')
    """
    if isinstance(value, Real) and not isinstance(value, Integral):
        short = f"{float(value):.{SHORT}g}"
        return short if float(short) == value != 0 else number(float(value))
    if isinstance(value, Complex) and not isinstance(value, Real):
        return f"{complex(value):.{_digits.get()}g}"
    return str(int(value))


def signed_number(value: float) -> str:
    """Write a number with its sign.

    >>> signed_number(0.25), signed_number(-0.25)
    ('+0.25', '-0.25')
    """
    return f"{value:+.{_digits.get()}g}"


def numbers_apart(first: float, second: float) -> tuple[str, str]:
    """Write two numbers as `number` does, with more digits where they would look the same and are not.

    >>> numbers_apart(-0.19112, -0.19108), numbers_apart(0.5, 0.25)
    (('-0.19112', '-0.19108'), ('0.5', '0.25'))
    """
    for digits in range(_digits.get(), 18):
        with significant_digits(digits):
            texts = number(first), number(second)
        if texts[0] != texts[1] or first == second:
            break
    return texts


@contextmanager
def significant_digits(count: int) -> Iterator[None]:
    """Let `number` write so many digits within the body.

    >>> with significant_digits(7):
    ...     number(1.8342910000000001)
    '1.834291'
    """
    token = _digits.set(count)
    try:
        yield
    finally:
        _digits.reset(token)


def shape_text(shape: Sequence[int]) -> str:
    """Write a shape as people do.

    >>> shape_text((16, 32, 32))
    '16×32×32'
    >>> shape_text(())
    'one number'
    """
    return "×".join(str(size) for size in shape) if len(shape) else "one number"


def counted(count: int, singular: str, plural: str | None = None) -> str:
    """Write a count with its noun.

    >>> counted(1, "image"), counted(1200, "image"), counted(2, "class", "classes")
    ('1 image', '1,200 images', '2 classes')
    """
    return f"{count:,} {singular if count == 1 else plural or singular + 's'}"
