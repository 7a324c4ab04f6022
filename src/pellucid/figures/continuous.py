"""Continuous convolution: f, h and their convolution, and the sliding picture at one x."""

from __future__ import annotations

from textwrap import fill
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pellucid.convolution import Overlap, SampledConvolution
from pellucid.figures.page import Page
from pellucid.ground.writing import exact_number

__all__ = ["convolution_figure", "describe_convolution"]

F: dict[str, Any] = {"color": "#00507f", "linewidth": 2.0}
H: dict[str, Any] = {"color": "#b3440e", "linewidth": 2.0, "linestyle": (0, (6, 2))}
RESULT: dict[str, Any] = {"color": "#1a6e50", "linewidth": 2.2}
AFFECTED: dict[str, Any] = {"facecolor": "#e8e8e8", "edgecolor": "#a8a8a8", "hatch": "///", "linewidth": 0}


def convolution_figure(sampled: SampledConvolution, at: float | None = None) -> Figure:
    """Draw f, h and f * h, one below the other; with `at`, beside them what happens at that x.

    Where truncating the functions at the domain's ends affects the result, it is hatched, and a sentence below says so.
    Lines differ in dash as well as in colour. The figure's label describes it in words.

    Raises:
        UserError: `at` is outside the domain.
    """
    overlap = None if at is None else sampled.at(at)
    figure = Page(figsize=(12.5 if overlap else 8.0, 7.6), dpi=100, layout="constrained")
    grid = figure.add_gridspec(6, 2 if overlap else 1)
    panels = [figure.add_subplot(grid[2 * row : 2 * row + 2, 0]) for row in range(3)]
    for axes, values, style, name in (
        (panels[0], sampled.f_values, F, f"f(x) = {sampled.f}"),
        (panels[1], sampled.h_values, H, f"h(x) = {sampled.h}"),
        (panels[2], sampled.result, RESULT, "(f * h)(x)"),
    ):
        axes.plot(sampled.x, values, **style)
        _prepare(axes, name, sampled.domain)
    panels[2].set_xlabel("x")
    _mark_affected(panels[2], sampled)
    if overlap:
        panels[2].plot([overlap.x], [overlap.area], "o", color="black", markersize=8, zorder=6)
        panels[2].annotate(
            f"({exact_number(overlap.x)}, {exact_number(overlap.area)})",
            (overlap.x, overlap.area),
            xytext=(9, 9),
            textcoords="offset points",
            fontsize=10,
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5},
        )
        _sliding(figure.add_subplot(grid[:3, 1]), figure.add_subplot(grid[3:, 1]), overlap, sampled)
    if sampled.warning:
        figure.supxlabel(fill(f"Hatched: {sampled.warning}.", 150 if overlap else 95), fontsize=9.5, color="#333333")
    figure.set_label(describe_convolution(sampled, at))
    return figure


def describe_convolution(sampled: SampledConvolution, at: float | None = None) -> str:
    """Say in words what the picture shows."""
    low, high = (exact_number(end) for end in sampled.domain)
    least, most = exact_number(sampled.result.min()), exact_number(sampled.result.max())
    text = (
        f"Three curves over x from {low} to {high}: f(x) = {sampled.f}, h(x) = {sampled.h}, and their convolution, "
        f"which lies between {least} and {most}."
    )
    if at is not None:
        overlap = sampled.at(at)
        text += (
            f" Beside them the sliding picture at x = {exact_number(at)}: f(t), the flipped and shifted h(x − t), and "
            f"their product, whose area is {exact_number(overlap.area)}."
        )
    return text + (f" Warning: {sampled.warning}." if sampled.warning else "")


def _sliding(above: Axes, below: Axes, overlap: Overlap, sampled: SampledConvolution) -> None:
    x = exact_number(overlap.x)
    above.plot(overlap.t, overlap.f, label="f(t)", **F)
    above.plot(overlap.t, overlap.h, label=f"h({x} − t), flipped and shifted", **H)
    _prepare(above, f"at x = {x}", sampled.domain)
    _legend(above)
    below.fill_between(overlap.t, overlap.product, color="#bfe3d0", edgecolor="none")
    below.plot(overlap.t, overlap.product, **RESULT)
    area = f"{exact_number(overlap.area)}"
    _prepare(below, f"their product; its area is (f * h)({x}) = {area}", sampled.domain)
    below.set_xlabel("t")


def _prepare(axes: Axes, title: str, domain: tuple[float, float]) -> None:
    axes.set_title(title, fontsize=12, loc="left")
    axes.set_xlim(*domain)
    axes.axhline(0, color="#444444", linewidth=0.8, zorder=1)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def _mark_affected(axes: Axes, sampled: SampledConvolution) -> None:
    half = sampled.dx / 2
    for number, (low, high) in enumerate(sampled.affected):
        label = "affected by truncation" if number == 0 else None
        axes.axvspan(
            max(low - half, sampled.domain[0]), min(high + half, sampled.domain[1]), label=label, zorder=0, **AFFECTED
        )
    if sampled.affected:
        _legend(axes)


def _legend(axes: Axes) -> None:
    """Put the legend above the panel, where it hides no curve."""
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 0.99), ncols=2, fontsize=9.5, frameon=False, borderaxespad=0.2)
