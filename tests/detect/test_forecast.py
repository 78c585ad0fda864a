"""Forecasts on rivers that are made up: early, seldom, and honest about the time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hub.detect import forecast_words, river
from hub.detect.forecast import Forecast, ForecastSettings
from hub.model.network import Level, Severity
from hub.model.rule import Rule
from hub.model.transition import Change, Transition
from tests.detect.gauges import LEVELS, SECOND, START_US, gauge, series

STEP_S = 300.0


def forecast(levels: tuple[Level, ...] = LEVELS, interval_s: float | None = STEP_S) -> Forecast:
    """Return a forecast for one gauge of five-minute readings."""
    rule = Rule(name="forecast", detector="forecast", severity=Severity.SEVERE)
    made = Forecast(ForecastSettings(), rule)
    made.bind(gauge(0, levels=levels, interval_s=interval_s))
    return made


def river_of(peak: float, rise: int = 36, quiet: int = 100) -> np.ndarray:
    """Return a river at 1 m that rises to ``peak`` in ``rise`` readings and recedes."""
    up = 1.0 + (peak - 1.0) * np.sin(np.linspace(0, np.pi / 2, rise)) ** 2
    down = 1.0 + (peak - 1.0) * np.exp(-np.arange(200) / 40)
    return np.concatenate([np.full(quiet, 1.0), up, down])


def raised(made: Forecast, x: np.ndarray) -> list[Transition]:
    """Return the warnings on a river."""
    steps = made.update(series(*x.tolist(), step_s=STEP_S))
    return [step for step in steps if step.change is Change.RAISED]


def test_a_flood_is_foreseen() -> None:
    """The warning comes well before the severe level and names chance, level and time."""
    x = river_of(5.0)
    (step,) = raised(forecast(), x)
    crossing = START_US + int(np.argmax(x >= 4.0) * STEP_S * SECOND)
    assert crossing - step.time_us >= 1200 * SECOND
    evidence = step.evidence
    assert evidence.limit_name == "warning"
    assert evidence.eta_low_s < evidence.eta_s < evidence.eta_high_s
    assert "likely to reach warning (4 m)" in evidence.words_en


def test_a_small_rise_is_left_alone() -> None:
    """A rise that stays far below the watch level warns of nothing."""
    assert raised(forecast(), river_of(1.8)) == []


def test_one_jump_is_no_rise() -> None:
    """A single step, as a cleaned sensor makes, is not taken for a slope."""
    x = np.full(100, 1.0)
    x[50:] = 2.0
    assert raised(forecast(), x) == []


def test_it_clears_only_well_below_the_peak() -> None:
    """The warning stands over the peak and ends once, in the recession."""
    steps = forecast().update(series(*river_of(5.0).tolist(), step_s=STEP_S))
    assert [step.change for step in steps] == [Change.RAISED, Change.CLEARED]


def test_the_scale_is_learnt_without_a_watch_level() -> None:
    """With a danger level alone, and no declared interval, the flood is foreseen too."""
    danger = Level(name="danger", severity=Severity.EXTREME, above=4.0)
    x = river_of(5.0, quiet=300)
    (step,) = raised(forecast((danger,), None), x)
    assert step.time_us < START_US + int(np.argmax(x >= 4.0) * STEP_S * SECOND)


def drained(tau: float, count: int = 2000) -> float:
    """Return the recession in readings that a gauge learns from a river that drains in ``tau``."""
    made = forecast()
    x = 4 - 1 / 0.3 + 3.0 * np.exp(-(np.arange(count) % 100) / tau)
    made.update(series(*x.tolist(), step_s=STEP_S))
    table = made._rises.table
    return float(river.recession(table["stood"][:1], table["fell"][:1])[0])


@pytest.mark.parametrize("tau", [12.0, 50.0])
def test_a_gauge_learns_how_fast_it_drains(tau: float) -> None:
    """The recession of a river that falls like a reservoir is found from its falls."""
    assert drained(tau) == pytest.approx(tau, rel=0.15)


def test_a_slow_river_is_heading_higher() -> None:
    """The same rise promises more in a river that drains slowly, from the same place."""
    higher = river.heading(np.full(2, 0.02), np.array([15.0, 60.0]))
    fast, slow = river.log_odds(higher, np.full(2, 0.5), np.zeros(2))
    assert slow > fast + 0.5


def test_past_the_watch_level_the_chance_counts_what_has_come_true() -> None:
    """A rise that has come to the watch level is likelier to reach danger than one that has not."""
    told = [raised(forecast(), river_of(peak))[0] for peak in (5.0, 3.6)]
    odds = [float(str(step.evidence.parameters["odds"])) for step in told]
    assert all(0.0 < part <= 1.0 for part in odds)
    below = forecast_words.Foreseen(
        value=3.5, slope=1e-4, chance=0.4, limit=0.68, past_watch=False, eta=None, raised=True,
        burst=False, time_us=0, offset=0, learnt={},
    )  # fmt: skip
    assert replace(below, past_watch=True).odds > below.odds + 0.1


def test_the_shown_chance_is_calibrated_monotone() -> None:
    """What people read rises with what was computed and stays between 0 and 1."""
    chances = [river.shown(p) for p in np.linspace(0, 1, 50)]
    assert chances == sorted(chances)
    assert 0 <= chances[0] < chances[-1] <= 1
