"""What a recording consists of."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor, nn

from pellucid.arithmetic.operation import Operation

__all__ = ["RecordedStep", "Recording"]


@dataclass(frozen=True, eq=False)
class RecordedStep:
    """One operation that was run, or a tensor that was there before (the input, a parameter, a constant).

    Attributes:
        number: its position in the order, counted from 0.
        name: unique; the module's path (`stage1.0.conv`), or the path of the module whose code called a function and
            the function's name (`stage1.0.relu`); a second use of the same has `_2` behind it.
        label: the module's class or the function's name.
        operation: what it computes, or None where nothing here does its arithmetic, with `reason` saying so.
        operands: the numbers of the steps whose values went in.
        inputs: those values, as they were then.
        value: what came out, with its batch axis.
        parameters: what it owns.
        in_place: whether it uses no memory of its own (a view, a ReLU in place).
        is_source: whether nothing was computed: the input, a parameter, a constant.
        decided_by: the numbers of steps whose values chose what was done (an index, a mask), and are no operands.
        stops_gradient: whether it ran under `torch.no_grad`, so that PyTorch takes no gradient through it.
    """

    number: int
    name: str
    label: str
    operation: Operation | None
    operands: tuple[int, ...]
    inputs: tuple[Tensor, ...]
    value: Tensor
    reason: str = ""
    parameters: tuple[nn.Parameter, ...] = ()
    in_place: bool = False
    is_source: bool = False
    decided_by: tuple[int, ...] = ()
    stops_gradient: bool = False


@dataclass(frozen=True, eq=False)
class Recording:
    """All steps of one run, the number of the one that came out, and what a reader should know about it."""

    steps: tuple[RecordedStep, ...]
    output: int
    notes: tuple[str, ...] = field(default=())

    @property
    def hidden(self) -> frozenset[int]:
        """The numbers of the steps of which it is not known all through what they depend on the image."""
        return frozenset(
            step.number for step in self.steps if (step.operation is None and not step.is_source) or step.decided_by
        )
