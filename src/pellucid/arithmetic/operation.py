"""What an operation is: its kind, its settings, its tensors; and the errors of those who ask about one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from pellucid.ground.errors import UserError

__all__ = ["LETTERS", "Call", "Formula", "NoArithmetic", "Operation", "ShapeRule"]


LETTERS = (
    "x input, y output, w weight, b bias, L loss; n image in the batch, o output channel or output, c input channel; "
    "i and j row and column in the output (of a fully connected layer, i counts its inputs), k and l in the kernel "
    "(with a third axis, the depth, h and m before them); "
    "s stride, d dilation, p padding"
)
"""What the letters in the formulas of convolutions, poolings and fully connected layers stand for."""


class NoArithmetic(UserError):
    """The operation has no arithmetic here: its value can be shown, how it came to be cannot."""


@dataclass(frozen=True, eq=False)
class Operation:
    """One operation of a network, whether it was a module or a function call.

    `kind` is its name in the table of rules (`conv2d`, `relu`, `batch_norm`); `settings` hold numbers and words
    (stride, padding); `tensors` hold what it owns besides its inputs (weight, bias, running mean). A rearrangement
    (`view`, `flatten`, `permute`) keeps the `function` that does it.
    """

    kind: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    tensors: Mapping[str, Tensor | None] = field(default_factory=dict)
    function: Callable[[Tensor], Tensor] | None = None

    def tensor(self, name: str) -> Tensor:
        """Return one tensor; `UserError` names those there are when the operation has none of that name."""
        tensor = self.tensors.get(name)
        if tensor is None:
            names = [name for name, owned in self.tensors.items() if owned is not None]
            has = f"it has {', '.join(names)}" if names else "it has no weights"
            raise UserError(f"this {self.kind} has no {name!r}; {has}")
        return tensor

    def with_tensors(self, **tensors: Tensor | None) -> Operation:
        """Return the same operation with some tensors replaced."""
        return replace(self, tensors={**self.tensors, **tensors})


@dataclass(frozen=True, eq=False)
class Call:
    """An operation together with the tensors it was applied to, its operands in order."""

    operation: Operation
    inputs: tuple[Tensor, ...]


@dataclass(frozen=True)
class Formula:
    """A formula in the field's notation: `text` for a terminal, `latex` for a notebook."""

    text: str
    latex: str

    def __str__(self) -> str:
        return self.text

    def _repr_latex_(self) -> str:
        return f"$\\displaystyle {self.latex}$"


@dataclass(frozen=True)
class ShapeRule:
    """The shape that comes out, the rule in letters, and the rule once more with the numbers put in, a line an axis."""

    shape: tuple[int, ...]
    rule: str
    lines: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join((self.rule, *self.lines))
