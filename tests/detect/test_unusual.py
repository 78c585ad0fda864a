"""What is noticed in a stream without a unit, what is not, and that it pages nobody."""

from __future__ import annotations

import numpy as np
import pytest

from hub.detect.surprise import Surprise, SurpriseSettings
from hub.detect.unusual import Unusual, UnusualSettings
from hub.model.network import Hazard, Severity
from hub.model.rule import Rule
from hub.model.transition import Change, Kind, Transition
from tests.detect.gauges import gauge, series

DAY = 96
STEP_S = 900.0


def counts(seed: int = 3, days: int = 14) -> np.ndarray:
    """Return a count without a season, mostly 20 to 40."""
    rng = np.random.default_rng(seed)
    return np.round(30.0 + 5.0 * rng.uniform(-2, 2, days * DAY))


def rhythm(days: int = 14) -> np.ndarray:
    """Return a daily wave with little noise."""
    rng = np.random.default_rng(5)
    wave = 50.0 - 40.0 * np.cos(np.arange(days * DAY) / DAY * 2 * np.pi)
    return wave + rng.standard_normal(len(wave))


def said(values: np.ndarray, unit: str = "", **changes: float) -> list[Transition]:
    """Return what is noticed in a series at 15 minutes, at a level that noise does not reach."""
    rule = Rule(name="unusual", detector="unusual", severity=Severity.MINOR)
    detector = Unusual(UnusualSettings(**{"limit": 4.0, **changes}), rule)
    detector.bind(gauge(unit=unit, levels=(), hazard=Hazard.OTHER, interval_s=STEP_S))
    return detector.update(series(*values.tolist(), step_s=STEP_S))


def test_a_single_reading_within_the_noise_is_not_noticed() -> None:
    """One reading at the edge is not unusual: its mean with those around it is not."""
    values = counts()
    values[1000] = 45.0
    assert said(values) == []


def test_noise_alone_is_noticed_seldom() -> None:
    """At the shipped level pure noise is noticed a few times in two weeks of 15 minutes."""
    raised = [s for s in said(counts(seed=8), limit=2.9) if s.change is Change.RAISED]
    assert len(raised) <= 3


@pytest.mark.parametrize(("by", "word_en", "word_zh"), [(40, "high", "偏高"), (-28, "low", "偏低")])
def test_a_lasting_change_is_noticed_once(by: float, word_en: str, word_zh: str) -> None:
    """A count that stays away from its past is a notice in both languages, within two hours."""
    values = counts()
    values[1000:1060] += by
    steps = said(values)
    assert [s.change for s in steps] == [Change.RAISED, Change.CLEARED]
    assert 1000 <= steps[0].offset - 1 <= 1008
    assert f"unusually {word_en}" in steps[0].evidence.words_en
    assert word_zh in steps[0].evidence.words_zh


def test_nobody_is_paged() -> None:
    """A notice is a minor matter of maintenance, with its evidence."""
    values = counts()
    values[1000:1060] += 40
    raised = said(values)[0]
    assert (raised.kind, raised.severity) == (Kind.FAULT, Severity.MINOR)
    assert raised.hazard is Hazard.SENSOR
    evidence = raised.evidence
    assert evidence.statistic is not None
    assert evidence.statistic_limit is not None
    assert evidence.statistic >= evidence.statistic_limit
    assert evidence.expected == pytest.approx(30, abs=3)


def test_the_hour_of_the_day_counts_where_it_explains() -> None:
    """A night at the level of noon is unusual, though that level is reached each day."""
    values = rhythm()
    assert said(values) == []
    values[10 * DAY - 8 : 10 * DAY + 8] = 90.0
    assert [s.change for s in said(values)] == [Change.RAISED, Change.CLEARED]


def test_it_rests_and_asks_for_more() -> None:
    """The same again within the rest is not told; after it, only what is more unusual."""
    values = counts()
    for start in (1000, 1060, 1130):
        values[start : start + 20] += 40
    assert sum(s.change is Change.RAISED for s in said(values)) == 1
    assert sum(s.change is Change.RAISED for s in said(values, rest=10.0, rest_s=1.0)) > 1


def test_a_quantity_is_left_to_surprise() -> None:
    """A stream with a unit is never noticed here."""
    values = counts()
    values[1000:1060] += 40
    assert said(values, unit="m") == []
    assert said(values, unit="{requests}") != []


def test_a_count_that_jumps_is_no_broken_sensor() -> None:
    """Jumps and surges of a stream without a unit are no fault; stuck it may be."""
    heard = {}
    for unit in ("", "m"):
        detector = Surprise(SurpriseSettings(), Rule(name="surprise", detector="surprise"))
        detector.bind(gauge(unit=unit, levels=(), interval_s=STEP_S))
        values = counts(seed=4)
        values[1000:1010] += 500.0
        values[1200:] = 33.0
        steps = detector.update(series(*values.tolist(), step_s=STEP_S))
        heard[unit] = {s.evidence.parameters["nature"] for s in steps}
    assert {"stuck", "offset"} <= heard["m"]
    assert heard[""] == {"stuck"}
