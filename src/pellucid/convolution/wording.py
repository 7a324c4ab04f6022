"""What happens at one position of a filter, in a plain sentence."""

from __future__ import annotations

from pellucid.convolution.continuous import Overlap
from pellucid.convolution.result import Convolution
from pellucid.convolution.steps import WindowStep
from pellucid.ground.writing import counted, exact_number

__all__ = ["overlap_sentence", "step_sentence"]


def step_sentence(convolution: Convolution, step: WindowStep) -> str:
    """Say how many numbers the filter lies on at a position, and what their products come to.

    >>> from pellucid.convolution import convolve
    >>> worked = convolve([3, 2, 1, 0], [1, 0, -1])
    >>> step_sentence(worked, worked.steps[1])
    'The filter, flipped, lies on 2 numbers; their products add up to 2.'
    """
    filter_ = "The filter, as it is," if convolution.is_correlation else "The filter, flipped,"
    value = exact_number(step.value)
    if step.signal_values.size == 0:
        return f"{filter_} lies on none of the numbers here, so the result is {value}."
    if step.signal_values.size == 1:
        return f"{filter_} lies on 1 number; the product is {value}."
    return f"{filter_} lies on {counted(step.signal_values.size, 'number')}; their products add up to {value}."


def overlap_sentence(overlap: Overlap) -> str:
    """Say what the sliding picture shows at one x.

    >>> from pellucid.convolution import convolve_functions
    >>> overlap_sentence(convolve_functions("x", "1", (0, 2), 3).at(1))
    'At x = 1 the area under the product f(t)·h(1 − t) is 0.5: that is the result there.'
    """
    x, area = exact_number(overlap.x), exact_number(overlap.area)
    shifted = "−t" if overlap.x == 0 else f"{x} − t"
    return f"At x = {x} the area under the product f(t)·h({shifted}) is {area}: that is the result there."
