"""One- and two-dimensional results against NumPy, SciPy and torch over random settings."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pellucid.convolution import convolve, convolve2d, correlate, correlate2d, output_length

MODES = ["full", "same", "valid"]
TORCH_PADDING = {"zeros": "constant", "reflect": "reflect", "replicate": "replicate", "circular": "circular"}
KINDS = st.sampled_from([np.int64, np.int8, np.float32, np.float64, np.complex128])


def elements(dtype):
    if np.issubdtype(dtype, np.integer):
        return st.integers(-100, 100)
    width = 32 if dtype == np.float32 else 64
    real = st.floats(-100, 100, width=width)
    return st.builds(complex, real, real) if np.issubdtype(dtype, np.complexfloating) else real


@st.composite
def arrays(draw, dimensions, most):
    dtype = draw(KINDS)
    shape = draw(st.tuples(*[st.integers(1, most)] * dimensions))
    return draw(hnp.arrays(dtype, shape, elements=elements(dtype)))


def close(actual, expected, signal, kernel):
    """Integers exactly; floats within the rounding of sums of this size."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape
    if actual.dtype.kind == "i":
        np.testing.assert_array_equal(actual, expected)
    else:
        assert actual.dtype == expected.dtype
        scale = np.abs(signal).max() * np.abs(kernel).max() * kernel.size
        precision = np.finfo(actual.dtype).eps
        np.testing.assert_allclose(actual, expected, rtol=0, atol=8 * precision * float(scale) + 1e-300)


def as_wide(array):
    """What NumPy is asked to add up: small integer types would overflow there."""
    return array.astype(np.int64) if array.dtype.kind == "i" else array


@given(arrays(1, 12), arrays(1, 12), st.sampled_from(MODES))
def test_one_dimension_equals_numpy_in_every_mode(signal, kernel, mode):
    expected = np.convolve(as_wide(signal), as_wide(kernel), mode)
    close(convolve(signal, kernel, mode=mode), expected, signal, kernel)
    expected = np.correlate(as_wide(signal), as_wide(kernel), mode)
    close(correlate(signal, kernel, mode=mode), expected, signal, kernel)


@given(arrays(1, 12), arrays(1, 5), st.sampled_from(MODES), st.integers(1, 4), st.integers(1, 3))
def test_one_dimension_with_stride_and_dilation_is_numpy_with_zeros_put_in(signal, kernel, mode, stride, dilation):
    spread = np.zeros(dilation * (kernel.size - 1) + 1, as_wide(kernel).dtype)
    spread[::dilation] = kernel
    expected = np.convolve(as_wide(signal), spread, mode)[::stride]
    ours = convolve(signal, kernel, mode=mode, stride=stride, dilation=dilation)
    close(ours, expected, signal, kernel)


@given(arrays(2, 7), arrays(2, 7), st.sampled_from(MODES))
def test_two_dimensions_equal_scipy_in_every_mode(image, kernel, mode):
    larger = [kernel.shape[i] > image.shape[i] for i in range(2)]
    smaller = [kernel.shape[i] < image.shape[i] for i in range(2)]
    if mode == "valid" and any(larger) and any(smaller):
        with pytest.raises(ValueError, match="neither fits into the other"):
            convolve2d(image, kernel, mode=mode)
        return
    expected = scipy.signal.convolve2d(as_wide(image), as_wide(kernel), mode)
    close(convolve2d(image, kernel, mode=mode), expected, image, kernel)
    expected = scipy.signal.correlate2d(as_wide(image), as_wide(kernel), mode)
    if mode == "valid" and any(larger):
        # SciPy exchanges the two here and then conjugates the image, where NumPy conjugates the filter
        expected = scipy.signal.correlate2d(np.conj(as_wide(image)), np.conj(as_wide(kernel)), mode)
    close(correlate2d(image, kernel, mode=mode), expected, image, kernel)


@given(arrays(2, 7), arrays(2, 5))
def test_circular_padding_in_same_mode_equals_scipy_wrap(image, kernel):
    if any(k > 2 * n for k, n in zip(kernel.shape, image.shape, strict=True)):
        return  # more than one turn is refused
    expected = scipy.signal.convolve2d(as_wide(image), as_wide(kernel), "same", boundary="wrap")
    close(convolve2d(image, kernel, mode="same", padding_mode="circular"), expected, image, kernel)


