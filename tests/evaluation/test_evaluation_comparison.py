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
from PIL import Image

import pellucid
from pellucid.cli import main
from pellucid.evaluation import compare, evaluate, predictions_of
from pellucid.evaluation.showing_comparison import run_names, verdict
from pellucid.evaluation.significance import difference_interval, holm, mcnemar
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


def test_with_many_disagreements_the_interval_is_that_of_drawing_images() -> None:
    differences = np.repeat([-1, 1, 0], [30, 60, 410])
    generator = np.random.default_rng(5)
    drawn = [generator.choice(differences, 500).mean() for _ in range(4000)]
    expected = np.quantile(drawn, (0.025, 0.975))
    assert difference_interval(30, 60, 500) == pytest.approx(tuple(expected), abs=0.003)


@pytest.mark.parametrize("images", [5, 30, 100])
@pytest.mark.parametrize(("first", "second"), [(0.004, 0.001), (0.02, 0.02), (0.05, 0.02), (0.2, 0.05), (0.3, 0.25)])
def test_the_interval_holds_the_true_difference(images: int, first: float, second: float) -> None:
    """Over every possible outcome of `images` images, each with its chance."""
    holds = 0.0
    for wins in range(images + 1):
        for losses in range(images + 1 - wins):
            low, high = difference_interval(losses, wins, images)
            if low <= second - first <= high:
                rest = images - wins - losses
                holds += scipy.stats.multinomial.pmf([losses, wins, rest], images, [first, second, 1 - first - second])
    assert holds >= 0.948


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
    compared = compare(weak, plain)
    first, second = predictions_of(weak)[0], predictions_of(plain)[0]
    (pair,) = compared.pairs
    assert compared.images == 100
    assert [figures.accuracy for figures in compared.runs] == [first.right.mean(), second.right.mean()]
    assert pair.both_right == int((first.right & second.right).sum())
    assert pair.both_wrong == int((~first.right & ~second.right).sum())
    assert pair.both_right + pair.only_first + pair.only_second + pair.both_wrong == 100
    assert pair.difference == pytest.approx(second.right.mean() - first.right.mean())
    assert pair.difference_interval[0] <= pair.difference <= pair.difference_interval[1]
    assert pair.p_value == pair.adjusted_p_value == mcnemar(pair.only_first, pair.only_second)
    assert pair.different == int((first.predicted != second.predicted).sum())
    assert pair.significant == (pair.p_value < 0.05)
    assert sum(difference.only_first for difference in pair.classes) == pair.only_first
    assert sum(difference.only_second for difference in pair.classes) == pair.only_second
    assert len(pair.disagreements) == min(20, pair.only_first + pair.only_second) > 0
    for image in pair.disagreements:
        assert (image.first == image.true) != (image.second == image.true)
        assert image.first == first.classes[first.predicted[image.index]]
        assert image.second_confidence == second.confidence[image.index]
    wrong = [
        image.second_confidence if image.first == image.true else image.first_confidence for image in pair.disagreements
    ]
    assert wrong == sorted(wrong, reverse=True)


def test_a_run_against_its_copy_differs_by_nothing(weak: Run, tmp_path: Path) -> None:
    shutil.copytree(weak.directory, tmp_path / "copy")
    compared = compare(weak, pellucid.open_run(tmp_path / "copy"))
    (pair,) = compared.pairs
    assert (pair.only_first, pair.only_second, pair.different) == (0, 0, 0)
    assert (pair.p_value, pair.significant, pair.difference) == (1.0, False, 0.0)
    low, high = pair.difference_interval
    assert low == -high < 0, "other images may still tell them apart"
    assert verdict(pair, run_names(compared)) == "weak and copy predict the same class for every image."
    assert str(compared).startswith(
        "weak and copy predict the same class for every image.\n\nAll were tested on the same 100"
    )


