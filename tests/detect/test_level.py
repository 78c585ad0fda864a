"""Fixed levels: at once, with hysteresis, worst wins."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from hub.detect.level import LevelDetector, LevelSettings
from hub.model.network import Level, Severity
from hub.model.observation import Batch, Quality
from hub.model.rule import Rule
from hub.model.transition import Certainty, Change
from tests.detect.gauges import gauge, series


def detector(**changes: object) -> LevelDetector:
    """Return a detector that watches one gauge."""
    made = LevelDetector(LevelSettings(), Rule(name="level", detector="level"))
    made.bind(gauge(0, **changes))
    return made


def said(made: LevelDetector, batch: Batch) -> list[tuple[Change, Severity]]:
    """Return the steps, short."""
    return [(step.change, step.severity) for step in made.update(batch)]


def test_every_step_of_a_flood() -> None:
    """Raised, worsened twice, eased and cleared, each where the hysteresis says."""
    flood = series(2.0, 3.0, 3.1, 4.2, 5.5, 4.9, 4.7, 3.9, 3.7, 2.9, 2.7, 2.6)
    assert said(detector(), flood) == [
        (Change.RAISED, Severity.MODERATE),
        (Change.WORSENED, Severity.SEVERE),
        (Change.WORSENED, Severity.EXTREME),
        (Change.EASED, Severity.SEVERE),
        (Change.EASED, Severity.MODERATE),
        (Change.CLEARED, Severity.MODERATE),
    ]


def test_a_falling_level_is_a_danger_too() -> None:
    """A level ``below`` is reached by falling and left by rising past its hysteresis."""
    low = Level(name="dry", severity=Severity.SEVERE, below=1.0, hysteresis=0.1)
    steps = detector(levels=(low,)).update(series(2.0, 0.9, 1.05, 1.2, 1.3))
    assert [(step.change, step.evidence.value) for step in steps] == [
        (Change.RAISED, 0.9),
        (Change.CLEARED, 1.3),
    ]
    assert "below dry (1 m)" in steps[0].evidence.words_en


def test_the_newest_decides() -> None:
    """A reading that comes after a newer one changes nothing."""
    made = detector()
    assert said(made, series(2.0, start=5)) == []
    assert said(made, series(9.0, start=3)) == []


def test_flutter_at_the_limit_is_one_condition() -> None:
    """Noise within the hysteresis neither clears nor raises again."""
    flutter = series(*(3.0 + 0.1 * np.sin(np.arange(200))).tolist())
    assert len(detector().update(flutter)) == 1


def test_a_suspect_reading_pages_as_possible() -> None:
    """SUSPECT is not believed less than it costs: it pages, and says that it may be wrong."""
    (step,) = detector().update(series(5.5, quality=Quality.SUSPECT))
    assert step.certainty is Certainty.POSSIBLE


def of_quality(*pairs: tuple[float, Quality]) -> Batch:
    """Return readings a minute apart, each with its own quality."""
    batch = series(*(result for result, _ in pairs))
    return replace(batch, quality=np.array([q for _, q in pairs], dtype=np.int8))


GOOD, SUSPECT, NONE = Quality.PASS, Quality.SUSPECT, Quality.NOT_EVALUATED


def test_an_implausible_reading_does_not_call_off_a_flood() -> None:
    """A dip between two high readings clears nothing, whether the tests doubt it or not."""
    for doubt in (SUSPECT, GOOD, NONE):
        steps = said(detector(), of_quality((5.5, GOOD), (0.095, doubt), (5.5, GOOD)))
        assert steps == [(Change.RAISED, Severity.EXTREME)]


def test_suspect_readings_never_ease_or_clear() -> None:
    """However many of them: they may worsen, and two good ones are needed to be sure."""
    doubts = [(0.1, SUSPECT)] * 10
    made = detector()
    assert said(made, of_quality((4.5, GOOD), *doubts, (5.5, SUSPECT), *doubts)) == [
        (Change.RAISED, Severity.SEVERE),
        (Change.WORSENED, Severity.EXTREME),
    ]
    rest = series(0.1, 0.1, start=30)
    assert said(made, rest) == [(Change.CLEARED, Severity.EXTREME)]


def test_two_good_readings_in_a_row_clear_across_batches_and_a_restart() -> None:
    """The first good one is remembered; a high one between begins anew."""
    made = detector()
    made.update(series(5.5, 0.1))
    again = detector()
    again.load(made.dump())
    assert said(again, series(0.1, start=2)) == [(Change.CLEARED, Severity.EXTREME)]
    assert said(made, series(5.5, 0.1, start=2)) == []


def test_a_slow_gauge_clears_at_its_first_good_reading() -> None:
    """Where the next reading is long to come, one good one is enough; a suspect one is not."""
    for quality, steps in ((NONE, [(Change.CLEARED, Severity.EXTREME)]), (SUSPECT, [])):
        made = detector(interval_s=900.0)
        made.update(series(5.5))
        assert said(made, series(0.1, start=1, quality=quality)) == steps


def test_more_levels_than_places_keep_the_worst() -> None:
    """Of a dozen levels the most severe are watched."""
    levels = tuple(
        Level(name=f"l{i}", severity=list(Severity)[i % 4], above=float(i)) for i in range(12)
    )
    (step,) = detector(levels=levels).update(series(99.0))
    assert step.severity is Severity.EXTREME


def test_settings_say_what_is_wrong() -> None:
    """A settle time of nought is refused by its name."""
    with pytest.raises(ValueError, match="settle_s"):
        LevelSettings(settle_s=0.0)
