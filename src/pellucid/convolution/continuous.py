"""Continuous convolution by sampling, and where truncating the domain affects it."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from textwrap import wrap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pellucid.convolution.expressions import Expression, parse_expression
from pellucid.convolution.geometry import whole_number
from pellucid.convolution.resolution import unseen_area
from pellucid.ground.errors import UserError
from pellucid.ground.writing import exact_number

__all__ = ["Overlap", "SampledConvolution", "convolve_functions"]

Values = NDArray[np.float64]
MOST_UNSEEN = 0.1
"""A larger share than this is warned of; two boxes of a hundred samples each stay below, wherever their edges lie."""

MOST_SAMPLES = 5_001
"""Beyond this many samples the sums take seconds."""

WIDEST = 100
"""Characters in a line, at most."""

NEGLIGIBLE = 1e-12
"""A function this much smaller than its largest value counts as zero where the other one is undefined."""


@dataclass(frozen=True, eq=False)
class Overlap:
    """The sliding picture at one x: `f(t)`, the flipped and shifted `h(x − t)`, their product and its area."""

    x: float
    t: Values
    f: Values
    h: Values
    product: Values
    area: float
    """The integral of the product over the domain: `(f * h)(x)`."""


@dataclass(frozen=True, eq=False)
class SampledConvolution:
    """`(f * h)(x) = ∫ f(t)·h(x − t) dt` at samples of a domain outside which both functions count as zero."""

    f: Expression
    h: Expression
    domain: tuple[float, float]
    x: Values
    """`[samples]`, evenly from end to end of the domain."""

    f_values: Values
    """`f(x)`, `[samples]`."""

    h_values: Values
    """`h(x)`, `[samples]`."""

    result: Values
    """`(f * h)(x)`, `[samples]`."""

    omitted: Values
    """`[samples]`: `∫ |f(t)·h(x − t)| dt` over what truncation leaves out, within three times the domain; infinite
    where a function is undefined there."""

    tolerance: float
    """The share of the largest result that may be left out."""

    unseen: float = 0.0
    """How far results may be off because of what the functions do between the samples (`resolution.unseen_area`), as a
    share of the largest `∫ |f(t)·h(x − t)| dt`; infinite where the samples see nothing, or a function has no bound."""

    @property
    def dx(self) -> float:
        """The distance between samples, which scales the sums."""
        return (self.domain[1] - self.domain[0]) / (len(self.x) - 1)

    @property
    def is_resolved(self) -> bool:
        """Whether the samples are close enough to see what both functions do."""
        return self.unseen <= MOST_UNSEEN

    @property
    def trustworthy(self) -> NDArray[np.bool_]:
        """`[samples]`: whether what truncation leaves out is within the tolerance there; nowhere if not resolved."""
        return self._is_kept & self.is_resolved

    @property
    def _is_kept(self) -> NDArray[np.bool_]:
        return self.omitted <= self.tolerance * max(float(np.abs(self.result).max()), np.finfo(float).tiny)

    @property
    def affected(self) -> list[tuple[float, float]]:
        """The intervals of x where truncation affects the result, from first to last sample."""
        edges = np.flatnonzero(np.diff(np.concatenate([[False], ~self._is_kept, [False]]).astype(int)))
        return [(float(self.x[a]), float(self.x[b - 1])) for a, b in zip(edges[::2], edges[1::2], strict=True)]

    @property
    def warning(self) -> str:
        """Say what makes the result unreliable, and where; empty where nothing does."""
        return "; and ".join(filter(None, (self._warning_of_sampling, self._warning_of_truncation)))

    @property
    def _warning_of_sampling(self) -> str:
        if self.is_resolved:
            return ""
        extent = f"by up to {self.unseen:.0%} of the largest" if self.unseen < 10 else "without bound"
        return (
            f"samples {self.dx:.4g} apart miss what the functions do between them, so results may be off {extent}: "
            "take more samples or a smaller domain"
        )

    @property
    def _warning_of_truncation(self) -> str:
        if not self.affected:
            return ""
        a, b = (exact_number(end) for end in self.domain)
        if not self._is_kept.any():
            where = "everywhere"
        else:
            parts = [f"{exact_number(low)} to {exact_number(high)}" for low, high in self.affected]
            where = f"for x from {', and from '.join(parts)}"
        return (
            f"the functions are truncated at {a} and {b}, which affects the result {where}: "
            f"f(t)·h(x − t) goes on outside, and more than {self.tolerance:.1%} of the largest result is left out"
        )

    def at(self, x: float) -> Overlap:
        """Give the sliding picture at one x, which need not be a sample.

        Raises:
            UserError: x is outside the domain.

        >>> round(convolve_functions("rect(x)", "rect(x)", (-2, 2), 401).at(0.25).area, 2)
        0.75
        """
        low, high = self.domain
        if not low <= x <= high:
            raise UserError(
                f"x = {exact_number(x)} is outside the domain; expected {exact_number(low)} to {exact_number(high)}"
            )
        lags: Values = x - self.x
        shifted = np.where((lags >= low) & (lags <= high), self.h(lags), 0.0)
        area = self.dx * _weighed(self.f, self.x, self.domain, self.dx) @ _weighed(self.h, lags, self.domain, self.dx)
        return Overlap(float(x), self.x, self.f_values, shifted, self.f_values * shifted, float(area))

    def to_dict(self) -> dict[str, Any]:
        """Give everything as JSON has it; `omitted` is null where it is infinite."""
        return {
            "f": self.f.text,
            "h": self.h.text,
            "domain": list(self.domain),
            "samples": len(self.x),
            "dx": self.dx,
            "x": self.x.tolist(),
            "f_values": self.f_values.tolist(),
            "h_values": self.h_values.tolist(),
            "result": self.result.tolist(),
            "omitted": [value if np.isfinite(value) else None for value in self.omitted.tolist()],
            "tolerance": self.tolerance,
            "unseen": self.unseen if np.isfinite(self.unseen) else None,
            "trustworthy": self.trustworthy.tolist(),
            "affected": [list(interval) for interval in self.affected],
            "warning": self.warning,
        }

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Values:
        return np.array(self.result, dtype=dtype, copy=copy)

    def _repr_html_(self) -> str:
        return f"<pre>{escape(str(self))}</pre>"

    def __repr__(self) -> str:
        return f"<({self.f}) * ({self.h}) on {list(self.domain)}, {len(self.x)} samples>"

    def __str__(self) -> str:
        low, high = (exact_number(end) for end in self.domain)
        heading = (
            f"f(x) = {self.f}, h(x) = {self.h}, sampled {len(self.x):,} times from {low} to {high}, "
            f"dx = {exact_number(self.dx)}"
        )
        lines = wrap(heading, WIDEST, break_long_words=False, break_on_hyphens=False)
        for name, position in (("smallest", int(self.result.argmin())), ("largest", int(self.result.argmax()))):
            value, x = exact_number(self.result[position]), exact_number(self.x[position])
            lines.append(f"(f * h)(x) is {name} at x = {x}: {value}")
        lines += wrap(f"warning: {self.warning}" if self.warning else "truncation does not affect the result", WIDEST)
        return "\n".join(lines)


def convolve_functions(
    f: str | Expression,
    h: str | Expression,
    domain: tuple[float, float] = (-10.0, 10.0),
    samples: int = 1000,
    *,
    tolerance: float = 1e-3,
) -> SampledConvolution:
    """Sample `(f * h)(x) = ∫ f(t)·h(x − t) dt`, both functions truncated outside the domain.

    Every value belongs to its own x exactly: `h` is sampled at the differences `x − t`, and the integral is the
    trapezoid rule. (`numpy.convolve(f, h, "same") * dx` on the samples of a domain from a to b gives instead
    `(f * h)(x + (a + b)/2)`, and with an even number of samples half a sample earlier: `- dx/2`.)

    Whether the samples see narrow boxes, spikes and fast oscillations is estimated from finer grids (`unseen`).

    Where truncation affects the result is computed: the product `|f(t)·h(x − t)|` is also integrated over what
    truncation leaves out, within a domain three times as wide. What goes on even farther outside is not seen.

    Args:
        f: an expression in x; see `parse_expression`.
        h: another.
        domain: both ends.
        samples: how many, evenly from end to end: 2 to 5,001.
        tolerance: the share of the largest result that may be left out before a position counts as affected.

    Raises:
        UserError: an expression that is not arithmetic in x, or is undefined somewhere on the domain; a domain
            without width.

    >>> both = convolve_functions("rect(x)", "rect(x)", (-2, 2), 2001)
    >>> round(float(both.result[1000]), 2), both.warning
    (1.0, '')
    """
    first = f if isinstance(f, Expression) else parse_expression(f)
    second = h if isinstance(h, Expression) else parse_expression(h)
    low, high = _check_domain(domain)
    count = whole_number(samples, "samples", 2)
    if count > MOST_SAMPLES:
        raise UserError(f"samples is {count:,}; expected at most {MOST_SAMPLES:,}")
    if not 0 < tolerance < 1:
        raise UserError(f"tolerance is {tolerance}; expected more than 0 and less than 1")
    x: Values = np.linspace(low, high, count)
    dx = (high - low) / (count - 1)
    f_values, h_values = _defined(first, x), _defined(second, x)
    lags: Values = dx * np.arange(-(count - 1), count, dtype=np.float64)
    f_weighed = _weighed(first, x, (low, high), dx)
    h_weighed = _weighed(second, lags, (low, high), dx)
    # element m of the result is the sum over i of f(x_i) · h((m − i)·dx)
    result = dx * np.convolve(f_weighed, h_weighed, "valid")
    omitted = _omitted(first, second, f_weighed, h_weighed, (low, high))
    unseen = _unseen(first, second, f_weighed, h_weighed, x, lags, (low, high))
    return SampledConvolution(first, second, (low, high), x, f_values, h_values, result, omitted, tolerance, unseen)


def _check_domain(domain: tuple[float, float]) -> tuple[float, float]:
    try:
        low, high = (float(end) for end in domain)
    except (TypeError, ValueError):
        raise UserError(f"the domain is {domain!r}; expected two numbers, the lower first") from None
    if not (np.isfinite([low, high]).all() and low < high and np.isfinite(high - low)):
        raise UserError(f"the domain is from {low:g} to {high:g}; expected two finite numbers, the lower first")
    return low, high


def _defined(expression: Expression, x: Values) -> Values:
    values = expression(x)
    if not np.isfinite(values).all():
        position = exact_number(x[int((~np.isfinite(values)).argmax())])
        raise UserError(
            f"{expression} is not a finite number at x = {position}; "
            "expected a domain on which it is defined everywhere"
        )
    return values


def _portion_inside(x: Values, domain: tuple[float, float], dx: float) -> Values:
    """Tell how much of the cell of width dx around each sample lies in the domain: half of it at an end."""
    low, high = domain
    return np.clip((np.minimum(x + dx / 2, high) - np.maximum(x - dx / 2, low)) / dx, 0.0, 1.0)


def _weighed(expression: Expression, x: Values, domain: tuple[float, float], dx: float) -> Values:
    """Give the values that a sum over samples takes: each times the portion of its cell in the domain.

    At the ends the function is taken just inside, so that a jump exactly there counts as the cut it is.
    """
    low, high = domain
    portion = _portion_inside(x, domain, dx)
    values = np.zeros(x.shape)
    met = portion > 0
    values[met] = expression(np.clip(x[met], low + 1e-6 * dx, high - 1e-6 * dx)) * portion[met]
    if not np.isfinite(values).all():
        position = exact_number(x[int((~np.isfinite(values)).argmax())])
        raise UserError(
            f"{expression} is not a finite number at {position}, a difference of samples; "
            "expected a domain on which it is defined everywhere"
        )
    return values


def _unseen(
    f: Expression,
    h: Expression,
    f_weighed: Values,
    h_weighed: Values,
    x: Values,
    lags: Values,
    domain: tuple[float, float],
) -> float:
    """Bound the error of sampling: `max|h|` times the area that f has unseen, and the other way round."""
    f_area, h_area = unseen_area(f, x, domain), unseen_area(h, lags, domain)
    dx = float(x[1] - x[0])
    with np.errstate(over="ignore", invalid="ignore"):
        largest = dx * float(np.convolve(np.abs(f_weighed), np.abs(h_weighed), "valid").max())
        # what is unseen of both may meet; spread over a sample's width it is as high as its area is large
        error = f_area * np.abs(h_weighed).max() + h_area * np.abs(f_weighed).max() + f_area * h_area / dx
    if not np.isfinite(error) or not np.isfinite(largest):
        return float("inf")
    return float(error / largest) if largest > 0 else float("inf") if error > 0 else 0.0


def _omitted(f: Expression, h: Expression, f_weighed: Values, h_weighed: Values, domain: tuple[float, float]) -> Values:
    """Integrate `|f(t)·h(x − t)|` over three times the domain, h not cut off, less what is inside the cut."""
    low, high = domain
    count = len(f_weighed)
    dx = (high - low) / (count - 1)
    t = low + dx * np.arange(-(count - 1), 2 * count - 1)
    lags = dx * np.arange(-2 * (count - 1), 2 * (count - 1) + 1)
    wide_f, wide_h = np.abs(f(t)), np.abs(h(lags))
    undefined_f, undefined_h = ~np.isfinite(wide_f), ~np.isfinite(wide_h)
    wide_f[undefined_f], wide_h[undefined_h] = 0.0, 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        whole = dx * np.convolve(wide_f, wide_h, "valid")
        kept = dx * np.convolve(np.abs(f_weighed), np.abs(h_weighed), "valid")
        omitted = np.maximum(0.0, whole - kept)
        omitted[~np.isfinite(omitted)] = np.inf
    if undefined_f.any() or undefined_h.any():
        f_matters = (wide_f > NEGLIGIBLE * wide_f.max()) | undefined_f
        h_matters = (wide_h > NEGLIGIBLE * wide_h.max()) | undefined_h
        met = np.convolve(undefined_f.astype(float), h_matters.astype(float), "valid")
        met += np.convolve(f_matters.astype(float), undefined_h.astype(float), "valid")
        omitted[met > 0.5] = np.inf
    return omitted
