"""The forecast of a learning curve: curves whose truth is known, and what is said of them."""

from __future__ import annotations

import numpy as np
import pytest

from pellucid.evaluation.power_law import fit_power_law, forecast

SIZES = np.array([6.0, 9.0, 13.0, 20.0, 28.0, 40.0])


def drawn(accuracies: np.ndarray, images: int = 400) -> np.ndarray:
    """Draw which images are classified correctly; an image that a smaller size gets right a larger one does, too."""
    difficulty = np.random.default_rng(1).random((6, 1, images))
    difficulty[:] = difficulty[:1] + np.random.default_rng(2).normal(0, 0.02, difficulty.shape)
    return (difficulty < accuracies[None, :, None]).astype(np.float64)


@pytest.mark.parametrize("power", [0.35, 0.7])
def test_a_law_without_noise_is_found(power: float) -> None:
    law = fit_power_law(SIZES, 0.05 + 0.9 * SIZES**-power)
    assert law.error(160) == pytest.approx(0.05 + 0.9 * 160**-power, abs=1e-9)


def test_a_rising_curve_is_forecast() -> None:
    outlook = forecast(SIZES, drawn(1 - 1.2 * SIZES**-0.5), 40, 90)
    truth = 1.2 * (40**-0.5 - 90**-0.5)
    assert outlook.clear
    assert outlook.low <= truth <= outlook.high
    assert outlook.high - outlook.low < truth * 2


def test_a_flat_curve_is_no_promise() -> None:
    outlook = forecast(SIZES, drawn(np.full(6, 0.8)), 40, 90)
    assert not outlook.clear
    assert abs(outlook.gain) < 0.01
