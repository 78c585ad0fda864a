"""Baselines by statsmodels: what they find, and when they refuse."""

from __future__ import annotations

import numpy as np
import pytest

from hub.detect.cusum import Cusum, CusumSettings
from hub.flow.fits import Fits, fit_baseline
from hub.model.network import Hazard
from hub.model.rule import Rule
from hub.model.transition import Change
from tests.detect.gauges import MINUTE_US, START_US, gauge, series
from tests.detect.log_writer import noise

SETTINGS = CusumSettings()


def times(count: int, step_us: int = MINUTE_US) -> np.ndarray:
    """Return regular times."""
    return START_US + step_us * np.arange(count, dtype=np.int64)


def test_noise_has_a_fixed_level() -> None:
    """A level that does not wander is not followed, so that a leak is not either."""
    found = fit_baseline(times(100), 1.5 + noise(100, 1, 0.01), SETTINGS)
    assert found["gain"] == 0.0
    assert found["level"] == pytest.approx(1.5, abs=0.005)
    assert found["sigma"] == pytest.approx(0.01, rel=0.3)


def test_a_wandering_level_is_followed() -> None:
    """A random walk is followed, and its residual carries no memory."""
    walk = np.cumsum(noise(400, 2, 0.05)) + noise(400, 3, 0.01)
    found = fit_baseline(times(400), walk, SETTINGS)
    assert found["gain"] > 0.3
    assert found["phi"] < 0.5


def test_the_day_is_learnt_from_three_days_on() -> None:
    """A daily swing becomes season after three days, and stays out of the residual."""
    at = times(5 * 96, 15 * MINUTE_US)
    swing = 3 * np.sin(2 * np.pi * (at % 86_400_000_000) / 86_400_000_000)
    found = fit_baseline(at, 10 + swing + noise(len(at), 4, 0.1), SETTINGS)
    assert np.ptp(found["season"]) == pytest.approx(6, rel=0.1)
    assert found["sigma"] < 0.3


@pytest.mark.parametrize("x", [np.full(100, 2.0), noise(20)])
def test_it_refuses_what_has_nothing_to_fit(x: np.ndarray) -> None:
    """Too few readings, or all equal, give a reason and no baseline."""
    assert set(fit_baseline(times(len(x)), x, SETTINGS)) == {"why"}


def test_without_a_fit_nothing_is_claimed_and_a_spike_is_no_shift() -> None:
    """A stream without a baseline never speaks; with one, one wild reading does not."""
    made = Cusum(SETTINGS, Rule(name="shift", detector="cusum"))
    made.bind(gauge(0, hazard=Hazard.LEAK))
    assert made.update(series(*(1.5 + noise(80, 1)).tolist(), 99.0, 99.0, 99.0)) == []
    made.fit(0, fit_baseline(times(80), 1.5 + noise(80, 1), SETTINGS))
    assert made.update(series(1.5, 1.5, 99.0, 1.5, 1.5, start=90)) == []


def test_a_shift_is_dated_and_cleared() -> None:
    """The onset lies at the shift, the expectation is the baseline, the return clears."""
    made = Cusum(SETTINGS, Rule(name="shift", detector="cusum"))
    made.bind(gauge(0, hazard=Hazard.LEAK))
    made.fit(0, fit_baseline(times(100), 1.5 + noise(100, 1, 0.01), SETTINGS))
    x = np.concatenate([np.full(50, 1.5), np.full(60, 1.53), np.full(120, 1.5)])
    raised, cleared = made.update(series(*(x + noise(230, 6, 0.01)).tolist(), start=100))
    assert (raised.change, cleared.change) == (Change.RAISED, Change.CLEARED)
    assert abs(raised.evidence.onset_us - (START_US + 150 * MINUTE_US)) <= 3 * MINUTE_US
    assert raised.evidence.expected == pytest.approx(1.5, abs=0.005)


def test_inline_fits_are_the_same_each_time() -> None:
    """A replay that fits at once gets the same numbers every time."""
    history = times(100), 1.5 + noise(100, 1, 0.01)
    fits = Fits(inline=True)
    one, two = (fits.work([0], lambda _slot: history, START_US) for _ in range(2))
    assert one == two
