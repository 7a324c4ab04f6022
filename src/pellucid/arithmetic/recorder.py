"""The recorder of one run: of functions and modules on top, for the names that people know, of memory underneath.

A `TorchFunctionMode` sees `F.relu`, `x.view`, `x + y`; hooks see modules. A `TorchDispatchMode` sees every operation on
memory, also those of scripted functions, of `.data`, and of writes through views. For each piece of memory it keeps
the steps that its content was made from (`flow`). The two check each other: a tensor that no recorded step made and
whose memory depends on recorded steps becomes a step without arithmetic, which says so; an operation that reads more
than its arithmetic accounts for loses its arithmetic; and a write is followed to every tensor that shares the memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from pellucid.arithmetic.calls import (
    DECIDING,
    LEAVING,
    MOVING,
    UNSEEN,
    VALUE_FREE,
    Frame,
    changes_in_place,
    random_state,
    repetition,
)
from pellucid.arithmetic.memory import (
    Geometry,
    geometry,
    has_memory,
    moved,
    overwriting,
    place,
    same,
    tensors_in,
    written_by,
)
from pellucid.arithmetic.operation import NoArithmetic, Operation
from pellucid.arithmetic.reading import describe, describe_call, is_one_operation
from pellucid.arithmetic.recorded_step import RecordedStep
from pellucid.arithmetic.rule import rule_of

__all__ = ["FarEnough", "Recorder"]


class FarEnough(BaseException):
    """The step that was asked for has run; no error, so that a forward which catches errors lets it pass."""


class Recorder(TorchFunctionMode):
    """Collect the steps of one run; see the head of this file."""

    def __init__(self, network: nn.Module, keep_graph: bool, until: str | None, gradients: bool) -> None:
        super().__init__()
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
        self._modules = 0
        self._random: list[Any] = []
        self._quiet = 0
        self._flow: dict[int, frozenset[int]] = {}
        self._writes: dict[int, list[tuple[int, Geometry]]] = {}
        self._lying: dict[int, set[int]] = {}  # memory to the steps whose values lie in it
        self._exposed: set[int] = set()  # memory that NumPy can write to
        self._image: set[int] = set()
        hooked = [path or "the network" for path, module in network.named_modules() if module._forward_hooks]
        if hooked:
            self.notes.append(
                f"forward hooks are not run here, and what they may change is not shown (on {', '.join(hooked)})"
            )
        for path, module in network.named_modules():
            module._forward_hooks.clear()  # hooks of others, as they may keep things
            self._watch(path, module)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch what runs, and put parameters back afterwards that it changed."""
        given = torch.autograd.Function.__dict__["apply"]

        def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
            # Its backward is its own, so that the functions within are no account of its gradient.
            return self._call(cls, cls.__name__, lambda *a, **k: given.__get__(None, cls)(*a, **k), args, kwargs)

        torch.autograd.Function.apply = classmethod(apply)  # type: ignore[assignment, method-assign]
        try:
            with self, _Dispatcher(self):
                yield
        finally:
            torch.autograd.Function.apply = given  # type: ignore[method-assign]
            self._quiet += 1
            with torch.no_grad():
                for parameter, values in self._saved.values():
                    parameter.data.copy_(values)

    def is_buffer(self, number: int) -> bool:
        """Whether a source is a buffer of the network that the forward had not changed when it was read."""
        return number in self._buffer_steps

    def finished(self) -> tuple[RecordedStep, ...]:
        """Give the steps, each with its operands' values as they were."""
        return tuple(
            replace(step, inputs=tuple(self.steps[number].value for number in step.operands)) for step in self.steps
        )

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", str(func))
        if name == "__get__":  # an attribute, like .shape or .T
            name = getattr(getattr(func, "__self__", None), "__name__", name)
        return self._call(func, name, func, args, kwargs)

    def _call(self, func: Any, name: str, run: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        if self._frames or self._quiet:
            return run(*args, **kwargs)
        tensors = list(tensors_in((args, kwargs)))
        if not all(has_memory(tensor) for tensor in tensors):
            return run(*args, **kwargs)
        with self._quietly():
            if name in LEAVING:
                self._leave(name, tensors)
            changes = changes_in_place(name, kwargs)
            for position, tensor in enumerate(tensors):
                known = id(tensor) in self._numbers or (changes and not position) or self._flow.get(place(tensor))
                if known and id(tensor) not in self.parameter_names:
                    self.number_of(tensor)
            random = random_state(tensors)
            enabled = torch.is_grad_enabled()
        self._frames.append(Frame())
        try:
            result = run(*args, **kwargs)
        finally:
            frame = self._frames.pop()
        with self._quietly():
            self._account(func, name, run, args, kwargs, tensors, result, random, frame, enabled)
        return result

    def _account(
        self,
        func: Any,
        name: str,
        run: Callable[..., Any],
        args: Any,
        kwargs: dict[str, Any],
        tensors: list[Tensor],
        result: Any,
        random: Any,
        frame: Frame,
        enabled: bool,
    ) -> None:
        produced = list(tensors_in(result))
        writes = {place(tensor) for tensor in frame.written}
        if name == "__setitem__":
            produced = [args[0]]
        if (not produced and not frame.written) or name in ("requires_grad_", "retain_grad", "__iter__"):
            return
        path = ".".join(filter(None, [self._path[-1] if self._path else "", name.strip("_")]))
        known = {key: value for key, value in kwargs.items() if key != "out"}
        for number, value in enumerate(produced):
            if not has_memory(value):
                continue
            inputs: tuple[Tensor, ...]
            operation, inputs, reason = None, tuple(tensors), ""
            try:
                if name in MOVING and tensors and tensors[0] is value and not kwargs:
                    old = self.steps[self.number_of(value)].value
                    operation, inputs = moved(MOVING[name], args, old, value)
                    inputs = (value, *inputs[1:])
                else:
                    whole = isinstance(result, Tensor)
                    call = describe_call(func, args, known, part=None if whole else number)
                    again = repetition(func, args[1:], known, random)
                    operation = rule_of(call.operation).remember(call.operation, call.inputs, again)
                    inputs = call.inputs
            except NoArithmetic as error:
                reason = str(error)
                inputs = tuple(tensor for tensor in tensors if tensor is not kwargs.get("out"))
            if operation is None and not self._flow.get(place(value)) and not self._owns(tensors):
                continue  # made from nothing that was recorded: a constant, if it is used
            read = {id(tensor) for tensor in inputs}
            owned = tuple(tensor for tensor in tensors if isinstance(tensor, nn.Parameter) and id(tensor) not in read)
            self._add(path, name.strip("_"), operation, inputs, value, reason, owned, frame, not enabled)
        done = {place(tensor) for tensor in produced}
        self._follow([tensor for tensor in frame.written if place(tensor) not in done and place(tensor) in writes])

    def _owns(self, tensors: Sequence[Tensor]) -> bool:
        return any(isinstance(tensor, nn.Parameter) for tensor in tensors)

    def _leave(self, name: str, tensors: Sequence[Tensor]) -> None:
        for tensor in tensors:
            if id(tensor) in self._numbers:
                number = self.number_of(tensor)
                self.left.setdefault(number, len(self.steps))
                if name in DECIDING:
                    self._say("the forward looks at values to decide what to run; shown is what it ran on this input")
                else:
                    self.keep_old(tensor)
                    self._exposed.add(place(tensor))

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

    def _watch(self, path: str, module: nn.Module) -> None:
        whole = is_one_operation(module)

        def before(_: nn.Module, args: Any, kwargs: Any) -> None:
            self._path.append(path)
            if whole:
                self._modules += 1
                if self._modules == 1 and not self._frames:
                    with self._quietly():
                        tensors = list(tensors_in((args, kwargs)))
                        for tensor in tensors:
                            if has_memory(tensor):
                                self.number_of(tensor)
                        self._random.append((random_state(tensors), torch.is_grad_enabled()))
                    self._frames.append(Frame())

        def after(_: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
            if whole:
                if self._modules == 1 and len(self._frames) == 1 and self._random:
                    frame = self._frames.pop()
                    with self._quietly():
                        tensors = list(tensors_in((args, kwargs)))
                        random, enabled = self._random.pop()
                        self._add_module(path, module, tensors, result, random, enabled, frame)
                self._modules -= 1
            self._path.pop()

        module.register_forward_pre_hook(before, with_kwargs=True)
        module.register_forward_hook(after, with_kwargs=True)

    def _add_module(
        self,
        path: str,
        module: nn.Module,
        tensors: list[Tensor],
        result: Any,
        random: Any,
        enabled: bool,
        frame: Frame,
    ) -> None:
        label = type(module).__name__.removeprefix("Parametrized")
        produced = [value for value in tensors_in(result) if has_memory(value)]
        reason, operation = "", None
        try:
            if not isinstance(result, Tensor):
                raise NoArithmetic(f"no arithmetic for this operation: {label}")
            described = describe(module)
            again = repetition(module.forward, (), {}, random)
            operation = rule_of(described).remember(described, tensors, again)
        except NoArithmetic as error:
            reason = str(error)
        owned = tuple(module.parameters())
        # A shared parameter is the very tensor of the network, so its identity counts it once.
        for value in produced:
            inputs = [tensor for tensor in tensors if has_memory(tensor)]
            self._add(path, label, operation, inputs, value, reason, owned, frame, not enabled)
        done = {place(value) for value in produced}
        self._follow([tensor for tensor in frame.written if place(tensor) not in done])

    def _add(
        self,
        name: str,
        label: str,
        operation: Operation | None,
        inputs: Sequence[Tensor],
        result: Tensor,
        reason: str,
        owned: tuple[nn.Parameter, ...],
        frame: Frame,
        stops: bool,
    ) -> None:
        operands = tuple(self.number_of(tensor) for tensor in inputs)
        written = {place(tensor) for tensor in frame.written}
        accounted = {place(tensor) for tensor in inputs} | frame.created | written
        more = [read for read in frame.reads if read[0] not in accounted]
        numbers = {n for at, floating, origins in more if floating for n in origins if n in self._image}
        choices = {n for at, floating, origins in more if not floating for n in origins if n in self._image}
        if choices and not self._image.intersection(operands):
            numbers |= choices
        if numbers and operation is not None:
            operation = None
            reason = f"no arithmetic for this operation: {label} of more tensors that depend on the image than usual"
        if operation is None:
            operands += tuple(sorted((numbers | choices).difference(operands)))
        step = self._step(
            name,
            label,
            operation,
            operands,
            result if self.keep_graph else result.detach(),
            reason,
            parameters=owned,
            in_place=any(place(tensor) == place(result) for tensor in inputs),
            decided_by=tuple(sorted(choices)) if operation is not None else (),
            stops_gradient=stops and self.gradients and bool(operands),
        )
        self._note(step, result, written=place(result) in written)

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

    def saw(self, func: Any, read: list[Tensor], written: list[Tensor], result: Any) -> None:
        """Follow where the dispatcher's operation took values from, and where it put them."""
        name = func._schema.name.rpartition("::")[2]
        outside = not self._frames
        origins: set[int] = set()
        for tensor in read:
            at = place(tensor)
            if outside and at in self._parameters and at not in self._flow:
                origins.add(self.number_of(self._parameters[at]))
            elif outside and id(tensor) in self._numbers:
                origins.add(self.number_of(tensor))
            else:
                origins |= self._flow.get(at, frozenset())
            if self._frames and at in self._flow:
                self._frames[-1].reads.append((at, tensor.is_floating_point(), self._flow[at]))
        if name == "_local_scalar_dense":
            for number in origins:
                self.left.setdefault(number, len(self.steps))
        if name in VALUE_FREE:
            origins = set()
        places = {place(tensor) for tensor in read}
        for value in tensors_in(result):
            at = place(value)
            if at and at not in places:
                self._flow[at] = frozenset(origins)
                self._alive.append(value)
                if self._frames:
                    self._frames[-1].created.add(at)
        for tensor in written:
            at = place(tensor)
            self._flow[at] = self._flow.get(at, frozenset()) | origins
            self._alive.append(tensor)
            if self._frames:
                self._frames[-1].written.append(tensor)
        if outside:
            self._follow(written)

    def _follow(self, written: Sequence[Tensor]) -> None:
        """Add a hidden step for each write that no function accounts for, to memory that steps have values in."""
        for tensor in written:
            at = place(tensor)
            origins = self._flow.get(at, frozenset())
            if origins:
                self._alive.append(tensor)
                step = self._step(self._here("hidden"), "hidden", None, tuple(sorted(origins)), tensor.detach(), UNSEEN)
                self._note(step, tensor, written=True)

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        self._quiet += 1
        try:
            with torch._C.DisableTorchFunction():
                yield
        finally:
            self._quiet -= 1

    @property
    def quiet(self) -> bool:
        """Whether what runs now is the recorder's own."""
        return self._quiet > 0

    def _unique(self, name: str) -> str:
        self._used[name] = self._used.get(name, 0) + 1
        if self._used[name] == 1:
            return name
        while (tried := f"{name}_{self._used[name]}") in self._names:
            self._used[name] += 1
        return tried


class _Dispatcher(TorchDispatchMode):
    """Reports every operation on memory to the recorder."""

    def __init__(self, recorder: Recorder) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.recorder = recorder

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        recorder = self.recorder
        if recorder.quiet:
            return func(*args, **kwargs)
        with recorder._quietly():
            read = list(tensors_in((args, kwargs)))
            written = written_by(func, args, kwargs)
            for tensor in written:
                recorder.keep_old(tensor)
            result = func(*args, **kwargs)
            recorder.saw(func, read, written, result)
        return result
