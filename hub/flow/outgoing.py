"""One page as rows: the notification with its text and link, and the timers behind it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hub.clock import MICROSECONDS
from hub.flow.windows import brought_up_to_date
from hub.flow.wording import message_of
from hub.incident.identity import digest
from hub.model.book import Deadline, DeadlineKind, Entry, Link
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
    ) -> None:
        """Write one row of the outbox with its link and its receipt timer, once."""
        note = self.composed(incident, contact, purpose, step, salt=salt, again=again)
        if not self.book.put_notification(note):
            return
        self.told += 1
        body: dict[str, Detail] = {
            "notification": note.id,
            "person": contact.person.id,
            "channel": contact.channel,
            "purpose": str(purpose),
            "step": step,
            "reason": str(contact.reason),
        }
        self.note(incident, "queued", body)
        if purpose in PAGES:
            self.set_receipt(incident, note, receipt_s)

    def composed(
        self,
        incident: Incident,
        contact: Contact,
        purpose: Purpose,
        step: int,
        *,
        salt: str,
        again: bool,
    ) -> Notification:
        """Return the notification, its text in the person's language and local time."""
        key = digest(
            incident.id, step, contact.person.id, contact.channel, purpose, incident.severity, salt
        )
        link = self.new_link(incident, contact) if purpose in PAGES else ""
        message = replace(
            message_of(
                incident,
                self.leading(incident),
                self.desk,
                person=contact.person,
                now_us=self.now_us,
                again=again,
            ),
            purpose=purpose,
            link=link if contact.channel in self.desk.paging.linked else "",
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
            text=self.desk.composer(message, contact.person.language),
            state=NotificationState.PENDING,
            due_us=self.now_us,
            created_us=self.now_us,
            link=link,
        )

    def leading(self, incident: Incident) -> Condition | None:
        """Return the condition that says most (standing, worst, newest), as it is by now."""
        found = max(
            self.book.conditions(incident.id),
            key=lambda c: (c.standing, c.severity.rank, c.changed_us, c.key),
            default=None,
        )
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

    def set_escalation(self, incident: Incident, *, step: int, first: int, due_us: int) -> None:
        """Set the timer of the next step."""
        self.set_timer(
            f"escalate:{incident.id}",
            DeadlineKind.ESCALATE,
            incident,
            due_us=due_us,
            body={"step": step, "first": first},
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
