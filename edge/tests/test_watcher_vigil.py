"""When the watcher calls people, and when it does not: pure, by a clock of the test's own."""

from __future__ import annotations

import math
import random
from zoneinfo import ZoneInfo

import pytest

from tocsin_edge.watcher.config import ProviderSettings
from tocsin_edge.watcher.outage import News, Outage, Outages, outage_of
from tocsin_edge.watcher.run import LOOK_S
from tocsin_edge.watcher.vigil import Cause, Pace, Vigil
from tocsin_edge.watcher.words import Facts, compose

PACE = Pace()
GSM7 = set(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .,:;/'()&+-=?!\"#%*<>@_$"
)


def answered(vigil: Vigil, number: int, now: float) -> None:
    """Send a canary and have it go all the way at once."""
    vigil.send(number, now)
    vigil.taken([(number, number)])
    vigil.answered(number)


def looks(vigil: Vigil, start: int, end: int) -> list[bool]:
    """Return what the watcher sees each second."""
    return [vigil.look(float(now)) for now in range(start, end)]


def test_the_shipped_pace_tells_within_a_minute() -> None:
    """A hub that dies right after an answer is told of within 60 s, one hung call included."""
    assert PACE.every_s == 20.0
    assert PACE.limit_s + LOOK_S + ProviderSettings(sender="+15550100100").timeout_s <= 60.0


def test_a_restart_of_twenty_seconds_is_within_the_grace() -> None:
    """However a restart falls between two canaries, 20 s without a hub page nobody."""
    for start in range(20):
        vigil = Vigil(PACE, 0.0)
        vigil.connected()
        answered(vigil, 1, 0.0)
        for now in range(1, 200):
            away = start <= now < start + 20
            if away:
                vigil.lost()
            elif now == start + 20:
                vigil.connected()
            if vigil.due(now):
                answered(vigil, now + 1, now)
            assert vigil.look(now), (start, now)


def test_seven_days_of_restarts_without_a_false_page() -> None:
    """A week of slow answers, lost canaries and a restart each hour calls nobody."""
    dice = random.Random(5)  # noqa: S311  one run, repeatable
    vigil, outages = Vigil(PACE, 0.0), Outages(PACE)
    away_until, next_away, pending = 0.0, 600.0, list[tuple[float, int]]()
    vigil.connected()
    for second in range(7 * 86_400):
        now = float(second)
        if now >= next_away:
            away_until, next_away = now + dice.uniform(1.0, 15.0), now + dice.uniform(600.0, 6600.0)
            pending.clear()
            vigil.lost()
        if away_until and now >= away_until:
            away_until = 0.0
            vigil.connected()
        if vigil.due(now):
            vigil.send(second + 1, now)
            if dice.random() > 0.01:
                pending.append((now + dice.uniform(0.2, 4.0), second + 1))
        for due in [item for item in pending if item[0] <= now]:
            pending.remove(due)
            vigil.taken([(due[1], due[1])])
            vigil.answered(due[1])
        well = vigil.look(now)
        quiet_s, cause = vigil.quiet_s(now), vigil.cause(now)
        news = outages.step(well=well, quiet_s=quiet_s, cause=cause, now=now, wall_s=now)
        assert news is None, now


def test_an_answer_given_again_proves_nothing() -> None:
    """A hub that came up halfway and repeats an old answer is still down."""
    vigil = Vigil(PACE, 0.0)
    vigil.connected()
    answered(vigil, 1, 0.0)
    vigil.send(2, 20.0)
    vigil.answered(1)
    assert looks(vigil, 0, 60).index(False) == 46
    assert vigil.quiet_s(46.0) == 46.0


def test_what_the_watcher_slept_through_is_not_the_hubs_fault() -> None:
    """A watcher that was stopped for a minute looks again before it calls anybody."""
    vigil = Vigil(PACE, 0.0)
    vigil.connected()
    answered(vigil, 1, 0.0)
    assert vigil.look(1.0)
    assert looks(vigil, 90, 130).index(False) == 26


def test_a_down_hub_is_not_well_because_the_watcher_slept_or_started() -> None:
    """Neither a stall nor a new start of the watcher ends an outage; only an answer does."""
    vigil = Vigil(PACE, 0.0, down=True)
    assert not vigil.look(0.5)
    assert not vigil.look(60.0)
    vigil.connected()
    answered(vigil, 1, 61.0)
    assert vigil.look(61.5)


def test_an_unanswered_canary_is_followed_soon() -> None:
    """While no answer comes, canaries follow each other quickly: recovery is seen at once."""
    vigil = Vigil(PACE, 0.0)
    vigil.connected()
    answered(vigil, 1, 0.0)
    assert not vigil.due(19.9)
    assert vigil.due(20.0)
    vigil.send(2, 20.0)
    assert vigil.due(25.0)


