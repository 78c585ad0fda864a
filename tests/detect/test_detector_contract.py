"""What every registered detector and fusion must keep, whatever it looks for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hub.detect import DETECTORS, FUSIONS
from hub.model.network import Hazard, Severity
from hub.model.observation import Batch, Quality
from hub.model.rule import Rule
from tests.detect.gauges import SECOND, START_US, gauge, series, together

if TYPE_CHECKING:
    from collections.abc import Callable

    from hub.model.transition import Transition

OPTIONS: dict[str, dict[str, Any]] = {
    "rate": {"limit_per_h": 4.0, "window_s": 600.0},
    "unusual": {"ripe": 100.0},
}
FIT = {
    "level": 2.0,
    "gain": 0.05,
    "sigma": 0.05,
    "phi": 0.2,
    "limit": 8.0,
    "interval_s": 60.0,
    "days": 10.0,
    "season": [0.01 * h for h in range(24)],
    "at_us": START_US,
}
STREAMS = (
    gauge(0),
    gauge(1, interval_s=None, unit=""),
    gauge(2, name="smoke", observed_property="smoke", unit="1/m", hazard=Hazard.FIRE, room="a"),
    gauge(
        3, name="temp", observed_property="temperature", unit="Cel", hazard=Hazard.FIRE, room="a"
    ),
    gauge(5, hazard=Hazard.LEAK),
)
KINDS = sorted({**DETECTORS, **FUSIONS})


def build(kind: str, slots: tuple[int, ...] = (0, 1, 2, 3, 5)) -> Any:  # noqa: ANN401  any registered kind
    """Return a detector of ``kind`` that watches the streams of ``slots``."""
    rule = Rule(name=kind, detector=kind, severity=Severity.SEVERE, options=OPTIONS.get(kind, {}))
    settings, make = {**DETECTORS, **FUSIONS}[kind]
    given = (settings(**rule.options), rule, *(({},) if kind in FUSIONS else ()))
    made = make(*given)
    for stream in STREAMS:
        if stream.slot in slots:
            made.bind(stream)
    if hasattr(made, "hear"):
        made.hear(True, START_US)
    if hasattr(made, "fit"):
        for slot in slots:
            made.fit(slot, FIT)
    return made


def feed(made: Any, batch: Batch, kind: str) -> list[Transition]:  # noqa: ANN401
    """Return what ``made`` says of ``batch``."""
    return list(made.update(batch, []) if kind in FUSIONS else made.update(batch))


def lively(seed: int = 7, length: int = 260) -> Batch:
    """Return readings of all streams with rises, a shift, noise, nulls, fails and a gap."""
    rng = np.random.default_rng(seed)
    parts = []
    for stream in STREAMS:
        x = 2.0 + 0.03 * rng.standard_normal(length)
        x[120:160] += np.linspace(0, 4, 40)
        x[160:200] += np.linspace(4, 0, 40)
        if stream.hazard is Hazard.FIRE:
            x = np.abs(0.01 * rng.standard_normal(length))
            x[150:] += np.linspace(0, 6, length - 150)
        part = series(*x.tolist(), slot=stream.slot)
        part.result[rng.random(length) < 0.03] = np.nan
        part.quality[rng.random(length) < 0.05] = Quality.FAIL
        part.quality[210:222] = Quality.FAIL
        kept = np.ones(length, dtype=bool)
        kept[60:75] = False
        parts.append(part.take(kept))
    return together(*parts)


@pytest.mark.parametrize("kind", KINDS)
def test_it_says_something_of_a_lively_series(kind: str) -> None:
    """The series these tests rest on makes every kind speak, so that they prove something."""
    if kind in ("neighbours", "stale", "upstream"):
        pytest.skip("speaks only of what others say, or of silence: proven on its own")
    assert feed(build(kind), lively(), kind)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("rows", [1, 7, 64])
def test_restart_changes_nothing(kind: str, rows: int, cut: Callable[..., list[Batch]]) -> None:
    """Dump and load through JSON between any two batches leaves the answer the same."""
    straight, restarted = build(kind), build(kind)
    for piece in cut(lively(), rows):
        fresh = build(kind)
        fresh.load(json.loads(json.dumps(restarted.dump())))
        restarted = fresh
        assert feed(straight, piece, kind) == feed(restarted, piece, kind)
        now_us = int(piece.received_us[-1])
        assert straight.tick(now_us, 1) == restarted.tick(now_us, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_cutting_changes_nothing(kind: str, cut: Callable[..., list[Batch]]) -> None:
    """One batch, many batches or single readings say the same things in the same order."""
    whole = sorted(feed(build(kind), lively(), kind), key=lambda t: (t.offset, t.key))
    for rows in (1, 13):
        made = build(kind)
        said = [step for piece in cut(lively(), rows) for step in feed(made, piece, kind)]
        assert sorted(said, key=lambda t: (t.offset, t.key)) == whole


@pytest.mark.parametrize("kind", KINDS)
def test_state_is_json_of_constant_size(kind: str, cut: Callable[..., list[Batch]]) -> None:
    """A thousand readings later the state is as large as before, and below 8 KB a stream."""
    made, sizes = build(kind), []
    for piece in cut(lively(length=400), 500):
        feed(made, piece, kind)
        sizes.append(len(json.dumps(made.dump(), allow_nan=False)))
    assert max(sizes[1:]) <= sizes[0] + 200
    assert sizes[-1] < 8192 * len(STREAMS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_clone_is_independent(kind: str) -> None:
    """What one detector sees never moves another that was loaded from it."""
    made, clone = build(kind), build(kind)
    feed(made, lively(seed=9), kind)
    state = made.dump()
    clone.load(state)
    feed(made, lively(seed=8), kind)
    assert json.dumps(clone.dump()) == json.dumps(state)


@pytest.mark.parametrize("kind", KINDS)
def test_slots_are_independent(kind: str) -> None:
    """A stream watched alone says the same as among others."""
    if kind in FUSIONS:
        pytest.skip("a fusion is there to mix streams")
    among = [step for step in feed(build(kind), lively(), kind) if step.slot == 0]
    assert feed(build(kind, (0,)), lively(), kind) == among


@pytest.mark.parametrize("kind", KINDS)
def test_nulls_and_fails_are_not_the_world(kind: str) -> None:
    """A series of nulls and of failed readings beyond every level never pages."""
    made = build(kind)
    nulls = series(*[None] * 100, quality=Quality.MISSING)
    fails = series(*[99.0] * 100, start=100, quality=Quality.FAIL)
    said = feed(made, nulls, kind) + feed(made, fails, kind)
    assert all(step.kind.value != "world" for step in said)


@pytest.mark.parametrize("kind", KINDS)
def test_unbound_streams_are_skipped(kind: str) -> None:
    """Readings of streams that no rule bound, also of far slots, say nothing."""
    made = build(kind, ())
    assert feed(made, series(9.0, 9.0, 9.0, slot=12345), kind) == []
    assert feed(made, series(), kind) == []


@pytest.mark.parametrize("kind", KINDS)
def test_settings_refuse_nan(kind: str) -> None:
    """NaN, which TOML allows, is not a setting."""
    settings, _ = {**DETECTORS, **FUSIONS}[kind]
    given = OPTIONS.get(kind, {})
    for name in settings.__slots__:
        value = getattr(settings(**given), name)
        if isinstance(value, float):
            with pytest.raises(ValueError, match=name):
                settings(**{**given, name: float("nan")})


@pytest.mark.parametrize("kind", KINDS)
def test_many_streams_grow_the_tables(kind: str) -> None:
    """Hundreds of streams bound one by one keep their own state."""
    made = build(kind, ())
    for slot in range(300):
        made.bind(gauge(slot))
    readings = [series(1.0, 1.0, slot=slot) for slot in range(300)]
    feed(made, together(*readings), kind)
    assert json.dumps(made.dump())


@pytest.mark.parametrize("kind", KINDS)
def test_evidence_speaks_both_languages(kind: str) -> None:
    """Every step carries words in English and Chinese, its rule and its place in the log."""
    batch = lively()
    for step in feed(build(kind), batch, kind):
        assert step.evidence.words_en
        assert any("\u4e00" <= letter <= "\u9fff" for letter in step.evidence.words_zh)
        assert step.evidence.rule == kind
        assert step.offset in batch.offset
        assert step.time_us % SECOND == 0
