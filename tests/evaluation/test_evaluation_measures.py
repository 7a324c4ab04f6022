"""Every figure against scikit-learn on tables drawn at random, and against values worked by hand."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics
from sklearn.calibration import calibration_curve

from pellucid.evaluation import confidence, measures
from pellucid.ground.errors import UserError
from pellucid.prediction.predictions import Predictions, predictions_csv, read_predictions


def table(seed: int, images: int, classes: int, sharpness: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Scores `[N, K]` that lean towards the true label, and the labels; some class may be missing."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, classes, images)
    logits = generator.normal(0, sharpness, (images, classes)).astype(np.float32)
    logits[np.arange(images), labels] += generator.normal(2, 2, images).astype(np.float32)
    return logits, labels


tables = st.builds(table, st.integers(0, 10_000), st.integers(1, 80), st.integers(2, 7))


def predictions_of(logits: np.ndarray, labels: np.ndarray) -> Predictions:
    names = tuple(f"class {index}" for index in range(logits.shape[1]))
    return Predictions.from_logits(names, [f"{index}.png" for index in range(len(labels))], labels, logits)


@given(tables)
def test_counts_and_class_figures_are_scikit_learns(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    made = predictions_of(*drawn)
    labels, count = made.labels, len(made.classes)
    confusion = measures.confusion_matrix(labels, made.predicted, count)
    np.testing.assert_array_equal(confusion, metrics.confusion_matrix(labels, made.predicted, labels=range(count)))
    classes = measures.class_figures(made.classes, confusion)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        labels, made.predicted, labels=range(count), zero_division=np.nan
    )
    for index, one in enumerate(classes):
        assert one.images == support[index]
        assert (np.nan if one.precision is None else one.precision) == pytest.approx(precision[index], nan_ok=True)
        assert (np.nan if one.recall is None else one.recall) == pytest.approx(recall[index], nan_ok=True)
        if one.images and one.predicted:
            assert one.f1 == pytest.approx(f1[index])
        assert (one.f1 is None) == (not one.images and not one.predicted)
    assert measures.macro_f1(classes) == pytest.approx(
        metrics.f1_score(labels, made.predicted, average="macro", zero_division=0)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn warns of predicted classes that have no images
        assert measures.balanced_accuracy(classes) == pytest.approx(
            metrics.balanced_accuracy_score(labels, made.predicted)
        )


@given(tables)
def test_probability_figures_are_scikit_learns(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    made = predictions_of(*drawn)
    labels, count = made.labels, len(made.classes)
    figures = measures.probability_figures(made.log_probabilities, labels)
    np.testing.assert_allclose(made.probabilities.sum(1), 1)
    assert figures.loss == pytest.approx(metrics.log_loss(labels, made.probabilities, labels=range(count)), rel=1e-9)
    one_hot = np.eye(count)[labels]
    if count > 2:
        expected = metrics.brier_score_loss(one_hot, made.probabilities, scale_by_half=False)
    else:
        expected = 2 * np.mean((made.probabilities[:, 1] - one_hot[:, 1]) ** 2)
    assert figures.brier_score == pytest.approx(expected)
    for k in range(1, count):
        expected = metrics.top_k_accuracy_score(
            labels, made.probabilities if count > 2 else made.probabilities[:, 1], k=k, labels=range(count)
        )
        assert measures.top_k_accuracy(made.probabilities, labels, k) == pytest.approx(expected)
    assert measures.top_k_accuracy(made.probabilities, labels, count) == 1


@given(tables)
def test_calibration_error_is_scikit_learns_curve_weighted(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    made = predictions_of(*drawn)
    figures = measures.probability_figures(made.log_probabilities, made.labels)
    right, sure = calibration_curve(made.right, made.confidence, n_bins=measures.BINS)
    filled = [one for one in figures.reliability if one.images]
    np.testing.assert_allclose([one.accuracy for one in filled], right)
    np.testing.assert_allclose([one.confidence for one in filled], sure)
    weights = np.array([one.images for one in filled]) / len(made)
    assert figures.calibration_error == pytest.approx(float(weights @ abs(right - sure)))
    assert sum(one.images for one in figures.reliability) == len(made)


def test_reliability_by_hand() -> None:
    """Two bins: 0.5 lies in the lower one; 0.6 and 0.9, of which one is right, in the upper one."""
    low, high = measures.reliability(np.array([0.5, 0.6, 0.9]), np.array([True, False, True]), bins=2)
    assert (low.images, low.accuracy, low.confidence) == (1, 1.0, 0.5)
    assert (high.images, high.accuracy, high.confidence) == (2, 0.5, pytest.approx(0.75))
    assert (low.low, low.high, high.high) == (0.0, 0.5, 1.0)
    empty, full = measures.reliability(np.array([1.0]), np.array([True]), bins=2)
    assert (empty.images, empty.accuracy, empty.confidence) == (0, None, None)
    assert full.images == 1


def test_classes_never_seen_or_never_predicted_are_undefined_not_zero() -> None:
    """Class b is never seen but predicted once, class c never predicted, class d neither."""
    confusion = measures.confusion_matrix(np.array([0, 0, 2]), np.array([0, 1, 0]), 4)
    a, b, c, d = measures.class_figures(("a", "b", "c", "d"), confusion)
    assert (a.precision, a.recall, a.f1) == (0.5, 0.5, 0.5)
    assert (b.precision, b.recall, b.f1) == (0.0, None, 0.0)
    assert (c.precision, c.recall, c.f1) == (None, 0.0, 0.0)
    assert (d.precision, d.recall, d.f1) == (None, None, None)
    assert measures.balanced_accuracy((a, b, c, d)) == 0.25
    assert measures.macro_f1((a, b, c, d)) == pytest.approx(0.5 / 3)
    assert measures.macro_f1((d,)) is None


@given(st.integers(1, 5000).flatmap(lambda images: st.tuples(st.integers(0, images), st.just(images))))
def test_wilson_interval_is_scipys(drawn: tuple[int, int]) -> None:
    expected = scipy.stats.binomtest(*drawn).proportion_ci(0.95, method="wilson")
    low, high = measures.wilson_interval(*drawn)
    assert (low, high) == (pytest.approx(expected.low, abs=1e-12), pytest.approx(expected.high, abs=1e-12))
    assert 0 <= low <= drawn[0] / drawn[1] <= high <= 1


def test_top_k_gives_equal_probabilities_to_the_first() -> None:
    even = np.full((2, 3), 1 / 3)
    assert measures.top_k_accuracy(even, np.array([0, 2]), 1) == 0.5
    assert measures.top_k_accuracy(even, np.array([0, 2]), 2) == 0.5


@given(tables, st.floats(0, 0.99))
def test_the_threshold_answers_most_among_those_that_keep_to_the_rate(
    drawn: tuple[np.ndarray, np.ndarray], rate: float
) -> None:
    made = predictions_of(*drawn)
    allowed = []
    for threshold in np.unique(made.confidence):
        answered = made.confidence >= threshold
        error = float((~made.right[answered]).mean())
        if error <= rate:
            allowed.append((float(answered.mean()), float(threshold), error))
    found = confidence.threshold_for(rate, made.confidence, made.right)
    if not allowed:
        assert found is None
    else:
        assert found is not None
        assert (found.coverage, found.threshold, found.error) == pytest.approx(max(allowed))


@given(tables)
def test_the_coverage_curve_is_what_counting_gives(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    made = predictions_of(*drawn)
    rounded = made.confidence.round(1)  # many images equally sure
    curve = confidence.coverage_curve(rounded, made.right, points=None)
    assert [point.threshold for point in curve] == sorted(set(rounded.tolist()), reverse=True)
    for point in curve:
        answered = rounded >= point.threshold
        assert point.coverage == pytest.approx(answered.mean())
        assert point.error == pytest.approx((~made.right[answered]).mean())
    assert curve[-1].coverage == 1


def test_a_long_curve_is_thinned_but_keeps_its_end() -> None:
    made = predictions_of(*table(0, 3000, 5))
    curve = confidence.coverage_curve(made.confidence, made.right)
    assert len(curve) == confidence.POINTS
    assert curve[-1].coverage == 1
    assert curve[-1].error == pytest.approx(1 - made.right.mean())
    np.testing.assert_allclose([point.coverage for point in curve], np.arange(1, 101) / 100, atol=1 / 3000)


@given(st.lists(st.integers(0, 9), min_size=1), st.lists(st.integers(0, 9), min_size=1))
def test_auroc_is_scikit_learns(known: list[int], unknown: list[int]) -> None:
    expected = metrics.roc_auc_score([1] * len(known) + [0] * len(unknown), known + unknown)
    assert confidence.auroc(np.array(known) / 10, np.array(unknown) / 10) == pytest.approx(expected)


@given(tables)
def test_the_table_comes_back_from_its_file(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[np.ndarray, np.ndarray]
) -> None:
    made = predictions_of(*drawn)
    file = tmp_path_factory.mktemp("table") / "predictions.csv"
    file.write_bytes(predictions_csv(made))
    back = read_predictions(file)
    assert back is not None
    assert (back.classes, list(back.sources)) == (made.classes, list(made.sources))
    np.testing.assert_array_equal(back.labels, made.labels)
    np.testing.assert_array_equal(back.predicted, made.predicted)
    np.testing.assert_allclose(back.probabilities, made.probabilities, rtol=1e-8)
    np.testing.assert_allclose(back.losses, made.losses, rtol=1e-8, atol=2e-9)
    assert read_predictions(file, sha256="0" * 64) is None
    assert read_predictions(file.with_name("none.csv")) is None


def test_a_probability_too_small_to_be_written_keeps_its_loss(tmp_path: Path) -> None:
    made = predictions_of(np.array([[0.0, 2000.0]], np.float32), np.array([0]))
    file = tmp_path / "predictions.csv"
    file.write_bytes(predictions_csv(made))
    back = read_predictions(file)
    assert back is not None
    assert back.losses[0] == made.losses[0] == 2000
    file.write_text("a,b\n1,2\n")
    with pytest.raises(UserError, match="is not a table of predictions; expected the columns image, true, predicted"):
        read_predictions(file)
    header = predictions_csv(made).decode().splitlines()[0]
    file.write_text(f"{header}\n0.png,class 0,class 7,0.5,0.1,0.5,0.5\n")
    with pytest.raises(UserError, match=r"predictions.csv is damaged: KeyError: 'class 7'"):
        read_predictions(file)


def test_shares_of_rows_are_of_the_true_classes() -> None:
    shares = measures.shares_of_rows([[6, 2, 0], [0, 0, 0], [1, 1, 2]])
    assert shares.tolist() == [[0.75, 0.25, 0.0], [0.0, 0.0, 0.0], [0.25, 0.25, 0.5]]
