"""Nodes whose clocks are wrong, against a twin whose clock is right: the same incidents."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from door import BOOT, NOON_US, Door, iso, message, network

from hub.clock import HandClock
from hub.dispatch.text import compose
from hub.flow.health import Health
from hub.flow.watch import Watch
from hub.ingest.nodeclock import NodeClocks, Sending
from hub.model.network import Datastream, Hazard, Level, Network, Severity, Site
from hub.model.response import People
from hub.model.rule import Rule
from hub.store.book import Book

if TYPE_CHECKING:
    from pathlib import Path

S = 1_000_000
EVERY_S = 10
MESSAGES = 240
UP_AT_NOON_S = 5000.0
DAY_S = 86_400
STAGE = Datastream(
    slot=-1, site="qingxi", node="gauge", name="stage", unit="m", hazard=Hazard.FLOOD,
    interval_s=10.0,
    levels=(Level(name="danger", severity=Severity.EXTREME, above=4.5, hysteresis=0.1),),
)  # fmt: skip
HERE = Site(id="qingxi", name_en="Qingxi", name_zh="青溪", latitude=30.0, longitude=120.0)
NETWORK = Network(
    sites={"qingxi": HERE}, cells={}, datastreams=network(STAGE).datastreams,
    nodes={"gauge": "qingxi"},
)  # fmt: skip
RULES = (Rule(name="level", detector="level"),)


@dataclass(frozen=True, kw_only=True)
class Wrong:
    """A clock's error and the error of its count of seconds, ``at_s`` seconds into the run."""

    clock_s: Callable[[float], float]
    up_s: Callable[[float], float] = lambda _: 0.0


def drift(at_s: float) -> float:
    """Return ten minutes lost a day, beginning almost at the tolerance."""
    return -55.0 - 600 * at_s / DAY_S


WRONG = {
    "at 1970": Wrong(clock_s=lambda at_s: -NOON_US / S + 300 + 0 * at_s),
    "two hours ahead": Wrong(clock_s=lambda _: 7200.0),
    "ten minutes a day": Wrong(clock_s=drift),
    "ten minutes a day, the count too": Wrong(clock_s=drift, up_s=lambda at_s: -600 * at_s / DAY_S),
    "ten minutes a day ahead": Wrong(clock_s=lambda at_s: -drift(at_s)),
    "set back three hours": Wrong(clock_s=lambda at_s: -10_800.0 if at_s >= 905 else 0.0),
    "set ahead two hours": Wrong(clock_s=lambda at_s: 7200.0 if at_s >= 905 else 0.0),
    "set right": Wrong(clock_s=lambda at_s: -86_400.0 if at_s < 905 else 0.0),
}
RIGHT = Wrong(clock_s=lambda _: 0.0)


def stage_m(at_s: float) -> float:
    """Return the river: over danger twice in the hour."""
    return 4.2 + 0.6 * math.sin(at_s / 1800 * math.tau)


class Hub:
    """Intake and watch behind one node."""

    def __init__(self, folder: Path, wrong: Wrong) -> None:
        folder.mkdir()
        self.wrong = wrong
        self.clock = HandClock(NOON_US)
        self.door = Door(folder, NETWORK, clock=self.clock)
        self.watch = Watch(
            path=self.door.database, network=NETWORK, rules=RULES, composer=compose,
            people=People(persons={}, shifts=(), policies={}), clock=self.clock,
            health=Health(), wake=lambda *_: None,
        )  # fmt: skip
        self.door.run()  # the backlog is through

    def send(self, number: int) -> None:
        """Let the node read, stamp and send once, and the hub take it in."""
        at_s = number * EVERY_S
        stamp_us = self.clock.now_us() + round(self.wrong.clock_s(at_s) * S)
        up_s = UP_AT_NOON_S + at_s + self.wrong.up_s(at_s)
        one = {"ds": "stage", "t": iso(stamp_us), "r": round(stage_m(at_s), 4), "u": "m"}
        self.door.put(message(number, one, sent=iso(stamp_us), up=round(up_s, 3)))
        self.clock.advance(0.2)  # under way
        self.door.run()
        while self.watch.step():
            pass
        self.clock.advance(EVERY_S - 0.2)

    def run(self) -> None:
        """Send all messages."""
        for number in range(MESSAGES):
            self.send(number)
        self.watch.close()

    def errors_s(self) -> list[float]:
        """Return how far each stored time is from the true one."""
        return [
            abs(time_us - NOON_US - number * EVERY_S * S) / S
            for number, (time_us, _) in enumerate(self.door.rows())
        ]

    def dangers(self) -> list[tuple[str, float | None]]:
        """Return each step of the danger with the value that decided it."""
        book = Book(self.door.connection)
        return [
            (entry.kind, entry.body["value"])
            for incident in book.incidents(100)
            if incident.hazard is Hazard.FLOOD
            for entry in book.timeline(incident.id)
            if "value" in entry.body
        ]

    def maintenance(self) -> list[str]:
        """Return the steps of the clock's condition."""
        book = Book(self.door.connection)
        return [
            entry.kind
            for incident in book.incidents(100)[::-1]
            if incident.hazard is Hazard.SENSOR
            for entry in book.timeline(incident.id)
            if str(entry.body.get("key", "")).startswith("node-clock:")
        ]


