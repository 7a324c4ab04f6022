"""Whether samples see what a function does between them: narrow boxes, spikes, fast oscillations."""

from __future__ import annotations

import ast

import numpy as np
from numpy.typing import NDArray

from pellucid.convolution.expressions import Expression

__all__ = ["unseen_area"]

Values = NDArray[np.float64]

PARTS = (37, 41)
"""Into so many parts each cell is divided, once and once again: prime, so that no oscillation hides from both."""

HALVINGS = 52
"""Around a point where something may happen, samples come as near as this many halvings of a cell."""

MOST_POINTS = 64
"""So many such points of one part of an expression are looked at."""

POLE = 1e9
"""A function this many times larger near a point than at every sample grows without bound there."""


def unseen_area(expression: Expression, x: Values, domain: tuple[float, float]) -> float:
    """Estimate how far the sums over samples are from the integrals: the sum of `|∫ f − f(x_i)·width|` over the cells.

    The integral over each cell comes from a grid 37 (and again 41) times as fine, and nearer and nearer to every point
    where a part of the expression is zero, which is where boxes, steps and spikes have their place.

    Args:
        expression: the function.
        x: `[samples]` float64, evenly spaced and ascending.
        domain: outside of it nothing counts.

    Returns:
        The area; infinite where the function grows without bound between samples.

    >>> from pellucid.convolution.expressions import parse_expression
    >>> grid = np.linspace(-1.0, 1.0, 100)
    >>> round(unseen_area(parse_expression("rect(x/0.001)"), grid, (-1.0, 1.0)), 3)
    0.001
    """
    low, high = domain
    dx = float(x[1] - x[0])
    inside = x[(x > low - dx / 2) & (x < high + dx / 2)]
    if not inside.size:
        return 0.0
    edges = np.clip(np.append(inside - dx / 2, inside[-1] + dx / 2), low, high)
    sampled = expression(np.clip(inside, low + 1e-6 * dx, high - 1e-6 * dx)) * np.diff(edges)
    near = _near_points(expression, edges, dx)
    largest = float(np.abs(expression(inside)).max())
    values = np.abs(expression(near))
    if near.size and values[np.isfinite(values)].max(initial=0.0) > POLE * max(largest, 1.0):
        return float("inf")
    return max(float(np.abs(_cells(expression, edges, parts, near) - sampled).sum()) for parts in PARTS)


def _cells(expression: Expression, edges: Values, parts: int, near: Values) -> Values:
    """Integrate over each cell by the midpoint rule on parts of it, finer near some points."""
    fractions = np.arange(parts) / parts
    borders = np.append((edges[:-1, None] + np.diff(edges)[:, None] * fractions).ravel(), edges[-1])
    borders = np.unique(np.concatenate([borders, near]))
    middles = (borders[:-1] + borders[1:]) / 2
    values = expression(middles)
    areas = np.where(np.isfinite(values), values, 0.0) * np.diff(borders)
    cell = np.clip(np.searchsorted(edges, middles, "right") - 1, 0, len(edges) - 2)
    return np.bincount(cell, areas, len(edges) - 1).astype(np.float64)


def _near_points(expression: Expression, edges: Values, dx: float) -> Values:
    """Give points nearer and nearer, from both sides, to where a part of the expression is zero."""
    points: list[float] = []
    for part in _parts(expression):
        points += _zeros(part, edges)
    if not points:
        return np.empty(0)
    steps = dx * 0.5 ** np.arange(HALVINGS)
    centres = np.unique(points)[:, None]
    around = np.concatenate([centres - steps, centres + steps], 1).ravel()
    return np.asarray(around[(around > edges[0]) & (around < edges[-1])], np.float64)


def _parts(expression: Expression) -> list[Expression]:
    """Give the parts of an expression in which x is, and what a box and a triangle are zero beside."""
    nodes = [node for node in ast.walk(expression.tree) if isinstance(node, ast.expr)]
    with_x = [node for node in nodes if any(isinstance(leaf, ast.Name) and leaf.id == "x" for leaf in ast.walk(node))]
    return [Expression("", node) for node in with_x]


def _zeros(part: Expression, edges: Values) -> list[float]:
    """Find where a part changes its sign, to the last digit."""
    values = np.sign(part(edges))
    changes = np.flatnonzero(values[:-1] * values[1:] < 0)
    places = [float(place) for place in edges[np.flatnonzero(values == 0)]]
    changes = changes[: max(0, MOST_POINTS - len(places))]
    a, b, before = edges[changes], edges[changes + 1], values[changes]
    for _ in range(HALVINGS):  # all of them at once: a long expression has many parts, each with many zeros
        middle = (a + b) / 2
        is_before = np.sign(part(middle)) == before
        a, b = np.where(is_before, middle, a), np.where(is_before, b, middle)
    return [*places, *((a + b) / 2).tolist()][:MOST_POINTS]
