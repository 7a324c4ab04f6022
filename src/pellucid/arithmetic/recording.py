"""Which operations a network runs, in order, with every value: modules, functions and methods alike.

The network is run once while PyTorch reports each function that is called on a tensor (`TorchFunctionMode`), so that
`F.relu`, `x.view`, `x + y` and a module that is used twice all appear, and a forward with branches of its own shows
the branch it took. What is run is a copy that shares the parameters, so the network stays as it was.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from pellucid.arithmetic.operation import NoArithmetic, Operation
from pellucid.arithmetic.reading import COMPOSITES, describe, describe_call, is_constant, is_one_operation
from pellucid.arithmetic.rule import rule_of
from pellucid.ground.errors import UserError

__all__ = ["RecordedStep", "Recording", "record", "twin_of"]

DECIDING = ("__bool__", "item", "tolist", "__int__", "__float__", "__index__")
"""Methods by which a forward looks at values, to decide with them."""


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


@dataclass(frozen=True, eq=False)
class Recording:
    """All steps of one run, the number of the one that came out, and what a reader should know about it."""

    steps: tuple[RecordedStep, ...]
    output: int
    notes: tuple[str, ...] = field(default=())


def twin_of(network: nn.Module) -> nn.Module:
    """Copy a network's modules and buffers, while its parameters are shared and not copied.

    Raises:
        UserError: its modules cannot be copied.
    """
    shared = {id(parameter): parameter for parameter in network.parameters()}
    try:
        return copy.deepcopy(network, memo=shared)
    except Exception as error:
        raise UserError(
            f"{type(network).__name__} cannot be copied ({type(error).__name__}: {error}); a copy is what is run, "
            "so that the network stays as it is; expected modules that copy.deepcopy can copy"
        ) from error


def record(
    network: nn.Module,
    x: Tensor,
    *,
    training: bool | None = None,
    keep_graph: bool = False,
    until: str | None = None,
) -> Recording:
    """Run a network once and record every operation.

    Args:
        network: left exactly as it is: modes, hooks, gradients, running statistics.
        x: the input, `(N, C, H, W)` or whatever the network takes.
        training: run in training or evaluation mode; as the network stands when None. A dropout's mask is recorded.
        keep_graph: let values stay connected for autograd (`torch.autograd.grad(loss, [step.value])`).
        until: run no further than the step of this name, which is then the last one and the output.

    Raises:
        UserError: the network fails on this input, or returns something other than one tensor.

    >>> recording = record(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Flatten()), torch.zeros(1, 1, 5, 5))
    >>> [(step.name, step.label, tuple(step.value.shape)) for step in recording.steps][1:]
    [('0', 'Conv2d', (1, 2, 3, 3)), ('1', 'ReLU', (1, 2, 3, 3)), ('2', 'Flatten', (1, 18))]
    """
    twin = twin_of(network)
    if training is not None:
        twin.train(training)
    recorder = _Recorder(twin, keep_graph, until)
    recorder.add_source("input", x)
    with torch.set_grad_enabled(keep_graph):
        try:
            with recorder:
                result = twin(x)
        except _FarEnough:
            return Recording(tuple(recorder.steps), len(recorder.steps) - 1, tuple(recorder.notes))
        except UserError:
            raise
        except Exception as error:
            first = (str(error).splitlines() or [""])[0]
            raise UserError(
                f"{type(network).__name__} fails on an input of shape {list(x.shape)}: {type(error).__name__}: {first}"
            ) from error
    if not isinstance(result, Tensor):
        raise UserError(f"{type(network).__name__} returns a {type(result).__name__}; expected one tensor")
    return Recording(tuple(recorder.steps), recorder.number_of(result), tuple(recorder.notes))


class _FarEnough(BaseException):
    """The step that was asked for has run; no error, so that a forward which catches errors lets it pass."""


class _Recorder(TorchFunctionMode):
    def __init__(self, network: nn.Module, keep_graph: bool, until: str | None) -> None:
        super().__init__()
        self.until = until
        self.steps: list[RecordedStep] = []
        self.notes: list[str] = []
        self.keep_graph = keep_graph
        self.parameter_names = {id(tensor): name for name, tensor in network.named_parameters()}
        self._numbers: dict[int, int] = {}
        self._alive: list[Tensor] = []  # so that no identity is used twice
        self._names: set[str] = {name for name, _ in network.named_modules()}
        self._used: dict[str, int] = {}
        self._path: list[str] = []
        self._inside = 0  # depth within modules that count as one operation
        self._random: list[Any] = []
        for path, module in network.named_modules():
            module._forward_hooks.clear()  # hooks of others, as they may keep things
            if not is_one_operation(module) and type(module) in COMPOSITES:
                module.forward = functools.partial(COMPOSITES[type(module)], module)
            self._watch(path, module)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", str(func))
        if name == "__get__":  # an attribute, like .shape or .T
            name = getattr(getattr(func, "__self__", None), "__name__", name)
        if self._inside:
            return func(*args, **kwargs)
        tensors = list(_tensors((args, kwargs)))
        if name in DECIDING and any(id(tensor) in self._numbers for tensor in tensors):
            note = "the forward looks at values to decide what to run; shown is what it ran on this input"
            if note not in self.notes:
                self.notes.append(note)
        changes = _changes_in_place(name, kwargs)
        if changes and tensors:
            self._keep_old(tensors[0])
        random = _random_state(tensors)
        result = func(*args, **kwargs)
        produced = list(_tensors(result))
        if not produced or name in ("requires_grad_", "retain_grad"):
            return result
        path = ".".join(filter(None, [self._path[-1] if self._path else "", name.strip("_")]))
        if is_constant(func, args, kwargs):
            for value in produced:
                self.add_source("constant", value, path)
            return result
        for number, value in enumerate(produced):
            try:
                call = describe_call(func, args, kwargs, part=None if isinstance(result, Tensor) else number)
                again = _repetition(func, args[1:], kwargs, random)
                operation = rule_of(call.operation).remember(call.operation, call.inputs, again)
                inputs, reason = call.inputs, ""
            except NoArithmetic as error:
                operation, inputs, reason = None, tuple(tensors), str(error)
            # A parameter that is an operand becomes a source of its own and is counted there.
            read = {id(tensor) for tensor in inputs}
            owned = tuple(tensor for tensor in tensors if isinstance(tensor, nn.Parameter) and id(tensor) not in read)
            self._add(path, name.strip("_"), operation, inputs, value, reason, owned)
        return result

    def add_source(self, label: str, tensor: Tensor, name: str | None = None) -> None:
        """Add a tensor that no operation made."""
        number = len(self.steps)
        value = tensor if self.keep_graph else tensor.detach()
        parameters = (tensor,) if isinstance(tensor, nn.Parameter) else ()
        step = RecordedStep(
            number, self._unique(name or label), label, None, (), (), value, parameters=parameters, is_source=True
        )
        self._note(step, tensor)

    def number_of(self, tensor: Tensor) -> int:
        """Find the step that a tensor came from; one that came from nowhere is added as a source."""
        if id(tensor) not in self._numbers:
            name = self.parameter_names.get(id(tensor))
            self.add_source("parameter" if name else "constant", tensor, name)
        return self._numbers[id(tensor)]

    def _watch(self, path: str, module: nn.Module) -> None:
        whole = is_one_operation(module)

        def before(_: nn.Module, args: Any, kwargs: Any) -> None:
            self._path.append(path)
            if whole:
                self._inside += 1  # first, so that what is done here is not recorded
                if self._inside == 1:
                    self._random.append(_random_state(list(_tensors((args, kwargs)))))
                    if getattr(module, "inplace", False):
                        for tensor in _tensors(args):
                            self._keep_old(tensor)

        def after(_: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
            if whole:
                if self._inside == 1:
                    self._add_module(path, module, list(_tensors((args, kwargs))), result, self._random.pop())
                self._inside -= 1
            self._path.pop()

        module.register_forward_pre_hook(before, with_kwargs=True)
        module.register_forward_hook(after, with_kwargs=True)

    def _add_module(self, path: str, module: nn.Module, tensors: list[Tensor], result: Any, random: Any) -> None:
        label = type(module).__name__.removeprefix("Parametrized")
        produced = list(_tensors(result))
        reason, operation = "", None
        try:
            if not isinstance(result, Tensor):
                raise NoArithmetic(f"no arithmetic for this operation: {label}")
            described = describe(module)
            again = _repetition(module.forward, (), {}, random)
            operation = rule_of(described).remember(described, tensors, again)
        except NoArithmetic as error:
            reason = str(error)
        owned = tuple(module.parameters())
        # A shared parameter is the very tensor of the network, so its identity counts it once.
        for value in produced:
            self._add(path, label, operation, tuple(tensors), value, reason, owned)

    def _add(
        self,
        name: str,
        label: str,
        operation: Operation | None,
        inputs: Sequence[Tensor],
        result: Tensor,
        reason: str,
        owned: tuple[nn.Parameter, ...],
    ) -> None:
        operands = tuple(self.number_of(tensor) for tensor in inputs)
        shares = any(_storage(tensor) == _storage(result) for tensor in inputs)
        step = RecordedStep(
            number=len(self.steps),
            name=self._unique(name),
            label=label,
            operation=operation,
            operands=operands,
            # Not the tensors themselves: of a tensor that was changed in place, the step keeps the old values.
            inputs=tuple(self.steps[number].value for number in operands),
            value=result if self.keep_graph else result.detach(),
            reason=reason,
            parameters=owned,
            in_place=shares,
        )
        self._note(step, result)

    def _note(self, step: RecordedStep, tensor: Tensor) -> None:
        self.steps.append(step)
        self._numbers[id(tensor)] = step.number
        self._alive.append(tensor)
        if step.name == self.until and not step.is_source:
            raise _FarEnough

    def _keep_old(self, tensor: Tensor) -> None:
        """Copy the values that a change in place is about to overwrite, where steps still show them."""
        for number, step in enumerate(self.steps):
            if _storage(step.value) == _storage(tensor):
                saved = step.value.clone()
                self.steps[number] = replace(step, value=saved)
                for later, other in enumerate(self.steps):
                    if any(value is step.value for value in other.inputs):
                        inputs = tuple(saved if value is step.value else value for value in other.inputs)
                        self.steps[later] = replace(other, inputs=inputs)

    def _unique(self, name: str) -> str:
        self._used[name] = self._used.get(name, 0) + 1
        if self._used[name] == 1:
            return name
        while (tried := f"{name}_{self._used[name]}") in self._names:
            self._used[name] += 1
        return tried


def _tensors(value: Any) -> Iterable[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
    elif isinstance(value, list | tuple) and not isinstance(value, torch.Size):
        for member in value:
            yield from _tensors(member)


def _changes_in_place(name: str, kwargs: dict[str, Any]) -> bool:
    if kwargs.get("inplace"):
        return True
    if name.startswith("__"):
        return name.startswith("__i") and name not in ("__invert__", "__index__", "__int__")
    return name.endswith("_")


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage().data_ptr() if tensor.device.type != "meta" else id(tensor)


def _random_state(tensors: Sequence[Tensor]) -> tuple[torch.device, Tensor] | None:
    if not tensors:
        return None
    device = tensors[0].device
    return device, (torch.cuda.get_rng_state(device) if device.type == "cuda" else torch.get_rng_state())


def _set_random_state(device: torch.device, state: Tensor) -> None:
    if device.type == "cuda":
        torch.cuda.set_rng_state(state, device)
    else:
        torch.set_rng_state(state)


def _repetition(
    function: Callable[..., Tensor],
    more: Sequence[Any],
    keywords: dict[str, Any],
    random: tuple[torch.device, Tensor] | None,
) -> Callable[[Tensor], Tensor]:
    """Make a function that repeats a call on another first input, with the random numbers that it drew.

    It draws as many of them as the call did, so that the generator is left where it was.
    """

    def again(x: Tensor) -> Tensor:
        if random is not None:
            _set_random_state(*random)
        return function(x, *more, **{name: value for name, value in keywords.items() if name != "input"})

    return again
