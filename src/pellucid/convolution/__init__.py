"""Convolution as mathematics on NumPy arrays: discrete, with its steps, and continuous, by sampling."""

from __future__ import annotations

from pellucid.convolution.continuous import Overlap, SampledConvolution, convolve_functions
from pellucid.convolution.discrete import convolve, convolve2d, correlate, correlate2d
from pellucid.convolution.expressions import FUNCTIONS, Expression, parse_expression
from pellucid.convolution.geometry import MODES, PADDING_MODES, output_length
from pellucid.convolution.images import filter_file, filter_image
from pellucid.convolution.kernels import KERNELS, NamedKernel, named_kernel
from pellucid.convolution.result import Convolution
from pellucid.convolution.showing import convolution_text as _  # noqa: F401 -- registers the views
from pellucid.convolution.steps import WindowStep, WindowSteps
from pellucid.convolution.values import as_numbers, parse_numbers

__all__ = [
    "FUNCTIONS",
    "KERNELS",
    "MODES",
    "PADDING_MODES",
    "Convolution",
    "Expression",
    "NamedKernel",
    "Overlap",
    "SampledConvolution",
    "WindowStep",
    "WindowSteps",
    "as_numbers",
    "convolve",
    "convolve2d",
    "convolve_functions",
    "correlate",
    "correlate2d",
    "filter_file",
    "filter_image",
    "named_kernel",
    "output_length",
    "parse_expression",
    "parse_numbers",
]
