"""Every reduction, over several axes, under its spellings, against PyTorch's own values and autograd."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from layers_checks import check_function, tensor
from torch import Tensor

from pellucid.arithmetic import describe_call, rule_of, trace, trace_gradient
from pellucid.ground.errors import UserError

INFINITY = math.inf
OVER_MANY = [torch.sum, torch.mean, torch.amax, torch.amin, torch.logsumexp, torch.var, torch.std, "sum", "mean", "std"]
ALONG_ONE = [torch.prod, torch.cumsum, "prod", "cumsum"]
WHOLE = [torch.sum, torch.mean, torch.prod, torch.max, torch.min, torch.var, torch.std, torch.norm, torch.amax]
NORMS = [
    (torch.norm, {}),
    (torch.norm, {"p": 1, "dim": 1}),
    ("norm", {"p": 3.0, "dim": (0, 2), "keepdim": True}),
    ("norm", {"dim": -1}),
    (torch.linalg.vector_norm, {}),
    (torch.linalg.vector_norm, {"ord": INFINITY, "dim": 1}),
    (torch.linalg.vector_norm, {"ord": -INFINITY, "dim": 1}),
    (torch.linalg.vector_norm, {"ord": 0.5, "dim": (1, 2)}),
    (torch.linalg.vector_norm, {"ord": 0, "dim": 1}),
    (torch.linalg.norm, {"dim": 1}),
    (torch.linalg.norm, {}),
]
DTYPES = [torch.float32, torch.float64]


def cases():
    for function in OVER_MANY:
        for dim in (0, -1, (0, 2), (1, 2)):
            for keepdim in (False, True):
                yield function, {"dim": dim, "keepdim": keepdim}
    for function in ALONG_ONE:
        yield from ((function, {"dim": dim}) for dim in (0, 1, -1))
    yield from ((function, {}) for function in WHOLE)
    yield from NORMS
    yield from ((torch.var, {"dim": 1, "correction": correction}) for correction in (0, 1, 2))
    yield from ((torch.std, {"unbiased": unbiased}) for unbiased in (False, True))
    yield from ((torch.sum, {"axis": 1}), (torch.mean, {"axis": (1, 2), "keepdim": True}), ("var", {"axis": 1}))


CASES = list(cases())


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("spread", [1.0, pytest.param(100.0, marks=pytest.mark.slow)])
@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_reduction(case, spread, dtype):
    function, keywords = case
    x = tensor((3, 4, 5), dtype, 1) * spread + (spread if spread > 1 else 0)
    if function in (torch.prod, "prod"):
        x = x / spread / 2
    check_function(function, [x], 2, ((x,), keywords))


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize(
    ("function", "part", "keywords"),
    [
        (torch.max, 0, {"dim": 1}),
        ("max", 0, {"dim": -1, "keepdim": True}),
        (torch.min, 0, {"dim": 0}),
        ("min", 0, {"dim": 1}),
        (torch.var_mean, 0, {"dim": (1, 2)}),
        (torch.var_mean, 1, {"dim": (1, 2)}),
        (torch.std_mean, 0, {"dim": 1, "unbiased": False}),
        (torch.std_mean, 1, {"dim": 1}),
        (torch.var_mean, 0, {}),
        (torch.var_mean, 1, {}),
    ],
)
def test_part_of_a_reduction(function, part, keywords, dtype):
    x = tensor((3, 4, 5), dtype, 3)
    check_function(function, [x], 4, ((x,), keywords), part=part)


@pytest.mark.parametrize(
    ("function", "keywords", "part"),
    [
        (torch.max, {"dim": 1}, 1),
        ("min", {"dim": -1, "keepdim": True}, 1),
        (torch.argmax, {"dim": 0}, None),
        ("argmin", {"dim": 1, "keepdim": True}, None),
        (torch.argmax, {}, None),
        (torch.all, {"dim": 1}, None),
        ("any", {"dim": -1, "keepdim": True}, None),
        (torch.all, {}, None),
    ],
)
def test_reductions_that_no_gradient_goes_through(function, keywords, part):
    x = tensor((3, 4, 5), torch.float32, 8).round()
    call = describe_call(function, (x,), keywords, part=part)
    result = getattr(x, function if isinstance(function, str) else function.__name__)(**keywords)
    output = result if part is None else result[part]
    for index in np.ndindex(tuple(output.shape)):
        assert trace(call.operation, call.inputs, index, output=output).value == int(output[index])
    gradient = trace_gradient(call.operation, call.inputs, torch.ones(output.shape), index=(0, 1, 2))
    assert gradient.value == 0


@pytest.mark.parametrize(
    "value", [0.0, pytest.param(-1.5, marks=pytest.mark.slow), 3.0, pytest.param(1e4, marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("case", CASES, ids=range(len(CASES)))
def test_equal_numbers_and_zeros(case, value):
    """Ties, deviations and norms of zero: the derivative is the one that PyTorch chooses."""
    function, keywords = case
    if keywords.get("ord") == 0.5 and value == 0.0:
        pytest.skip("its gradient at zero is infinite")
    x = torch.full((2, 3, 4), value, dtype=torch.float64)
    if function in (torch.prod, "prod"):
        x = x.clamp(-2, 2)
    check_function(function, [x], 5, ((x,), keywords))


@pytest.mark.parametrize("function", [torch.amax, torch.amin, torch.max, torch.min, "max", "min"])
def test_ties(function):
    x = torch.tensor([[2.0, 1.0, 2.0, 1.0, 2.0], [1.0, 1.0, 1.0, 1.0, 1.0]])
    part = None if function in (torch.amax, torch.amin) else 0
    check_function(function, [x], 6, ((x,), {"dim": 1}), part=part, elements=20)
    if function not in ("amax", "amin"):
        check_function(function, [x], 6, ((x,), {}), elements=20)


def test_one_zero_in_a_product_keeps_its_gradient():
    x = torch.tensor([2.0, 0.0, 3.0])
    call = describe_call(torch.prod, (x,))
    gradients = [trace_gradient(call.operation, call.inputs, index=(number,)).value for number in range(3)]
    assert gradients == [0.0, 6.0, 0.0]


def test_reductions_by_hand():
    x = torch.tensor([[3.0, 4.0], [0.0, 0.0]])
    norm = describe_call(torch.linalg.vector_norm, (x,), {"dim": 1})
    assert trace(norm.operation, norm.inputs, (0,)).value == 5
    assert "y = √(Σ x²)" in str(trace(norm.operation, norm.inputs, (0,)))
    variance = describe_call("var", (x, 1))
    assert trace(variance.operation, variance.inputs, (0,)).value == 0.5
    largest = describe_call(torch.amax, (x, 1))
    traced = trace(largest.operation, largest.inputs, (0,))
    assert (traced.value, traced.details["winner"]) == (4, 1)
    running = describe_call(Tensor.cumsum, (x, 1))
    assert trace(running.operation, running.inputs, (0, 1)).terms.products.tolist() == [3, 4]


@pytest.mark.parametrize("value", [0.1, 1 / 3, 7.7])
@pytest.mark.parametrize("function", [torch.sum, torch.mean, torch.norm, torch.logsumexp, torch.std, "cumsum"])
def test_many_equal_numbers_in_float32(function, value):
    x = torch.full((100_000,), value)
    keywords = {"dim": 0} if function in (torch.logsumexp, "cumsum") else {}
    check_function(function, [x], 7, ((x,), keywords), elements=1, allowed=0.01)


@pytest.mark.parametrize("size", [1e-30, 1e-19, 1e-16])
def test_squares_that_vanish(size):
    x = tensor((3, 7), torch.float32, 9) * size
    check_function("norm", [x], 10, ((x,), {"dim": 1}), elements=6, allowed=10.0)


@pytest.mark.parametrize(
    ("function", "keywords"),
    [
        (torch.softmax, {"dim": 4}),
        (F.log_softmax, {"dim": -4}),
        (torch.cumsum, {"dim": 3}),
        (F.normalize, {"dim": (0, 5)}),
        (torch.sum, {"dim": 3}),
        (torch.var, {"dim": -4}),
    ],
)
def test_an_axis_that_is_not_there(function, keywords):
    x = torch.ones(2, 3, 4)
    call = describe_call(function, (x,), keywords)
    with pytest.raises(UserError, match=r"was given an input of shape \[2, 3, 4\]; expected an axis from -3 to 2"):
        trace(call.operation, call.inputs, (0, 0, 0))


@pytest.mark.parametrize("dim", [0, -1])
@pytest.mark.parametrize("function", [torch.softmax, F.log_softmax, torch.cumsum, F.normalize, torch.logsumexp])
def test_a_single_number_has_one_axis(function, dim):
    """As PyTorch has it."""
    x = torch.tensor(0.75, dtype=torch.float64)
    call = describe_call(function, (x, dim) if function is not F.normalize else (x, 2.0, dim))
    assert trace(
        call.operation, call.inputs, (), output=rule_of(call.operation).compute(call.operation, (x,))
    ).check.passed
    assert trace_gradient(call.operation, call.inputs, x.new_ones(()), index=()).check.passed
