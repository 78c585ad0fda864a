"""What surprises a stream, what it is called, and what must leave it calm."""

from __future__ import annotations

import numpy as np
import pytest

from hub.detect.surprise import Surprise, SurpriseSettings
from hub.model.network import Hazard, Severity
from hub.model.rule import Rule
from hub.model.transition import Change, Kind, Transition
from tests.detect.gauges import gauge, series

QUIET = 31 * 96  # whole days, so that the wave goes on without a seam


def usual(seed: int = 3, length: int = QUIET) -> np.ndarray:
    """Return a calm series: a slow wave with noise, like a river's temperature."""
    rng = np.random.default_rng(seed)
    wave = np.sin(np.arange(length) / 96 * 2 * np.pi)
    return np.round(8.0 + wave + 0.03 * rng.standard_normal(length), 3)


def said(values: np.ndarray, **changes: object) -> list[Transition]:
    """Return what is said of a series at 15 minutes after its calm first part."""
    rule = Rule(name="surprise", detector="surprise", severity=Severity.MODERATE)
    detector = Surprise(SurpriseSettings(), rule)
    detector.bind(gauge(levels=(), **{"interval_s": 900.0, "hazard": Hazard.OTHER, **changes}))
    whole = np.concatenate([usual(), values])
    return detector.update(series(*whole.tolist(), step_s=900.0))


def natures(steps: list[Transition]) -> list[object]:
    """Return what happened, in order, without what cleared."""
    return [s.evidence.parameters["nature"] for s in steps if s.change is not Change.CLEARED]


def test_a_calm_stream_is_left_alone() -> None:
    """A month of noise and seasons says next to nothing."""
    assert len(natures(said(usual(seed=4)))) <= 1


def test_a_spike_is_the_sensors_fault() -> None:
    """One reading far off is a spike, and is over soon after."""
    calm = usual(seed=5, length=60)
    calm[20] += 3.0
    steps = said(calm)
    assert natures(steps) == ["spike"]
    assert steps[0].kind is Kind.FAULT
    assert steps[-1].change is Change.CLEARED


def test_a_jump_that_stays_is_an_offset() -> None:
    """A jump that has not come back some readings later is called an offset."""
    calm = usual(seed=6, length=60)
    calm[20:] += 3.0
    assert natures(said(calm)) == ["spike", "offset"]


def test_a_stuck_value_stands_until_it_moves() -> None:
    """Equal readings far beyond the stream's own longest run are stuck; moving ends it."""
    calm = usual(seed=7, length=200)
    calm[20:120] = calm[20]
    steps = said(calm)
    assert natures(steps) == ["stuck"]
    assert steps[-1].change is Change.CLEARED


def test_a_code_is_no_value() -> None:
    """-9999 says that there is no value, once, until values come again."""
    calm = usual(seed=8, length=60)
    calm[20:25] = -9999.0
    steps = said(calm)
    assert natures(steps) == ["sentinel"]
    assert [s.change for s in steps] == [Change.RAISED, Change.CLEARED]


@pytest.mark.parametrize("hazard", [Hazard.LEAK, Hazard.OTHER])
def test_a_surge_is_a_danger_only_where_it_is_watched_for(hazard: Hazard) -> None:
    """A ramp faster than ever is the world; it pages where a leak is watched."""
    calm = usual(seed=9, length=200)
    calm[40:] += np.minimum(np.arange(160) * 0.35, 9.0)
    steps = said(calm, hazard=hazard)
    assert {"surge", "shift"} & set(natures(steps))
    worldly = any(step.kind is Kind.WORLD for step in steps)
    assert worldly == (hazard is Hazard.LEAK)


def test_nothing_depends_on_the_scale() -> None:
    """The same series in other units says the same things at the same readings."""
    calm = usual(seed=5, length=60)
    calm[20] += 4.0
    rule = Rule(name="surprise", detector="surprise")
    heard = []
    for factor in (1.0, 1024.0):
        detector = Surprise(SurpriseSettings(), rule)
        detector.bind(gauge(levels=(), interval_s=900.0))
        whole = np.concatenate([usual(), calm]) * factor
        steps = detector.update(series(*whole.tolist(), step_s=900.0))
        heard.append([(s.offset, s.evidence.parameters["nature"]) for s in steps])
    assert heard[0] == heard[1] != []
