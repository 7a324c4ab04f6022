"""Steps: they re-add to the result, know where each number came from, and are views."""

from __future__ import annotations

import json
import tracemalloc

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pellucid.convolution import convolve, convolve2d, correlate, correlate2d, step_sentence
from pellucid.convolution.drawing import draw, draw_step
from pellucid.ground.errors import UserError


@st.composite
def settings_1d(draw):
    integers = st.integers(-50, 50)
    signal = draw(st.lists(integers, min_size=1, max_size=10))
    kernel = draw(st.lists(integers, min_size=1, max_size=5))
    options = {
        "mode": draw(st.sampled_from(["full", "same", "valid", None])),
        "stride": draw(st.integers(1, 3)),
        "dilation": draw(st.integers(1, 3)),
        "padding": draw(st.none() | st.tuples(st.integers(0, 3), st.integers(0, 3))),
        "padding_mode": draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"])),
        "correlate": draw(st.booleans()),
    }
    return signal, kernel, options


@given(settings_1d())
def test_every_step_sums_to_its_element_and_names_its_sources(case):
    signal, kernel, options = case
    try:
        ours = convolve(signal, kernel, **options)
    except UserError:
        assume(False)
    assert len(ours.steps) == len(ours.result)
    for k, step in enumerate(ours.steps):
        assert step.position == k
        assert step.value == ours.result[k]
        met = [0 if index < 0 else signal[index] for index in step.signal_indices]
        assert step.signal_values.tolist() == met
        assert step.kernel_values.tolist() == [kernel[index] for index in step.kernel_indices]
        if options["padding"] is None and options["padding_mode"] == "zeros":
            assert (step.signal_indices >= 0).all(), "the lesson writes no products with what is not there"
        draw_step(ours, k)
    json.dumps(ours.to_dict(), allow_nan=False)


@given(st.integers(1, 2), st.integers(1, 2), st.integers(1, 2), st.booleans(), st.integers(0, 2), st.integers(0, 99))
def test_every_step_in_two_dimensions_with_channels_and_groups(groups, ins, outs, flip, padding, seed):
    generator = np.random.default_rng(seed)
    image = generator.integers(-9, 9, (groups * ins, 4, 5))
    kernel = generator.integers(-9, 9, (groups * outs, ins, 2, 3))
    ours = convolve2d(image, kernel, padding=padding, stride=(1, 2), dilation=(2, 1), groups=groups, correlate=flip)
    for position in np.ndindex(ours.shape):
        step = ours.steps[position]
        assert step.position == position
        assert step.value == ours.result[position]
        group = position[0] // outs
        rows, columns = step.signal_indices
        for channel in range(ins):
            for r, row in enumerate(rows):
                for c, column in enumerate(columns):
                    source = 0 if min(row, column) < 0 else image[group * ins + channel, row, column]
                    assert step.signal_values[channel, r, c] == source
        rows, columns = step.kernel_indices
        assert (step.kernel_values == kernel[position[0]][:, rows[:, None], columns]).all()
    assert str(ours.steps[0]) == str(ours.steps[(0,) * 3])


def test_the_lesson_line_by_line():
    steps = convolve([3, 2, 1, 0], [1, 0, -1]).steps
    assert [str(step) for step in steps] == [
        "3*1 = 3",
        "3*0 + 2*1 = 2",
        "3*(-1) + 2*0 + 1*1 = -2",
        "2*(-1) + 1*0 + 0*1 = -2",
        "1*(-1) + 0*0 = -1",
        "0*(-1) = 0",
    ]
    assert steps[1].signal_indices.tolist() == [0, 1]
    assert steps[1].kernel_indices.tolist() == [1, 0]
    assert steps[-1].position == 5
    assert [step.position for step in steps[1:3]] == [1, 2]
    with pytest.raises(IndexError, match="there are 6, from 0 to 5"):
        steps[6]
    with pytest.raises(IndexError, match=r"the result has the shape \(6,\)"):
        steps[0, 0]


def test_drawn_as_the_lesson_draws_it():
    ours = convolve([3, 2, 1, 0], [1, 0, -1])
    assert draw_step(ours, 1) == "\n".join(
        [
            "step 1                ┌────┬────┐",
            "   signal             │  3 │  2 │  1    0",
            "   filter          -1 │  0 │  1 │",
            "                      └────┴────┘",
            "   3*0 + 2*1 = 2",
        ]
    )
    text = str(ours)
    assert "flipped [-1, 0, 1]" in text
    assert text.endswith("result   [3, 2, -2, -2, -1, 0]")
    assert "and 4 more steps" in draw(ours, most=2)
    assert "step" not in draw(ours, most=0)


