"""A small town on a real store: two sites in one cell, three people, a hand-set clock."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from hub.clock import HandClock
from hub.dispatch.text import compose
from hub.flow.desk import Paging
from hub.flow.health import Health
from hub.flow.record import Recorded, record_transitions
from hub.flow.respond import Respond
from hub.model.book import ActionResult, Deadline, DeadlineKind
from hub.model.catalogue import Catalogue
from hub.model.network import Cell, Datastream, Hazard, Network, Severity, Site
from hub.model.notification import Notification, NotificationState
from hub.model.response import EscalationPolicy, EscalationStep, People, Person, Shift
from hub.model.transition import Change, Evidence, Kind, Transition
from hub.store.book import Book
from hub.store.database import open_database, transaction
from hub.store.log import Log

if TYPE_CHECKING:
    from pathlib import Path

    from hub.model.incident import ActionKind, Incident

START_US = 1_795_500_000_000_000  # 2026-11-24, 14:00 in Shanghai
MINUTE_US = 60_000_000

NETWORK = Network(
    sites={
        "bridge": Site(
            id="bridge", name_en="Qingxi bridge", name_zh="青溪桥", latitude=30.5, longitude=120.5
        ),
        "school": Site(
            id="school", name_en="School", name_zh="小学", latitude=30.6, longitude=120.6
        ),
    },
    cells={
        "c1": Cell(
            id="c1",
            name_en="Cell 1",
            name_zh="一号网格",
            responsible="li",
            deputy="wang",
            ring=((120.0, 30.0), (121.0, 30.0), (121.0, 31.0), (120.0, 31.0), (120.0, 30.0)),
        )
    },
    datastreams={
        ("gauge", "stage"): Datastream(
            slot=-1, site="bridge", node="gauge", name="stage", unit="m", hazard=Hazard.FLOOD
        ),
        ("hall", "smoke"): Datastream(
            slot=-1, site="school", node="hall", name="smoke", hazard=Hazard.FIRE
        ),
    },
    nodes={"gauge": "bridge", "hall": "school"},
)
LI = Person(
    id="li",
    name_en="Li",
    name_zh="李",
    addresses=(("sms", "+8613000000001"), ("chat", "https://chat/li")),
)
WANG = Person(
    id="wang",
    name_en="Wang",
    name_zh="王",
    language="en",
    addresses=(("sms", "+8613000000002"),),
)
ZHAO = Person(id="zhao", name_en="Zhao", name_zh="赵", addresses=(("sms", "+8613000000003"),))
STEPS = (
    EscalationStep(notify=("responsible",), by=("sms", "chat"), wait_s=300.0, receipt_s=60.0),
    EscalationStep(notify=("deputy",), by=("sms",), wait_s=300.0, receipt_s=60.0),
    EscalationStep(notify=("on-call:duty",), by=("sms",), wait_s=300.0, receipt_s=60.0),
)
PEOPLE = People(
    persons={p.id: p for p in (LI, WANG, ZHAO)},
    shifts=(Shift(roster="duty", person="zhao"),),
    policies={"default": EscalationPolicy(name="default", steps=STEPS, repeat=1)},
)


def with_hub_policy(people: People) -> People:
    """Return ``people`` with an operator for the hub's own troubles."""
    step = EscalationStep(notify=("person:zhao",), by=("sms",), wait_s=300.0)
    policy = EscalationPolicy(name="hub", steps=(step,), repeat=0)
    return replace(people, policies={**people.policies, "hub": policy})


