"""The outbox: which notification may go, who is sending it, and how far it came.

A row is claimed by a lease on real time; a killed hub's row comes back when the lease
is over and then counts as perhaps sent. Each method is one transaction, so that a
state, its attempt, its line in the timeline and the next channel's timer are true
together. ``*_us`` are the hub's clock, ``*_s`` real seconds since 1970.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import fields
from typing import TYPE_CHECKING, Final

from hub.model.book import Deadline, DeadlineKind, Detail, Entry
from hub.model.network import Severity
from hub.model.notification import Notification, NotificationState, Purpose
from hub.store import rows
from hub.store.book import Book
from hub.store.database import transaction

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection, Iterable

COLUMNS: Final = tuple(f.name for f in fields(Notification))
URGENT: Final = Severity.SEVERE.rank
EARLY: Final = 1000  # reports kept for messages whose sending is not recorded yet
MAY_GO: Final = (
    "(state = 'pending' AND due_us <= :now_us)"
    " OR (state IN ('deferred', 'sending') AND coalesce(lease_until, 0) <= :real_s)"
)

LINES: Final = {
    NotificationState.SENT: "paged",
    NotificationState.DELIVERED: "delivered",
    NotificationState.FAILED: "failed",
}

FREE_NEXT: Final = """
UPDATE notification SET lease_until = 0 WHERE id = (
  SELECT id FROM notification WHERE channel = ? AND state = 'deferred' AND repeat = 0
  ORDER BY severity_rank DESC, due_us, created_us LIMIT 1)