def test_causes_are_told_apart() -> None:
    """No broker, a hub that takes nothing in, and one that decides nothing look different."""
    vigil = Vigil(PACE, 0.0)
    assert vigil.cause(50.0) is Cause.BROKER
    vigil.connected()
    vigil.send(1, 10.0)
    assert vigil.cause(50.0) is Cause.INTAKE
    vigil.taken([(1, 1)])
    assert vigil.cause(50.0) is Cause.CHAIN
    vigil.send(2, 44.0)
    assert vigil.cause(50.0) is Cause.INTAKE
    vigil.lost()
    assert vigil.cause(50.0) is Cause.BROKER


def test_canaries_that_never_arrived_are_named_as_gone() -> None:
    """The hub is told which numbers will never come, until it has a message that says so."""
    vigil = Vigil(PACE, 0.0)
    for number in range(1, 4):
        vigil.send(number, 10.0 * number)
    assert vigil.send(4, 100.0) == [(1, 3)]
    assert vigil.send(5, 101.0) == [(1, 3)]
    vigil.taken([(4, 4)])
    assert vigil.send(6, 102.0) == []


@pytest.mark.parametrize(
    "wrong", [{"every_s": 0.0}, {"limit_s": 30.0}, {"repeat_s": math.inf}, {"recover_s": math.nan}]
)
def test_a_pace_that_cannot_work_is_refused(wrong: dict[str, float]) -> None:
    """A pace that pages for one lost canary, or never, is no pace."""
    with pytest.raises(ValueError, match="must be"):
        Pace(**wrong)


def outages(kept: Outage | None = None) -> Outages:
    """Return outages at the shipped pace."""
    return Outages(PACE, kept)


def step(made: Outages, now: float, *, well: bool) -> News | None:
    """Take one look at ``now``, on a wall clock that started at 1000."""
    return made.step(well=well, quiet_s=46.0, cause=Cause.INTAKE, now=now, wall_s=1000.0 + now)


def test_one_outage_from_first_page_to_recovery() -> None:
    """Down once, again every ten minutes, recovered after half a minute without a lapse."""
    made = outages()
    assert step(made, 0.0, well=True) is None
    assert step(made, 10.0, well=False) is News.DOWN
    assert made.outage is not None
    assert made.outage.since_s == 964.0
    assert step(made, 11.0, well=False) is None
    assert step(made, 610.0, well=False) is News.STILL
    assert step(made, 620.0, well=True) is None
    assert step(made, 640.0, well=False) is None
    assert step(made, 650.0, well=True) is None
    assert step(made, 679.0, well=True) is None
    assert step(made, 680.0, well=True) is News.RECOVERED
    assert made.finish() is not None
    assert made.dump() == {}


def test_somebody_on_it_ends_the_repeats_not_the_recovery() -> None:
    """An acknowledged outage is not repeated, also by a new watcher, and its end is told."""
    made = outages()
    assert not made.acknowledge()
    step(made, 0.0, well=False)
    assert made.acknowledge()
    again = outages(outage_of(made.dump()))
    assert step(again, 5000.0, well=False) is None
    step(again, 5001.0, well=True)
    assert step(again, 5031.0, well=True) is News.RECOVERED


def test_a_new_watcher_repeats_when_the_old_one_would_have() -> None:
    """The ten minutes run on over a restart of the watcher."""
    made = outages()
    step(made, 0.0, well=False)
    again = outages(outage_of(made.dump()))
    assert step(again, 400.0, well=False) is None
    assert step(again, 599.0, well=False) is None
    assert step(again, 600.0, well=False) is News.STILL


@pytest.mark.parametrize("news", News)
@pytest.mark.parametrize("cause", [None, *Cause])
@pytest.mark.parametrize("node", ["w", "n" * 64])
def test_every_text_fits(news: News, cause: Cause | None, node: str) -> None:
    """English is one GSM-7 part and Chinese at most two UCS-2 parts, with the longest names."""
    facts = Facts(
        name_en="Q" * 30, name_zh="青" * 20, node=node, zone=ZoneInfo("Asia/Shanghai"),
        since_s=1_795_000_000.0, now_s=1_795_900_000.0, cause=cause,
    )  # fmt: skip
    english, chinese = compose(news, facts, "en"), compose(news, facts, "zh")
    assert len(english) <= 160
    assert set(english) <= GSM7
    assert len(chinese) <= 134
    if cause is not None and news is News.DOWN:
        assert "No alarm goes out" in english
        assert "不会发出" in chinese
