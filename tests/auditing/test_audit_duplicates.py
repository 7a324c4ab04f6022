"""Duplicates planted into made images are found, whatever was done to the copy; none planted, none found."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pellucid.auditing import candidates as candidate_search
from pellucid.auditing import find_duplicates
from pellucid.auditing.candidates import find_candidates
from pellucid.auditing.duplicates import agreement_of
from pellucid.auditing.thumbnails import area_weights, thumbnails
from pellucid.data import Split


def scenes(count: int, seed: int, side: int = 32, channels: int = 3) -> np.ndarray:
    """Make pictures with structure at every scale, as photographs have: sums of blurred noise."""
    random = np.random.default_rng(seed)
    total = np.zeros((count, side, side, channels))
    for cells, weight in ((2, 2.0), (4, 1.5), (8, 1.0), (16, 0.6), (32, 0.3)):
        for at in range(count):
            for channel in range(channels):
                coarse = Image.fromarray(random.normal(size=(cells, cells)).astype(np.float32))
                total[at, :, :, channel] += weight * np.asarray(coarse.resize((side, side), Image.Resampling.BICUBIC))
    low, high = total.min((1, 2, 3), keepdims=True), total.max((1, 2, 3), keepdims=True)
    return np.rint((total - low) / (high - low) * 255).astype(np.uint8)


def split_of(images: np.ndarray) -> Split:
    return Split(images, np.zeros(len(images), np.int64), [f"train/{index}" for index in range(len(images))])


def search(images: np.ndarray, *, flip: bool = True, **options: float):
    splits = [split_of(images)]
    return find_duplicates(splits, thumbnails(splits), flip=flip, **options)


def jpeg(image: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "JPEG", quality=60)
    return np.asarray(Image.open(file))


CHANGES = {
    "brighter": lambda image: np.clip(image * 0.6 + 70, 0, 255).astype(np.uint8),
    "darker, less contrast": lambda image: (image // 3).astype(np.uint8),
    "shifted by a pixel": lambda image: np.roll(image, (1, -1), (0, 1)),
    "shifted by three both ways": lambda image: np.pad(image, ((3, 0), (0, 3), (0, 0)), mode="edge")[:32, 3:],
    "shifted by two": lambda image: np.pad(image, ((2, 0), (0, 0), (0, 0)), mode="edge")[:32],
    "flipped": lambda image: image[:, ::-1],
    "recompressed": jpeg,
    "grey": lambda image: np.asarray(Image.fromarray(image).convert("L").convert("RGB")),
    "noisy": lambda image: np.clip(image + np.random.default_rng(5).normal(0, 9, image.shape), 0, 255).astype(np.uint8),
    "flipped and shifted": lambda image: np.roll(image[:, ::-1], (1, 1), (0, 1)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_copy_is_found(change):
    images = scenes(60, seed=1)
    images[47] = CHANGES[change](images[12])
    result = search(images)
    assert [(pair.first, pair.second, pair.exact) for pair in result.pairs] == [(12, 47, False)]
    assert result.pairs[0].flipped == ("flipped" in change)


def test_none_planted_none_found():
    assert search(scenes(300, seed=2)).pairs == ()


def test_exact_copies_are_paired_with_the_first_of_them_and_only_once():
    images = scenes(20, seed=3)
    images[[5, 9]] = images[2]
    result = search(images).pairs
    assert [(pair.first, pair.second, pair.exact, pair.similarity) for pair in result] == [
        (2, 5, True, 1.0),
        (2, 9, True, 1.0),
    ]


def test_a_change_of_one_value_is_no_exact_copy():
    images = scenes(10, seed=4)
    images[7] = images[3]
    images[7, 0, 0, 0] ^= 1
    (pair,) = search(images).pairs
    assert (pair.first, pair.second, pair.exact) == (3, 7, False)
    assert pair.similarity > 0.97


def test_a_flipped_copy_does_not_count_where_flipped_images_mean_something_else():
    images = scenes(10, seed=5)
    images[4] = images[3][:, ::-1]
    assert len(search(images, flip=True).pairs) == 1
    assert search(images, flip=False).pairs == ()


def test_the_shift_is_named():
    images = scenes(10, seed=6)
    images[8] = np.roll(images[1], (2, -1), (0, 1))  # two rows down, one column to the left
    (pair,) = search(images).pairs
    assert pair.shift == (-2, 1)  # moved back


def test_blank_images_are_copies_when_equal_and_else_resemble_nothing():
    images = np.zeros((4, 16, 16, 1), np.uint8)
    images[1:] = 200
    images[3, 0, 0] = 201
    assert [(pair.first, pair.second, pair.exact) for pair in search(images).pairs] == [(1, 2, True)]


def test_two_skies_above_two_seas_are_not_one_picture():
    """Equal bands of brightness, different small ships: alike at coarse resolution, and nothing more."""
    images = np.zeros((2, 32, 32, 3), np.uint8)
    images[:, :16], images[:, 16:] = 200, 90
    images[0, 12:17, 6:14] = 20
    images[1, 13:16, 17:28] = 40
    assert search(images).pairs == ()


def test_a_higher_least_similarity_finds_fewer():
    images = scenes(30, seed=7)
    images[20] = CHANGES["noisy"](images[3])
    images[21] = CHANGES["brighter"](images[4])
    assert len(search(images, detail=0.6).pairs) == 2
    most_alike = search(images, detail=0.93).pairs
    assert [(pair.first, pair.second) for pair in most_alike] == [(4, 21)]


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(4, 40), st.integers(4, 40))
def test_area_weights_are_the_mean_over_cells(seed, cells, pixels):
    """Against repeating every pixel `cells` times and averaging blocks of `pixels`."""
    line = np.random.default_rng(seed).normal(size=pixels)
    expected = np.repeat(line, cells).reshape(cells, pixels).mean(1)
    np.testing.assert_allclose(area_weights(cells, pixels) @ line, expected, atol=1e-5)


def correlation(first: np.ndarray, second: np.ndarray) -> float:
    return float(np.corrcoef(first.ravel(), second.ravel())[0, 1])


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_candidates_are_what_plain_correlation_says(seed):
    """Every pair, correlated by NumPy's and SciPy's own functions, flipped or not: by brightness, or by spectrum."""
    from scipy.ndimage import uniform_filter

    images = scenes(40, seed % 1000, side=32, channels=1)[..., 0]
    random = np.random.default_rng(seed)
    images[30:] = np.clip(images[:10] + random.normal(0, 30, images[:10].shape), 0, 255).astype(np.uint8)
    images[35:] = images[35:, :, ::-1]
    result = find_candidates(images, flip=True)

    def grid(image: np.ndarray, side: int) -> np.ndarray:
        cells = image.reshape(side, 32 // side, side, 32 // side).mean((1, 3)).astype(float)
        return cells - cells.mean()

    def centred(cells: np.ndarray) -> np.ndarray:
        return cells - cells.mean(0, keepdims=True) - cells.mean(1, keepdims=True) + cells.mean()

    def spectrum(image: np.ndarray) -> np.ndarray:
        window = np.outer(*[np.hanning(34)[1:-1]] * 2)
        values = (image - (image * window).sum() / window.sum()) * window
        rows, columns = np.r_[-10:11], np.arange(11)
        radius = np.hypot(rows[:, None], columns[None])
        return (np.sqrt(np.abs(np.fft.fft2(values)[rows][:, columns])) * radius)[radius >= 1]

    def how_alike(first: np.ndarray, second: np.ndarray) -> tuple[float, float, float]:
        eight, sixteen = ([grid(image, side) for image in (first, second)] for side in (8, 16))
        rest = [cells - uniform_filter(cells, 5, mode="nearest") for cells in sixteen]
        coarse = correlation(*eight) + correlation(*map(centred, eight))
        return (
            coarse,
            correlation(*map(centred, sixteen)) + correlation(*map(centred, rest)),
            correlation(spectrum(first), spectrum(second)),
        )

    expected, unsure = set(), set()
    for first in range(40):
        for second in range(first + 1, 40):
            both_ways = [how_alike(images[first], images[second][:, ::direction]) for direction in (1, -1)]
            by_brightness = max(both_ways, key=lambda measured: measured[0])
            by_spectrum = max(measured[2] for measured in both_ways)
            margins = (min(by_brightness[0] - 1.3, by_brightness[1] - 0.65), by_spectrum - 0.7)
            if max(margins) >= 0:
                expected.add((first, second))
            if min(map(abs, margins)) < 0.01:  # rounding decides
                unsure.add((first, second))
    got = {tuple(pair) for pair in result.pairs.tolist()}
    assert got - unsure == expected - unsure
    assert {(number, number + 30) for number in range(10)} <= got
    assert len(got) == len(result.pairs)


def test_agreement_without_shift_is_the_correlation_of_what_remains_after_blurring():
    from scipy.ndimage import uniform_filter

    first, second = scenes(2, seed=9, channels=1)[..., 0].astype(np.float32)
    mixed = np.rint(0.7 * first + 0.3 * second)

    def detail(image: np.ndarray) -> np.ndarray:
        rest = image - uniform_filter(image, 5, mode="nearest")
        for _ in range(2):
            rest = rest - rest.mean(0, keepdims=True)
            rest = rest - rest.mean(1, keepdims=True)
        return rest

    overall, similarity, shifts = agreement_of(first[None].astype(np.uint8), mixed[None].astype(np.uint8))
    assert shifts.tolist() == [[0, 0]]
    assert overall[0] == pytest.approx(np.corrcoef(first.ravel(), mixed.ravel())[0, 1], abs=1e-3)
    expected = np.corrcoef(detail(first).ravel(), detail(mixed).ravel())[0, 1]
    assert similarity[0] == pytest.approx(expected, abs=0.02)  # the floor against rounding takes a little


def test_where_too_many_are_alike_the_most_alike_are_kept(monkeypatch):
    images = np.repeat(scenes(1, seed=10, channels=1), 60, axis=0)
    images = np.clip(images + np.random.default_rng(1).normal(0, 8, images.shape), 0, 255).astype(np.uint8)
    every = find_candidates(images[..., 0], flip=False)
    monkeypatch.setattr(candidate_search, "MOST_CANDIDATES", 100)
    monkeypatch.setattr(candidate_search, "ROWS", 8)
    kept = find_candidates(images[..., 0], flip=False)
    assert len(every.pairs) == 60 * 59 // 2
    assert 100 <= len(kept.pairs) <= 200  # a hundred of each of the two ways of being alike
    assert every.complete
    assert not kept.complete
    assert {tuple(pair) for pair in kept.pairs.tolist()} <= {tuple(pair) for pair in every.pairs.tolist()}


@pytest.mark.parametrize("side", [8, 28, 50])
def test_images_of_any_size_are_compared(side):
    images = scenes(20, seed=11, side=side, channels=1)
    images[13] = np.clip(images[6] * 0.7 + 30, 0, 255).astype(np.uint8)
    assert [(pair.first, pair.second) for pair in search(images).pairs] == [(6, 13)]
