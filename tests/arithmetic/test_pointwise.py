"""Every function of elements, under every spelling, against PyTorch's own values and autograd in float64."""

from __future__ import annotations

import contextlib
import functools
import math
import operator

import pytest
import torch
import torch.nn.functional as F
from layers_checks import check_function, tensor

from pellucid.arithmetic import NoArithmetic, TraceMismatch, describe_call, rule_of, trace, trace_gradient
from pellucid.arithmetic.reading import FUNCTIONS
from pellucid.arithmetic.rules.activations import CURVES
from pellucid.arithmetic.rules.elementary import ELEMENTARY
from pellucid.arithmetic.rules.operands import COMPARISONS, OPERANDS
from pellucid.ground.errors import UserError

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
    "logit": (0.01, 0.99),
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
        if call.operation.kind in tables and call.operation.kind not in ("threshold", "floor_divide"):
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
            domain = (0.1, 5.0) if kind in ("power", "xlogy", "divide", "remainder", "fmod") else (-5.0, 5.0)
            inputs = [inputs_of(domain, shape, dtype, number + place) for place, shape in enumerate(shapes)]
            if not (changes and torch.broadcast_shapes(*shapes) != shapes[0]):
                check_function(function, inputs, number)


@pytest.mark.parametrize("kind", sorted(COMPARISONS))
def test_comparison(kind):
    x, y = tensor((2, 3), torch.float32, 1).round(), tensor((3,), torch.float32, 2).round()
    operands = (x,) if kind == "logical_not" else (x, y)
    call = describe_call(kind, operands)
    output = getattr(x, kind)(*operands[1:])
    for index in ((0, 0), (1, 2)):
        assert trace(call.operation, call.inputs, index, output=output).value == float(output[index])
        assert trace_gradient(call.operation, call.inputs, torch.ones(2, 3), index=index).value == 0
    both = describe_call(operator.and_, (x > 0, x < 1))
    assert trace(both.operation, both.inputs, (1, 1)).value == float((x[1, 1] > 0) & (x[1, 1] < 1))


MORE = [
    (torch.clamp, (X * 3,), {"min": -0.1, "max": 0.1}),
    (torch.clamp, (X,), {"max": torch.tensor([0.4, 0.6])}),
    (torch.clamp, (X, torch.tensor([0.6, 0.9]), torch.tensor([0.7, 0.8])), {}),
    (torch.clip, (X, 0.7), {}),
    ("clamp_", (X, 0.7), {}),
    ("clamp_min", (X, 0.7), {}),
    ("clamp_max", (X, 0.1), {}),
    (torch.where, (X > 0.2, X, 0.1), {}),
    (torch.where, (X > 0.7, X, X * 2), {}),
    ("where", (X, X > 0.7, X * 2), {}),
    ("masked_fill", (X, X > 0.2, 0.1), {}),
    ("masked_fill_", (X, torch.tensor([True, False]), -5), {}),
    ("masked_fill", (X, torch.tensor([True, False]), torch.tensor(0.3)), {}),
    (torch.pow, (X, 2), {}),
    (torch.pow, (X, 0), {}),
    (torch.pow, (X, -0.3), {}),
    (torch.pow, (-X, 3), {}),
    (torch.pow, (2, X), {}),
    ("__pow__", (X, 0.1), {}),
    ("__rpow__", (X, 2.5), {}),
    ("__rdiv__", (X, 3), {}),
    ("__rtruediv__", (X, 3), {}),
    ("__rsub__", (X, 3), {}),
    (operator.truediv, (2, X), {}),
    (operator.truediv, (X, 3), {}),
    (operator.pow, (X, 2), {}),
    (operator.sub, (1, X), {}),
    (operator.mul, (X, torch.tensor([2, 3])), {}),
    (operator.add, (torch.tensor([True, False]), X), {}),
    (operator.truediv, (X, torch.tensor([2, 3])), {}),
    (torch.lerp, (X, X * 3, 0.1), {}),
    (torch.lerp, (X, X * 3, X + 1), {}),
    (torch.maximum, (X, X.clone()), {}),
    (torch.max, (X, X.flip(0)), {}),
    (torch.addcmul, (X, X + 1, X + 2), {"value": 0.1}),
    ("addcdiv", (X, X + 1, X + 2), {"value": -3}),
    (torch.remainder, (X, 0.3), {}),
    (torch.rsub, (X, 1.5), {}),
    (torch.div, (X * 7, X + 0.25), {"rounding_mode": "floor"}),
    (F.leaky_relu, (-X, 0.3, True), {}),
    (F.leaky_relu, (-X,), {"negative_slope": 0.1, "inplace": True}),
    (F.hardtanh, (X, -0.1, 0.1), {}),
    (F.threshold, (X, 0.1, 20), {}),
    (F.threshold, (X,), {"threshold": 0.7, "value": 0.1}),
    (F.softplus, (X,), {"beta": 3, "threshold": 1.2}),
    (F.softshrink, (X, 0.1), {}),
    (F.hardshrink, (X, 0.6), {}),
    (F.elu, (-X, 0.3), {}),
    (F.celu, (-X,), {"alpha": 0.3}),
    (F.rrelu, (-X,), {}),
    (F.relu6, (X * 20,), {}),
    (F.gelu, (X,), {"approximate": "tanh"}),
    (torch.special.expit, (X,), {}),
    (abs, (X,), {}),
]


