"""A city of many sites in a few cells on a real store, with respond and an outbox that sends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.clock import HandClock
from hub.dispatch.base import masked
from hub.dispatch.storm import StormLimits
from hub.dispatch.text import compose
from hub.flow.desk import Paging
from hub.flow.health import Health
from hub.flow.record import record_transitions
from hub.flow.respond import Respond
from hub.model.catalogue import Catalogue
from hub.model.network import Cell, Datastream, Hazard, Network, Severity, Site
from hub.model.notification import NotificationState
from hub.model.response import EscalationPolicy, EscalationStep, People, Person, Shift
from hub.model.transition import Change, Evidence, Kind, Transition
from hub.store.book import Book
from hub.store.database import open_database, transaction
from hub.store.log import Log
from hub.store.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hub.model.book import ActionResult
    from hub.model.incident import ActionKind
    from hub.model.notification import Notification

START_US = 1_795_500_000_000_000
SECOND_US = 1_000_000
CELLS = 4
RING = ((120.0, 30.0), (121.0, 30.0), (121.0, 31.0), (120.0, 31.0), (120.0, 30.0))
STEPS = tuple(
    EscalationStep(notify=(who,), by=("sms", "chat"), wait_s=300.0, receipt_s=60.0)
    for who in ("responsible", "deputy", "on-call:duty")
)


def person(name: str, number: int, language: str = "zh") -> Person:
    """Return somebody with a telephone and a chat."""
    ways = (("sms", f"+86130000{number:05d}"), ("chat", f"https://chat/{name}"))
    return Person(id=name, name_en=name, name_zh=name, language=language, addresses=ways)


def people_of(cells: int) -> People:
    """Return a responsible person and a deputy of each cell, and one on duty."""
    persons = [person(f"r{n}", n) for n in range(cells)]
    persons += [person(f"d{n}", 100 + n, "en") for n in range(cells)]
    persons.append(person("duty", 999))
    return People(
        persons={p.id: p for p in persons},
        shifts=(Shift(roster="duty", person="duty"),),
        policies={"default": EscalationPolicy(name="default", steps=STEPS, repeat=1)},
    )


def network_of(sites: int, cells: int) -> Network:
    """Return sites spread over the cells in turn, each with one gauge."""
    names = [f"s{n}" for n in range(sites)]
    return Network(
        sites={
            name: Site(
                id=name, name_en=f"Site {n}", name_zh=f"{n}号点", latitude=30.5, longitude=120.5,
                cell=f"c{n % cells}",
            )
            for n, name in enumerate(names)
        },
        cells={
            f"c{n}": Cell(
                id=f"c{n}", name_en=f"Cell {n}", name_zh=f"网格{n}", responsible=f"r{n}",
                deputy=f"d{n}", ring=RING,
            )
            for n in range(cells)
        },
        datastreams={
            (name, "stage"): Datastream(
                slot=-1, site=name, node=name, name="stage", unit="m", hazard=Hazard.FLOOD
            )
            for name in names
        },
        nodes={name: name for name in names},
    )  # fmt: skip


class City:
    """The store of one hub; every SMS that leaves is in ``calls`` as (second, note)."""

    def __init__(self, path: Path, sites: int, cells: int = CELLS) -> None:
        self.path = path
        self.network, self.people = network_of(sites, cells), people_of(cells)
        self.clock = HandClock(START_US)
        self.paging = Paging(
            receipts=frozenset({"sms"}), limited=frozenset({"sms"}), limits=StormLimits()
        )
        self.connection = open_database(path)
        self.log, self.book = Log(self.connection), Book(self.connection)
        self.catalogue = Catalogue(self.network)
        with transaction(self.connection):
            for slot, (node, name) in enumerate(self.network.datastreams):
                row = (slot, node, name, node)
                self.connection.execute(
                    "INSERT INTO datastream (slot, node, name, site) VALUES (?, ?, ?, ?)", row
                )
                self.catalogue.add(slot, node, node, name, "")
        self.outbox = Outbox(self.connection, masked)
        self.calls: list[tuple[int, Notification]] = []
        self.offset = 10
        self.start()

    def start(self) -> None:
        """Start a respond loop on the store, as after a kill."""
        self.respond = Respond(
            database=self.path, clock=self.clock, health=Health(), wake=lambda *_: None,
            network=self.network, people=self.people, composer=compose, paging=self.paging,
            backlog_wait_s=0.0,
        )  # fmt: skip

    def close(self) -> None:
        """Let go of the files."""
        self.respond.close()
        self.connection.close()

    def flood(
        self, site: int, severity: Severity = Severity.EXTREME, change: Change = Change.RAISED
    ) -> Transition:
        """Return a danger at one site, at the next offset."""
        self.offset += 1
        return Transition(
            key=f"level:s{site}/stage", change=change, kind=Kind.WORLD, severity=severity,
            time_us=self.clock.now_us(), offset=self.offset, slot=site,
            evidence=Evidence(
                detector="level", words_en="over danger", words_zh="超危险水位", value=4.82,
                limit=4.5, limit_name="danger", unit="m",
            ),
        )  # fmt: skip

    def see(self, *steps: Transition) -> None:
        """Record transitions as watch does."""
        with transaction(self.connection):
            self.record(steps)

    def record(self, steps: Sequence[Transition]) -> None:
        """Record inside the open transaction."""
        record_transitions(
            self.connection, steps, catalogue=self.catalogue, network=self.network,
            people=self.people, now_us=self.clock.now_us(), composer=compose, paging=self.paging,
        )  # fmt: skip

    def send(self, state: NotificationState = NotificationState.DELIVERED) -> None:
        """Let everything that may leave leave, and the provider report ``state``."""
        for channel in ("sms", "chat"):
            for note in self.outbox.claim(
                channel, free=1000, spare=1000, now_us=self.clock.now_us(), real_s=0.0, lease_s=30
            ):
                self.calls.append(((self.clock.now_us() - START_US) // SECOND_US, note))
                if state is NotificationState.FAILED:
                    self.outbox.failed(note, "refused", self.clock.now_us())
                    continue
                provider = f"SM{len(self.calls)}"
                self.outbox.sent(note, provider, self.clock.now_us())
                self.outbox.reported(provider, state, "", "", self.clock.now_us())

    def settle(self) -> None:
        """Let respond do all that waits."""
        while self.respond.step():
            pass

    def pass_s(self, seconds: int, every: int = 1) -> None:
        """Let time pass in small steps, with respond and the outbox at work."""
        for _ in range(0, seconds, every):
            self.clock.advance(every)
            self.settle()
            self.send()

    def act(self, kind: ActionKind, target: str, by: str) -> ActionResult:
        """Append an action as a door does and return what respond made of it."""
        offset = self.log.append_action(kind, target, by, "cli", {}, self.clock.now_us())
        self.settle()
        result = self.book.action_result(offset)
        assert result is not None
        return result

    def sms(self, person_id: str) -> list[tuple[int, str]]:
        """Return (second, text) of each SMS that this person was sent."""
        return [(s, n.text) for s, n in self.calls if (n.person, n.channel) == (person_id, "sms")]

    def hidden(self) -> list[str]:
        """Return the incidents of which nobody was told by anything that left."""
        rows = self.connection.execute(
            "SELECT code FROM incident WHERE hazard <> 'hub' AND id NOT IN"
            " (SELECT incident FROM notification WHERE state IN ('sent', 'delivered'))"
        )
        return [code for (code,) in rows]
