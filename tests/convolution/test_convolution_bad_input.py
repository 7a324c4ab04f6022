"""Mistakes: the message says what was given and what was expected."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from pellucid.convolution import convolve, convolve2d, correlate, correlate2d, output_length, parse_numbers
from pellucid.ground.errors import UserError

ONES = np.ones


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: convolve([], [1]), r"the signal is empty, shape \(0,\); expected at least one number"),
        (lambda: convolve([1], []), r"the filter is empty, shape \(0,\)"),
        (lambda: convolve(3, [1]), r"the signal has 0 dimensions, shape \(\); expected 1 or 2"),
        (lambda: convolve2d([1, 2], [[1]]), r"the image has 1 dimensions, shape \(2,\); expected 2 or 3"),
        (lambda: convolve([1, float("nan")], [1]), r"the signal holds NaN \(not a number\) at position 1"),
        (lambda: convolve2d([[1, 2], [np.nan, 1]], [[1]]), r"the image holds NaN .* at position \(1, 0\)"),
        (lambda: convolve([1j, complex(0, np.nan)], [1]), r"the signal holds NaN .* at position 1"),
        (lambda: convolve([1], [np.nan]), r"the filter holds NaN .* at position 0"),
        (lambda: convolve([1], [1, np.inf]), r"the filter holds infinity at position 1; expected finite"),
        (lambda: convolve2d([[1, 2], [3]], [[1]]), r"the image is ragged: its rows have the lengths 2, 1; expected"),
        (lambda: convolve([1, [2, 3]], [1]), r"the signal is ragged: its rows have the lengths a single number, 2"),
        (lambda: convolve2d([[[1], [2]], [[1], [2, 3]]], [[1]]), r"ragged: its rows have the lengths 1, 2"),
        (lambda: convolve(["1", "a"], [1]), r"the signal holds '1' at position 0, which is not a number"),
        (lambda: convolve([1, None], [1]), r"the signal holds None at position 1, which is not a number"),
        (lambda: convolve("3,2", [1]), r"the signal holds '3,2', which is not a number"),
        (lambda: convolve([1, 2], [1], stride=0), r"stride is 0; expected a whole number of at least 1"),
        (lambda: convolve([1, 2], [1], stride=1.5), r"stride is 1.5; expected a whole number of at least 1"),
        (lambda: convolve([1, 2], [1], dilation=0), r"dilation is 0; expected a whole number of at least 1"),
        (lambda: convolve([1, 2], [1], padding=-1), r"padding is -1; expected a whole number of at least 0"),
        (lambda: convolve([1, 2], [1], padding=True), r"padding is True; expected a whole number"),
        (lambda: convolve([1, 2], [1], padding=(1, 2, 3)), r"padding is \(1, 2, 3\); expected one whole number"),
        (lambda: convolve2d([[1]], [[1]], padding=((1, 2, 3), 1)), r"for each axis one number or \(before, after\)"),
        (lambda: convolve2d([[1]], [[1]], stride=(1, 2, 3)), r"stride is \(1, 2, 3\); expected one whole number or 2"),
        (lambda: convolve([1, 2], [1], mode="ful"), r"mode is 'ful'; did you mean 'full'\?"),
        (lambda: convolve([1, 2], [1], padding_mode="mirror"), r"padding mode is 'mirror'; expected one of: zeros"),
        (
            lambda: convolve([1, 2], [1, 2, 3, 4, 5], padding=1),
            r"a filter of 5 with dilation 1 spans 5 elements, but the length of the signal is 2, or 4 with padding",
        ),
        (
            lambda: correlate2d(ONES((1, 4, 4)), ONES((1, 1, 3, 3)), dilation=2, mode="valid"),
            r"a filter of 3 with dilation 2 spans 5 elements, but the height of the image is 4",
        ),
        (lambda: convolve2d(ONES((3, 5)), ONES((5, 3)), mode="valid"), r"5×3 and the image is 3×5: neither fits"),
        (lambda: convolve([1, 2], [1], padding=2, padding_mode="reflect"), r"reflect padding of 2 .* at most 1"),
        (lambda: convolve([1], ONES(4), mode="full", padding_mode="circular"), r"circular padding of 3 .* at most 1"),
        (
            lambda: correlate2d(ONES((3, 4, 4)), ONES((8, 1, 2, 2))),
            r"the channels do not match: the image has 3, and the filter \(8, 1, 2, 2\) takes 1 for each of 1 group",
        ),
        (lambda: correlate2d(ONES((3, 4, 4)), ONES((2, 2))), r"the image has 3 channels, .* the filter has the shape"),
        (lambda: correlate2d(ONES((4, 4)), ONES((1, 1, 2, 2))), r"the image has no channels, .* expected \[h, w\]"),
        (lambda: correlate(ONES((2, 4)), ONES((3, 1, 2)), groups=2), r"groups is 2, with 2 channels in and 3 out"),
        (lambda: correlate([1, 2], [1], groups=2), r"groups is 2, but the signal has no channels; expected 1"),
        (lambda: correlate([1, 2], [1], groups=0), r"groups is 0; expected a whole number of at least 1"),
        (lambda: convolve([10**400], [0.5]).result, r"an integer too large for a float meets floats"),
        (
            lambda: output_length(4, 6),
            r"a filter of 6 with dilation 1 spans 6 elements, but the length of the input is 4",
        ),
        (lambda: parse_numbers("3,b,1", "the signal"), r"the signal is '3,b,1': 'b' is not a number; expected"),
        (lambda: parse_numbers("3,,1", "the signal"), r"'' is not a number"),
        (lambda: parse_numbers("1/0", "the signal"), r"'1/0' is not a number"),
        (lambda: parse_numbers("", "the signal"), r"the signal is empty"),
        (lambda: parse_numbers("1,2;3", "the filter"), r"the filter is ragged: its rows have the lengths 2, 1"),
        (lambda: parse_numbers("1,nan", "the signal"), r"the signal holds NaN"),
    ],
)
def test_message(call, message):
    with pytest.raises(UserError, match=message):
        call()


def test_numbers_are_read_from_text():
    assert parse_numbers("3, 2 ,1 0", "it").tolist() == [3, 2, 1, 0]
    assert parse_numbers("[1,0;0,-1;]", "it").tolist() == [[1, 0], [0, -1]]
    assert parse_numbers("1/4,1e-1,2j", "it").tolist() == [0.25, 0.1, 2j]
    assert parse_numbers(str(2**80), "it").tolist() == [2**80]


def test_lists_that_mix_kinds_of_numbers_are_read():
    assert convolve([True, 2], [1]).result.tolist() == [1, 2]
    assert convolve(np.array([1, 2.5], dtype=object), [2]).result.tolist() == [2, 5]
    assert convolve(np.array([1, 2], dtype=object), [2]).result.dtype == np.int64
    assert convolve(np.array([1, 2j], dtype=object), [2]).result.tolist() == [2, 4j]


def test_what_is_too_large_is_infinite_without_a_stray_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        large = convolve([1e308, 2.0], [1e5, 1.0])
        assert large.result.tolist() == [np.inf, 1e308 + 2e5, 2.0]
        assert large.steps[0].value == np.inf
        assert str(convolve([np.inf], [0.0]).steps[0]) == "inf*0 = nan"
        assert (
            str(convolve([1e308, 1e308], [1e5, -1e5], mode="valid").steps[0])
            == "1e+308*(-100000) + 1e+308*100000 = nan"
        )
