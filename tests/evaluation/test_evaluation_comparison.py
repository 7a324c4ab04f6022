"""Runs side by side: the test against SciPy's, the interval against drawing images, where they disagree."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

import pellucid
from pellucid.cli import main
from pellucid.evaluation import compare, table_of
from pellucid.evaluation.significance import bootstrap_interval, holm, mcnemar
from pellucid.ground.errors import UserError
from pellucid.run import Run


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_mcnemar_is_scipys_exact_binomial_test(first: int, second: int) -> None:
    expected = scipy.stats.binomtest(first, first + second).pvalue if first + second else 1.0
    assert mcnemar(first, second) == pytest.approx(expected, rel=1e-9, abs=1e-300)
    assert mcnemar(first, second) == mcnemar(second, first)


def test_mcnemar_by_hand() -> None:
    assert mcnemar(0, 5) == pytest.approx(2 / 32)
    assert mcnemar(1, 4) == pytest.approx(2 * (1 + 5) / 32)
    assert mcnemar(3, 3) == 1


def test_the_bootstrap_is_that_of_drawing_images() -> None:
    differences = np.repeat([-1, 1, 0], [30, 60, 410])
    generator = np.random.default_rng(5)
    drawn = [generator.choice(differences, 500).mean() for _ in range(4000)]
    expected = np.quantile(drawn, (0.025, 0.975))
    assert bootstrap_interval(30, 60, 500) == pytest.approx(tuple(expected), abs=0.003)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6))
def test_holm_is_the_closed_form(values: list[float]) -> None:
    """Adjusted p = the largest, over all values up to it, of (how many are not below) · value, at most 1."""
    ordered = sorted(values)
    expected = {
        value: min(1.0, max((len(ordered) - rank) * ordered[rank] for rank in range(ordered.index(value) + 1)))
        for value in values
    }
    for value, adjusted in zip(values, holm(values), strict=True):
        assert adjusted >= value
        if values.count(value) == 1:
            assert adjusted == pytest.approx(expected[value])


def test_two_runs_side_by_side(weak: Run, plain: Run) -> None:
    compared = compare([weak, plain])
    first, second = table_of(weak)[0], table_of(plain)[0]
    (pair,) = compared.pairs
    assert compared.images == 100
    assert [one.accuracy for one in compared.runs] == [first.right.mean(), second.right.mean()]
    assert pair.both_right == int((first.right & second.right).sum())
    assert pair.both_wrong == int((~first.right & ~second.right).sum())
    assert pair.both_right + pair.only_first + pair.only_second + pair.both_wrong == 100
    assert pair.difference == pytest.approx(second.right.mean() - first.right.mean())
    assert pair.difference_interval[0] <= pair.difference <= pair.difference_interval[1]
    assert pair.p_value == pair.adjusted_p_value == mcnemar(pair.only_first, pair.only_second)
    assert pair.different == int((first.predicted != second.predicted).sum())
    assert pair.more_than_luck == (pair.p_value < 0.05)
    assert sum(one.only_first for one in pair.classes) == pair.only_first
    assert sum(one.only_second for one in pair.classes) == pair.only_second
    assert len(pair.disagreements) == min(20, pair.only_first + pair.only_second) > 0
    for one in pair.disagreements:
        assert (one.first == one.true) != (one.second == one.true)
        assert one.first == first.classes[first.predicted[one.index]]
        assert one.second_confidence == second.confidence[one.index]
    wrong = [one.second_confidence if one.first == one.true else one.first_confidence for one in pair.disagreements]
    assert wrong == sorted(wrong, reverse=True)


def test_a_run_against_its_copy_differs_by_nothing(weak: Run, tmp_path: Path) -> None:
    shutil.copytree(weak.directory, tmp_path / "copy")
    (pair,) = compare([weak, pellucid.open_run(tmp_path / "copy")]).pairs
    assert (pair.only_first, pair.only_second, pair.different) == (0, 0, 0)
    assert (pair.p_value, pair.more_than_luck, pair.difference_interval) == (1.0, False, (0.0, 0.0))
    assert "no more than luck may do (+0.00 points" in pair.verdict()


def test_three_runs_are_compared_in_pairs_with_holms_correction(weak: Run, plain: Run, tmp_path: Path) -> None:
    shutil.copytree(weak.directory, tmp_path / "copy")
    compared = compare([weak, plain, pellucid.open_run(tmp_path / "copy")])
    assert len(compared.pairs) == 3
    assert [pair.adjusted_p_value for pair in compared.pairs] == holm([pair.p_value for pair in compared.pairs])


def test_the_command_says_who_is_better_or_that_nobody_is(
    weak: Run, plain: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(weak.directory), str(plain.directory)]) == 0
    printed = capsys.readouterr().out
    assert "100 test images of mnist" in printed
    (pair,) = compare([weak, plain]).pairs
    assert pair.verdict() in printed
    worded = "is better than" if pair.more_than_luck else "no more than luck may do"
    assert worded in printed
    assert main(["compare", str(weak.directory), str(plain.directory), "--json", "--top", "1"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert len(document["pairs"][0]["disagreements"]) == 1


def test_runs_that_cannot_be_compared(weak: Run, shelf: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="these runs cannot be compared: there is 1 run; expected two or more"):
        compare([weak])
    with pytest.raises(UserError, match="a run is given twice"):
        compare([weak, pellucid.open_run(weak.directory)])
    from test_evaluation_run import write_digits

    network = f"{shelf / 'tiny_net.py'}:TinyNet"
    settings = {"network": network, "size": (28, 28), "channels": 1, "epochs": 1}
    few = pellucid.train(write_digits(tmp_path / "few", {"1": 8, "8": 8}), out=tmp_path / "a", **settings)
    with pytest.raises(
        UserError, match=r"have different classes: only the first has 0, 2, 3, .*only the second has none"
    ):
        compare([weak, few])
    again = pellucid.train(tmp_path / "few", split_seed=1, out=tmp_path / "b", **settings)
    with pytest.raises(UserError, match=r"were not tested on the same images .*with the same --split-seed"):
        compare([few, again])
