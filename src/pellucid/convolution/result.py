"""What a convolution gives back: a result and steps that are computed when they are looked at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from pellucid.convolution.arithmetic import common_type, slide
from pellucid.convolution.geometry import SlidingAxis, pad
from pellucid.convolution.steps import WindowSteps
from pellucid.convolution.values import Array, plain_numbers
from pellucid.ground.shown import Shown

__all__ = ["Convolution"]


@dataclass(frozen=True, eq=False, repr=False)
class Convolution(Shown):
    """A convolution or cross-correlation; `numpy.asarray` of it is its result.

    Made by `convolve`, `correlate`, `convolve2d` and `correlate2d`. Nothing is computed before `result` or
    `steps` is looked at.
    """

    signal: Array
    """As given: `[N]`, `[H, W]`, or with channels `[C, N]`, `[C, H, W]`."""

    kernel: Array
    """As given: `[M]`, `[h, w]`, or with channels `[O, C/groups, M]`, `[O, C/groups, h, w]`."""

    mode: str
    padding_mode: str
    axes: tuple[SlidingAxis, ...]
    """Sizes, padding, stride, dilation and positions along each axis."""

    groups: int
    is_correlation: bool

    @property
    def plain(self) -> bool:
        """Whether there are no channels."""
        return self.signal.ndim == len(self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the result."""
        counts = tuple(axis.count for axis in self.axes)
        return counts if self.plain else (len(self.kernel), *counts)

    @property
    def flipped(self) -> Array:
        """The filter flipped along every axis, as a convolution lays it on the signal."""
        backwards: Any = (..., *[slice(None, None, -1)] * len(self.axes))
        flipped: Array = self.kernel[backwards]
        return flipped

    @property
    def aligned(self) -> Array:
        """The filter as it lies on the signal: flipped, or for a correlation as given (complex: conjugated)."""
        if not self.is_correlation:
            return self.flipped
        return np.conj(self.kernel) if self.kernel.dtype.kind == "c" else self.kernel

    @cached_property
    def padded(self) -> Array:
        """The signal with its padding, `[C, *]`, in the type that is computed in."""
        return self._operands[0]

    @cached_property
    def _operands(self) -> tuple[Array, Array]:
        signal, aligned = self.signal, self.aligned
        if self.plain:
            signal, aligned = signal[np.newaxis], aligned[np.newaxis, np.newaxis]
        signal, aligned = common_type(signal, aligned)
        return pad(signal, self.axes, self.padding_mode), aligned

    @cached_property
    def result(self) -> Array:
        """Every output: `shape`, int64 or Python integers (dtype object) for integers, else NumPy's common type."""
        padded, aligned = self._operands
        with np.errstate(over="ignore", invalid="ignore"):  # what is too large shows itself as infinity
            result = slide(padded, aligned, self.axes, self.groups)
        return result[0] if self.plain else result

    @cached_property
    def steps(self) -> WindowSteps:
        """The arithmetic of each output, made when asked for."""
        padded, aligned = self._operands
        flipped = not self.is_correlation
        return WindowSteps(padded, aligned, self.axes, self.groups, self.padding_mode, flipped, self.plain)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.array(self.result, dtype=dtype, copy=copy)

    def __len__(self) -> int:
        return self.shape[0]

    def __repr__(self) -> str:
        name = "correlation" if self.is_correlation else "convolution"
        return f"<{name} of {self.signal.shape} with {self.kernel.shape}, {self.mode}: result of shape {self.shape}>"

    def to_dict(self) -> dict[str, Any]:
        """Give settings, `result` and `steps` as JSON has them (infinity it has not)."""

        return {
            "operation": "correlation" if self.is_correlation else "convolution",
            "mode": self.mode,
            "stride": [axis.stride for axis in self.axes],
            "dilation": [axis.dilation for axis in self.axes],
            "padding": [[axis.before, axis.after] for axis in self.axes],
            "padding_mode": self.padding_mode,
            "groups": self.groups,
            "signal": plain_numbers(self.signal.tolist()),
            "kernel": plain_numbers(self.kernel.tolist()),
            "result": plain_numbers(self.result.tolist()),
            "steps": [step.to_dict() for step in self.steps],
        }
