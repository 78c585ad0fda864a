"""Incidents as the book keeps them: conditions with evidence, timeline, who was told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hub.console.grid import person_shape
from hub.console.shapes import (
    ConditionShape,
    Entry,
    IncidentDetail,
    IncidentShape,
    NotificationShape,
    PersonShape,
    QuarantineShape,
    Told,
    Words,
)
from hub.console.words import instant, instant_or_none, printable
from hub.dispatch.base import masked
from hub.model.incident import Status
from hub.model.notification import NotificationState
from hub.store.book import Book
from hub.store.log import Log

if TYPE_CHECKING:
    import sqlite3

    from hub.console.view import View
    from hub.model import book as model
    from hub.model.incident import Incident
    from hub.model.notification import Notification
    from hub.store.log import QuarantineRow

TIMELINE_MOST: Final = 1000
CONDITIONS_MOST: Final = 200
NOTIFICATIONS_MOST: Final = 500
PAYLOAD_SHOWN: Final = 400
SAME_NAMES: Final = (
    "id",
    "code",
    "version",
    "site",
    "cell",
    "policy",
    "step",
    "hazard",
    "status",
    "presence",
    "severity",
    "certainty",
    "urgency",
    "found_late",
    "drill",
)
NOTE_NAMES: Final = ("id", "step", "channel", "language", "attempt", "purpose", "severity", "state")


def incidents(
    connection: sqlite3.Connection, view: View, *, status: str | None, limit: int
) -> list[IncidentShape]:
    """Return incidents: the ``open`` ones, the worst first, or those of one status or all."""
    book = Book(connection)
    if status == "open":
        found = book.open_incidents()[:limit]
    else:
        found = book.incidents(limit, Status(status) if status else None)
    return [incident_shape(book, view, incident) for incident in found]


def incident(connection: sqlite3.Connection, view: View, name: str) -> IncidentShape | None:
    """Return the incident of this id or reply code."""
    book = Book(connection)
    found = book.incident(name)
    return incident_shape(book, view, found) if found else None


def incident_shape(book: Book, view: View, found: Incident) -> IncidentShape:
    """Return an incident for the API."""
    site = view.network.sites.get(found.site)
    return IncidentShape(
        **{name: getattr(found, name) for name in SAME_NAMES},
        site_name=Words(en=site.name_en, zh=site.name_zh)
        if site
        else Words(en=found.site, zh=found.site),
        zone=site.zone if site else next((s.zone for s in view.network.sites.values()), "UTC"),
        headline=Words(en=found.headline_en, zh=found.headline_zh),
        raised=instant(found.raised_us),
        triggered=instant(found.triggered_us),
        changed=instant(found.changed_us),
        acknowledged_by=named(view, found.acknowledged_by),
        acknowledged=instant_or_none(found.acknowledged_us),
        resolved_by=named(view, found.resolved_by),
        resolved=instant_or_none(found.resolved_us),
        told=told(view, book.notifications(found.id)),
    )


def named(view: View, person: str) -> PersonShape | None:
    """Return who did it, or None when nobody did."""
    return person_shape(view.people, printable(person)) if person else None


def told(view: View, notes: list[Notification]) -> list[Told]:
    """Return the people told of an incident, each with the newest notification's state."""
    newest = {n.person: n for n in notes if n.state is not NotificationState.CANCELLED}
    return [
        Told(person=person_shape(view.people, person), channel=note.channel, state=note.state)
        for person, note in newest.items()
    ]


def detail(connection: sqlite3.Connection, view: View, name: str) -> IncidentDetail | None:
    """Return all that is known of the incident of this id or code."""
    book = Book(connection)
    found = book.incident(name)
    if found is None:
        return None
    return IncidentDetail(
        incident=incident_shape(book, view, found),
        conditions=conditions(book, view, found.id),
        timeline=[entry_shape(e) for e in book.timeline(found.id)[-TIMELINE_MOST:]],
        notifications=notifications(connection, view, found.id),
    )


def conditions(book: Book, view: View, incident_id: str) -> list[ConditionShape]:
    """Return the conditions of an incident, the worst standing ones first."""
    shapes = [condition_shape(view, c) for c in book.conditions(incident_id)[:CONDITIONS_MOST]]
    return sorted(shapes, key=lambda c: (not c.standing, -c.severity.rank))


def condition_shape(view: View, found: model.Condition) -> ConditionShape:
    """Return a condition for the API."""
    stream = view.streams.get(found.slot)
    return ConditionShape(
        key=found.key,
        datastream=stream.id if stream else "",
        kind=found.kind,
        hazard=found.hazard,
        severity=found.severity,
        standing=found.standing,
        raised=instant(found.raised_us),
        changed=instant(found.changed_us),
        offset=found.offset,
        evidence=found.evidence,
    )


def entry_shape(found: model.Entry) -> Entry:
    """Return a line of a timeline for the API."""
    return Entry(
        id=found.id,
        incident=found.incident,
        at=instant(found.at_us),
        kind=found.kind,
        by=printable(found.by),
        body=found.body,
    )


def changes_after(connection: sqlite3.Connection, after: int, limit: int) -> list[Entry]:
    """Return at most ``limit`` lines of all timelines after the line ``after``, in order."""
    return [entry_shape(found) for found in Book(connection).changes_since(after, limit)]


def notifications(
    connection: sqlite3.Connection, view: View, incident_id: str
) -> list[NotificationShape]:
    """Return what was sent about an incident, oldest first, addresses masked."""
    times = {
        name: (sent_us, delivered_us)
        for name, sent_us, delivered_us in connection.execute(
            "SELECT id, sent_us, delivered_us FROM notification WHERE incident = ?", (incident_id,)
        )
    }
    notes = Book(connection).notifications(incident_id)[-NOTIFICATIONS_MOST:]
    return [notification_shape(view, note, times[note.id]) for note in notes]


def notification_shape(
    view: View, note: Notification, times: tuple[int | None, int | None]
) -> NotificationShape:
    """Return a notification for the API; a link is as good as a key, so it stays out."""
    return NotificationShape(
        **{name: getattr(note, name) for name in NOTE_NAMES},
        person=person_shape(view.people, note.person),
        address=masked(note.address),
        text=note.text.replace(note.link, "…") if note.link else note.text,
        reason=printable(note.reason),
        created=instant(note.created_us),
        sent=instant_or_none(times[0]),
        delivered=instant_or_none(times[1]),
    )


def quarantined(connection: sqlite3.Connection, limit: int) -> list[QuarantineShape]:
    """Return the newest of the quarantine, the payload cut short and made printable."""
    return [quarantine_shape(row) for row in Log(connection).quarantined(limit)]


def quarantine_shape(row: QuarantineRow) -> QuarantineShape:
    """Return one row of the quarantine for the API."""
    return QuarantineShape(
        id=row.id,
        received=instant(row.received_us),
        count=row.count,
        last=None if row.last_us is None else instant(row.last_us),
        site=printable(row.site),
        retaken=None if row.retaken_us is None else instant(row.retaken_us),
        door=row.door,
        topic=printable(row.topic),
        node=printable(row.node),
        boot=printable(row.boot),
        seq=row.seq,
        pos=row.pos,
        reason=printable(row.reason),
        payload=printable(bytes(row.payload[:PAYLOAD_SHOWN]).decode("utf-8", "replace")),
    )
