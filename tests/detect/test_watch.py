"""The watch loop on a real log: what pages, what does not, and what a restart changes."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from hub.detect import DETECTORS
from hub.detect.level import LevelDetector, LevelSettings
from hub.flow.fits import Fits
from hub.flow.handoff import Handoff
from hub.flow.watch import WatchSettings
from hub.model.network import Hazard
from hub.model.observation import Lateness, Quality
from hub.model.rule import Rule
from tests.detect.gauges import LEVELS, START_US, gauge
from tests.detect.log_writer import RULES, Bench, noise, until_idle

if TYPE_CHECKING:
    from pathlib import Path

    from hub.model.observation import Batch
    from hub.model.transition import Transition


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """A log with one declared gauge."""
    return Bench(tmp_path / "hub.db")


def test_a_breach_pages_at_once(bench: Bench) -> None:
    """One reading above a level is one incident with pages, written with the position."""
    watch = bench.watch()
    bench.live(2.0, 2.1, 5.3)
    until_idle(watch)
    (incident,) = bench.book.open_incidents()
    assert incident.hazard is Hazard.FLOOD
    assert bench.pages() >= 1
    assert bench.log.position("watch") == bench.log.end()


def test_the_evidence_holds_the_window(bench: Bench) -> None:
    """What led to the decision is kept with it, with its trend."""
    watch = bench.watch()
    bench.live(2.0, 2.5, 2.9, 3.4)
    until_idle(watch)
    evidence = bench.book.condition("level:node-0/stage").evidence
    assert [row[1] for row in evidence.window] == [2.0, 2.5, 2.9, 3.4]
    assert evidence.trend_per_h == pytest.approx(27.6, rel=0.05)


def test_backfill_never_pages_for_what_is_over(bench: Bench) -> None:
    """A flood that came and went while the node was away is history."""
    watch = bench.watch()
    bench.live(2.0)
    bench.clock.advance(7200)
    bench.write(2.0, 4.0, 6.0, 6.0, 4.0, 2.0, at_s=120, lateness=Lateness.BACKFILL)
    until_idle(watch)
    bench.clock.advance(60)
    until_idle(watch)
    assert [key for key in bench.conditions() if key.startswith("level")] == []


def test_found_late_is_one_page(bench: Bench) -> None:
    """Late data whose newest value still breaches raises once, marked found late."""
    watch = bench.watch()
    bench.live(2.0)
    bench.clock.advance(7200)
    for at_s, level in ((1200, 3.5), (1260, 5.5), (1320, 6.0), (600, 4.0)):
        bench.write(level, at_s=at_s, lateness=Lateness.BACKFILL)
        bench.clock.advance(5)
        until_idle(watch)
    assert bench.pages() == 0
    for _ in range(3):
        bench.clock.advance(30)
        until_idle(watch)
    floods = [i for i in bench.book.open_incidents() if i.hazard is Hazard.FLOOD]
    assert [incident.found_late for incident in floods] == [True]
    assert bench.pages() == 1


def test_late_data_and_silence_never_resolve(bench: Bench) -> None:
    """Neither old low readings nor the end of data clear a standing danger."""
    watch = bench.watch()
    bench.live(2.0, 5.5)
    until_idle(watch)
    bench.clock.advance(7200)
    bench.write(1.0, at_s=300, lateness=Lateness.BACKFILL)
    for _ in range(5):
        bench.clock.advance(3600)
        until_idle(watch)
    assert bench.conditions()["level:node-0/stage"] == 1
    bench.live(1.0, 1.0)
    until_idle(watch)
    assert bench.conditions()["level:node-0/stage"] == 0


def test_a_silent_stream_is_a_condition(tmp_path: Path) -> None:
    """A stream that stops and one that never spoke are told; speaking again clears."""
    bench = Bench(tmp_path / "hub.db", gauge(0), gauge(1))
    watch = bench.watch()
    until_idle(watch)
    bench.live(2.0)
    until_idle(watch)
    bench.clock.advance(150)
    until_idle(watch)
    assert bench.conditions() == {"silence:node-1/stage": 1}
    bench.clock.advance(60)
    until_idle(watch)
    assert bench.conditions() == {"silence:node-0/stage": 1, "silence:node-1/stage": 1}
    bench.live(2.0)
    until_idle(watch)
    assert bench.conditions()["silence:node-0/stage"] == 0
    assert bench.pages() == 0


def test_a_deaf_hub_is_one_condition(tmp_path: Path) -> None:
    """While intake is not connected no stream is called silent; the hub is, once."""
    bench = Bench(tmp_path / "hub.db", *(gauge(slot) for slot in range(20)))
    watch = bench.watch()
    until_idle(watch)
    bench.hear(connected=False)
    for _ in range(5):
        bench.clock.advance(3600)
        until_idle(watch)
    assert bench.conditions() == {"hub:deaf": 1}
    bench.hear()
    until_idle(watch)
    assert bench.conditions() == {"hub:deaf": 0}


def test_downtime_is_not_silence(bench: Bench) -> None:
    """After the hub itself was down, silence is counted afresh."""
    watch = bench.watch()
    bench.live(2.0)
    until_idle(watch)
    watch.close()
    bench.clock.advance(86_400)
    watch = bench.watch()
    until_idle(watch)
    bench.clock.advance(60)
    until_idle(watch)
    assert bench.conditions() == {}


def scenario(bench: Bench) -> list[Any]:
    """Return the steps of a lively day: rises, a fault, a gap, late data, silence, deafness."""
    rise = np.concatenate([np.full(70, 2.0), np.linspace(2, 5.5, 30), np.linspace(5.5, 2, 30)])
    x = (rise + noise(len(rise))).tolist()
    steps: list[Any] = [lambda v=v: bench.live(v) for v in x[:40]]
    steps += [lambda v=v: bench.live(v, quality=Quality.FAIL) for v in x[40:46]]
    steps += [lambda v=v: bench.live(v) for v in x[46:60]]
    steps += [lambda: bench.clock.advance(240)]
    steps += [lambda: bench.write(2.2, at_s=64 * 60)]
    steps += [lambda: bench.write(2.1, 2.15, at_s=62 * 60, lateness=Lateness.LATE)]
    steps += [lambda: bench.clock.advance(3)]
    steps += [lambda v=v: bench.live(v) for v in x[60:]]
    steps += [lambda: bench.clock.advance(400), lambda: bench.clock.advance(30)]
    steps += [lambda: bench.write(6.0, at_s=300 * 60, lateness=Lateness.BACKFILL)]
    steps += [lambda: bench.clock.advance(30), lambda: bench.hear(connected=False)]
    steps += [lambda: bench.clock.advance(60), bench.hear, lambda: bench.live(2.0)]
    return steps


def recorded(bench: Bench) -> list[tuple[Any, ...]]:
    """Return everything watch said, without places in the log, which name the run."""
    rows = bench.connection.execute(
        "SELECT key, standing, severity, raised_us, changed_us, evidence FROM condition"
        " ORDER BY key"
    ).fetchall()
    said = [
        (hazard, kind, {k: v for k, v in json.loads(body).items() if k != "offset"})
        for hazard, kind, body in bench.timeline()
    ]
    return [*rows, *said, bench.pages()]


def test_killed_at_every_step_is_as_uninterrupted(tmp_path: Path) -> None:
    """A watch that dies after every commit and starts again says exactly the same."""
    straight, killed = Bench(tmp_path / "a.db"), Bench(tmp_path / "b.db")
    watch = straight.watch(fits=Fits(inline=True))
    until_idle(watch)
    for step in scenario(straight):
        step()
        until_idle(watch)
    victim = killed.watch(fits=Fits(inline=True))
    until_idle(victim)
    for number, step in enumerate(scenario(killed)):
        step()
        until_idle(victim)
        if number % 3 == 0:
            victim._connection.close()
        else:
            victim.close()
        victim = killed.watch(fits=Fits(inline=True))
        until_idle(victim)
    assert recorded(straight) == recorded(killed)
    assert len(straight.conditions()) >= 5


def test_a_crash_before_the_commit_says_it_once(bench: Bench) -> None:
    """Killed after deciding and before committing, the next start decides the same again."""
    first = bench.watch()
    until_idle(first)
    bench.live(2.0, 5.4)
    first._said, _ = first._memory.take(bench.log.read(first.position, 100))
    assert first._said
    first._connection.close()
    until_idle(bench.watch())
    until_idle(bench.watch())
    assert bench.pages() >= 1
    assert [i.hazard for i in bench.book.open_incidents()] == [Hazard.FLOOD]


def test_handed_batches_and_the_log_agree(tmp_path: Path) -> None:
    """What comes in memory, out of step or not at all, gives what the log gives."""
    results = []
    for offers in ("all", "some", "none"):
        bench, handoff = Bench(tmp_path / f"{offers}.db"), Handoff()
        watch = bench.watch(handoff=handoff)
        until_idle(watch)
        for number, level in enumerate((2.0, 2.5, 3.2, 4.1, 5.2, 4.4, 2.0)):
            bench.clock.advance(60)
            batch = bench.write(level, at_s=60 * number)
            if offers == "all" or (offers == "some" and number % 2):
                handoff.offer(batch)
            if number == 3:
                bench.hear()
            until_idle(watch)
        results.append(recorded(bench))
    assert results[0] == results[1] == results[2]


class Fragile(LevelDetector):
    """A level detector with a fault of the program at one value."""

    def update(self, batch: Batch) -> list[Transition]:
        """Fail on 3.33."""
        if (batch.result == 3.33).any():
            raise RuntimeError("cannot take 3.33")
        return super().update(batch)


@pytest.mark.parametrize("restarts", [False, True])
def test_poison_is_set_aside(tmp_path: Path, restarts: bool) -> None:
    """One observation that a rule cannot take is quarantined; others and other rules go on."""
    bench = Bench(tmp_path / "hub.db", gauge(0), gauge(1))
    kinds = {**DETECTORS, "fragile": (LevelSettings, Fragile)}
    rules = (*RULES, Rule(name="fragile", detector="fragile"))
    watch = bench.watch(rules=rules, kinds=kinds)
    until_idle(watch)
    bench.clock.advance(60)
    bench.write(2.0, 2.5, 3.33, 5.5, slot=0, at_s=-180)
    bench.write(2.0, 3.5, 5.5, slot=1, at_s=-120)
    until_idle(watch)
    if restarts:
        watch._connection.close()
        watch = bench.watch(rules=rules, kinds=kinds)
    until_idle(watch)
    assert {key for key in bench.conditions() if "rate" not in key} >= {
        "level:node-0/stage",
        "level:node-1/stage",
        "fragile:node-1/stage",
    }
    (row,) = bench.log.quarantined(10)
    assert row.door == "watch"
    assert "3.33" in row.reason
    assert "fragile:node-0/stage" not in bench.conditions()


def test_a_lowered_level_pages_for_what_stands(bench: Bench) -> None:
    """A danger that a changed configuration sees is said once after the restart."""
    watch = bench.watch()
    bench.live(2.65, 2.7, 2.7)
    until_idle(watch)
    watch._now_and_then()
    watch._connection.close()
    assert bench.pages() == 0
    low = gauge(0, levels=tuple(replace(level, above=2.5 + i) for i, level in enumerate(LEVELS)))
    bench.network.datastreams["node-0", "stage"] = low
    watch = bench.watch()
    until_idle(watch)
    bench.live(2.7)
    until_idle(watch)
    assert bench.conditions()["level:node-0/stage"] == 1
    until_idle(bench.watch())
    assert bench.pages() >= 1


def test_a_slow_leak_is_found_on_a_fitted_baseline(tmp_path: Path) -> None:
    """With a fit from the log, a drift far below every level becomes one danger."""
    leak = gauge(0, hazard=Hazard.LEAK)
    bench = Bench(tmp_path / "hub.db", leak)
    watch = bench.watch(fits=Fits(inline=True))
    for value in (1.5 + noise(80, size=0.01)).tolist():
        bench.live(value)
        until_idle(watch)
    assert bench.conditions() == {}
    for number, value in enumerate((1.5 + noise(60, seed=5, size=0.01)).tolist()):
        bench.live(value + 0.002 * number)
        until_idle(watch)
    assert bench.conditions().get("shift:node-0/stage") == 1
    assert bench.book.condition("shift:node-0/stage").hazard is Hazard.LEAK


def test_a_worker_fits_without_holding_watch_up(bench: Bench) -> None:
    """A real worker process fits; its result is in the log and used from there."""
    fits = Fits()
    watch = bench.watch(fits=fits)
    for value in (1.5 + noise(70)).tolist():
        bench.live(value)
    until_idle(watch)
    for _ in range(200):
        bench.clock.advance(1)
        until_idle(watch)
        entries = bench.log.read(0, 1000).controls
        found = [c for c in entries if c.kind == "fit"]
        if found:
            break
        future = next(iter(fits._running.values()))
        future.result(timeout=60)
    watch.close()
    assert found[0].body["params"]["sigma"] == pytest.approx(0.01, rel=0.5)


def test_the_position_is_committed_lazily(bench: Bench) -> None:
    """Readings that decide nothing do not cost a commit each."""
    watch = bench.watch(settings=WatchSettings(commit_s=3600.0))
    until_idle(watch)
    before = bench.log.position("watch")
    bench.write(2.0)
    until_idle(watch)
    assert bench.log.position("watch") == before
    watch.close()
    assert bench.log.position("watch") == watch.position
    watch = bench.watch(settings=WatchSettings(commit_s=0.0))
    bench.write(2.0)
    until_idle(watch)
    assert bench.log.position("watch") == watch.position


def test_the_start_is_true_to_time(bench: Bench) -> None:
    """The first entry a watch appends says when it started."""
    until_idle(bench.watch())
    started = [c for c in bench.log.read(0, 10).controls if c.kind == "started"]
    assert [c.at_us for c in started] == [START_US]


def test_a_moved_node_is_of_its_new_place_at_once(tmp_path: Path) -> None:
    """What a node measures after a person moved it is an incident of the new site."""
    bench = Bench(tmp_path / "hub.db", replace(gauge(0), site=""))
    sites = bench.network.sites
    mill = replace(sites["bridge"], id="mill", name_en="Mill", name_zh="磨坊")
    bench.network = replace(bench.network, sites={**sites, "mill": mill})
    bench.log.move_node("node-0", "bridge", "gao", bench.clock.now_us())
    watch = bench.watch()
    bench.live(2.0, 2.0, 2.0)
    until_idle(watch)
    bench.log.move_node("node-0", "mill", "gao", bench.clock.now_us())
    bench.live(2.0, 5.5)
    until_idle(watch)
    assert {incident.site for incident in bench.book.open_incidents()} == {"mill"}
