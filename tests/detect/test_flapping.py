"""What comes and goes all the time is one standing condition that says so."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from hub.detect.flapping import QUIET_US, Flapping
from hub.model.network import Hazard, Severity
from hub.model.transition import Change, Evidence, Kind, Transition
from tests.detect.gauges import SECOND, gauge
from tests.detect.log_writer import RULES, Bench, until_idle

if TYPE_CHECKING:
    from pathlib import Path

LEVEL_ONLY = tuple(rule for rule in RULES if rule.name in ("level", "silence"))


def step(
    second: float, change: Change, severity: Severity = Severity.EXTREME, key: str = "k"
) -> Transition:
    """Return one step of a condition."""
    return Transition(
        key=key, change=change, kind=Kind.WORLD, severity=severity,
        time_us=round(second * SECOND), offset=round(second) + 1, slot=0,
        evidence=Evidence(detector="level", words_en="over danger", words_zh="超危险"),
    )  # fmt: skip


def wave(seconds: int, period: int = 2) -> list[Transition]:
    """Return a square wave of raised and cleared."""
    return [
        step(second, Change.RAISED if second % period == 0 else Change.CLEARED)
        for second in range(0, seconds, period // 2)
    ]


def test_an_hour_of_turns_is_four_words() -> None:
    """Raised, cleared, raised, then flapping - and nothing more while it lasts."""
    said = Flapping().take(wave(3600))
    assert [s.change for s in said] == [
        Change.RAISED, Change.CLEARED, Change.RAISED, Change.RAISED,
    ]  # fmt: skip
    assert said[-1].evidence.words_en == "flapping: 3 changes in 2 s; over danger"
    assert said[-1].evidence.words_zh == "反复波动：2 秒内变化3次；超危险"
    assert said[-1].evidence.parameters["flapping"] == 3


def test_it_ends_when_it_has_been_quiet() -> None:
    """Ten minutes after the last turn it is told as it is: cleared, or raised."""
    for last, change in ((3599, Change.CLEARED), (3598, Change.RAISED)):
        flapping = Flapping()
        flapping.take(wave(last + 1))
        assert not flapping.due(last * SECOND + QUIET_US - 1)
        assert flapping.tick(last * SECOND + QUIET_US - 1, 9) == []
        now_us = last * SECOND + QUIET_US
        assert flapping.due(now_us)
        (ended,) = flapping.tick(now_us, 99_999)
        assert (ended.change, ended.offset) == (change, 99_999)
        assert f"flapped {last} times" in ended.evidence.words_en
        assert not flapping.due(now_us + QUIET_US)
        assert flapping.take([step(9000, Change.RAISED)]) != []


def test_worse_is_told_also_while_it_flaps() -> None:
    """Turns at yellow do not hide that it turned red; a second red does."""
    flapping = Flapping()
    for second in range(10):
        change = Change.RAISED if second % 2 == 0 else Change.CLEARED
        flapping.take([step(second, change, Severity.MODERATE)])
    (worse,) = flapping.take([step(11, Change.RAISED, Severity.EXTREME)])
    assert (worse.change, worse.severity) == (Change.WORSENED, Severity.EXTREME)
    assert flapping.take([step(12, Change.CLEARED, Severity.EXTREME)]) == []
    assert flapping.take([step(13, Change.RAISED, Severity.EXTREME)]) == []


def test_seldom_turns_pass_unchanged() -> None:
    """A river that goes over and under once an hour does not flap."""
    steps = [step(n * 3600, Change.CLEARED if n % 2 else Change.RAISED) for n in range(20)]
    assert Flapping().take(steps) == steps


@given(
    st.lists(
        st.tuples(st.integers(0, 400), st.sampled_from(Change), st.sampled_from(Severity)),
        max_size=60,
    )
)
def test_dump_and_load_change_nothing(rows: list[tuple[int, Change, Severity]]) -> None:
    """Restored between any two steps it says the same, and its state is JSON."""
    straight, restarted, now = Flapping(), Flapping(), 0
    for pause, change, severity in rows:
        now += pause
        fresh = Flapping()
        fresh.load(json.loads(json.dumps(restarted.dump())))
        restarted = fresh
        one = step(now, change, severity)
        assert straight.take([one]) == restarted.take([one])
        assert straight.tick(now * SECOND, now) == restarted.tick(now * SECOND, now)


def test_a_square_wave_of_1_hz_is_one_incident_and_one_page(tmp_path: Path) -> None:
    """Up and down from second to second for an hour: one standing incident, two notices at most."""
    bench = Bench(tmp_path / "hub.db", gauge(0))
    watch = bench.watch(rules=LEVEL_ONLY)
    for minute in range(60):
        bench.clock.advance(60)
        bench.write(*[5.3, 2.0] * 30, at_s=minute * 60, step_s=1.0)
        until_idle(watch)
    assert [i.hazard for i in bench.book.open_incidents()] == [Hazard.FLOOD]
    assert bench.book.condition("level:node-0/stage").standing
    assert bench.pages() <= 2
    assert len(bench.timeline()) < 20


def test_what_flaps_for_an_hour_is_one_incident_and_one_page(tmp_path: Path) -> None:
    """Three seconds up and down: one incident, standing, marked, two notices; then over."""
    bench = Bench(tmp_path / "hub.db", gauge(0))
    watch = bench.watch(rules=LEVEL_ONLY)
    for minute in range(60):
        values = [5.3 if second // 3 % 2 else 2.0 for second in range(60)]
        bench.clock.advance(60)
        bench.write(*values, at_s=minute * 60, step_s=1.0)
        until_idle(watch)
    (incident,) = bench.book.open_incidents()
    assert incident.hazard is Hazard.FLOOD
    assert bench.pages() <= 2
    condition = bench.book.condition("level:node-0/stage")
    assert condition.standing
    assert "flapping" in condition.evidence.words_en
    assert "反复波动" in condition.evidence.words_zh
    assert len(bench.timeline()) < 20
    for minute in range(60, 72):
        bench.clock.advance(60)
        bench.write(2.0, at_s=minute * 60)
        until_idle(watch)
    assert not bench.book.condition("level:node-0/stage").standing
    assert bench.book.open_incidents()[0].presence == "past"
    assert bench.pages() <= 2
    (rows,) = bench.connection.execute("SELECT count(*) FROM observation").fetchone()
    assert rows == 3612  # every reading is there to be seen
