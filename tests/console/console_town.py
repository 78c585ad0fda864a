"""A small real town for the console's tests: one store, real loops' own writing, hand-set time."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp.test_utils import TestClient

from hub.clock import MICROSECONDS, HandClock
from hub.console.deps import ConsoleDeps, ConsoleSettings
from hub.dispatch.text import compose
from hub.flow.desk import Paging
from hub.flow.health import Health
from hub.flow.record import record_transitions
from hub.flow.respond import Respond
from hub.model.catalogue import Catalogue
from hub.model.network import Cell, Datastream, Hazard, Level, Network, Resource, Severity, Site
from hub.model.response import EscalationPolicy, EscalationStep, People, Person
from hub.model.transition import Change, Evidence, Kind, Transition
from hub.store.book import Book
from hub.store.database import open_database, transaction
from hub.store.history import History
from hub.store.log import Log

Serve = Callable[..., AbstractAsyncContextManager[TestClient]]
Json = Any
START_US = 1_795_500_000 * MICROSECONDS  # 2026-11-24 in Asia/Shanghai
SQUARE = ((119.9, 30.1), (119.95, 30.1), (119.95, 30.15), (119.9, 30.15), (119.9, 30.1))
LEVELS = (
    Level(name="watch", severity=Severity.MODERATE, above=3.6),
    Level(name="danger", severity=Severity.EXTREME, above=4.5, hysteresis=0.15),
)


def stream(node: str, name: str, site: str, **more: object) -> Datastream:
    """Return a declared datastream without a slot."""
    return Datastream(slot=-1, site=site, node=node, name=name, declared=True, **more)  # type: ignore[arg-type]


STREAMS = (
    stream(
        "qx-bridge-01", "stage", "qingxi-bridge", unit="m", hazard=Hazard.FLOOD, interval_s=60.0,
        label_en="River stage", label_zh="河道水位", levels=LEVELS, observed_property="stage",
    ),
    stream(
        "qx-bridge-01", "rain", "qingxi-bridge", unit="mm", hazard=Hazard.FLOOD, interval_s=300.0,
        label_en="Rain in 5 minutes", label_zh="5 分钟雨量",
    ),
    stream(
        "mill-02", "smoke", "old-mill", unit="%/m", hazard=Hazard.FIRE, interval_s=10.0,
        room="attic", label_en="Smoke, attic", label_zh="阁楼烟雾",
    ),
    stream(
        "mill-02", "temp", "old-mill", unit="Cel", hazard=Hazard.FIRE, interval_s=10.0,
        room="attic", label_en="Temperature, attic", label_zh="阁楼温度",
    ),
    stream(
        "pump-07", "flow", "north-pumps", unit="L/min", hazard=Hazard.LEAK, interval_s=30.0,
        label_en="Night flow", label_zh="夜间流量",
    ),
)  # fmt: skip
NETWORK = Network(
    sites={
        "qingxi-bridge": Site(
            id="qingxi-bridge", name_en="Qingxi bridge", name_zh="青溪桥",
            latitude=30.12, longitude=119.93, cell="bridge-quarter",
        ),
        "old-mill": Site(
            id="old-mill", name_en="Old mill", name_zh="老磨坊",
            latitude=30.13, longitude=119.91, cell="mill-lane",
        ),
        "north-pumps": Site(
            id="north-pumps", name_en="North pump room", name_zh="城北泵房",
            latitude=30.14, longitude=119.94, cell="north",
        ),
    },
    cells={
        "bridge-quarter": Cell(
            id="bridge-quarter", name_en="Bridge quarter", name_zh="桥头片区",
            responsible="lin-wei", deputy="chen-yu", ring=SQUARE, residents=1840,
            resources=(Resource(kind="boat", name_en="inflatable boat", name_zh="橡皮艇"),),
        ),
        "mill-lane": Cell(
            id="mill-lane", name_en="Mill lane", name_zh="磨坊巷",
            responsible="amara", deputy="chen-yu", ring=SQUARE, residents=620,
        ),
        "north": Cell(
            id="north", name_en="North terrace", name_zh="城北台地",
            responsible="chen-yu", deputy="lin-wei", ring=SQUARE, residents=310,
        ),
    },
    datastreams={(s.node, s.name): s for s in STREAMS},
    nodes={s.node: s.site for s in STREAMS},
)  # fmt: skip
PEOPLE = People(
    persons={
        "lin-wei": Person(
            id="lin-wei", name_en="Lin Wei", name_zh="林薇",
            addresses=(("sms", "+8613800001234"),),
        ),
        "chen-yu": Person(
            id="chen-yu", name_en="Chen Yu", name_zh="陈宇",
            addresses=(("sms", "+8613800005678"),),
        ),
        "amara": Person(
            id="amara", name_en="Amara Okoye", name_zh="阿玛拉", language="en", zone="UTC",
            addresses=(("sms", "+15550100104"),),
        ),
    },
    shifts=(),
    policies={
        "default": EscalationPolicy(
            name="default",
            steps=(
                EscalationStep(notify=("responsible",), by=("sms",), wait_s=300.0),
                EscalationStep(notify=("deputy",), by=("sms",), wait_s=300.0),
            ),
        )
    },
)  # fmt: skip
EVIL = '<img src=x onerror="window.pwned=1"><script>window.pwned=1</script>\'"&'


@dataclass
class Town:
    """The store and what works on it; ``observe`` and ``find`` write as the loops do."""

    path: Path
    clock: HandClock = field(default_factory=lambda: HandClock(START_US))
    health: Health = field(default_factory=Health)
    network: Network = NETWORK
    people: People = PEOPLE
    reports: list[tuple[str, ...]] = field(default_factory=list)
    tokens: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.connection = open_database(self.path)
        self.log, self.book = Log(self.connection), Book(self.connection)
        for s in STREAMS:
            self.learn(s.node, s.name, s.site, s.unit)
        for name in ("broker", "intake", "watch", "respond", "deliver"):
            self.health.well(name)
        self.woken = threading.Event()
        self._stop = threading.Event()
        self._clerk: threading.Thread | None = None

    def learn(self, node: str, name: str, site: str, unit: str = "") -> None:
        """Give a datastream its row, as intake does."""
        with transaction(self.connection):
            self.connection.execute(
                "INSERT INTO datastream (node, name, site, unit) VALUES (?, ?, ?, ?)",
                (node, name, site, unit),
            )

    def catalogue(self) -> Catalogue:
        """Return the catalogue as the log has it now."""
        found = Catalogue(self.network)
        connection = open_database(self.path)
        for row in Log(connection).datastreams():
            found.add(row.slot, row.site, row.node, row.name, row.unit, learnt_s=row.learnt_s)
        connection.close()
        return found

    def slot(self, name: str) -> int:
        """Return the slot of ``node/name``."""
        slot = self.catalogue().slot_of(*name.split("/"))
        assert slot is not None
        return slot

    def observe(self, name: str, *points: tuple[float, float | None], **more: object) -> int:
        """Store (seconds before now, result) observations; return the last offset."""
        slot, now_us = self.slot(name), self.clock.now_us()
        with transaction(self.connection):
            first = self.log.take_offsets(len(points))
            for i, (ago_s, result) in enumerate(points):
                at_us = now_us - round(ago_s * MICROSECONDS)
                row = {
                    "offset": first + i, "slot": slot, "time_us": at_us, "tie": 0,
                    "start_us": at_us, "result": result, "quality": 1, "lateness": 0,
                    "trusted": 1, "message": 1, "pos": i, **more,
                }  # fmt: skip
                names = ", ".join(f'"{n}"' for n in row)
                self.connection.execute(
                    f"INSERT INTO observation ({names}) VALUES ({', '.join('?' * len(row))})",  # noqa: S608
                    tuple(row.values()),
                )
        return first + len(points) - 1

    def find(
        self, name: str, severity: Severity, *, change: Change = Change.RAISED, **more: object
    ) -> str:
        """Record one transition as watch does, with its pages; return the incident's id."""
        slot = self.slot(name)
        with transaction(self.connection):
            offset = self.log.take_offsets(1)
        evidence = more.pop("evidence", None) or self.evidence(name)
        transition = Transition(
            key=f"level:{name}", change=change, kind=more.pop("kind", Kind.WORLD),  # type: ignore[arg-type]
            severity=severity, time_us=self.clock.now_us(), offset=offset, slot=slot,
            evidence=evidence, **more,  # type: ignore[arg-type]
        )  # fmt: skip
        with transaction(self.connection) as connection:
            done = record_transitions(
                connection, [transition], catalogue=self.catalogue(), network=self.network,
                people=self.people, now_us=self.clock.now_us(), composer=compose,
                paging=self.paging(),
            )  # fmt: skip
        return done.incidents[0] if done.incidents else ""

    def paging(self) -> Paging:
        """Return paging whose links' tokens are remembered here."""

        def token() -> str:
            self.tokens.append(f"token-{len(self.tokens)}-" + "x" * 20)
            return self.tokens[-1]

        return Paging(
            token=token, public_url="https://hub.example", linked=frozenset({"sms"}),
            receipts=frozenset({"sms"}),
        )  # fmt: skip

    def evidence(self, name: str) -> Evidence:
        """Return what a level detector would keep of the newest hour of ``name``."""
        rows = self.connection.execute(
            "SELECT time_us, result, quality FROM observation WHERE slot = ? ORDER BY time_us",
            (self.slot(name),),
        ).fetchall()
        return Evidence(
            detector="level", rule="river level", words_en="stage 4.82 m, 0.32 m over danger",
            words_zh="水位 4.82 米，超危险水位 0.32 米", value=4.82, limit=4.5,
            limit_name="danger", unit="m", trend_per_h=0.18,
            parameters={"above": 4.5, "hysteresis": 0.15}, window=tuple(rows),
        )  # fmt: skip

    def deps(self, **settings: object) -> ConsoleDeps:
        """Return what the console needs, bound to this town."""
        return ConsoleDeps(
            database=self.path, clock=self.clock, health=self.health, network=self.network,
            people=self.people, catalogue=self.catalogue, history=History(self.path),
            settings=ConsoleSettings(**{"poll_s": 0.02, "values_s": 0.05, **settings}),  # type: ignore[arg-type]
            wake=lambda *_: self.woken.set(),
            deliver_status=lambda *report: self.reports.append(report),
        )  # fmt: skip

    def start_respond(self) -> None:
        """Run the real respond loop in a thread until ``close``."""
        self._clerk = threading.Thread(target=self._respond, daemon=True)
        self._clerk.start()

    def _respond(self) -> None:
        loop = Respond(
            database=self.path, clock=self.clock, health=self.health, wake=lambda *_: None,
            network=self.network, people=self.people, composer=compose, paging=self.paging(),
            backlog_wait_s=0.0,
        )  # fmt: skip
        while not self._stop.is_set():
            self.woken.wait(0.5)
            self.woken.clear()
            while loop.step():
                pass
        loop.close()

    def close(self) -> None:
        """Stop the respond loop and let go of the store."""
        self._stop.set()
        self.woken.set()
        if self._clerk:
            self._clerk.join(10)
        self.connection.close()

    def flood(self) -> str:
        """Let the river rise for an hour and record the flood; return the incident."""
        rise = [(float(60 * i), 4.82 - 0.02 * i) for i in range(60, -1, -1)]
        self.observe("qx-bridge-01/stage", *rise)
        return self.find("qx-bridge-01/stage", Severity.EXTREME)
