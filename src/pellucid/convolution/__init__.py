"""Convolution as mathematics on NumPy arrays: discrete, with its steps, and continuous, by sampling."""

from __future__ import annotations

from pellucid.convolution.continuous import Overlap, SampledConvolution, convolve_functions
from pellucid.convolution.discrete import convolve, convolve2d, correlate, correlate2d
from pellucid.convolution.examples import EXAMPLES, ExampleImage
from pellucid.convolution.expressions import FUNCTIONS, Expression, parse_expression
from pellucid.convolution.geometry import MODES, PADDING_MODES, output_length
from pellucid.convolution.images import filter_file, filter_image, filter_plane, filterable
from pellucid.convolution.kernels import KERNELS, NamedKernel, named_kernel
from pellucid.convolution.result import Convolution
from pellucid.convolution.showing import convolution_text as _  # noqa: F401 -- registers the views
from pellucid.convolution.steps import WindowStep, WindowSteps
from pellucid.convolution.values import as_numbers, parse_domain, parse_number, parse_numbers, parse_whole_numbers
from pellucid.convolution.wording import overlap_sentence, step_sentence

__all__ = [
    "EXAMPLES",
    "FUNCTIONS",
    "KERNELS",
    "MODES",
    "PADDING_MODES",
    "Convolution",
    "ExampleImage",
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
    "filter_plane",
    "filterable",
    "named_kernel",
    "output_length",
    "overlap_sentence",
    "parse_domain",
    "parse_expression",
    "parse_number",
    "parse_numbers",
    "parse_whole_numbers",
    "step_sentence",
]