@pytest.fixture(scope="module")
def twin(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, float | None]]:
    """Return what a node with a right clock makes of the same river."""
    hub = Hub(tmp_path_factory.mktemp("twin") / "hub", RIGHT)
    hub.run()
    assert max(hub.errors_s()) == 0
    assert len(hub.dangers()) >= 3
    assert hub.maintenance() == []
    return hub.dangers()


@pytest.fixture(scope="module", params=sorted(WRONG))
def hub(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Hub:
    """Return a hub that heard such a node for forty minutes."""
    made = Hub(tmp_path_factory.mktemp("wrong") / "hub", WRONG[request.param])
    made.run()
    return made


def test_a_wrong_clock_changes_no_incident(hub: Hub, twin: list[tuple[str, float | None]]) -> None:
    """Every reading is kept and judged, the time is right to 2 s once the error is known."""
    errors = hub.errors_s()
    assert len(errors) == MESSAGES
    worst = [abs(hub.wrong.clock_s(n * EVERY_S)) for n in range(MESSAGES)]
    assert all(e < 2 for e, w in zip(errors, worst, strict=True) if w > 62)
    assert max(errors) <= 62  # below a minute nothing is corrected
    assert hub.dangers() == twin


def test_a_wrong_clock_is_a_maintenance_condition(hub: Hub) -> None:
    """It is raised once known, stands while it is wrong, and is cleared when it is right."""
    steps = hub.maintenance()
    assert steps[0] == "raised"
    assert steps.count("raised") == 1
    right_at_the_end = abs(hub.wrong.clock_s(MESSAGES * EVERY_S)) < 60
    assert ("cleared" in steps) == right_at_the_end
    assert any(raw is not None for (raw,) in hub.door.rows("raw_us"))


def sent(at_s: float, behind_s: float, up_s: float | None) -> Sending:
    """Return a sending of a node whose clock is behind, received a moment later."""
    received = NOON_US + round(at_s * S)
    stamp = received - round(behind_s * S) - S // 5
    return Sending(received_us=received, sent_us=stamp, up_s=up_s, settled=True)


@pytest.mark.parametrize(
    "up_s",
    [
        lambda _: 0.0,  # frozen
        lambda at_s: at_s * 1000,  # in milliseconds
        lambda at_s: at_s if at_s < 300 else at_s - 4_294_967,  # wrapped
        lambda at_s: -at_s,
        lambda _: 1e300,
    ],
    ids=["frozen", "milliseconds", "wrapped", "backwards", "huge"],
)
def test_a_wrong_count_of_seconds_makes_no_clock_wrong(up_s: Callable[[float], float]) -> None:
    """A node whose ``up`` cannot be believed keeps the clock that it has."""
    clocks = NodeClocks(60 * S)
    for at_s in range(0, 1200, 10):
        start = clocks.observe("gauge", BOOT, sent(at_s, 0.0, up_s(at_s)))
        assert start.behind_us == 0


def test_at_the_border_of_the_tolerance_nothing_flutters() -> None:
    """An error that wavers about a minute is corrected, or not, but not in turns."""
    clocks = NodeClocks(60 * S)
    found = [
        clocks.observe("gauge", BOOT, sent(at_s, -60.0 + 0.5 * math.sin(at_s), None)).behind_us
        for at_s in range(0, 3600, 10)
    ]
    turns = sum((a == 0) != (b == 0) for a, b in itertools.pairwise(found))
    assert turns <= 1
