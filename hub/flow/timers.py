"""What happens when a timer fires, one handler per kind; runs inside respond's transaction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hub.flow import digesting, muting
from hub.flow.outgoing import PAGES
from hub.flow.paging import Pager
from hub.flow.record import record_troubles
from hub.incident import lifecycle
from hub.model.book import DeadlineKind
from hub.model.incident import Presence, Status
from hub.model.notification import NotificationState, Purpose

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hub.flow.desk import Desk
    from hub.model.book import Deadline
    from hub.model.incident import Incident
    from hub.model.notification import Notification
    from hub.store.book import Book

SETTLED: Final = frozenset({NotificationState.DELIVERED, NotificationState.CANCELLED})


def fire(book: Book, desk: Desk, deadline: Deadline, now_us: int) -> None:
    """Do what is due and take the timer away; one whose reason is gone does nothing."""
    book.drop_deadline(deadline.id)
    HANDLERS[deadline.kind](book, desk, deadline, now_us)


def escalate(book: Book, desk: Desk, deadline: Deadline, now_us: int) -> None:
    """Nobody answered: tell the next step."""
    incident = book.incident(deadline.incident)
    if incident is None or incident.status is not Status.TRIGGERED:
        return
    pager = Pager(book, desk, now_us)
    due_us = pager.working_hour(incident)
    step, first = number(deadline, "step"), number(deadline, "first")
    if deadline.body.get("over") and incident.presence is Presence.PAST:
        policy = desk.policy(incident) or desk.reserve()
        pager.come_back(incident, policy, step=step)  # should it be back by then
        return
    if due_us > now_us:
        pager.out.set_escalation(incident, step=step, first=first, due_us=due_us)
        return
    keep(pager, incident, pager.advance(incident, step=step, first=first))


def confirm(book: Book, desk: Desk, deadline: Deadline, now_us: int) -> None:
    """No delivery was reported in time: try another way, where the channel would report."""
    note = book.notification(deadline.notification)
    if note is None or note.state in SETTLED or note.state is NotificationState.FAILED:
        return
    if note.state is NotificationState.SENT and note.channel not in desk.paging.receipts:
        return
    go_elsewhere(book, desk, note, now_us, "unconfirmed")


def fail(book: Book, desk: Desk, deadline: Deadline, now_us: int) -> None:
    """Deliver gave up, or waits for long: try another way at once."""
    note = book.notification(deadline.notification)
    if note is None or note.state in SETTLED:
        return
    book.drop_deadline(f"receipt:{note.id}")
    go_elsewhere(book, desk, note, now_us, "fell-back")


def go_elsewhere(book: Book, desk: Desk, note: Notification, now_us: int, why: str) -> None:
    """Tell the same person by the next channel, or the next person, while it matters."""
    if note.purpose is Purpose.DIGEST:
        listed = (book.notification(name) for name, _ in book.digests.members(note.id))
        for one in listed:
            if one is not None:
                go_elsewhere(book, desk, one, now_us, why)
        return
    incident = book.incident(note.incident)
    if incident is None:
        return
    if note.purpose in PAGES and incident.status is not Status.TRIGGERED:
        return
    pager = Pager(book, desk, now_us)
    body = {"notification": note.id, "person": note.person, "channel": note.channel}
    pager.out.note(incident, why, {**body, "state": str(note.state)})
    keep(pager, incident, pager.fall_back(incident, note))


def keep(pager: Pager, before: Incident, after: Incident) -> None:
    """Write an incident whose step moved, and the troubles that came up."""
    if after != before:
        pager.book.put_incident(lifecycle.changed(after, pager.now_us))
    record_troubles(pager.book, pager.desk, pager)


def end_mute(book: Book, desk: Desk, deadline: Deadline, now_us: int) -> None:
    """A mute is over: what stood under it pages now."""
    mutes = book.mutes_of(str(deadline.body["target"]))
    for mute in mutes:
        if mute.id == deadline.body["mute"]:
            muting.end(book, desk, mute, now_us)


def end_drill(book: Book, desk: Desk, deadline: Deadline, now_us: int) -> None:
    """Nobody answered the drill: close it and say so."""
    incident = book.incident(deadline.incident)
    if incident is None or incident.status is not Status.TRIGGERED:
        return
    pager = Pager(book, desk, now_us)
    pager.out.note(incident, "unanswered", {"purpose": str(Purpose.DRILL)})
    over = lifecycle.closed(incident, lifecycle.HUB, now_us)
    book.put_incident(over)
    pager.stop(over, "drill over")


def number(deadline: Deadline, name: str) -> int:
    """Return a number of the timer's body; 0 if it is not there."""
    value = deadline.body.get(name)
    return int(value) if isinstance(value, int | float) else 0


HANDLERS: Final[Mapping[DeadlineKind, Callable[[Book, Desk, Deadline, int], None]]] = {
    DeadlineKind.ESCALATE: escalate,
    DeadlineKind.RECEIPT: confirm,
    DeadlineKind.FAILED: fail,
    DeadlineKind.MUTE_END: end_mute,
    DeadlineKind.DRILL_END: end_drill,
    DeadlineKind.DIGEST: digesting.gathered,
}
