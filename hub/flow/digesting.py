"""What was held for one person in a storm leaves: as one page, or as one list of many.

Runs inside respond's transaction when the timer of that person's digest fires. The
rows held stay the record of who was told what: each is tied to the digest that lists it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hub.dispatch.digest import Listed, compose_digest
from hub.dispatch.escalation import Contact, Reason
from hub.dispatch.storm import is_news, leaves_us
from hub.flow.outgoing import PAGES, RECEIPT_S, Outgoing, place_of
from hub.flow.wording import place_of as place_words
from hub.incident.identity import digest, reply_code
from hub.model.incident import Status
from hub.model.network import Severity
from hub.model.notification import Notification, NotificationState, Purpose

if TYPE_CHECKING:
    from hub.flow.desk import Desk
    from hub.model.book import Deadline
    from hub.model.incident import Incident
    from hub.model.response import Person
    from hub.store.book import Book

Held = list[tuple[Notification, "Incident"]]

TOGETHER: Final = "told with a newer page of the same incident"
UNKNOWN: Final = "the person is not configured any more"


def gathered(book: Book, desk: Desk, deadline: Deadline, now_us: int) -> None:
    """Let what is held for this person leave, if it still may and still matters."""
    person = desk.people.persons.get(str(deadline.body["person"]))
    held = still_wanted(book, str(deadline.body["person"]), str(deadline.body["channel"]))
    if not held:
        return
    if person is None:
        cancel(book, held, UNKNOWN)
        return
    out = Outgoing(book, desk, now_us)
    leave_us = leaving(out, desk, held)
    if leave_us > now_us:
        out.gather(replace(held[0][0], due_us=leave_us))
    elif len(held) == 1:
        release(out, person, *held[0])
    else:
        send_list(out, person, held)


def still_wanted(book: Book, person: str, channel: str) -> Held:
    """Return what is held, the worst first, the newest row of each incident; cancel the rest."""
    found: dict[str, tuple[Notification, Incident]] = {}
    for name in book.digests.held(person, channel):
        note = book.notification(name)
        incident = book.incident(note.incident) if note else None
        if note is None or incident is None:
            continue
        if note.purpose in PAGES and incident.status is not Status.TRIGGERED:
            book.cancel(note.id, "answered meanwhile")
            continue
        before = found.get(incident.id)
        if before is not None and newer(before[0], note):
            book.cancel(note.id, TOGETHER)
            continue
        if before is not None:
            book.cancel(before[0].id, TOGETHER)
        found[incident.id] = note, incident
    return list(found.values())


def newer(one: Notification, other: Notification) -> bool:
    """Say whether ``one`` was written after ``other``."""
    return (one.created_us, one.step, one.id) > (other.created_us, other.step, other.id)


def cancel(book: Book, held: Held, reason: str) -> None:
    """Cancel all of ``held``."""
    for note, _ in held:
        book.cancel(note.id, reason)


def leaving(out: Outgoing, desk: Desk, held: Held) -> int:
    """Return when ``held`` may leave, by the limits as they stand now."""
    told = out.lately(held[0][0].person)
    news = any(
        is_news(
            told,
            place_of(incident),
            red=incident.severity is Severity.EXTREME and note.purpose in PAGES,
        )
        for note, incident in held
    )
    return leaves_us(desk.paging.limits, told, news=news, now_us=out.now_us)


def release(out: Outgoing, person: Person, note: Notification, incident: Incident) -> None:
    """Let the only one that is held go by itself, told as it stands now."""
    contact = contact_of(person, note)
    ready = out.written(replace(note, due_us=out.now_us), incident, contact)
    out.book.release(ready)
    out.note(incident, "queued", {"notification": note.id, "person": person.id})
    if note.purpose in PAGES:
        out.set_receipt(incident, ready, receipt_s(out.desk, incident, note))


def send_list(out: Outgoing, person: Person, held: Held) -> None:
    """Write the digest of ``held`` and tie every row to it."""
    book, now_us = out.book, out.now_us
    first, worst = held[0]
    name = digest("digest", person.id, first.channel, now_us, first.id).hex()[:24]
    taken = {i.code for i in book.open_incidents()} | book.digests.codes(now_us)
    code = reply_code(name, taken)
    listed = [listed_of(out.desk, note, incident) for note, incident in held]
    text = compose_digest(listed, code, person.language)
    note = replace(
        first,
        id=name,
        incident="",
        purpose=Purpose.DIGEST,
        severity=max((i.severity for _, i in held), key=lambda s: s.rank),
        language=person.language,
        text=text,
        state=NotificationState.PENDING,
        due_us=now_us,
        created_us=now_us,
    )
    book.put_notification(note)
    book.digests.keep(name, code, person.id, now_us)
    book.digests.list_in(name, text, [one.id for one, _ in held])
    for one, incident in held:
        out.note(incident, "listed", {"notification": one.id, "digest": name, "code": code})
    if any(one.purpose in PAGES for one, _ in held):
        wait_s = min(receipt_s(out.desk, i, one) for one, i in held)
        out.set_receipt(replace(worst, id="", severity=note.severity), note, wait_s)


def listed_of(desk: Desk, note: Notification, incident: Incident) -> Listed:
    """Return what a digest says of one incident."""
    cell = desk.network.cells.get(incident.cell)
    place_en, place_zh = place_words(incident, desk.network.sites.get(incident.site), None)
    return Listed(
        code=incident.code,
        level=incident.severity,
        hazard=incident.hazard,
        place_en=place_en,
        place_zh=place_zh,
        cell_en=cell.name_en if cell else "",
        cell_zh=cell.name_zh if cell else "",
        purpose=note.purpose,
    )


def contact_of(person: Person, note: Notification) -> Contact:
    """Return the way by which ``note`` goes."""
    return Contact(person=person, channel=note.channel, address=note.address, reason=Reason.NAMED)


def receipt_s(desk: Desk, incident: Incident, note: Notification) -> float:
    """Return how long the step of ``note`` waits for a delivery report."""
    policy = desk.policy(incident)
    if policy is None or note.step < 0:
        return RECEIPT_S
    return policy.steps[note.step % len(policy.steps)].receipt_s