def test_drawn_in_two_dimensions_with_padding():
    ours = correlate2d([[1, 2], [3, 4]], [[5, 6], [7, 8]], padding=1, dilation=2, stride=2)
    assert draw_step(ours, 0) == "\n".join(
        [
            "step 0, 0",
            "   ┌─────┐     ┌─────┐",
            "   │ (0) │ (0) │ (0) │ (0)",
            "   └─────┘     └─────┘       ┌───┬───┐",
            "     (0)     1     2   (0)   │ 5 │ 6 │",
            "   ┌─────┐     ┌─────┐       │ 7 │ 8 │",
            "   │ (0) │   3 │   4 │ (0)   └───┴───┘",
            "   └─────┘     └─────┘",
            "     (0)   (0)   (0)   (0)",
            "   0*5 + 0*6 + 0*7 + 4*8 = 32",
        ]
    )
    channels = correlate2d(np.ones((2, 2, 2)), np.ones((1, 2, 1, 1)))
    assert "channel 1" in draw(channels)


def test_long_signals_are_drawn_around_the_filter():
    ours = convolve(np.arange(1000), [1, 2, 3], mode="valid")
    lines = draw_step(ours, 500).splitlines()
    assert max(len(line) for line in lines) <= 100
    assert "│ 500 │ 501 │ 502 │" in lines[1]
    assert lines[1].count("…") == 2


def test_a_dilated_filter_may_meet_nothing():
    ours = convolve([7], [1, 2], dilation=2)
    assert ours.result.tolist() == [7, 0, 14]
    assert str(ours.steps[1]) == "nothing overlaps = 0"
    assert "step 1" in draw_step(ours, 1)


def test_steps_of_a_million_samples_are_views():
    signal, kernel = np.arange(1_000_000), np.array([1, 0, -1])
    ours = convolve(signal, kernel)
    tracemalloc.start()
    steps = ours.steps
    step = steps[500_000]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(steps) == 1_000_002
    assert np.shares_memory(step.signal_values, signal)
    assert np.shares_memory(step.kernel_values, kernel)
    assert peak < 100_000
    assert str(step) == "499998*(-1) + 499999*0 + 500000*1 = 2"


def test_behaves_as_an_array_and_shows_itself():
    ours = correlate([1, 2, 3], [1, 1], mode="valid")
    assert np.asarray(ours).tolist() == [3, 5]
    assert np.add(ours, 1).tolist() == [4, 6]
    assert ours.shape == (2,)
    assert len(ours) == 2
    assert repr(ours) == "<correlation of (3,) with (2,), valid: result of shape (2,)>"
    assert "1*1 + 2*1 = 3" in ours._repr_html_()
    assert "<pre>" in correlate2d([[1]], [[1]])._repr_html_()


def test_complex_and_fractional_numbers_in_json_and_text():
    ours = convolve([1 + 2j, -1], [0.5])
    assert ours.to_dict()["result"] == [{"real": 0.5, "imaginary": 1.0}, {"real": -0.5, "imaginary": 0.0}]
    assert str(ours.steps[0]) == "(1+2j)*0.5 = 0.5+1j"
    # a correlation conjugates its filter: 1j * (-1j) = 1
    assert correlate([1j], [1j]).result.tolist() == [1]
    assert convolve([2**70], [1]).to_dict()["steps"][0]["value"] == 2**70
    many = convolve(np.ones(100), np.ones(100), mode="valid").steps[0]
    assert "… 36 more …" in str(many)


@pytest.mark.parametrize(
    ("convolution", "at", "sentence"),
    [
        (convolve([3, 2, 1, 0], [1, 0, -1]), 0, "The filter, flipped, lies on 1 number; the product is 3."),
        (
            correlate([3, 2, 1, 0], [1, 0, -1]),
            2,
            "The filter, as it is, lies on 3 numbers; their products add up to 2.",
        ),
        (
            convolve([5], [1, 1], dilation=3),
            1,
            "The filter, flipped, lies on none of the numbers here, so the result is 0.",
        ),
    ],
)
def test_a_step_in_a_sentence(convolution, at, sentence):
    assert step_sentence(convolution, convolution.steps[at]) == sentence
