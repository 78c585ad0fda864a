"""Writes observations into a real log as intake commits them, and builds a watch on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from hub.clock import HandClock
from hub.dispatch.text import compose
from hub.flow.health import Health
from hub.flow.watch import Watch
from hub.model.network import Cell, Network, Severity, Site
from hub.model.observation import Lateness, Quality, batch_of
from hub.model.response import EscalationPolicy, EscalationStep, People, Person
from hub.model.rule import Rule
from hub.store.book import Book
from hub.store.database import open_database, transaction
from hub.store.log import Log
from tests.detect.gauges import SECOND, START_US, gauge

if TYPE_CHECKING:
    from pathlib import Path

    from hub.model.network import Datastream
    from hub.model.observation import Batch

RULES = (
    Rule(name="level", detector="level"),
    Rule(name="rate", detector="rate", severity=Severity.MODERATE, options={"limit_per_h": 2.0}),
    Rule(name="forecast", detector="forecast", severity=Severity.SEVERE),
    Rule(name="silence", detector="stale", severity=Severity.MINOR),
    Rule(name="shift", detector="cusum", severity=Severity.MODERATE),
    Rule(name="fault", detector="fault", severity=Severity.MINOR),
    Rule(name="fire", detector="joint_rise", severity=Severity.EXTREME),
    Rule(name="neighbours", detector="neighbours"),
)
STEP = EscalationStep(notify=("person:li",), by=("sms",), wait_s=300.0)
PEOPLE = People(
    persons={
        name: Person(id=name, name_en=name, name_zh=name, addresses=(("sms", "+8613000000001"),))
        for name in ("li", "wang")
    },
    shifts=(),
    policies={"default": EscalationPolicy(name="default", steps=(STEP,))},
)
RING = ((120.0, 30.0), (121.0, 30.0), (121.0, 31.0), (120.0, 31.0), (120.0, 30.0))


def network_of(*streams: Datastream) -> Network:
    """Return one site in one cell with ``streams`` declared."""
    place = {"name_en": "Bridge", "name_zh": "桥"}
    return Network(
        sites={"bridge": Site(id="bridge", latitude=30.5, longitude=120.5, cell="c1", **place)},
        cells={"c1": Cell(id="c1", responsible="li", deputy="wang", ring=RING, **place)},
        datastreams={(stream.node, stream.name): stream for stream in streams},
        nodes={stream.node: "bridge" for stream in streams},
    )


class Bench:
    """A real log in a file, a clock set by hand, and watches that come and go on them."""

    def __init__(self, path: Path, *streams: Datastream) -> None:
        self.path, self.clock, self.health = path, HandClock(START_US), Health()
        self.streams = streams or (gauge(0),)
        self.network = network_of(*self.streams)
        self.connection = open_database(path)
        self.log, self.book = Log(self.connection), Book(self.connection)
        rows = [(s.slot, s.node, s.name, s.site, s.unit) for s in self.streams]
        self.connection.executemany(
            "INSERT INTO datastream (slot, node, name, site, unit) VALUES (?, ?, ?, ?, ?)", rows
        )
        self.hear()

    def hear(self, *, connected: bool = True) -> None:
        """Say that intake is connected and caught up, or is not."""
        self.log.append_control(
            "connected", self.clock.now_us(), "intake", {"connected": connected}
        )

    def watch(self, **given: Any) -> Watch:  # noqa: ANN401  any of its arguments
        """Return a watch on the log."""
        return Watch(
            **{
                "path": self.path,
                "network": self.network,
                "people": PEOPLE,
                "rules": RULES,
                "composer": compose,
                "clock": self.clock,
                "health": self.health,
                "wake": lambda *_: None,
                **given,
            }
        )

    def write(
        self,
        *results: float | None,
        slot: int = 0,
        at_s: float = 0.0,
        step_s: float = 60.0,
        **flags: int,
    ) -> Batch:
        """Commit readings of one stream, true from ``at_s`` seconds on, received now."""
        quality = flags.get("quality", Quality.PASS)
        lateness = flags.get("lateness", Lateness.LIVE)
        received = self.clock.now_us()
        times = [START_US + round((at_s + i * step_s) * SECOND) for i in range(len(results))]
        with transaction(self.connection):
            first = self.log.take_offsets(len(results))
            (message,) = self.connection.execute(
                "SELECT coalesce(max(id), 0) + 1 FROM message"
            ).fetchone()
            self.connection.execute(
                "INSERT INTO message VALUES (?, ?, 'boot', ?, ?, NULL, x'00')",
                (message, self.streams[0].node, message, received),
            )
            rows = [
                (first + i, slot, t, t, r, quality, lateness, received, message)
                for i, (t, r) in enumerate(zip(times, results, strict=True))
            ]
            self.connection.executemany(
                'INSERT INTO observation ("offset", slot, time_us, tie, start_us, result, quality,'
                " lateness, trusted, message, pos) VALUES (?, ?, ?, 0, ?, ?, ?, ?, 1, ?, ?)",
                [(*row[:7], message, i) for i, row in enumerate(rows)],
            )
        return batch_of(rows)

    def live(
        self, *results: float | None, slot: int = 0, step_s: float = 60.0, **flags: int
    ) -> None:
        """Let time pass and commit one reading after the other as it is true."""
        for result in results:
            self.clock.advance(step_s)
            at_s = (self.clock.now_us() - START_US) / SECOND
            self.write(result, slot=slot, at_s=at_s, **flags)

    def timeline(self) -> list[tuple[str, str, str]]:
        """Return what was recorded of every incident: hazard, kind of entry, body."""
        return [
            tuple(row)
            for row in self.connection.execute(
                "SELECT i.hazard, t.kind, t.body FROM timeline t JOIN incident i "
                "ON i.id = t.incident ORDER BY t.id"
            )
        ]

    def pages(self) -> int:
        """Return how many pages are in the outbox."""
        (count,) = self.connection.execute(
            "SELECT count(*) FROM notification WHERE purpose = 'page'"
        ).fetchone()
        return int(count)

    def conditions(self) -> dict[str, int]:
        """Return each condition that was ever raised, and whether it stands."""
        return dict(self.connection.execute("SELECT key, standing FROM condition"))


def until_idle(watch: Watch, most: int = 1000) -> None:
    """Step until nothing is waiting."""
    for _ in range(most):
        if not watch.step():
            return
    raise AssertionError("watch never comes to rest")


def noise(length: int, seed: int = 3, size: float = 0.01) -> np.ndarray:
    """Return repeatable noise."""
    return size * np.random.default_rng(seed).standard_normal(length)
