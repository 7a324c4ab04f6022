"""Every function of elements, under every spelling, against PyTorch's own values and autograd in float64."""

from __future__ import annotations

import pytest
import torch
from layers_checks import check_function

from pellucid.arithmetic import NoArithmetic, describe_call
from pellucid.arithmetic.reading import FUNCTIONS
from pellucid.arithmetic.rules.activations import CURVES
from pellucid.arithmetic.rules.elementary import ELEMENTARY
from pellucid.arithmetic.rules.operands import OPERANDS

ANY, POSITIVE, INSIDE = (-30.0, 30.0), (1e-3, 50.0), (-0.999, 0.999)
DOMAINS = {
    "log": POSITIVE,
    "log2": POSITIVE,
    "log10": POSITIVE,
    "log1p": (-0.99, 50.0),
    "sqrt": POSITIVE,
    "rsqrt": POSITIVE,
    "reciprocal": POSITIVE,
    "asin": INSIDE,
    "acos": INSIDE,
    "atanh": INSIDE,
}
SHAPES = [(), (3,), (2, 3, 4)]


def inputs_of(domain, shape, dtype, seed):
    """Draw from the whole domain, half of it near zero."""
    generator = torch.Generator().manual_seed(seed)
    low, high = domain
    x = low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)
    near = torch.rand(shape, generator=generator) < 0.5
    return torch.where(near & (low < 0), x / 30, x).to(dtype)


def functions_of(tables, first):
    """Every registered function that is read as one of these kinds, given tensors of `first`."""
    for function in FUNCTIONS:
        try:
            call = describe_call(function, first)
        except (NoArithmetic, ValueError, RuntimeError, IndexError):  # functions that take other arguments
            continue
        if call.operation.kind in tables and call.operation.kind != "threshold":
            yield function, call.operation.kind


def in_place(function, *operands):
    """Whether it returns the tensor that it was given, changed."""
    operands = [operand.clone() for operand in operands]
    return function(*operands) is operands[0]


X = torch.full((2,), 0.5)
ONE = sorted(functions_of({**CURVES, **ELEMENTARY}, (X,)), key=lambda pair: (pair[1], str(pair[0])))
TWO = sorted(functions_of(OPERANDS, (X, X.clone())), key=lambda pair: (pair[1], str(pair[0])))


@pytest.mark.parametrize(("function", "kind"), ONE, ids=[f"{kind}-{number}" for number, (_, kind) in enumerate(ONE)])
def test_function_of_one_operand(function, kind):
    if in_place(function, X) and kind in ("asinh", "atanh"):
        pytest.skip("PyTorch has no derivative of it in place")
    for number, shape in enumerate(SHAPES):
        for dtype in (torch.float32, torch.float64):
            x = inputs_of(DOMAINS.get(kind, ANY), shape, dtype, number)
            check_function(function, [x], number)


def test_every_function_of_one_operand_was_among_them():
    seen = {kind for _, kind in ONE}
    # These have settings that their calls must give, or modules alone.
    assert set(CURVES) | set(ELEMENTARY) == seen | {"threshold", "gelu_tanh"}


@pytest.mark.parametrize(("function", "kind"), TWO, ids=[f"{kind}-{number}" for number, (_, kind) in enumerate(TWO)])
def test_function_of_two_operands(function, kind):
    changes = in_place(function, X, X)
    for number, shapes in enumerate([((2, 3), (2, 3)), ((2, 3, 4), (3, 1)), ((2, 1), (1, 3)), ((2, 3), ())]):
        for dtype in (torch.float32, torch.float64):
            domain = (0.1, 5.0) if kind in ("power", "xlogy", "divide", "remainder") else (-5.0, 5.0)
            inputs = [inputs_of(domain, shape, dtype, number + place) for place, shape in enumerate(shapes)]
            if not (changes and torch.broadcast_shapes(*shapes) != shapes[0]):
                check_function(function, inputs, number)
