"""Whatever people, sensors, providers and kills do in any order, these things stay true."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from town import MINUTE_US, Town

from hub.model.book import DeadlineKind
from hub.model.incident import ActionKind, Presence, Status
from hub.model.network import Hazard, Severity
from hub.model.notification import NotificationState
from hub.model.transition import Change, Kind

SEVERITIES = st.sampled_from([Severity.MINOR, Severity.MODERATE, Severity.EXTREME])
PEOPLE = st.sampled_from(["li", "wang", "zhao", "stranger"])
ANSWERS = st.sampled_from(
    [
        ActionKind.ACKNOWLEDGE,
        ActionKind.ARRIVED,
        ActionKind.ESCALATE,
        ActionKind.RESOLVE,
        ActionKind.STAND_DOWN,
        ActionKind.FALSE_ALARM,
    ]
)
PAGING = (DeadlineKind.ESCALATE, DeadlineKind.RECEIPT, DeadlineKind.FAILED)
UNSENT = (NotificationState.PENDING, NotificationState.DEFERRED)
PAGES = ("page", "worsened", "drill", "hub")


class Machine(RuleBasedStateMachine):
    """One town, its sensors and its people."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.town = Town(Path(self.folder.name) / "hub.db")
        self.town.connection.execute("PRAGMA synchronous=OFF")
        self.town.respond._connection.execute("PRAGMA synchronous=OFF")
        self.standing: dict[tuple[int, str], Severity] = {}
        self.versions: dict[str, int] = {}

    def teardown(self) -> None:
        """Let go of the files."""
        self.town.close()
        self.folder.cleanup()

    @rule(
        slot=st.sampled_from([0, 1]),
        name=st.sampled_from(["level", "rate"]),
        severity=SEVERITIES,
    )
    def rise(self, slot: int, name: str, severity: Severity) -> None:
        """A condition is raised, worsens or eases, as a detector would say."""
        before = self.standing.get((slot, name))
        change = Change.RAISED
        if before is not None:
            change = Change.WORSENED if severity.rank > before.rank else Change.EASED
            if severity is before:
                return
        self.standing[slot, name] = severity
        self.town.see(
            self.town.transition(f"{name}:{slot}", change, severity, slot=slot, value=1.5)
        )

    @rule(slot=st.sampled_from([0, 1]), name=st.sampled_from(["level", "rate"]))
    def clear(self, slot: int, name: str) -> None:
        """A standing condition clears."""
        severity = self.standing.pop((slot, name), None)
        if severity is not None:
            key = f"{name}:{slot}"
            self.town.see(self.town.transition(key, Change.CLEARED, severity, slot=slot, value=0.5))

    @rule(slot=st.sampled_from([0, 1]), change=st.sampled_from([Change.RAISED, Change.CLEARED]))
    def silence(self, slot: int, change: Change) -> None:
        """A stream falls silent or speaks again."""
        self.town.see(
            self.town.transition(
                f"stale:{slot}", change, Severity.MODERATE, slot=slot, kind=Kind.SILENCE
            )
        )

    @rule(kind=ANSWERS, by=PEOPLE, index=st.integers(0, 3), via=st.sampled_from(["sms", "cli"]))
    def answer(self, kind: ActionKind, by: str, index: int, via: str) -> None:
        """Somebody does something with one of the open incidents."""
        codes = [i.code for i in self.town.book.open_incidents()]
        target = codes[index] if index < len(codes) else ""
        self.town.act(kind, target, by=by, via=via)

    @rule(what=st.sampled_from(["gauge/stage", "hall", "bridge"]), minutes=st.integers(1, 20))
    def mute(self, what: str, minutes: int) -> None:
        """Somebody cleans something."""
        until_us = self.town.clock.now_us() + minutes * MINUTE_US
        self.town.act(ActionKind.MUTE, what, reason="cleaning", until_us=until_us)

    @rule(what=st.sampled_from(["gauge/stage", "hall", "bridge"]))
    def unmute(self, what: str) -> None:
        """Somebody is done, or thinks so."""
        self.town.act(ActionKind.UNMUTE, what)

    @rule(
        state=st.sampled_from(
            [
                NotificationState.SENT,
                NotificationState.DELIVERED,
                NotificationState.FAILED,
                NotificationState.DEFERRED,
            ]
        )
    )
    def deliver(self, state: NotificationState) -> None:
        """The provider says the same of all that waits."""
        self.town.mark(state)
        self.town.settle()

    @rule(seconds=st.sampled_from([1, 59, 60, 299, 300, 900, 4000]))
    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.town.pass_s(seconds)

    @rule()
    def restart(self) -> None:
        """The hub is killed and started; alone this changes nothing."""
        before = self.everything()
        self.town.restart()
        self.town.respond._connection.execute("PRAGMA synchronous=OFF")
        self.town.settle()
        assert self.everything() == before

    @precondition(lambda self: self.town.book.open_incidents())
    @rule(by_s=st.sampled_from([-3600.0, 3600.0]))
    def step_clock(self, by_s: float) -> None:
        """A time server steps the clock; nobody is paged because of it."""
        before = len(self.town.pages())
        self.town.clock.step(by_s)
        self.town.settle()
        assert len(self.town.pages()) == before

    def everything(self) -> list[str]:
        """Return the whole store as text."""
        return list(self.town.connection.iterdump())

    @invariant()
    def nobody_waits_for_nothing(self) -> None:
        """A danger that nobody took has a timer running, whatever became of its rounds."""
        for incident in self.town.book.open_incidents():
            if incident.hazard in (Hazard.SENSOR, Hazard.HUB):
                continue
            kinds = {d.kind for d in self.town.book.deadlines(incident.id)}
            if incident.status is Status.TRIGGERED and not incident.drill:
                assert DeadlineKind.ESCALATE in kinds
            assert self.town.book.notifications(incident.id)

    @invariant()
    def an_answer_stops_paging(self) -> None:
        """What somebody took or closed has no timer that pages and no page that waits."""
        for incident in self.town.book.incidents(100):
            if incident.status is Status.TRIGGERED:
                continue
            assert not [d for d in self.town.book.deadlines(incident.id) if d.kind in PAGING]
            notes = self.town.book.notifications(incident.id)
            assert not [n for n in notes if n.state in UNSENT and n.purpose in PAGES]

    @invariant()
    def one_incident_per_site_and_hazard(self) -> None:
        """Open incidents differ in site and hazard, and in their code."""
        opened = self.town.book.open_incidents()
        assert len({(i.site, i.hazard) for i in opened}) == len(opened)
        assert len({i.code for i in opened}) == len(opened)

    @invariant()
    def presence_is_what_is_measured(self) -> None:
        """An open incident is present while something of it stands; a muted one says nothing."""
        for incident in self.town.book.open_incidents():
            conditions = self.town.book.conditions(incident.id)
            present = incident.presence is Presence.PRESENT
            assert present or not any(c.standing and not c.muted for c in conditions), incident
            assert not present or any(c.standing or c.muted for c in conditions), incident

    @invariant()
    def nothing_muted_is_forgotten(self) -> None:
        """A muted condition is under a mute that still holds; its end will tell."""
        if self.town.book.muted_conditions():
            assert self.town.book.mutes(self.town.clock.now_us())

    @invariant()
    def versions_only_rise(self) -> None:
        """Each change of an incident is one version on."""
        for incident in self.town.book.incidents(100):
            assert incident.version >= self.versions.get(incident.id, 1)
            self.versions[incident.id] = incident.version


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=30,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