@st.composite
def layer_cases(draw, dimensions):
    """A layer's settings that fit together, with arrays of float64 or int64."""
    groups = draw(st.integers(1, 3))
    channels, outs = groups * draw(st.integers(1, 2)), groups * draw(st.integers(1, 2))
    sizes, kernels, strides, paddings, dilations = ([] for _ in range(5))
    padding_mode = draw(st.sampled_from(list(TORCH_PADDING)))
    for _ in range(dimensions):
        size = draw(st.integers(1, 9))
        most = {"reflect": size - 1, "circular": size}.get(padding_mode, 3)
        padding = draw(st.integers(0, min(3, most)))
        dilation = draw(st.integers(1, 3))
        kernel = draw(st.integers(1, min(4, (size + 2 * padding - 1) // dilation + 1)))
        sizes.append(size)
        kernels.append(kernel)
        paddings.append(padding)
        dilations.append(dilation)
        strides.append(draw(st.integers(1, 3)))
    dtype = draw(st.sampled_from([np.int64, np.float64]))
    signal = draw(hnp.arrays(dtype, (channels, *sizes), elements=elements(dtype)))
    weights = draw(hnp.arrays(dtype, (outs, channels // groups, *kernels), elements=elements(dtype)))
    settings = {"stride": tuple(strides), "dilation": tuple(dilations), "groups": groups}
    return signal, weights, tuple(paddings), padding_mode, settings


def torch_result(signal, weights, padding, padding_mode, settings):
    images = torch.from_numpy(signal)[None]
    sides = [side for amount in reversed(padding) for side in (amount, amount)]
    padded = torch.nn.functional.pad(images.double(), sides, mode=TORCH_PADDING[padding_mode])
    function = torch.nn.functional.conv1d if len(padding) == 1 else torch.nn.functional.conv2d
    return function(padded, torch.from_numpy(weights).double(), **settings)[0].numpy()


@given(layer_cases(1))
def test_one_dimension_equals_torch_conv1d(case):
    signal, weights, padding, padding_mode, settings = case
    expected = torch_result(*case)
    ours = correlate(signal, weights, padding=padding, padding_mode=padding_mode, **settings)
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-9)
    if len(signal) == len(weights) == 1:
        plain = {**settings, "padding": padding, "padding_mode": padding_mode}
        np.testing.assert_allclose(correlate(signal[0], weights[0, 0], **plain), expected[0], rtol=0, atol=1e-9)


@given(layer_cases(2))
def test_two_dimensions_equal_torch_conv2d(case):
    signal, weights, padding, padding_mode, settings = case
    ours = correlate2d(signal, weights, padding=padding, padding_mode=padding_mode, **settings)
    np.testing.assert_allclose(ours, torch_result(*case), rtol=0, atol=1e-9)
    flipped = weights[..., ::-1, ::-1]
    turned = convolve2d(signal, flipped, padding=padding, padding_mode=padding_mode, **settings)
    np.testing.assert_array_equal(turned, ours)


@given(layer_cases(2))
def test_output_length_is_the_length_that_torch_gives(case):
    signal, weights, padding, _, settings = case
    expected = torch_result(*case).shape[1:]
    ours = tuple(
        output_length(
            signal.shape[1 + i],
            weights.shape[2 + i],
            stride=settings["stride"][i],
            padding=padding[i],
            dilation=settings["dilation"][i],
        )
        for i in range(2)
    )
    assert ours == expected


@pytest.mark.parametrize("shape", [(70, 90), (300, 200)])
@pytest.mark.parametrize("kernel", [(3, 3), (12, 11), (1, 31)])
def test_large_images_take_every_path_and_equal_scipy(shape, kernel):
    generator = np.random.default_rng(0)
    image, weights = generator.normal(size=shape), generator.normal(size=kernel)
    for mode in MODES:
        expected = scipy.signal.convolve2d(image, weights, mode)
        np.testing.assert_allclose(convolve2d(image, weights, mode=mode), expected, rtol=0, atol=1e-11)
        exchanged = scipy.signal.convolve2d(weights, image, mode)
        np.testing.assert_allclose(convolve2d(weights, image, mode=mode), exchanged, rtol=0, atol=1e-11)


@pytest.mark.parametrize(("stride", "dilation"), [(2, 1), (3, 2), (1, 3)])
def test_a_large_strided_and_dilated_layer_equals_torch(stride, dilation):
    """Large enough to be computed in several blocks of rows."""
    generator = np.random.default_rng(1)
    image, weights = generator.normal(size=(4, 260, 190)), generator.normal(size=(6, 2, 3, 3))
    settings = {"stride": stride, "dilation": dilation, "groups": 2}
    expected = torch_result(image, weights, (2, 1), "zeros", settings)
    np.testing.assert_allclose(correlate2d(image, weights, padding=(2, 1), **settings), expected, rtol=0, atol=1e-11)


def test_worked_by_hand():
    assert convolve([3, 2, 1, 0], [1, 0, -1]).result.tolist() == [3, 2, -2, -2, -1, 0]
    assert correlate([3, 2, 1, 0], [1, 0, -1]).result.tolist() == [-3, -2, 2, 2, 1, 0]
    assert convolve([5], [7]).result.tolist() == [35]
    assert convolve([2], [1, 2, 3]).result.tolist() == [2, 4, 6]
    assert convolve([1, 2, 3, 4], [1, 10], stride=2).result.tolist() == [1, 23, 40]
    # dilated, the filter (1, 10) becomes (1, 0, 10)
    assert convolve([1, 2, 3], [1, 10], dilation=2).result.tolist() == [1, 2, 13, 20, 30]
    # beyond 1, 2, 3: reflect 2|1,2,3|2, replicate 1|1,2,3|3, circular 3|1,2,3|1
    window = {"padding": 1, "correlate": True}
    assert convolve([1, 2, 3], [1, 10, 100], **window).result.tolist() == [210, 321, 32]
    assert convolve([1, 2, 3], [1, 10, 100], padding_mode="reflect", **window).result.tolist() == [212, 321, 232]
    assert convolve([1, 2, 3], [1, 10, 100], padding_mode="replicate", **window).result.tolist() == [211, 321, 332]
    assert convolve([1, 2, 3], [1, 10, 100], padding_mode="circular", **window).result.tolist() == [213, 321, 132]
    image = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
    assert correlate2d(image, [[1, 0], [0, -1]], mode="valid").result.tolist() == [[-4, -4], [-4, -4]]
    assert convolve2d(image, [[1, 0], [0, -1]], mode="valid").result.tolist() == [[4, 4], [4, 4]]
    # channels add up: 1*10 + 2*20 in the first group, 3*30 in the second
    grouped = correlate2d([[[1]], [[2]]], [[[[10]]], [[[20]]]], groups=2).result
    assert grouped.tolist() == [[[10]], [[40]]]
    assert correlate2d([[[1]], [[2]]], [[[[10]], [[20]]]]).result.tolist() == [[[50]]]


def test_padding_may_differ_on_each_side():
    assert convolve([1, 2], [1, 1], padding=(2, 0)).result.tolist() == [0, 1, 3]
    ours = convolve2d([[1, 2]], [[1]], padding=((1, 0), (0, 2))).result
    assert ours.tolist() == [[0, 0, 0, 0], [1, 2, 0, 0]]


def test_integers_beyond_int64_stay_exact():
    assert convolve([2**63 - 1, 1], [1, 1]).result.tolist() == [2**63 - 1, 2**63, 1]
    assert convolve([2**70], [3]).result.tolist() == [3 * 2**70]
    assert convolve([2**63 + 1, -1], [1]).result.tolist() == [2**63 + 1, -1]
    assert convolve(np.array([2**64 - 1], np.uint64), [2]).result.tolist() == [2**65 - 2]
    assert convolve2d([[2**62, 2**62]], [[2, 2]]).result.tolist() == [[2**63, 2**64, 2**63]]
    assert correlate2d([[[2**62]], [[2**62]]], [[[[1]], [[1]]]]).result.tolist() == [[[2**63]]]
    assert convolve(np.array([200, 100], np.uint8), np.array([2], np.uint8)).result.tolist() == [400, 200]
    assert convolve([2**70], [0.5]).result.tolist() == [2.0**69]


def test_infinity_in_the_signal_stays_where_it_is():
    ours = convolve([1.0, np.inf, 2.0, 3.0], [1.0, 1.0], dilation=2).result
    assert ours.tolist() == [1.0, np.inf, 3.0, np.inf, 2.0, 3.0]
