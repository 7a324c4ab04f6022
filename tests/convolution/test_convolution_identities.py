"""What mathematics promises of a convolution, on integers exactly and on floats to rounding."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pellucid.convolution import convolve, convolve2d, correlate, correlate2d

integers = st.integers(-1000, 1000)
signals = hnp.arrays(np.int64, st.integers(1, 12), elements=integers)
images = hnp.arrays(np.int64, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=integers)


@given(signals, signals)
def test_commutative(f, h):
    np.testing.assert_array_equal(convolve(f, h), convolve(h, f))


@given(images, images)
def test_commutative_in_two_dimensions(f, h):
    np.testing.assert_array_equal(convolve2d(f, h), convolve2d(h, f))


@given(signals, signals, signals)
def test_associative(f, g, h):
    np.testing.assert_array_equal(convolve(convolve(f, g).result, h), convolve(f, convolve(g, h).result))


@given(images, images, images)
def test_associative_in_two_dimensions(f, g, h):
    np.testing.assert_array_equal(convolve2d(convolve2d(f, g).result, h), convolve2d(f, convolve2d(g, h).result))


@given(signals, signals, integers, integers)
def test_linear(f, h, a, b):
    other = f[::-1]
    combined = convolve(a * f + b * other, h).result
    np.testing.assert_array_equal(combined, a * convolve(f, h).result + b * convolve(other, h).result)


@given(signals, signals)
def test_convolution_theorem(f, h):
    length = len(f) + len(h) - 1
    product = np.fft.fft(f, length) * np.fft.fft(h, length)
    np.testing.assert_allclose(np.fft.ifft(product).real, convolve(f, h).result, rtol=0, atol=1e-6)


@given(images, images)
def test_convolution_theorem_in_two_dimensions(f, h):
    shape = tuple(np.add(f.shape, h.shape) - 1)
    product = np.fft.fft2(f, shape) * np.fft.fft2(h, shape)
    np.testing.assert_allclose(np.fft.ifft2(product).real, convolve2d(f, h).result, rtol=0, atol=1e-5)


@given(signals, st.integers(1, 5), st.integers(-30, 30))
def test_shift_equivariance_on_a_circle(f, size, shift):
    h = np.arange(1, min(size, len(f)) + 1)
    settings = {"mode": "same", "padding_mode": "circular"}
    moved = convolve(np.roll(f, shift), h, **settings).result
    np.testing.assert_array_equal(moved, np.roll(convolve(f, h, **settings).result, shift))


@given(images, st.integers(-9, 9), st.integers(-9, 9))
def test_shift_equivariance_on_a_torus(f, down, right):
    h = np.array([[1, 2], [3, 4]])[: f.shape[0], : f.shape[1]]
    settings = {"mode": "same", "padding_mode": "circular"}
    moved = convolve2d(np.roll(f, (down, right), (0, 1)), h, **settings).result
    np.testing.assert_array_equal(moved, np.roll(convolve2d(f, h, **settings).result, (down, right), (0, 1)))


@given(signals, signals)
def test_convolution_is_correlation_with_the_flipped_filter(f, h):
    np.testing.assert_array_equal(convolve(f, h), correlate(f, h[::-1]))
    np.testing.assert_array_equal(convolve(f, h, mode="valid"), correlate(f, h[::-1], mode="valid"))


@given(images, images)
def test_convolution_is_correlation_with_the_filter_flipped_both_ways(f, h):
    np.testing.assert_array_equal(convolve2d(f, h), correlate2d(f, h[::-1, ::-1]))


@given(signals)
def test_the_unit_impulse_changes_nothing(f):
    np.testing.assert_array_equal(convolve(f, [1]), f)
    np.testing.assert_array_equal(convolve(f, [0, 1, 0]).result[1:-1], f)
