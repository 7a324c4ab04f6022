"""Convolution as mathematics on NumPy arrays: discrete, with its steps, and continuous, by sampling."""

from __future__ import annotations

from pellucid.convolution.discrete import convolve, convolve2d, correlate, correlate2d
from pellucid.convolution.geometry import MODES, PADDING_MODES, output_length
from pellucid.convolution.result import Convolution
from pellucid.convolution.steps import Step, Steps
from pellucid.convolution.values import as_numbers, number_text, parse_numbers

__all__ = [
    "MODES",
    "PADDING_MODES",
    "Convolution",
    "Step",
    "Steps",
    "as_numbers",
    "convolve",
    "convolve2d",
    "correlate",
    "correlate2d",
    "number_text",
    "output_length",
    "parse_numbers",
]
