"""Turns "this incident pages" into rows of the outbox and the timers behind them.

Used by watch and respond inside their transactions: a page, its timers and the line
in the timeline are written together with the incident, or not at all.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hub.clock import MICROSECONDS
from hub.dispatch import escalation
from hub.dispatch.escalation import Contact, Reason
from hub.dispatch.roster import next_morning
from hub.flow.outgoing import PAGES, RECEIPT_S, Outgoing
from hub.model.book import DeadlineKind
from hub.model.incident import Status
from hub.model.network import Hazard, Severity
from hub.model.notification import NotificationState, Purpose
from hub.model.transition import Change, Evidence, Kind, Transition

if TYPE_CHECKING:
    from hub.dispatch.escalation import Plan
    from hub.flow.desk import Desk
    from hub.model.incident import Incident
    from hub.model.notification import Notification
    from hub.model.response import EscalationPolicy
    from hub.store.book import Book

DAY_HOURS: Final = (8, 20)  # maintenance is for working people, at the site's local time
TIMERS: Final = (DeadlineKind.ESCALATE, DeadlineKind.RECEIPT, DeadlineKind.FAILED)
LIVE: Final = frozenset(
    {NotificationState.PENDING, NotificationState.SENDING, NotificationState.SENT}
    | {NotificationState.DELIVERED, NotificationState.DEFERRED, NotificationState.HELD}
)
WAS_SENT: Final = frozenset(
    {NotificationState.SENDING, NotificationState.SENT, NotificationState.DELIVERED}
)


class Pager:
    """Writes what one decision at ``now_us`` makes people be told.

    Methods take an incident and return it with the step reached; the caller writes
    it. ``troubles`` are conditions of the hub that came up.
    """

    def __init__(self, book: Book, desk: Desk, now_us: int) -> None:
        self.book = book
        self.desk = desk
        self.now_us = now_us
        self.out = Outgoing(book, desk, now_us)
        self.troubles: list[Transition] = []

    def start(self, incident: Incident, purpose: Purpose) -> Incident:
        """Begin at the policy's first step; maintenance waits for the morning."""
        policy = self.desk.policy(incident)
        if policy is None:
            return incident
        first = escalation.next_round(policy, incident.step)
        due_us = self.working_hour(incident)
        if due_us > self.now_us:
            self.out.set_escalation(incident, step=first, first=first, due_us=due_us)
            return incident
        return self.advance(incident, step=first, first=first, purpose=purpose)

    def working_hour(self, incident: Incident) -> int:
        """Return when ``incident`` may page: now, but for maintenance at night."""
        site = self.desk.network.sites.get(incident.site)
        if incident.hazard is not Hazard.SENSOR or site is None:
            return self.now_us
        first, last = DAY_HOURS
        return next_morning(site.zone, self.now_us, first_hour=first, last_hour=last)

    def advance(
        self, incident: Incident, *, step: int, first: int, purpose: Purpose | None = None
    ) -> Incident:
        """Tell whom ``step`` (or the next that reaches somebody) names, and set its timer."""
        policy = self.desk.policy(incident) or self.desk.reserve()
        cell = self.desk.network.cells.get(incident.cell)
        due = escalation.plan(
            policy, self.desk.people, cell, at_us=self.now_us, step=step, first=first
        )
        self.book.drop_deadline(f"escalate:{incident.id}")
        self.say_why(incident, due)
        if Reason.EXHAUSTED in due.reasons:
            self.come_back(incident, policy, step=due.next_step)
            return replace(incident, step=max(incident.step, due.step))
        why = purpose or purpose_of(incident)
        soon = [
            self.out.send(
                incident, contact, why, due.step, receipt_s=due.receipt_s, again=step > first
            )
            for contact in due.contacts
        ]
        wait_us = round(due.wait_s * MICROSECONDS)
        if not any(soon) and due.next_step < escalation.next_round(policy, first):
            wait_us = 0  # a red danger does not wait for somebody's storm: the next person
        self.out.set_escalation(
            incident, step=due.next_step, first=first, due_us=self.now_us + wait_us
        )
        return replace(incident, step=due.step)

    def come_back(self, incident: Incident, policy: EscalationPolicy, *, step: int) -> None:
        """Set the timer of one more round: nobody took a danger in all of them.

        A provider that was away for hours, or a phone that was off: who sleeps through the
        first hour has to be called in the second.
        """
        if policy.again_s <= 0 or incident.drill or incident.hazard in (Hazard.SENSOR, Hazard.HUB):
            return
        due_us = self.now_us + round(policy.again_s * MICROSECONDS)
        first = step - len(policy.steps) * policy.repeat  # so that it is one round
        self.out.set_escalation(incident, step=step, first=first, due_us=due_us, over=True)

    def say_why(self, incident: Incident, due: Plan) -> None:
        """Put steps that told nobody on the timeline; be loud when nobody is left."""
        for step in due.skipped:
            self.out.note(incident, "skipped", {"step": step, "reason": str(Reason.EMPTY)})
        for reason in due.reasons:
            if reason in TROUBLES:
                self.out.note(incident, str(reason), {"step": due.step})
                self.trouble(incident, reason)
        if due.contacts:
            self.out.note(incident, "escalated", {"step": due.step, "people": len(due.contacts)})

    def trouble(self, incident: Incident, reason: Reason) -> None:
        """Raise a condition of the hub, unless it is the hub's own incident that has trouble."""
        if incident.hazard is Hazard.HUB or incident.drill:
            return
        words_en, words_zh = TROUBLES[reason]
        evidence = Evidence(
            detector="dispatch",
            words_en=f"{incident.code}: {words_en}",
            words_zh=f"{incident.code}：{words_zh}",
        )
        self.troubles.append(
            Transition(
                key=f"{reason}:{incident.id}",
                change=Change.RAISED,
                kind=Kind.HUB,
                severity=Severity.SEVERE,
                time_us=self.now_us,
                offset=0,
                slot=-1,
                site=incident.site,
                evidence=evidence,
            )
        )

    def retell(self, incident: Incident, purpose: Purpose) -> Incident:
        """Tell everyone paged so far that it is worse; their unsent pages are replaced.

        Whom no page can have reached yet gets a first page of the worse level.
        """
        pages = [n for n in self.book.notifications(incident.id) if n.purpose in PAGES]
        if not pages:
            return self.start(incident, purpose)
        warned = {n.person for n in pages if n.attempt}
        self.book.cancel_pages(incident.id, "replaced by a worse level")
        self.book.drop_deadlines(incident.id, (DeadlineKind.RECEIPT, DeadlineKind.FAILED))
        for contact in self.reached(pages):
            why = purpose if contact.person.id in warned else purpose_of(incident)
            self.out.send(incident, contact, why, incident.step)
        return incident

    def stand_down(self, incident: Incident) -> int:
        """Tell everyone a page may have reached that it is over; return how many."""
        pages = [
            n
            for n in self.book.notifications(incident.id)
            if n.purpose in PAGES and (n.state in WAS_SENT or n.attempt)
        ]
        contacts = self.reached([n for n in pages if n.state is not NotificationState.FAILED])
        for contact in contacts:
            self.out.send(incident, contact, Purpose.STOOD_DOWN, incident.step)
        return len(contacts)

    def reached(self, notes: list[Notification]) -> list[Contact]:
        """Return each person of ``notes`` once, by the channel that came furthest."""
        ranks = list(FURTHEST)
        best: dict[str, Notification] = {}
        for note in sorted(notes, key=lambda n: ranks.index(n.state)):
            best.setdefault(note.person, note)
        persons = self.desk.people.persons
        return [
            Contact(person=persons[n.person], channel=n.channel, address=n.address, reason=FOLLOW)
            for n in best.values()
            if n.person in persons
        ]

    def fall_back(self, incident: Incident, note: Notification) -> Incident:
        """Try the same person by the next channel, or else the next step at once."""
        policy = self.desk.policy(incident)
        level = policy.steps[note.step % len(policy.steps)] if policy and note.step >= 0 else None
        person = self.desk.people.persons.get(note.person)
        sisters = [
            n
            for n in self.book.notifications(incident.id)
            if (n.step, n.purpose, n.severity) == (note.step, note.purpose, note.severity)
        ]
        tried = {n.channel for n in sisters if n.person == note.person}
        by = level.by if level else ()
        contact = escalation.next_channel(person, by, tried) if person else None
        if contact is not None:
            wait_s = level.receipt_s if level else RECEIPT_S
            self.out.send(incident, contact, note.purpose, note.step, receipt_s=wait_s)
            return incident
        self.out.note(incident, "unreached", {"person": note.person, "step": note.step})
        if policy is None or not self.hopeless(incident, note, sisters):
            return incident
        waits = note.state is NotificationState.DEFERRED
        if waits and escalation.ends_round(policy, incident.step):
            return incident  # all are called and still tried: the next round keeps its time
        return self.next_step(incident, policy)

    def hopeless(self, incident: Incident, note: Notification, sisters: list[Notification]) -> bool:
        """Say whether nobody of the step just told can be expected to know."""
        if note.purpose not in PAGES or note.step != incident.step:
            return False
        timed = {d.notification for d in self.book.deadlines(incident.id)}
        return not any(self.arrived(n) or self.awaited(n, timed) for n in sisters)

    def awaited(self, note: Notification, timed: set[str]) -> bool:
        """Say whether ``note`` may still arrive: its timer runs, or its digest's, or it is held."""
        if note.digest:
            return self.book.deadline(f"receipt:{note.digest}") is not None
        held = note.state is NotificationState.HELD
        return held or (note.id in timed and note.state in LIVE)

    def arrived(self, note: Notification) -> bool:
        """Say whether ``note`` is known to have arrived, as far as its channel can tell."""
        if note.state is NotificationState.SENT:
            return note.channel not in self.desk.paging.receipts
        return note.state is NotificationState.DELIVERED

    def next_step(self, incident: Incident, policy: EscalationPolicy) -> Incident:
        """Go one step on, within the escalation that runs or else in the present round."""
        running = [d for d in self.book.deadlines(incident.id) if d.kind is DeadlineKind.ESCALATE]
        step = incident.step + 1
        first = int(running[0].body["first"] or 0) if running else None
        if first is None:
            first = escalation.round_start(policy, step)
        return self.advance(incident, step=step, first=first)

    def stop(self, incident: Incident, reason: str) -> None:
        """Take back what has not gone out and every timer that would page."""
        if incident.status is Status.TRIGGERED:
            return
        self.book.cancel_pages(incident.id, reason)
        self.book.drop_deadlines(incident.id, (*TIMERS, DeadlineKind.DRILL_END))


FOLLOW: Final = Reason.NAMED  # told before: told again
FURTHEST: Final = (
    NotificationState.DELIVERED,
    NotificationState.SENT,
    NotificationState.SENDING,
    NotificationState.DEFERRED,
    NotificationState.PENDING,
    NotificationState.HELD,
    NotificationState.CANCELLED,
    NotificationState.FAILED,
)
TROUBLES: Final = {
    Reason.NOBODY: ("nobody on call can be reached", "值班无人可联系"),
    Reason.EXHAUSTED: ("all rounds over, nobody answered", "各轮通知完毕，无人接警"),
}


def purpose_of(incident: Incident) -> Purpose:
    """Return why the steps of ``incident`` tell people."""
    if incident.drill:
        return Purpose.DRILL
    return Purpose.HUB if incident.hazard is Hazard.HUB else Purpose.PAGE