@pytest.mark.parametrize(
    "dtype",
    [torch.float32, torch.bfloat16, *(pytest.param(t, marks=pytest.mark.slow) for t in (torch.float64, torch.float16))],
)
@pytest.mark.parametrize("case", MORE, ids=range(len(MORE)))
def test_spelling_with_settings(case, dtype):
    function, arguments, keywords = case
    change = {id(x): x.to(dtype) if isinstance(x, torch.Tensor) and x.is_floating_point() else x for x in arguments}
    arguments = tuple(change[id(x)] for x in arguments)
    keywords = {name: x.to(dtype) if isinstance(x, torch.Tensor) else x for name, x in keywords.items()}
    inputs = [x for x in (*arguments, *keywords.values()) if isinstance(x, torch.Tensor)]
    if function is abs:
        function = torch.Tensor.__abs__ if hasattr(torch.Tensor, "__abs__") else torch.abs
    check_function(function, inputs, 3, (arguments, keywords), elements=4, allowed=None if dtype.itemsize > 2 else 0.05)


EDGES = torch.tensor([-6.0, -3.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 3.0, 6.0, 20.0, 20.5, 100.0, -100.0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize(("function", "kind"), ONE, ids=[f"{kind}-{number}" for number, (_, kind) in enumerate(ONE)])
def test_where_a_function_has_its_corners(function, kind, dtype):
    """PyTorch's own choice of a derivative there; where its number is infinite or none, an error says so."""
    x = EDGES.to(dtype)
    call = describe_call(function, (x,))
    leaf = x.clone().requires_grad_()
    output = function(leaf.clone()) if not (in_place(function, X) and kind in ("asinh", "atanh")) else None
    if output is None:
        pytest.skip("PyTorch has no derivative of it in place")
    (gradient,) = torch.autograd.grad(output, leaf, torch.full_like(output, 0.75))
    output = output.detach()
    upstream = torch.full_like(x, 0.75)
    for index in range(len(x)):
        forward = functools.partial(trace, call.operation, call.inputs, (index,), output=output)
        backward = functools.partial(
            trace_gradient, call.operation, call.inputs, upstream, index=(index,), gradient=gradient
        )
        for question, expected in ((forward, float(output[index])), (backward, float(gradient[index]))):
            if math.isfinite(expected):
                assert question().check.passed
            elif math.isnan(expected):
                with pytest.raises(UserError, match="expected a finite number"):
                    question()
            else:  # the logarithm of zero comes to −∞ here too; e^100 is too large for float32 alone
                with contextlib.suppress(UserError):
                    assert question().value == expected


@pytest.mark.parametrize(("function", "kind"), ONE, ids=[f"{kind}-{number}" for number, (_, kind) in enumerate(ONE)])
def test_a_number_off_by_a_thousandth_is_seen(function, kind):
    """No entry's tolerance is so wide that it lets a wrong function or a wrong derivative pass."""
    x = torch.tensor([0.6], requires_grad=True)
    call = describe_call(function, (x,))
    output = rule_of(call.operation).compute(call.operation, [x])
    (gradient,) = torch.autograd.grad(output, x, allow_unused=True)
    output, x = output.detach(), x.detach()
    trace(call.operation, [x], (0,), output=output)
    if float(output):
        with pytest.raises(TraceMismatch):
            trace(call.operation, [x], (0,), output=output * 1.001)
    if float(gradient):
        with pytest.raises(TraceMismatch):
            trace_gradient(call.operation, [x], torch.ones(1), index=(0,), gradient=gradient * 1.001)


def test_functions_by_hand():
    whole = describe_call(operator.floordiv, (torch.tensor([7.0, -7.0]), 2))
    assert [trace(whole.operation, whole.inputs, (number,)).value for number in (0, 1)] == [3, -4]
    x = torch.tensor([2.0, -4.0])
    power = describe_call(torch.pow, (x, 3))
    traced = trace(power.operation, power.inputs, (1,))
    assert (traced.value, traced.details["slope"]) == (-64, 48)
    assert "y = x ^ 3" in str(traced)
    quotient = describe_call(torch.div, (x, torch.tensor([[8.0], [16.0]])))
    traced = trace(quotient.operation, quotient.inputs, (1, 0))
    assert (traced.value, [traced.terms.source(term) for term in (0, 1)]) == (0.125, [(0, (0,)), (1, (1, 0))])
    upstream = torch.tensor([[1.0, 10.0], [100.0, 1000.0]])
    assert trace_gradient(quotient.operation, quotient.inputs, upstream, index=(1,)).value == 10 / 8 + 1000 / 16
    kept = describe_call(torch.where, (x > 0, x, 7.0))
    assert [trace(kept.operation, kept.inputs, (number,)).value for number in (0, 1)] == [2, 7]
    logarithm = describe_call(torch.log, (x,))
    with pytest.raises(UserError, match="the output of log is nan at"):
        trace(logarithm.operation, logarithm.inputs, (1,))


def test_a_mask_of_infinity_and_the_softmax_behind_it():
    x, mask = torch.randn(2, 4, generator=torch.Generator().manual_seed(1)), torch.tensor([False, True, False, True])
    masked = describe_call("masked_fill", (x, mask, -math.inf))
    traced = trace(masked.operation, masked.inputs, (0, 1))
    assert (traced.value, traced.to_dict()["value"]) == (-math.inf, None)
    scores = x.masked_fill(mask, -math.inf)
    check_function(torch.softmax, [scores], 2, ((scores, 1), {}), elements=8)
    call = describe_call(torch.log_softmax, (scores, 1))
    assert trace(call.operation, call.inputs, (1, 3)).value == -math.inf
    assert trace(call.operation, call.inputs, (1, 0)).value == pytest.approx(
        float(scores.log_softmax(1)[1, 0]), abs=1e-6
    )


def test_logarithmic_product_at_zero_and_one():
    """Zero times any logarithm is zero; one times it is the logarithm."""
    x, y = torch.tensor([0.0, 0.0, 1.0, 1.0]), torch.tensor([0.0, 3.0, 3.0, 0.5])
    call = describe_call(torch.xlogy, (x, y))
    values = [trace(call.operation, (x, y), (at,)).value for at in range(4)]
    assert values == pytest.approx([0.0, 0.0, math.log(3), math.log(0.5)])