def test_the_loss_is_that_of_evaluate_whether_calibrated_or_not(weak: Run, plain: Run) -> None:
    """`weak` is given a temperature by its validation images, `plain` has none."""
    evaluations = [evaluate(run) for run in (weak, plain)]
    compared = compare(weak, plain)
    assert evaluations[0].calibrated is not None
    assert compared.runs[0].temperature == pytest.approx(evaluations[0].predictions.temperature) != 1
    assert compared.runs[1].temperature == 1
    for figures, evaluation in zip(compared.runs, evaluations, strict=True):
        assert figures.loss == pytest.approx(evaluation.loss, rel=1e-6)


def folder_of_images(folder: Path, change: int = 0) -> Path:
    """Two classes of 20 images of 8 × 8; `change` is added to every pixel of the third test image."""
    generator = np.random.default_rng(0)
    for split, count in (("train", 20), ("test", 10)):
        for name, level in (("dark", 60), ("light", 180)):
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                pixels = generator.integers(level - 40, level + 40, (8, 8, 3), np.uint8)
                pixels += np.uint8(change if (split, name, number) == ("test", "dark", 2) else 0)
                Image.fromarray(pixels).save(folder / split / name / f"{number}.png")
    return folder


@pytest.mark.parametrize("size", [None, (12, 12)])
def test_images_of_the_same_names_with_other_pixels_are_refused(tmp_path: Path, size: tuple[int, int] | None) -> None:
    short = {"epochs": 1, "batch_size": 16}
    first = pellucid.train(folder_of_images(tmp_path / "a" / "set"), out=tmp_path / "first", **short)
    same = pellucid.train(folder_of_images(tmp_path / "b" / "set"), out=tmp_path / "same", size=size, **short)
    other = pellucid.train(folder_of_images(tmp_path / "c" / "set", 9), out=tmp_path / "other", size=size, **short)
    assert compare(first, same).images == 20
    with pytest.raises(UserError, match=r"of 20 images of the same names 1 image have other pixels, .*dark/2.png"):
        compare(first, other)


def test_three_runs_are_compared_in_pairs_with_holms_correction(weak: Run, plain: Run, tmp_path: Path) -> None:
    shutil.copytree(weak.directory, tmp_path / "copy")
    compared = compare(weak, plain, pellucid.open_run(tmp_path / "copy"))
    assert len(compared.pairs) == 3
    assert [pair.adjusted_p_value for pair in compared.pairs] == holm([pair.p_value for pair in compared.pairs])


def test_the_command_says_which_is_better_or_that_neither_is(
    weak: Run, plain: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", str(weak.directory), str(plain.directory)]) == 0
    printed = capsys.readouterr().out
    assert "All were tested on the same 100 test images of mnist." in printed
    compared = compare(weak, plain)
    (pair,) = compared.pairs
    assert verdict(pair, run_names(compared)) in " ".join(printed.split())
    worded = "statistically significant (" if pair.significant else "is not statistically significant: "
    assert worded in " ".join(printed.split())
    assert max(map(len, printed.splitlines())) <= 100
    page = compared._repr_html_()
    assert f"<td>{pair.both_right}</td><td>{pair.only_first}</td>" in page
    assert main(["compare", str(weak.directory), str(plain.directory), "--json", "--top", "1"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert len(document["pairs"][0]["disagreements"]) == 1


def test_runs_that_cannot_be_compared(weak: Run, shelf: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="these runs cannot be compared: 1 run given; expected two or more"):
        compare(weak)
    with pytest.raises(UserError, match="a run is given twice"):
        compare(weak, pellucid.open_run(weak.directory))
    from test_evaluation_run import write_digits

    network = f"{shelf / 'tiny_net.py'}:TinyNet"
    settings = {"network": network, "size": (28, 28), "channels": 1, "epochs": 1}
    few = pellucid.train(write_digits(tmp_path / "few", {"1": 8, "8": 8}), out=tmp_path / "a", **settings)
    with pytest.raises(
        UserError, match=r"have different classes: only the first has 0, 2, 3, .*only the second has none"
    ):
        compare(weak, few)
    again = pellucid.train(tmp_path / "few", split_seed=1, out=tmp_path / "b", **settings)
    with pytest.raises(UserError, match=r"were not tested on the same images: .*with the same --split-seed"):
        compare(few, again)
