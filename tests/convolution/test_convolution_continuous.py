"""Sampled convolution against closed forms, and the report of where truncation affects it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from pellucid.convolution import convolve_functions
from pellucid.ground.errors import UserError


@given(st.floats(0.3, 1.5), st.floats(0.3, 1.5), st.floats(-2, 2), st.floats(-2, 2), st.integers(400, 401))
def test_two_gaussians_give_a_gaussian(a, b, m, n, samples):
    """Means and variances add: a closed form. Every value belongs to its x, whether samples are even or odd."""
    ours = convolve_functions(f"gauss((x - {m!r})/{a!r})/{a!r}", f"gauss((x - {n!r})/{b!r})/{b!r}", (-15, 15), samples)
    variance = a * a + b * b
    exact = np.exp(-((ours.x - m - n) ** 2) / (2 * variance)) / np.sqrt(2 * np.pi * variance)
    np.testing.assert_allclose(ours.result, exact, rtol=0, atol=1e-6)
    assert ours.warning == ""


@given(st.floats(0.5, 3), st.floats(0.5, 3))
def test_two_boxes_give_a_trapezoid(a, b):
    ours = convolve_functions(f"rect(x/{a!r})", f"rect(x/{b!r})", (-5, 5), 1000)
    exact = np.clip((a + b) / 2 - np.abs(ours.x), 0, min(a, b))
    np.testing.assert_allclose(ours.result, exact, rtol=0, atol=1.01 * ours.dx)
    assert ours.warning == ""


def test_two_equal_boxes_give_the_triangle():
    ours = convolve_functions("rect(x)", "rect(x)", (-2, 2), 401)
    np.testing.assert_allclose(ours.result, np.maximum(0, 1 - np.abs(ours.x)), rtol=0, atol=0.51 * ours.dx)


def test_decay_from_zero_on_a_domain_that_starts_there():
    """exp(-x) from 0 on with itself is x·exp(-x); the jump at the end of the domain is counted once."""
    ours = convolve_functions("exp(-x)*step(x)", "exp(-x)*step(x)", (0, 10), 1000)
    np.testing.assert_allclose(ours.result[1:], (ours.x * np.exp(-ours.x))[1:], rtol=0, atol=1e-4)
    assert abs(ours.result[0]) < ours.dx / 2
    assert ours.warning == ""


@pytest.mark.parametrize("domain", [(-10, 10), (0, 10), (-3, 8.5), (2, 5), (-7, -1)])
def test_an_arbitrary_domain_cuts_both_functions_there(domain):
    """Against SciPy's quadrature of the cut-off integral, for functions that are large at the cut."""
    low, high = domain
    ours = convolve_functions("sin(x)", "x**2", domain, 1000)
    for place in (0, 250, 500, 777, 999):
        x = ours.x[place]
        begin, end = max(low, x - high), min(high, x - low)
        exact = quad(lambda t: np.sin(t) * (x - t) ** 2, begin, end)[0] if begin < end else 0.0  # noqa: B023
        assert ours.result[place] == pytest.approx(exact, abs=0.01)
        assert ours.at(x).area == pytest.approx(ours.result[place], abs=1e-9)


def test_the_lessons_example_is_affected_everywhere():
    ours = convolve_functions("sin(x)", "x**2", (-10, 10), 1000)
    assert not ours.trustworthy.any()
    assert ours.affected == [(-10, 10)]
    assert "truncated at -10 and 10" in ours.warning
    assert "affects the result everywhere" in ours.warning
    assert "warning" in str(ours)


def test_the_lessons_way_is_half_a_sample_off_and_ours_is_not():
    x = np.linspace(-10, 10, 1000)
    dx = x[1] - x[0]
    lesson = np.convolve(np.exp(-(x**2)), np.exp(-(x**2)), "same") * dx
    exact = np.sqrt(np.pi / 2) * np.exp(-(x**2) / 2)
    shifted = np.sqrt(np.pi / 2) * np.exp(-((x - dx / 2) ** 2) / 2)
    ours = convolve_functions("exp(-x**2)", "exp(-x**2)", (-10, 10), 1000).result
    assert np.abs(ours - exact).max() < 1e-12
    assert np.abs(lesson - shifted).max() < 1e-12
    assert np.abs(lesson - exact).max() > 1e-3


