"""What happens between the samples: what is seen well enough and what is not, judged by quadrature."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import quad

from pellucid.convolution import convolve_functions
from pellucid.convolution.expressions import Expression, parse_expression
from pellucid.convolution.resolution import unseen_area

SEEN = (
    "rect(x)",
    "tri(x)",
    "gauss(x)",
    "exp(-x**2)",
    "sin(x)",
    "cos(3*x)",
    "step(x)*exp(-x)",
    "sinc(x)",
    "x**2",
    "exp(-abs(x))",
    "rect(x/5)",
    "x",
    "1",
    "0",
    "sign(x)",
    "atan(x)",
    "tanh(x)",
    "exp(x)",
    "rect(x-1.234)",
    "sin(10*x)",
    "gauss(x*5)",
    "abs(x)",
    "sqrt(abs(x))",
    "log(x+11)",
)

UNSEEN = (
    "rect(x/0.001)",
    "rect(x/1e-9)",
    "rect((x-1.2345)/0.001)",
    "exp(-(x/0.0001)**2)",
    "1000*exp(-(1000*x-3)**2)",
    "tri(x*1e5)",
    "gauss(1e4*x)",
    "sin(1000*x)",
    "cos(314.159*x)",
    "sin(1e6*x)",
    "rect(x/0.001)*1000",
    "exp(-abs(x)*1e4)",
    "tan(x)",
    "rect(x/0.015)",
    "1/((x-.123)**2+1e-10)",
    "1/(x+0.0001234)",
    "sinc(1e4*x)",
    "step(x)-step(x-0.001)",
    "rect(sin(x)*100)",
    "sin(exp(x))",
    "tanh(x*1e5)-tanh(x*1e5-1)",
    "exp(-((x**2-2)*1e4)**2)",
    "cos(2*pi*x*999/20)",
    "exp(-(1e5*(x-2))**2)*1e5+rect(x)",
)


@pytest.mark.parametrize("text", SEEN)
def test_no_alarm_for_what_the_samples_see(text: str) -> None:
    for first, second in ((text, "rect(x/3)"), ("gauss(x)", text)):
        sampled = convolve_functions(first, second)
        assert sampled.is_resolved
        assert "miss what the functions do" not in sampled.warning


@pytest.mark.parametrize("text", UNSEEN)
def test_an_alarm_for_what_lies_between_the_samples(text: str) -> None:
    for first, second in ((text, "rect(x/3)"), ("gauss(x)", text)):
        sampled = convolve_functions(first, second)
        assert not sampled.trustworthy.any()
        assert sampled.warning.startswith("samples 0.02002 apart miss what the functions do between them")


def test_a_narrow_box_is_reliable_once_it_is_seen() -> None:
    assert convolve_functions("rect(x/0.001)", "rect(x/0.002)", (-0.005, 0.005), 2001).trustworthy.all()


@pytest.mark.parametrize("text", ["gauss(x-0.3)", "rect(x/3)", "exp(-abs(x-1))", "sinc(x)", "tri(x)*cos(x)"])
def test_where_there_is_no_alarm_quadrature_agrees(text: str) -> None:
    function = parse_expression(text)
    sampled = convolve_functions(text, "gauss(x)", (-10, 10), 1000)
    assert sampled.is_resolved
    kernel = parse_expression("gauss(x)")
    for index in (300, 500, 555):
        x = float(sampled.x[index])
        low, high = max(-10.0, x - 10.0), min(10.0, x + 10.0)
        exact = quad(lambda t, x=x: float(function(t) * kernel(x - t)), low, high, limit=500, points=[-1.5, 0, 1, 1.5])[
            0
        ]
        assert abs(sampled.result[index] - exact) <= 0.05 * np.abs(sampled.result).max()


@pytest.mark.parametrize(
    ("text", "width"), [("rect(x/0.001)", 0.001), ("gauss(x*1e4)", 1e-4), ("rect((x-1.2345)/0.003)", 0.003)]
)
def test_the_unseen_area_is_the_spikes_own(text: str, width: float) -> None:
    grid = np.linspace(-10, 10, 1000)
    assert unseen_area(parse_expression(text), grid, (-10.0, 10.0)) == pytest.approx(width, rel=0.2)


def test_a_long_expression_is_not_evaluated_point_by_point(monkeypatch) -> None:
    calls = 0
    evaluate = Expression.__call__

    def counting(self: Expression, x: ArrayLike) -> NDArray[np.float64]:
        nonlocal calls
        calls += 1
        return evaluate(self, x)

    monkeypatch.setattr(Expression, "__call__", counting)
    expression = parse_expression("+".join(["sin(999*x)"] * 25))
    unseen_area(expression, np.linspace(-10, 10, 1000), (-10.0, 10.0))
    assert calls < 10_000  # 52 halvings of each of its 99 parts, for all of a part's zeros at once
