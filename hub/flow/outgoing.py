"""One page as rows: the notification with its text and link, and the timers behind it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hub.clock import MICROSECONDS
from hub.dispatch.storm import Told, is_news, leaves_us, us_of
from hub.flow.windows import brought_up_to_date
from hub.flow.wording import message_of
from hub.incident.identity import digest
from hub.model.book import Deadline, DeadlineKind, Entry, Link
from hub.model.network import Severity
from hub.model.notification import Notification, NotificationState, Purpose

if TYPE_CHECKING:
    from hub.dispatch.escalation import Contact
    from hub.flow.desk import Desk
    from hub.model.book import Condition, Detail
    from hub.model.incident import Incident
    from hub.store.book import Book

LINK_S: Final = 7 * 86400
RECEIPT_S: Final = 60.0
PAGES: Final = frozenset({Purpose.PAGE, Purpose.WORSENED, Purpose.HUB, Purpose.DRILL})


class Outgoing:
    """Writes pages, their timers and the lines about them, all of one instant ``now_us``."""

    def __init__(self, book: Book, desk: Desk, now_us: int) -> None:
        self.book = book
        self.desk = desk
        self.now_us = now_us
        self.told = 0  # new rows of the outbox
        self._lately: dict[str, Told] = {}

    def send(
        self,
        incident: Incident,
        contact: Contact,
        purpose: Purpose,
        step: int,
        *,
        receipt_s: float = 60.0,
        salt: str = "",
        again: bool = False,
    ) -> bool:
        """Write one row of the outbox with its link and its receipt timer, once.

        In a storm it is held for the person's next digest. Returns False only if that
        keeps news of a red danger for longer than a burst takes to gather.
        """
        leave_us, soon = self.leaving(incident, contact, purpose)
        held = leave_us > self.now_us
        note = self.row(incident, contact, purpose, step, salt)
        note = replace(note, due_us=leave_us)
        if held:
            note = replace(note, state=NotificationState.HELD)
        elif self.book.notification(note.id) is None:
            note = self.written(note, incident, contact, again=again)
        if not self.book.put_notification(note):
            return True
        self.told += 1
        self.queued(incident, contact, note, held=held)
        if held:
            self.gather(note)
        else:
            self.count(incident, contact)
            if purpose in PAGES:
                self.set_receipt(incident, note, receipt_s)
        return soon

    def queued(
        self, incident: Incident, contact: Contact, note: Notification, *, held: bool
    ) -> None:
        """Put a new row of the outbox on the timeline."""
        body: dict[str, Detail] = {
            "notification": note.id,
            "person": contact.person.id,
            "channel": contact.channel,
            "purpose": str(note.purpose),
            "step": note.step,
            "reason": str(contact.reason),
        }
        if held:
            body["held_until_us"] = note.due_us
        self.note(incident, "held" if held else "queued", body)

    # storms

    def leaving(self, incident: Incident, contact: Contact, purpose: Purpose) -> tuple[int, bool]:
        """Return when this may leave for that person, and whether that is soon enough."""
        paging = self.desk.paging
        if contact.channel not in paging.limited or purpose is Purpose.DRILL or incident.drill:
            return self.now_us, True
        told = self.lately(contact.person.id)
        red = incident.severity is Severity.EXTREME and purpose in PAGES
        news = is_news(told, place_of(incident), red=red)
        leave_us = leaves_us(paging.limits, told, news=news, now_us=self.now_us)
        patience_us = us_of(paging.limits.gather_s * paging.limits.most)
        return leave_us, not news or leave_us - self.now_us <= patience_us

    def lately(self, person: str) -> Told:
        """Return what left for ``person`` within the window."""
        paging = self.desk.paging
        if person not in self._lately:
            since_us = self.now_us - us_of(paging.limits.window_s)
            left = self.book.digests.left(person, paging.limited, since_us, self.now_us)
            self._lately[person] = Told(left_us=left.left_us, red_places=left.red_places)
        return self._lately[person]

    def count(self, incident: Incident, contact: Contact) -> None:
        """Remember a message that leaves now."""
        if contact.channel not in self.desk.paging.limited or incident.drill:
            return
        told = self.lately(contact.person.id)
        red = {place_of(incident)} if incident.severity is Severity.EXTREME else set()
        self._lately[contact.person.id] = Told(
            left_us=(*told.left_us, self.now_us), red_places=told.red_places | red
        )

    def gather(self, note: Notification) -> None:
        """Set the timer of this person's next digest, or let it ring sooner."""
        name = digest_timer(note.person, note.channel)
        running = self.book.deadline(name)
        if running is not None and running.due_us <= note.due_us:
            return
        self.book.put_deadline(
            Deadline(
                id=name,
                kind=DeadlineKind.DIGEST,
                incident="",
                severity_rank=note.severity.rank,
                due_us=note.due_us,
                created_us=self.now_us,
                body={"person": note.person, "channel": note.channel},
            )
        )

    # one row

    def row(
        self, incident: Incident, contact: Contact, purpose: Purpose, step: int, salt: str
    ) -> Notification:
        """Return the notification, still without a text."""
        key = digest(
            incident.id, step, contact.person.id, contact.channel, purpose, incident.severity, salt
        )
        return Notification(
            id=key.hex()[:24],
            incident=incident.id,
            step=step,
            person=contact.person.id,
            channel=contact.channel,
            address=contact.address,
            purpose=purpose,
            severity=incident.severity,
            language=contact.person.language,
            text="",
            state=NotificationState.PENDING,
            due_us=self.now_us,
            created_us=self.now_us,
        )

    def written(
        self, note: Notification, incident: Incident, contact: Contact, *, again: bool = False
    ) -> Notification:
        """Return ``note`` with its text in the person's language and local time, and its link."""
        link = self.new_link(incident, contact) if note.purpose in PAGES else ""
        facts = message_of(
            incident,
            self.leading(incident),
            self.desk,
            person=contact.person,
            now_us=self.now_us,
            again=again,
        )
        shown = link if contact.channel in self.desk.paging.linked else ""
        message = replace(facts, purpose=note.purpose, link=shown)
        text = self.desk.composer(message, contact.person.language)
        return replace(note, text=text, link=link)

    def leading(self, incident: Incident) -> Condition | None:
        """Return the condition that says most, as it is by now."""
        found = self.book.leading(incident.id)
        return found and brought_up_to_date(self.book.connection, found, self.now_us)

    def new_link(self, incident: Incident, contact: Contact) -> str:
        """Return the address at which this person can acknowledge, once; empty without any."""
        paging = self.desk.paging
        if not paging.public_url:
            return ""
        token = paging.token()
        expires_us = self.now_us + LINK_S * MICROSECONDS
        link = Link(incident=incident.id, person=contact.person.id, expires_us=expires_us)
        self.book.put_link(token, link)
        return f"{paging.public_url.rstrip('/')}/a/{token}"

    def set_escalation(
        self, incident: Incident, *, step: int, first: int, due_us: int, over: bool = False
    ) -> None:
        """Set the timer of the next step; ``over`` says that the policy's rounds are."""
        self.set_timer(
            f"escalate:{incident.id}",
            DeadlineKind.ESCALATE,
            incident,
            due_us=due_us,
            body={"step": step, "first": first, "over": over},
        )

    def set_receipt(self, incident: Incident, note: Notification, receipt_s: float) -> None:
        """Set the timer by which delivery has to be confirmed, in real seconds."""
        wait_us = round(receipt_s * self.desk.paging.rate * MICROSECONDS)
        self.set_timer(
            f"receipt:{note.id}",
            DeadlineKind.RECEIPT,
            incident,
            due_us=self.now_us + wait_us,
            notification=note.id,
        )

    def set_timer(
        self,
        name: str,
        kind: DeadlineKind,
        incident: Incident,
        *,
        due_us: int,
        notification: str = "",
        body: dict[str, Detail] | None = None,
    ) -> None:
        """Write a timer as urgent as its incident."""
        self.book.put_deadline(
            Deadline(
                id=name,
                kind=kind,
                incident=incident.id,
                notification=notification,
                severity_rank=incident.severity.rank,
                due_us=due_us,
                created_us=self.now_us,
                body=body or {},
            )
        )

    def note(
        self, incident: Incident, kind: str, body: dict[str, Detail] | None = None, by: str = ""
    ) -> None:
        """Add a line to the timeline."""
        entry = Entry(incident=incident.id, at_us=self.now_us, kind=kind, by=by, body=body or {})
        self.book.add_entry(entry)


def place_of(incident: Incident) -> str:
    """Return the place that one page makes known: the cell, or a site of no cell."""
    return incident.cell or incident.site


def digest_timer(person: str, channel: str) -> str:
    """Return the name of the timer of this person's next digest."""
    return f"digest:{person}:{channel}"
