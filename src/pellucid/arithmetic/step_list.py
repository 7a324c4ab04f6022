"""The steps of one run as they are collected, and which of them each piece of memory was made from.

A tensor is known by its identity, its memory by its address. A write to memory is kept in a log, which every tensor
that shares the memory follows when it is used next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from pellucid.arithmetic.calls import UNSEEN, Frame
from pellucid.arithmetic.memory import Geometry, geometry, has_memory, overwriting, place, same
from pellucid.arithmetic.operation import Operation
from pellucid.arithmetic.recorded_step import RecordedStep
from pellucid.arithmetic.rule import rule_of

__all__ = ["FarEnough", "StepList"]


class FarEnough(BaseException):
    """The step that was asked for has run; no error, so that a forward which catches errors lets it pass."""


class _OwnCalls:
    """While inside, what runs is the recorder's own; it may be entered again inside, which costs next to nothing."""

    def __init__(self) -> None:
        self.depth = 0
        self._guard: Any = None

    def __enter__(self) -> None:
        self.depth += 1
        if self.depth == 1:
            self._guard = torch._C.DisableTorchFunction()
            self._guard.__enter__()

    def __exit__(self, *_: object) -> None:
        self.depth -= 1
        if not self.depth:
            self._guard.__exit__(None, None, None)


