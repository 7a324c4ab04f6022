"""The recorder of one run: of functions and modules on top, for the names that people know, of memory underneath.

A `TorchFunctionMode` sees `F.relu`, `x.view`, `x + y`; hooks see modules. A `TorchDispatchMode` sees every operation on
memory, also those of scripted functions, of `.data`, and of writes through views. For each piece of memory it keeps
the steps that its content was made from (`flow`). The two check each other: a tensor that no recorded step made and
whose memory depends on recorded steps becomes a step without arithmetic, which says so; an operation that reads more
than its arithmetic accounts for loses its arithmetic; and a write is followed to every tensor that shares the memory.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from pellucid.arithmetic.calls import (
    DECIDING,
    LEAVING,
    MOVING,
    VALUE_FREE,
    Frame,
    changes_in_place,
    random_state,
    repetition,
)
from pellucid.arithmetic.memory import (
    has_memory,
    moved,
    place,
    tensors_in,
    written_by,
)
from pellucid.arithmetic.operation import NoArithmetic, Operation
from pellucid.arithmetic.reading import COMPOSITES, describe, describe_call, is_constant, is_one_operation
from pellucid.arithmetic.rule import rule_of
from pellucid.arithmetic.step_list import StepList

__all__ = ["PassRecorder"]


class PassRecorder(TorchFunctionMode, StepList):
    """Collect the steps of one run; see the head of this file."""

    def __init__(self, network: nn.Module, keep_graph: bool, until: str | None, gradients: bool) -> None:
        super().__init__()
        StepList.__init__(self, network, keep_graph, until, gradients)
        self._modules = 0
        self._random: list[Any] = []
        hooked = [path or "the network" for path, module in network.named_modules() if module._forward_hooks]
        if hooked:
            self.notes.append(
                f"forward hooks are not run here, and what they may change is not shown (on {', '.join(hooked)})"
            )
        for path, module in network.named_modules():
            module._forward_hooks.clear()  # hooks of others, as they may keep things
            if not is_one_operation(module) and type(module) in COMPOSITES:
                module.forward = functools.partial(COMPOSITES[type(module)], module)
            self._watch(path, module)

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch what runs, and put parameters back afterwards that it changed."""
        given = torch.autograd.Function.__dict__["apply"]
        thread = threading.get_ident()

        def apply(cls: Any, *args: Any, **kwargs: Any) -> Any:
            if threading.get_ident() != thread:  # another network, which is not recorded
                return given.__get__(None, cls)(*args, **kwargs)
            # Its backward is its own, so that the functions within are no account of its gradient.
            return self._call(cls, cls.__name__, lambda *a, **k: given.__get__(None, cls)(*a, **k), args, kwargs)

        torch.autograd.Function.apply = classmethod(apply)  # type: ignore[assignment, method-assign]
        try:
            with self, _Dispatcher(self):
                yield
        finally:
            torch.autograd.Function.apply = given  # type: ignore[method-assign]
            self._silence.depth += 1  # for good
            with torch.no_grad():
                for parameter, values in list(self._saved.values()):
                    self.keep_old(parameter)  # steps show what they ran with
                    parameter.data.copy_(values)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", str(func))
        if name == "__get__":  # an attribute, like .shape or .T
            name = getattr(getattr(func, "__self__", None), "__name__", name)
        return self._call(func, name, func, args, kwargs)

    def _call(self, func: Any, name: str, run: Callable[..., Any], args: Any, kwargs: dict[str, Any]) -> Any:
        if self._frames or self._silence.depth:
            return run(*args, **kwargs)
        tensors = tensors_in((args, kwargs))
        if not all(has_memory(tensor) for tensor in tensors):
            return run(*args, **kwargs)
        steps = COMPOSITES.get(func)
        if steps is not None and kwargs.get("out") is None:
            with self:
                result = steps(*args, **kwargs)
            if result is not NotImplemented:
                return result
        with self._quietly():
            if name in LEAVING:
                self._leave(name, tensors)
            # What is filled with constants or random numbers is not read, so that nothing need be known of it.
            changes = changes_in_place(name, kwargs) and not is_constant(func, args, kwargs)
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
        produced = tensors_in(result)
        if name == "__setitem__":
            produced = [args[0]]
        if (not produced and not frame.written) or name in ("requires_grad_", "retain_grad", "__iter__"):
            return
        path = ".".join(filter(None, [self._path[-1] if self._path else "", name.strip("_")]))
        known = {key: value for key, value in kwargs.items() if key != "out"}
        made_of_nothing = is_constant(func, args, known) and "empty" not in name  # what lies in memory is no constant
        if made_of_nothing and not any(self._flow.get(place(value)) for value in produced):
            for value in produced:
                self.add_source("constant", value, path)
            return
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
        self._follow([tensor for tensor in frame.written if place(tensor) not in done | frame.created])

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

    def _watch(self, path: str, module: nn.Module) -> None:
        whole = is_one_operation(module)

        def before(_: nn.Module, args: Any, kwargs: Any) -> None:
            self._path.append(path)
            if whole:
                self._modules += 1
                if self._modules == 1 and not self._frames:
                    with self._quietly():
                        tensors = tensors_in((args, kwargs))
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
                        tensors = tensors_in((args, kwargs))
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
        self._follow([tensor for tensor in frame.written if place(tensor) not in done | frame.created])

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


class _Dispatcher(TorchDispatchMode):
    """Reports every operation on memory to the recorder."""

    def __init__(self, recorder: PassRecorder) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.recorder = recorder

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        recorder = self.recorder
        if recorder.quiet:
            return func(*args, **kwargs)
        with recorder._quietly():
            read = tensors_in((args, kwargs))
            written = written_by(func, args, kwargs)
            for tensor in written:
                recorder.keep_old(tensor)
            result = func(*args, **kwargs)
            recorder.saw(func, read, written, result)
        return result
