"""Named filters for images, as they lie on the image (a correlation; nothing is flipped)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pellucid.convolution.values import Array, parse_numbers
from pellucid.ground.errors import UserError, did_you_mean

__all__ = ["KERNELS", "NamedKernel", "named_kernel"]


@dataclass(frozen=True)
class NamedKernel:
    """A filter with its name and what it does."""

    name: str
    about: str
    rows: tuple[tuple[int, ...], ...]
    divisor: int = 1

    @property
    def values(self) -> Array:
        """The weights, `[h, w]`: int64, or float64 where the rows are divided."""
        rows = np.array(self.rows, np.int64)
        return rows if self.divisor == 1 else rows / self.divisor


def _binomial(size: int) -> tuple[tuple[int, ...], ...]:
    line = np.poly1d([1, 1]) ** (size - 1)
    weights = np.rint(line.coeffs).astype(int)
    return tuple(tuple(int(value) for value in row) for row in np.outer(weights, weights))


_ALL = (
    NamedKernel("identity", "changes nothing", ((0, 0, 0), (0, 1, 0), (0, 0, 0))),
    NamedKernel("edges", "all edges: the centre against its eight neighbours", ((-1,) * 3, (-1, 8, -1), (-1,) * 3)),
    NamedKernel(
        "laplacian", "second derivative: the centre against four neighbours", ((0, 1, 0), (1, -4, 1), (0, 1, 0))
    ),
    NamedKernel(
        "sobel-x", "vertical edges: right minus left, smoothed downwards", ((-1, 0, 1), (-2, 0, 2), (-1, 0, 1))
    ),
    NamedKernel(
        "sobel-y", "horizontal edges: below minus above, smoothed across", ((-1, -2, -1), (0, 0, 0), (1, 2, 1))
    ),
    NamedKernel("prewitt-x", "vertical edges: right minus left", ((-1, 0, 1), (-1, 0, 1), (-1, 0, 1))),
    NamedKernel("prewitt-y", "horizontal edges: below minus above", ((-1, -1, -1), (0, 0, 0), (1, 1, 1))),
    NamedKernel("sharpen", "the image plus its difference from four neighbours", ((0, -1, 0), (-1, 5, -1), (0, -1, 0))),
    NamedKernel("box-blur", "mean of 3×3", ((1,) * 3,) * 3, 9),
    NamedKernel("gaussian-blur", "weighted mean of 5×5, binomial weights (standard deviation 1)", _binomial(5), 256),
    NamedKernel("emboss", "light from the upper left, on the image itself", ((-2, -1, 0), (-1, 1, 1), (0, 1, 2))),
)

KERNELS: dict[str, NamedKernel] = {kernel.name: kernel for kernel in _ALL}
"""The named filters. Sources: Sobel and Feldman 1968, Prewitt 1970; the others are the usual 3×3 and 5×5 ones."""


def named_kernel(text: str) -> Array:
    """Give a filter by its name, or read its rows from text such as `1,0,-1;2,0,-2;1,0,-1`.

    Raises:
        UserError: no such name, and no numbers either.

    >>> named_kernel("sobel-x").tolist()
    [[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]]
    >>> named_kernel("1,0,-1").shape
    (1, 3)
    """
    if text in KERNELS:
        return KERNELS[text].values
    if not any(character.isdigit() for character in text):
        raise UserError(f"no filter is named {text!r}; {did_you_mean(text, KERNELS)}, or rows such as 1,0,-1;2,0,-2")
    numbers = parse_numbers(text, "the filter")
    return numbers if numbers.ndim == 2 else numbers[np.newaxis]