class StepList:
    """The steps, the tensors they made, and the memory that those lie in."""

    def __init__(self, network: nn.Module, keep_graph: bool, until: str | None, gradients: bool) -> None:
        self.until = until
        self.steps: list[RecordedStep] = []
        self.notes: list[str] = []
        self.keep_graph = keep_graph
        self.gradients = gradients
        self.left: dict[int, int] = {}
        """Steps whose values left torch, each with how many steps there were then."""
        self.parameter_names = {id(tensor): name for name, tensor in network.named_parameters()}
        self._parameters = {place(tensor): tensor for tensor in network.parameters()}
        self._buffers = {id(buffer) for buffer in network.buffers()}
        self._buffer_steps: set[int] = set()
        self._saved: dict[int, tuple[Tensor, Tensor]] = {}
        self._numbers: dict[int, tuple[int, int]] = {}  # identity to step and how many writes it has followed
        self._alive: list[Any] = []  # so that no identity and no memory is used twice
        self._names: set[str] = {name for name, _ in network.named_modules()}
        self._used: dict[str, int] = {}
        self._path: list[str] = []
        self._frames: list[Frame] = []  # empty outside of what counts as one operation
        self._silence = _OwnCalls()
        self._flow: dict[int, frozenset[int]] = {}
        self._writes: dict[int, list[tuple[int, Geometry]]] = {}
        self._lying: dict[int, set[int]] = {}  # memory to the steps whose values lie in it
        self._exposed: set[int] = set()  # memory that NumPy can write to
        self._image: set[int] = set()

    def is_buffer(self, number: int) -> bool:
        """Whether a source is a buffer of the network that the forward had not changed when it was read."""
        return number in self._buffer_steps

    def finished(self) -> tuple[RecordedStep, ...]:
        """Give the steps, each with its operands' values as they were."""
        return tuple(
            replace(step, inputs=tuple(self.steps[number].value for number in step.operands)) for step in self.steps
        )

    def _say(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)

    def add_source(self, label: str, tensor: Tensor, name: str | None = None) -> None:
        """Add a tensor that no operation made."""
        value = tensor if self.keep_graph else tensor.detach()
        parameters = (tensor,) if isinstance(tensor, nn.Parameter) else ()
        number = len(self.steps)
        if id(tensor) in self._buffers and place(tensor) not in self._writes:
            self._buffer_steps.add(number)
        step = RecordedStep(
            number, self._unique(name or label), label, None, (), (), value, parameters=parameters, is_source=True
        )
        if label == "input":
            self._image.add(number)
        self._note(step, tensor, written=False)

    def number_of(self, tensor: Tensor) -> int:
        """Find the step that a tensor's values came from.

        One that no step made is added: as hidden where its memory was made from recorded steps, else as a source.
        """
        with self._quietly():
            if id(tensor) in self._numbers:
                return self._followed(tensor)
            name = self.parameter_names.get(id(tensor))
            origins = self._flow.get(place(tensor), frozenset()) if name is None and has_memory(tensor) else None
            if origins:
                self._hide(tensor, origins)
            else:
                self.add_source("parameter" if name else "constant", tensor, name)
            return self._numbers[id(tensor)][0]

    def _followed(self, tensor: Tensor) -> int:
        """Follow the writes to a tensor's memory that it has not followed yet."""
        number, seen = self._numbers[id(tensor)]
        log = self._writes.get(place(tensor), [])
        if len(log) > seen:
            mine = geometry(tensor)
            for position in range(seen, len(log)):
                writer, others = log[position]
                if writer == number:
                    continue
                if mine == others:
                    number = writer
                    continue
                if mine[3] != others[3]:
                    number = self._hide(tensor, frozenset((number, writer)))
                    break
                origin = overwriting(mine, others)
                if origin is None:
                    continue
                operation = Operation("overwrite", {}, {"origin": origin, "fill": None})
                operands = (number, writer)
                values = [self.steps[operand].value for operand in operands]
                with torch.set_grad_enabled(self.keep_graph):
                    value = rule_of(operation).compute(operation, values)
                if position == len(log) - 1 and same(value.detach(), tensor.detach()):
                    value = tensor if self.keep_graph else tensor.detach()
                step = self._step(self._here("overwritten"), "overwritten", operation, operands, value)
                self._note(step, tensor, written=False)
                number = step.number
            self._numbers[id(tensor)] = (number, len(log))
        doubtful = len(log) > seen or place(tensor) in self._exposed
        if doubtful and not same(self.steps[number].value.detach(), tensor.detach()):
            number = self._hide(tensor, frozenset((number, *self.left)))
        return number

    def _hide(self, tensor: Tensor, origins: frozenset[int]) -> int:
        """Add a step without arithmetic: these values came from those steps, and how was not seen."""
        value = tensor if self.keep_graph else tensor.detach()
        if place(tensor) in self._exposed:
            value = value.clone()
        step = self._step(self._here("hidden"), "hidden", None, tuple(sorted(origins)), value, UNSEEN)
        self._note(step, tensor, written=False)
        return step.number

    def _here(self, name: str) -> str:
        return ".".join(filter(None, [self._path[-1] if self._path else "", name]))

    def _step(
        self,
        name: str,
        label: str,
        operation: Operation | None,
        operands: tuple[int, ...],
        value: Tensor,
        reason: str = "",
        **more: Any,
    ) -> RecordedStep:
        return RecordedStep(len(self.steps), self._unique(name), label, operation, operands, (), value, reason, **more)

    def _note(self, step: RecordedStep, tensor: Tensor, written: bool) -> None:
        self.steps.append(step)
        at = place(tensor)
        if self._image.intersection(step.operands):
            self._image.add(step.number)
        if written:
            self._writes.setdefault(at, []).append((step.number, geometry(tensor)))
        self._numbers[id(tensor)] = (step.number, len(self._writes.get(at, ())))
        self._alive.append(tensor)
        if at:
            shared = bool(step.operands) and (step.in_place or written or at in self._lying)
            if not step.is_source or step.label == "input":
                self._flow[at] = (self._flow.get(at, frozenset()) if shared else frozenset()) | {step.number}
            elif step.label == "constant":
                self._flow.setdefault(at, frozenset())
        if (lies := place(step.value)) and (step.is_source or step.value.numel()):
            self._lying.setdefault(lies, set()).add(step.number)
        if step.name == self.until and not step.is_source:
            raise FarEnough

    def keep_old(self, tensor: Tensor) -> None:
        """Copy the values that a write is about to change, where steps still show them."""
        at = place(tensor)
        if at in self._parameters and at not in self._saved:
            parameter = self._parameters[at]
            self._saved[at] = (parameter, parameter.detach().clone())
        for number in self._lying.pop(at, ()):
            self.steps[number] = replace(self.steps[number], value=self.steps[number].value.clone())
        for number, step in enumerate(self.steps):
            if step.operation is None or not at:
                continue
            changed = {n: t.clone() for n, t in step.operation.tensors.items() if t is not None and place(t) == at}
            if changed:
                self.steps[number] = replace(step, operation=step.operation.with_tensors(**changed))

    def _follow(self, written: Sequence[Tensor]) -> None:
        """Add a hidden step for each write that no function accounts for, to memory that steps have values in."""
        for tensor in written:
            at = place(tensor)
            origins = self._flow.get(at, frozenset())
            if origins:
                self._alive.append(tensor)
                step = self._step(self._here("hidden"), "hidden", None, tuple(sorted(origins)), tensor.detach(), UNSEEN)
                self._note(step, tensor, written=True)

    def _quietly(self) -> _OwnCalls:
        return self._silence

    @property
    def quiet(self) -> bool:
        """Whether what runs now is the recorder's own."""
        return self._silence.depth > 0

    def _unique(self, name: str) -> str:
        self._used[name] = self._used.get(name, 0) + 1
        if self._used[name] == 1:
            return name
        while (tried := f"{name}_{self._used[name]}") in self._names:
            self._used[name] += 1
        return tried
