"""Compare traces of random elements, forward and of every gradient, with PyTorch run apart from pellucid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import hypothesis.strategies as st
import torch
from torch import Tensor, nn

from pellucid.arithmetic import Operation, describe_call, trace, trace_gradient

DTYPES = st.sampled_from([torch.float32, torch.float64])
SEEDS = st.integers(0, 2**31)
ALLOWED = {torch.float32: 2e-4, torch.float64: 1e-10}
"""Relative to the largest number of the tensor compared; traces' own bounds are narrower."""


def random_index(shape: Sequence[int], generator: torch.Generator) -> tuple[int, ...]:
    return tuple(int(torch.randint(size, (1,), generator=generator)) for size in shape)


def check_traces(
    what: nn.Module | Operation,
    function: Callable[..., Tensor],
    inputs: Sequence[Tensor],
    owned: dict[str, Tensor],
    seed: int,
    elements: int = 3,
    allowed: float | None = None,
    **given: Any,
) -> None:
    """Trace `elements` random elements of the output and of each gradient of `function(*inputs)`."""
    generator = torch.Generator().manual_seed(seed)
    leaves = [x.detach().clone().requires_grad_(x.is_floating_point()) for x in inputs]
    output = function(*leaves)
    types = [output.dtype, *(x.dtype for x in inputs if x.is_floating_point())]
    allowed = allowed or max(ALLOWED[dtype] for dtype in types)
    upstream = torch.randn(output.shape, generator=generator, dtype=output.dtype)
    differentiable = [x for x in leaves if x.requires_grad]
    weights = [tensor for tensor in owned.values() if tensor is not None]
    gradients = torch.autograd.grad(output, [*differentiable, *weights], upstream, allow_unused=True)
    output = output.detach()
    for _ in range(elements):
        if not output.numel():
            break
        index = random_index(output.shape, generator)
        traced = trace(what, inputs, index, output=output, **given)
        expected = float(output[index])
        assert abs(traced.value - expected) <= allowed * (1 + float(output.abs().max()))
        assert traced.check.pytorch == expected
        check_sources(traced, inputs)
    names = [("input", number) for number, x in enumerate(leaves) if x.requires_grad]
    names += [(name, 0) for name, tensor in owned.items() if tensor is not None]
    for (of, operand), gradient in zip(names, gradients, strict=True):
        target = inputs[operand] if of == "input" else owned[of]
        gradient = torch.zeros_like(target) if gradient is None else gradient
        for _ in range(elements):
            index = random_index(gradient.shape, generator)
            traced = trace_gradient(
                what, inputs, upstream, of=of, index=index, operand=operand, gradient=gradient, output=output, **given
            )
            assert abs(traced.value - float(gradient[index])) <= allowed * (1 + float(gradient.abs().max()))
            for term in range(len(traced.terms)):
                position = traced.terms.source(term)
                assert position is not None
                assert float(upstream[position[1]]) == traced.terms.values[term]


def check_sources(traced: Any, inputs: Sequence[Tensor]) -> None:
    """Each term must name the very number it holds."""
    for term in range(len(traced.terms)):
        source = traced.terms.source(term)
        if source is not None:
            operand, index = source
            assert float(inputs[operand][index]) == traced.terms.values[term]


def check_module(module: nn.Module, x: Tensor, seed: int, **given: Any) -> None:
    """Check a module's traces, in the type of `x`."""
    module = module.to(x.dtype)
    for parameter in module.parameters():
        torch.nn.init.normal_(parameter)
    check_traces(module, module, [x], dict(module.named_parameters()), seed, **given)


def tensor(shape: Sequence[int], dtype: torch.dtype, seed: int) -> Tensor:
    return torch.randn(tuple(shape), generator=torch.Generator().manual_seed(seed), dtype=dtype)


def check_function(
    function: Any, inputs: Sequence[Tensor], seed: int, call: Any = None, part: int | None = None, **given: Any
) -> None:
    """Check a function of operands: `call` holds the arguments where they are not the operands."""
    arguments, keywords = call or (inputs, {})
    described = describe_call(function, arguments, keywords, part=part)
    assert {id(x) for x in described.inputs} == {id(x) for x in inputs}
    run = function if callable(function) else getattr(Tensor, function)

    def again(*leaves: Tensor) -> Tensor:
        # Copies, as some change their first argument.
        leaf_of = {id(x): leaf.clone() for x, leaf in zip(described.inputs, leaves, strict=True)}
        result = run(*_replaced(arguments, leaf_of), **{name: _replaced(x, leaf_of) for name, x in keywords.items()})
        return result if part is None else result[part]

    check_traces(described.operation, again, described.inputs, {}, seed, **given)


def _replaced(value: Any, leaf_of: dict[int, Tensor]) -> Any:
    if isinstance(value, list | tuple) and not isinstance(value, torch.Size):
        return type(value)(_replaced(member, leaf_of) for member in value)
    return leaf_of.get(id(value), value)