class Town:
    """The store of one hub with the real record and respond behind it."""

    def __init__(self, path: Path, people: People = PEOPLE) -> None:
        self.path = path
        self.people = people
        self.clock = HandClock(START_US)
        self.health = Health()
        self.woken: list[str] = []
        self.tokens = 0
        self.connection = open_database(path)
        self.log = Log(self.connection)
        self.book = Book(self.connection)
        self.paging = Paging(
            token=self.token, public_url="https://hub.example", receipts=frozenset({"sms"})
        )
        self.catalogue = Catalogue(NETWORK)
        self.learn()
        self.offset = 1000
        self.respond = self.start()

    def learn(self) -> None:
        """Give every declared datastream its row, as intake does."""
        with transaction(self.connection):
            for slot, (node, name) in enumerate(NETWORK.datastreams):
                site = NETWORK.nodes[node]
                self.connection.execute(
                    "INSERT OR IGNORE INTO datastream (slot, node, name, site) VALUES (?, ?, ?, ?)",
                    (slot, node, name, site),
                )
                self.catalogue.add(slot, site, node, name, "")

    def token(self) -> str:
        """Return a token that tests can foresee."""
        self.tokens += 1
        return f"token{self.tokens}"

    def start(self) -> Respond:
        """Return a new respond loop on the same store."""
        return Respond(
            database=self.path,
            clock=self.clock,
            health=self.health,
            wake=lambda *names: self.woken.extend(names),
            network=NETWORK,
            people=self.people,
            composer=compose,
            paging=self.paging,
            backlog_wait_s=0.0,
        )

    def restart(self) -> None:
        """End the respond loop as a kill would and start another."""
        self.respond.close()
        self.respond = self.start()

    def close(self) -> None:
        """Let go of the files."""
        self.respond.close()
        self.connection.close()

    def settle(self) -> None:
        """Let respond do all that waits."""
        while self.respond.step():
            pass

    def pass_s(self, seconds: float) -> None:
        """Let time pass and respond do what is due."""
        self.clock.advance(seconds)
        self.settle()

    def see(self, *transitions: Transition) -> Recorded:
        """Record transitions as watch does."""
        with transaction(self.connection):
            return self.record(transitions)

    def record(self, transitions: tuple[Transition, ...]) -> Recorded:
        """Record inside the open transaction."""
        return record_transitions(
            self.connection,
            transitions,
            catalogue=self.catalogue,
            network=NETWORK,
            people=self.people,
            now_us=self.clock.now_us(),
            composer=compose,
            paging=self.paging,
        )

    def flood(
        self,
        change: Change = Change.RAISED,
        severity: Severity = Severity.EXTREME,
        key: str = "level:gauge/stage",
        *,
        found_late: bool = False,
        time_us: int | None = None,
    ) -> Transition:
        """Return a transition of the river gauge now, at the next offset."""
        return self.transition(
            key, change, severity, slot=0, found_late=found_late, time_us=time_us, value=4.82
        )

    def forecast(self, eta_s: float, high_s: float) -> Transition:
        """Return a warning that the river will reach danger in ``eta_s``."""
        step = self.transition(
            "forecast:gauge/stage", Change.RAISED, Severity.SEVERE, slot=0, value=4.0
        )
        evidence = replace(step.evidence, eta_s=eta_s, eta_low_s=0.0, eta_high_s=high_s)
        return replace(step, evidence=evidence)

    def measure(self, *results: float) -> None:
        """Put readings of the river gauge into the log, a minute apart, the last one now."""
        with transaction(self.connection):
            for back, result in enumerate(reversed(results)):
                time_us = self.clock.now_us() - back * MINUTE_US
                self.connection.execute(
                    "INSERT INTO observation (slot, time_us, tie, start_us, result, quality,"
                    " lateness, trusted, message, pos) VALUES (0, ?, 0, -1, ?, 1, 0, 1, 0, 0)",
                    (time_us, result),
                )

    def fault(self, change: Change = Change.RAISED, kind: Kind = Kind.FAULT) -> Transition:
        """Return a transition of the gauge's own trouble."""
        return self.transition(f"{kind}:gauge/stage", change, Severity.MODERATE, slot=0, kind=kind)

    def transition(
        self,
        key: str,
        change: Change,
        severity: Severity,
        *,
        slot: int,
        kind: Kind = Kind.WORLD,
        found_late: bool = False,
        time_us: int | None = None,
        value: float | None = None,
        site: str = "",
    ) -> Transition:
        """Return any transition at the next offset of the log."""
        self.offset += 1
        return Transition(
            key=key,
            change=change,
            kind=kind,
            severity=severity,
            time_us=self.clock.now_us() if time_us is None else time_us,
            offset=self.offset,
            slot=slot,
            site=site,
            evidence=Evidence(
                detector="level",
                words_en="over danger",
                words_zh="超危险水位",
                value=value,
                limit=4.5,
                limit_name="danger",
                unit="m",
                trend_per_h=0.31,
            ),
            found_late=found_late,
        )

    def act(
        self,
        kind: ActionKind,
        target: str = "",
        by: str = "li",
        via: str = "cli",
        **details: object,
    ) -> ActionResult:
        """Append an action as a door does, let respond apply it, and return the answer."""
        offset = self.log.append_action(
            kind,
            target,
            by,
            via,
            details,
            self.clock.now_us(),  # type: ignore[arg-type]
        )
        self.settle()
        result = self.book.action_result(offset)
        assert result is not None
        return result

    def only(self) -> Incident:
        """Return the one open incident."""
        (incident,) = self.book.open_incidents()
        return incident

    def pages(self, *, state: NotificationState | None = None) -> list[Notification]:
        """Return every notification in the order it was made, of ``state`` if given."""
        every = "SELECT id FROM notification ORDER BY created_us, step, id"
        notes = [self.book.notification(row[0]) for row in self.connection.execute(every)]
        return [n for n in notes if n is not None and (state is None or n.state is state)]

    def told(self) -> list[tuple[str, str, str]]:
        """Return (person, channel, purpose) of every notification not cancelled."""
        kept = [n for n in self.pages() if n.state is not NotificationState.CANCELLED]
        return [(n.person, n.channel, str(n.purpose)) for n in kept]

    def mark(self, state: NotificationState, note: Notification | None = None) -> None:
        """Bring ``note`` (or all that wait) to ``state`` and set its timer, as deliver does."""
        waiting = (NotificationState.PENDING, NotificationState.SENT)
        for one in [note] if note else [n for n in self.pages() if n.state in waiting]:
            with transaction(self.connection):
                self.connection.execute(
                    "UPDATE notification SET state = ?, attempt = 1 WHERE id = ?", (state, one.id)
                )
                if state is NotificationState.FAILED:
                    self.book.put_deadline(failed(one, self.clock.now_us()))

    def kinds(self, incident: str) -> list[str]:
        """Return the kinds of the incident's timeline, in order."""
        return [entry.kind for entry in self.book.timeline(incident)]


def failed(note: Notification, now_us: int) -> Deadline:
    """Return the timer that deliver sets when a notification fails."""
    return Deadline(
        id=f"failed:{note.id}",
        kind=DeadlineKind.FAILED,
        incident=note.incident,
        notification=note.id,
        severity_rank=note.severity.rank,
        due_us=now_us,
        created_us=now_us,
    )
