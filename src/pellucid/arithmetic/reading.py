"""Which operation a module or a call of a function is: readers, registered by the families of operations.

A reader is registered for module classes (`@for_module`), for functions and tensor methods (`@for_function`), and for
functions that return several tensors, each of which is then an operation of its own (`@for_part_of`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pellucid.arithmetic.operation import Call, NoArithmetic, Operation

__all__ = [
    "COMPOSITES",
    "add_factories",
    "decomposes",
    "describe",
    "describe_call",
    "for_function",
    "for_module",
    "for_part_of",
    "is_constant",
    "is_one_operation",
    "spellings",
]

MODULES: dict[type[nn.Module], Callable[[Any], Operation]] = {}
FUNCTIONS: dict[Any, Callable[..., Call]] = {}
PARTS: dict[Any, Callable[..., Call]] = {}
COMPOSITES: dict[Any, Callable[..., Any]] = {}

FACTORIES: dict[Any, int] = {}
"""Functions that make tensors out of nothing, with how many of their first arguments lend no more than a shape."""

Reader = TypeVar("Reader", bound=Callable[..., Any])


def for_module(*classes: type[nn.Module]) -> Callable[[Reader], Reader]:
    """Register a function that reads an `Operation` off a module of these classes."""
    return _register(MODULES, classes)


def for_function(*functions: Any) -> Callable[[Reader], Reader]:
    """Register a function that takes a call's arguments and returns its `Call`."""
    return _register(FUNCTIONS, functions)


def for_part_of(*functions: Any) -> Callable[[Reader], Reader]:
    """Register a function for calls that return several tensors: it takes which of them, then the call's arguments."""
    return _register(PARTS, functions)


def decomposes(*classes_or_functions: Any) -> Callable[[Reader], Reader]:
    """Register what runs the simple steps of a module's forward, or of a function, where PyTorch's own hides them.

    For a module it takes the module and then what its forward takes. The recorder runs it in PyTorch's place; for
    arguments that it does not know it returns `NotImplemented`, before it runs anything.
    """
    return _register(COMPOSITES, classes_or_functions)


def _register(table: dict[Any, Any], keys: Sequence[Any]) -> Callable[[Reader], Reader]:
    def register(reader: Reader) -> Reader:
        table.update(dict.fromkeys(keys, reader))
        return reader

    return register


def add_factories(*functions: Any, shapes: int) -> None:
    """Register functions that make tensors out of nothing, but for the shape of their first `shapes` arguments."""
    FACTORIES.update(dict.fromkeys(functions, shapes))


def is_constant(function: Any, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> bool:
    """Whether the result of a call depends on no tensor's values: a constant, or numbers drawn at random.

    >>> is_constant(torch.zeros_like, [torch.ones(2)], {}), is_constant(torch.relu, [torch.ones(2)], {})
    (True, False)
    """
    shapes = FACTORIES.get(function)
    if shapes is None:
        return False
    rest = [*arguments[shapes:], *(value for name, value in keywords.items() if name != "input")]
    return not any(isinstance(value, Tensor) for value in rest)


def spellings(*names: str) -> tuple[Any, ...]:
    """Find every function and tensor method of these names, those that change their tensor in place too.

    >>> spellings("exp2") == (torch.exp2, torch.exp2_, torch.special.exp2, Tensor.exp2, Tensor.exp2_)
    True
    """
    places = (torch, F, torch.special, torch.linalg, Tensor)
    spelled = [(place, name + ending) for place in places for name in names for ending in ("", "_")]
    return tuple(getattr(place, name) for place, name in spelled if callable(getattr(place, name, None)))


def is_one_operation(module: nn.Module) -> bool:
    """Whether a module counts as one operation, rather than as those that its forward runs.

    PyTorch's own do, and those that a reader is registered for; one that returns indices too runs a single function.
    """
    if type(module) in COMPOSITES or (getattr(module, "return_indices", False) and type(module) in MODULES):
        return False
    own = type(module).__module__.startswith("torch.nn") and not isinstance(module, nn.Sequential)
    return own or type(module) in MODULES


def describe(module: nn.Module) -> Operation:
    """Read the operation off a module.

    Raises:
        NoArithmetic: no rule does this module's arithmetic, or its class has a `forward` of its own.

    >>> describe(nn.Conv2d(3, 16, 3, padding=1)).settings["padding"]
    ((1, 1), (1, 1))
    """
    for base in type(module).__mro__:
        if base in MODULES:
            if type(module).forward is not base.forward:
                raise NoArithmetic(
                    f"no arithmetic for this operation: {type(module).__name__} replaces the forward of {base.__name__}"
                )
            return MODULES[base](module)
    raise NoArithmetic(f"no arithmetic for this operation: {type(module).__name__}")


def describe_call(
    function: Any,
    arguments: Sequence[Any] = (),
    keywords: Mapping[str, Any] | None = None,
    *,
    part: int | None = None,
) -> Call:
    """Read the operation and its operands off a call of a function, of a module, or of a tensor's method by name.

    Args:
        function: what a graph of torch.fx holds: `F.relu`, `torch.cat`, `operator.add`, the word `"view"`, a module.
        arguments: of the call.
        keywords: of the call.
        part: which of the tensors is described, where the call returns several.

    Raises:
        NoArithmetic: no rule does this function's arithmetic, or not with these arguments.

    >>> import torch
    >>> call = describe_call("view", (torch.zeros(2, 3, 4), -1, 12))
    >>> call.operation.kind, call.inputs[0].shape
    ('view', torch.Size([2, 3, 4]))
    """
    keywords = keywords or {}
    if isinstance(function, nn.Module):
        return Call(describe(function), tuple(arguments))
    if isinstance(function, str):
        function = getattr(Tensor, function, function)
    name = getattr(function, "__name__", str(function))
    reader = (FUNCTIONS if part is None else PARTS).get(function)
    if reader is None:
        raise NoArithmetic(f"no arithmetic for this operation: {name}")
    try:
        return reader(*(() if part is None else (part,)), *arguments, **keywords)
    except (TypeError, AttributeError) as error:
        raise NoArithmetic(f"no arithmetic for this operation: {name} with these arguments ({error})") from error