"""


class Outbox:
    """The outbox behind one connection, for one thread."""

    def __init__(self, connection: sqlite3.Connection, masked: Callable[[str], str]) -> None:
        self._connection = connection
        self._book = Book(connection)
        self._masked = masked
        self._early: OrderedDict[str, tuple[NotificationState, str]] = OrderedDict()

    @property
    def connection(self) -> sqlite3.Connection:
        """Return the connection it stands on, for what is committed beside it."""
        return self._connection

    def take_over(self) -> int:
        """End the leases of a hub that is gone; return how many rows it was sending."""
        with transaction(self._connection):
            return self._connection.execute(
                "UPDATE notification SET lease_until = 0 WHERE state = 'sending'"
            ).rowcount

    def claim(
        self, channel: str, *, free: int, spare: int, now_us: int, real_s: float, lease_s: float
    ) -> list[Notification]:
        """Lease at most ``free`` rows of ``channel``, the most severe first.

        Of what is neither extreme nor severe at most ``spare``. A row whose lease ran
        out may have been sent: ``repeat`` says so, and a page that was answered
        meanwhile is cancelled instead.
        """
        times = {"now_us": now_us, "real_s": real_s}
        where = f"WHERE channel = :channel AND ({MAY_GO})"
        if self._first(where, {"channel": channel, **times}) is None:
            return []
        with transaction(self._connection):
            self._cancel_answered(real_s)
            order = "ORDER BY severity_rank DESC, due_us, created_us, id LIMIT :free"
            values = {"channel": channel, "free": free, **times}
            found = self._notes(f"{where} {order}", values)
            urgent = [n for n in found if n.severity.rank >= URGENT]
            rest = [n for n in found if n.severity.rank < URGENT][: max(spare - len(urgent), 0)]
            return [self._lease(note, real_s + lease_s) for note in (*urgent, *rest)]

    def unclaimed(
        self, channels: Collection[str], now_us: int, real_s: float
    ) -> list[Notification]:
        """Return due rows of channels that this hub does not have."""
        names = ", ".join(f":c{i}" for i in range(len(channels)))
        values = {f"c{i}": name for i, name in enumerate(channels)}
        return self._notes(
            f"WHERE ({MAY_GO}) AND channel NOT IN ({names}) LIMIT 100",
            {**values, "now_us": now_us, "real_s": real_s},
        )

    def next_s(self, now_us: int, real_s: float, rate: float) -> float | None:
        """Return in how many real seconds the next row that waits may go; None without any."""
        due_us, lease_s = self._connection.execute(
            "SELECT min(CASE WHEN state = 'pending' THEN due_us END),"
            " min(CASE WHEN state <> 'pending' THEN lease_until END)"
            " FROM notification WHERE state IN ('pending', 'deferred', 'sending')"
        ).fetchone()
        waits = [] if due_us is None else [(due_us - now_us) / 1e6 / rate]
        waits += [] if lease_s is None else [lease_s - real_s]
        return max(min(waits), 0.0) if waits else None

    def known(self, provider_ids: Iterable[str]) -> set[str]:
        """Return those of ``provider_ids`` that some row has already."""
        sql = "SELECT provider_id FROM notification WHERE provider_id = ?"
        return {name for name in provider_ids if self._connection.execute(sql, (name,)).fetchone()}

    def sent(self, note: Notification, provider_id: str, now_us: int) -> list[NotificationState]:
        """Record that the provider took ``note``; return the states it came to.

        Whatever was decided meanwhile: a message that went is not cancelled. A report
        that was faster than this record is applied with it. The channel works: the most
        severe that waits for another attempt by it need not wait longer.
        """
        with transaction(self._connection):
            self._connection.execute(
                "UPDATE notification SET provider_id = ?, sent_us = coalesce(sent_us, ?),"
                " lease_until = NULL, reason = '', state = CASE"
                " WHEN state IN ('delivered', 'failed') THEN state ELSE 'sent' END WHERE id = ?",
                (provider_id, now_us, note.id),
            )
            self._connection.execute(FREE_NEXT, (note.channel,))
            self._attempt(note, NotificationState.SENT, provider_id, now_us)
            self._line(note, "paged", now_us)
            self._follow(note, NotificationState.SENT, now_us)
            early = self._early.pop(provider_id, None)
            if early is None:
                return [NotificationState.SENT]
            self._report(note.id, *early, now_us)
            return [NotificationState.SENT, early[0]]

    def deferred(
        self, note: Notification, reason: str, *, until_s: float, repeat: bool, elsewhere: bool,
        now_us: int,
    ) -> bool:  # fmt: skip
        """Record that ``note`` waits until ``until_s``; say whether it still was ours to defer.

        ``elsewhere`` starts the next channel in the meantime.
        """
        with transaction(self._connection):
            done = self._connection.execute(
                "UPDATE notification SET state = 'deferred', lease_until = ?, reason = ?,"
                " repeat = max(repeat, ?) WHERE id = ? AND state = 'sending' AND attempt = ?",
                (until_s, reason, repeat, note.id, note.attempt),
            )
            self._attempt(note, NotificationState.DEFERRED, reason, now_us)
            if done.rowcount and elsewhere:
                self._try_elsewhere(note, NotificationState.DEFERRED, reason, now_us)
            return bool(done.rowcount)

    def failed(self, note: Notification, reason: str, now_us: int) -> bool:
        """Record that ``note`` will never arrive; say whether it still was ours to fail."""
        with transaction(self._connection):
            done = self._connection.execute(
                "UPDATE notification SET state = 'failed', lease_until = NULL, reason = ?"
                " WHERE id = ? AND attempt = ? AND state IN ('pending', 'sending', 'deferred')",
                (reason, note.id, note.attempt),
            )
            self._attempt(note, NotificationState.FAILED, reason, now_us)
            if done.rowcount:
                self._line(note, "failed", now_us, reason)
                self._follow(note, NotificationState.FAILED, now_us)
                self._try_elsewhere(note, NotificationState.FAILED, reason, now_us)
            return bool(done.rowcount)

    def reported(
        self, provider_id: str, state: NotificationState, reason: str, note_id: str, now_us: int
    ) -> bool:
        """Apply a delivery report; False if it says nothing new or fits no row.

        ``note_id`` (our own id, which came back with the report) also finds a row whose
        provider id was never recorded.
        """
        with transaction(self._connection):
            found = self._row_of(provider_id, note_id)
            if found is None:
                self._keep(provider_id, state, reason)
                return False
            return self._report(found, state, reason, now_us, provider_id)

    # inside a transaction

    def _report(
        self,
        note_id: str,
        state: NotificationState,
        reason: str,
        now_us: int,
        provider_id: str = "",
    ) -> bool:
        """Take ``note_id`` forward to ``state``; a failure starts the next channel."""
        note = self._book.notification(note_id)
        other = note is not None and provider_id not in ("", note.provider_id) and note.provider_id
        stale = other and state is NotificationState.FAILED  # of an earlier sending
        if note is None or stale or state.rank <= note.state.rank:
            return False
        self._connection.execute(
            "UPDATE notification SET state = :state, reason = :reason, lease_until = NULL,"
            " provider_id = CASE WHEN provider_id = '' THEN :provider ELSE provider_id END,"
            " sent_us = coalesce(sent_us, :now_us),"
            " delivered_us = CASE WHEN :state = 'delivered' THEN :now_us ELSE delivered_us END"
            " WHERE id = :id",
            {"state": state, "reason": reason, "provider": provider_id, "now_us": now_us,
             "id": note_id},
        )  # fmt: skip
        self._attempt(note, state, f"report {reason}".strip(), now_us)
        self._line(note, LINES[state], now_us, reason)
        self._follow(note, state, now_us)
        if state is NotificationState.FAILED:
            self._try_elsewhere(note, state, reason, now_us)
        return True

    def _row_of(self, provider_id: str, note_id: str) -> str | None:
        """Return our id of the row that a report is about."""
        row = self._connection.execute(
            "SELECT id FROM notification WHERE provider_id = ? AND provider_id <> ''"
            " UNION ALL SELECT id FROM notification WHERE id = ? LIMIT 1",
            (provider_id, note_id),
        ).fetchone()
        return None if row is None else str(row[0])

    def _keep(self, provider_id: str, state: NotificationState, reason: str) -> None:
        """Remember a report that was faster than the record of its sending."""
        before = self._early.get(provider_id)
        if before is None or state.rank > before[0].rank:
            self._early[provider_id] = (state, reason)
        while len(self._early) > EARLY:
            self._early.popitem(last=False)

    def _cancel_answered(self, real_s: float) -> None:
        """Cancel pages that a dead hub was sending and somebody answered since."""
        self._connection.execute(
            "UPDATE notification SET state = 'cancelled', reason = 'answered meanwhile'"
            " WHERE state = 'sending' AND coalesce(lease_until, 0) <= ? AND purpose = 'page'"
            " AND incident IN (SELECT id FROM incident WHERE status <> 'triggered')",
            (real_s,),
        )

    def _lease(self, note: Notification, until_s: float) -> Notification:
        """Mark ``note`` as being sent and return it as it now stands."""
        self._connection.execute(
            "UPDATE notification SET state = 'sending', lease_until = ?, attempt = attempt + 1,"
            " repeat = CASE WHEN state = 'sending' THEN 1 ELSE repeat END WHERE id = ?",
            (until_s, note.id),
        )
        leased = self._book.notification(note.id)
        return leased if leased is not None else note

    def _attempt(self, note: Notification, outcome: str, detail: str, now_us: int) -> None:
        """Write what became of one attempt."""
        self._connection.execute(
            "INSERT INTO attempt (notification, at_us, outcome, detail) VALUES (?, ?, ?, ?)",
            (note.id, now_us, outcome, detail),
        )

    def _line(self, note: Notification, kind: str, now_us: int, reason: str = "") -> None:
        """Write a line of the timeline (of all that a digest lists), the address masked."""
        incidents = [note.incident] if note.incident else self._listed(note)
        body: dict[str, Detail] = {
            "notification": note.id,
            "person": note.person,
            "channel": note.channel,
            "address": self._masked(note.address),
            "purpose": note.purpose,
            "attempt": note.attempt,
        }
        if reason:
            body["reason"] = reason
        for incident in incidents:
            entry = Entry(incident=incident, at_us=now_us, kind=kind, body=body)
            self._book.add_entry(entry)

    def _listed(self, note: Notification) -> list[str]:
        """Return the incidents that a digest lists, each once."""
        return list(dict.fromkeys(i for _, i in self._book.digests.members(note.id)))

    def _follow(self, note: Notification, state: NotificationState, now_us: int) -> None:
        """Let what a digest lists go as far as the digest."""
        if note.purpose is Purpose.DIGEST:
            self._book.digests.follow(note.id, state, now_us)

    def _try_elsewhere(
        self, note: Notification, state: NotificationState, reason: str, now_us: int
    ) -> None:
        """Set the timer, due now, by which respond starts the next channel or person."""
        self._book.put_deadline(
            Deadline(
                id=f"failed:{note.id}",
                kind=DeadlineKind.FAILED,
                incident=note.incident,
                notification=note.id,
                severity_rank=note.severity.rank,
                due_us=now_us,
                created_us=now_us,
                body={"state": state, "reason": reason},
            )
        )

    def _first(self, where: str, values: dict[str, object]) -> object:
        """Return a row of ``where`` or None, without taking the write lock."""
        return self._connection.execute(
            f"SELECT 1 FROM notification {where} LIMIT 1",  # noqa: S608  constants only
            values,
        ).fetchone()

    def _notes(self, rest: str, values: dict[str, object]) -> list[Notification]:
        """Return the notifications of a query's ending."""
        sql = rows.select("notification", COLUMNS, rest)
        return [rows.to_notification(row) for row in self._connection.execute(sql, values)]