def test_only_the_edges_are_affected_and_the_rest_is_right():
    """On the whole line sin * gauss = sin·exp(-1/2)."""
    ours = convolve_functions("sin(x)", "gauss(x)", (-10, 10), 1000)
    error = np.abs(ours.result - np.sin(ours.x) * np.exp(-0.5))
    assert ours.trustworthy[200:800].all()
    assert not ours.trustworthy[[0, 50, 949, 999]].any()
    assert error[ours.trustworthy].max() < 1e-3 * np.abs(ours.result).max()
    assert error[~ours.trustworthy].max() > 0.1
    assert "from -10 to -6.8" in ours.warning
    (first, second) = ours.affected
    assert first[0] == -10
    assert second[1] == 10


def test_a_slow_decay_is_affected_where_its_tails_are_left_out():
    """1/(1 + x²) with itself is 2π/(4 + x²)."""
    ours = convolve_functions("1/(1+x**2)", "1/(1+x**2)", (-10, 10), 1000)
    error = np.abs(ours.result - 2 * np.pi / (4 + ours.x**2))
    assert error[ours.trustworthy].max() < 2e-3 * ours.result.max()
    assert ours.trustworthy[450:550].all()
    assert not ours.trustworthy[[0, -1]].any()


def test_what_cancels_or_lies_wholly_outside_is_seen():
    assert not convolve_functions("sin(x)", "1", (-10, 10), 500).trustworthy.any()
    boxes = convolve_functions("rect(x - 25)", "rect(x + 25)", (-10, 10), 1001)
    assert np.abs(boxes.result).max() == 0
    assert not boxes.trustworthy[500]
    assert boxes.trustworthy[0]


def test_undefined_outside_the_domain_counts_only_where_it_is_met():
    ours = convolve_functions("gauss(x)", "log(x + 11)", (-10, 10), 1000)
    assert np.isinf(ours.omitted[0])
    assert ours.trustworthy[500]
    json.dumps(ours.to_dict(), allow_nan=False)
    grown = convolve_functions("exp(x**2)", "gauss(x)", (-5, 5), 100)
    assert not grown.trustworthy.any()


def test_the_sliding_picture_between_samples():
    ours = convolve_functions("rect(x)", "rect(x)", (-2, 2), 401)
    overlap = ours.at(0.255)
    assert overlap.area == pytest.approx(0.745, abs=0.006)
    assert overlap.h[np.abs(overlap.t - 0.255) < 0.49].min() == 1
    np.testing.assert_array_equal(overlap.product, overlap.f * overlap.h)
    edge = convolve_functions("x + 3", "1", (-2, 2), 401).at(2)
    assert edge.h[edge.t < 0].max() == 0
    assert edge.area == pytest.approx(quad(lambda t: t + 3, 0, 2)[0], abs=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("log(x)", "x"), r"log\(x\) is not a finite number at x = -10; expected a domain"),
        (("1/x", "x", (-1, 1), 101), r"1/x is not a finite number at x = 0"),
        (("x", "1/(x - 0.5)", (0.9, 1.1), 11), None),
        (("x", "x", (1, 1)), r"the domain is from 1 to 1; expected two finite numbers, the lower first"),
        (("x", "x", (2, 1)), r"the domain is from 2 to 1"),
        (("x", "x", (0, float("inf"))), r"the domain is from 0 to inf"),
        (("x", "x", (0, 1, 2)), r"the domain is \(0, 1, 2\); expected two numbers"),
        (("x", "x", (0, 1), 1), r"samples is 1; expected a whole number of at least 2"),
        (("x", "x", (0, 1), 10**9), r"samples is 1,000,000,000; expected at most 5,001"),
        (("x", "os"), r"'os' in 'os' is no known name"),
    ],
)
def test_bad_input(arguments, message):
    if message is None:
        assert convolve_functions(*arguments).result.shape == (11,)
        return
    with pytest.raises(UserError, match=message):
        convolve_functions(*arguments)


def test_bad_places_and_tolerances():
    with pytest.raises(UserError, match=r"x = 3 is outside the domain; expected 0 to 1"):
        convolve_functions("x", "x", (0, 1), 10).at(3)
    with pytest.raises(UserError, match=r"tolerance is 0; expected more than 0"):
        convolve_functions("x", "x", (0, 1), 10, tolerance=0)
