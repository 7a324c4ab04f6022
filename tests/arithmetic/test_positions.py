"""Products of positions against plain sets of indices, and what counts as the same numbers."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from pellucid.arithmetic.memory import same
from pellucid.arithmetic.positions import Positions

SHAPE = (2, 3, 4)


def members(positions: Positions) -> set[tuple[int, ...]]:
    return set(itertools.product(*(np.flatnonzero(mask).tolist() for mask in positions.axes)))


def drawn(generator: np.random.Generator) -> Positions:
    return Positions(tuple(generator.random(size) < 0.5 for size in SHAPE))


def test_union_and_containment() -> None:
    """A union holds both and no more than their hull, and is exact just where it is no larger than both together."""
    generator, exact = np.random.default_rng(0), 0
    for _ in range(400):
        first, second = drawn(generator), drawn(generator)
        both, together = members(first) | members(second), first.union(second)
        assert members(together) >= both
        assert together.exact == (members(together) == both)
        assert not first.inexact().union(second).exact or first.is_empty
        assert first.contains(second) == (members(first) >= members(second))
        assert together.contains(first)
        assert first.is_empty == (not members(first))
        assert first.count == len(members(first))
        exact += together.exact
    assert 40 < exact < 360


def test_around_numbers() -> None:
    generator = np.random.default_rng(1)
    for count in (1, 2, 5, 24):
        numbers = generator.choice(24, count, replace=False)
        around = Positions.around(numbers, SHAPE)
        chosen = {tuple(int(at) for at in np.unravel_index(number, SHAPE)) for number in numbers}
        assert members(around) >= chosen
        assert around.exact == (members(around) == chosen)


@pytest.mark.parametrize(
    ("first", "second", "equal"),
    [
        ([1.0, float("nan")], [1.0, float("nan")], True),
        ([1.0, float("nan")], [1.0, 2.0], False),
        ([1.0, 2.0], [1.0, float("nan")], False),
        ([1.0, 2.0], [1.0, 3.0], False),
        ([1.0], [1.0, 1.0], False),
    ],
)
def test_the_same_numbers(first: list[float], second: list[float], equal: bool) -> None:
    assert same(torch.tensor(first), torch.tensor(second)) is equal
    assert not same(torch.tensor(first), torch.tensor(first).double())
