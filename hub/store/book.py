"""The book: incidents and what became of them, timers, mutes, results - and the outbox.

Reads may run anywhere; writes belong in the caller's transaction, because only
together are they true: an incident with its pages, a page with its timer. Times are
microseconds UTC of the hub's clock.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields
from typing import TYPE_CHECKING, Final

from hub.errors import StoreError
from hub.model.book import ActionResult, Condition, Deadline, DeadlineKind, Entry, Link, Mute
from hub.model.incident import Incident, Status
from hub.model.notification import Notification, NotificationState, Purpose
from hub.model.transition import Kind
from hub.store import rows
from hub.store.digests import Digests
from hub.store.words import CHANGED_MEANWHILE

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Iterable

INCIDENT: Final = tuple(f.name for f in fields(Incident))
NOTIFICATION: Final = tuple(f.name for f in fields(Notification))
CONDITION: Final = tuple(f.name for f in fields(Condition))
DEADLINE: Final = tuple(f.name for f in fields(Deadline))
MUTE: Final = tuple(f.name for f in fields(Mute))
ENTRY: Final = ("id", "incident", "at_us", "kind", "by", "body")
OPEN: Final = (Status.TRIGGERED, Status.ACKNOWLEDGED)
PAGES: Final = (Purpose.PAGE, Purpose.WORSENED, Purpose.HUB, Purpose.DRILL)
UNSENT: Final = (
    NotificationState.PENDING,
    NotificationState.DEFERRED,
    NotificationState.HELD,
)
PUT_CONDITION: Final = rows.insert("condition", CONDITION, "INSERT OR REPLACE")
PUT_ENTRY: Final = rows.insert("timeline", ENTRY[1:])
RANKED: Final = (
    "CASE severity WHEN 'extreme' THEN 0 WHEN 'severe' THEN 1 WHEN 'moderate' THEN 2"
    " WHEN 'minor' THEN 3 ELSE 4 END"
)


class Book:
    """The book behind one connection, for one thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.digests = Digests(connection)

    @property
    def connection(self) -> sqlite3.Connection:
        """Return the connection, for what is read beside the book in the same transaction."""
        return self._connection

    # incidents

    def open_incidents(self) -> list[Incident]:
        """Return every incident that nobody resolved, the worst and oldest first."""
        found = self._incidents("WHERE status IN (?, ?)", OPEN)
        return sorted(found, key=lambda i: (-i.severity.rank, i.triggered_us, i.id))

    def open_at(self, sites: Collection[str]) -> list[Incident]:
        """Return the open incidents of ``sites``, the worst and oldest first."""
        found = [
            incident
            for site in sorted(sites)
            for incident in self._incidents("WHERE status IN (?, ?) AND site = ?", (*OPEN, site))
        ]
        return sorted(found, key=lambda i: (-i.severity.rank, i.triggered_us, i.id))

    def open_codes(self) -> set[str]:
        """Return the reply codes of every open incident."""
        found = self._connection.execute("SELECT code FROM incident WHERE status IN (?, ?)", OPEN)
        return {code for (code,) in found}

    def incidents(self, limit: int, status: Status | None = None) -> list[Incident]:
        """Return at most ``limit`` incidents, newest first, of ``status`` if given."""
        where, values = ("WHERE status = ?", (status,)) if status else ("", ())
        return self._incidents(f"{where} ORDER BY triggered_us DESC, id LIMIT ?", (*values, limit))

    def incident(self, id_or_code: str) -> Incident | None:
        """Return the incident of this id or reply code; of one code the open or newest."""
        by_id = self._incidents("WHERE id = ?", (id_or_code.lower(),))
        by_code = by_id or self._incidents(
            "WHERE code = ? ORDER BY status = 'resolved', triggered_us DESC LIMIT 1",
            (id_or_code.upper(),),
        )
        return by_code[0] if by_code else None

    def is_known(self, incident: str) -> bool:
        """Say whether an incident of this id was ever written."""
        found = self._connection.execute("SELECT 1 FROM incident WHERE id = ?", (incident,))
        return found.fetchone() is not None

    def put_incident(self, incident: Incident) -> None:
        """Write ``incident``: version 1 is new, any other follows the one before it.

        Raises:
            StoreError: somebody else changed it since it was read.
        """
        values = [getattr(incident, name) for name in INCIDENT]
        if incident.version == 1:
            self._connection.execute(rows.insert("incident", INCIDENT), values)
            return
        done = self._connection.execute(
            f"{rows.update('incident', INCIDENT)} WHERE id = ? AND version = ?",
            (*values, incident.id, incident.version - 1),
        )
        if done.rowcount != 1:
            raise StoreError(CHANGED_MEANWHILE.filled(id=incident.id))

    def open_of_person(self, person: str) -> list[Incident]:
        """Return the open incidents that ``person`` was told of; not what is still held."""
        return self._incidents(
            "WHERE status IN (?, ?) AND id IN (SELECT incident FROM notification WHERE person = ?"
            "  AND state <> 'held')"
            " ORDER BY triggered_us, id",
            (*OPEN, person),
        )

    # conditions

    def leading(self, incident: str) -> Condition | None:
        """Return the condition that says most: standing before past, worst, then newest."""
        found = self._conditions(
            f"WHERE incident = ? ORDER BY standing DESC, {RANKED}, changed_us DESC, key DESC"
            " LIMIT 1",
            (incident,),
        )
        return found[0] if found else None

    def conditions(self, incident: str) -> list[Condition]:
        """Return the conditions of ``incident``, oldest first."""
        return self._conditions("WHERE incident = ? ORDER BY raised_us, key", (incident,))

    def standing_conditions(self) -> list[Condition]:
        """Return every condition that stands, muted or not."""
        return self._conditions("WHERE standing = 1 ORDER BY raised_us, key", ())

    def muted_conditions(self) -> list[Condition]:
        """Return the conditions whose incident does not know yet what they say."""
        return self._conditions("WHERE muted = 1 ORDER BY raised_us, key", ())

    def unsettled(self, incident: str) -> list[str]:
        """Return the keys of ``incident`` that stand, or that it does not know yet."""
        found = self._connection.execute(
            "SELECT key FROM condition WHERE incident = ? AND (standing = 1 OR muted = 1)",
            (incident,),
        )
        return [key for (key,) in found]

    def troubles(self, incident: str) -> list[tuple[str, int, Kind]]:
        """Return key, slot and kind of what stands of ``incident`` and is not muted."""
        found = self._connection.execute(
            "SELECT key, slot, kind FROM condition"
            " WHERE incident = ? AND standing = 1 AND muted = 0 ORDER BY raised_us, key",
            (incident,),
        )
        return [(key, slot, Kind(kind)) for key, slot, kind in found]

    def ended_us(self, incident: str) -> int:
        """Return when a condition known to ``incident`` last changed; 0 without any."""
        found = self._connection.execute(
            "SELECT coalesce(max(changed_us), 0) FROM condition WHERE incident = ? AND muted = 0",
            (incident,),
        )
        return int(found.fetchone()[0])

    def condition(self, key: str) -> Condition | None:
        """Return the condition of this key."""
        found = self._conditions("WHERE key = ?", (key,))
        return found[0] if found else None

    def put_condition(self, condition: Condition) -> None:
        """Write ``condition`` over what was said of its key before."""
        self._connection.execute(PUT_CONDITION, rows.from_condition(condition))

    # timeline

    def timeline(self, incident: str) -> list[Entry]:
        """Return the timeline of ``incident``, oldest first."""
        return self._entries("WHERE incident = ? ORDER BY id", (incident,))

    def changes_since(self, timeline_id: int, limit: int) -> list[Entry]:
        """Return at most ``limit`` lines of all timelines after ``timeline_id``."""
        return self._entries("WHERE id > ? ORDER BY id LIMIT ?", (timeline_id, limit))

    def add_entry(self, entry: Entry) -> int:
        """Append ``entry`` and return its id."""
        done = self._connection.execute(
            PUT_ENTRY,
            (entry.incident, entry.at_us, entry.kind, entry.by, dump(entry.body)),
        )
        return int(done.lastrowid or 0)

    # outbox

    def notifications(self, incident: str) -> list[Notification]:
        """Return all that was or will be sent about ``incident``, oldest first."""
        return self._notifications("WHERE incident = ? ORDER BY created_us, step, id", (incident,))

    def notification(self, name: str) -> Notification | None:
        """Return the notification of this id."""
        found = self._notifications("WHERE id = ?", (name,))
        return found[0] if found else None

    def put_notification(self, note: Notification) -> bool:
        """Write ``note`` unless it was written before; say whether it is new."""
        names = (*NOTIFICATION, "severity_rank")
        values = [getattr(note, name) for name in NOTIFICATION]
        sql = rows.insert("notification", names, "INSERT OR IGNORE")
        return self._connection.execute(sql, (*values, note.severity.rank)).rowcount == 1

    def cancel_pages(self, incident: str, reason: str) -> int:
        """Cancel the pages about ``incident`` that are not on their way yet; return how many.

        A digest that lists nothing else any more does not leave either.
        """
        listed = self._connection.execute(
            "SELECT 1 FROM notification WHERE incident = ? AND state = ? AND digest <> '' LIMIT 1",
            (incident, NotificationState.HELD),
        ).fetchone()
        done = self._connection.execute(
            "UPDATE notification SET state = ?, reason = ? WHERE incident = ?"
            " AND state IN (?, ?, ?) AND purpose IN (?, ?, ?, ?)",
            (NotificationState.CANCELLED, reason, incident, *UNSENT, *PAGES),
        )
        if listed is not None:
            self.digests.cancel_empty()
        return done.rowcount

    def cancel(self, note: str, reason: str) -> None:
        """Cancel one notification that has not left."""
        self._connection.execute(
            "UPDATE notification SET state = ?, reason = ? WHERE id = ? AND state IN (?, ?, ?)",
            (NotificationState.CANCELLED, reason, note, *UNSENT),
        )

    def release(self, note: Notification) -> None:
        """Let a held notification go by itself, with the text and time it has now."""
        self._connection.execute(
            "UPDATE notification SET state = ?, due_us = ?, text = ?, link = ? WHERE id = ?",
            (NotificationState.PENDING, note.due_us, note.text, note.link, note.id),
        )

    def paged_without_need(self) -> list[str]:
        """Return the incidents with unsent pages although nobody's answer is awaited."""
        found = self._connection.execute(
            "SELECT DISTINCT n.incident FROM notification n JOIN incident i ON i.id = n.incident"
            " WHERE n.state IN (?, ?, ?) AND n.purpose IN (?, ?, ?, ?) AND i.status <> ?",
            (*UNSENT, *PAGES, Status.TRIGGERED),
        )
        return [name for (name,) in found]

    def release_pending(self, now_us: int) -> None:
        """Let what waits to be sent go now, because the clock was set back."""
        self._connection.execute(
            "UPDATE notification SET due_us = ? WHERE state = ? AND due_us > ?",
            (now_us, NotificationState.PENDING, now_us),
        )

    # timers

    def due(self, now_us: int, limit: int) -> list[Deadline]:
        """Return at most ``limit`` timers that are due, the most severe first."""
        return self._deadlines(
            "WHERE due_us <= ? ORDER BY severity_rank DESC, due_us, seq LIMIT ?", (now_us, limit)
        )

    def deadline(self, name: str) -> Deadline | None:
        """Return the timer of this id, if it runs."""
        found = self._deadlines("WHERE id = ?", (name,))
        return found[0] if found else None

    def deadlines(self, incident: str) -> list[Deadline]:
        """Return the timers of ``incident``, the next first."""
        return self._deadlines("WHERE incident = ? ORDER BY due_us, seq", (incident,))

    def deadlines_between(self, after_seq: int, until_seq: int) -> list[Deadline]:
        """Return the timers set after ``after_seq`` up to ``until_seq``, in that order."""
        return self._deadlines("WHERE seq > ? AND seq <= ? ORDER BY seq", (after_seq, until_seq))

    def newest_deadline(self) -> int:
        """Return the ``seq`` of the timer set last that still runs; 0 without any."""
        found = self._connection.execute("SELECT coalesce(max(seq), 0) FROM deadline").fetchone()
        return int(found[0])

    def put_deadline(self, deadline: Deadline) -> None:
        """Set a timer; one of the same id is set anew."""
        names = DEADLINE[:-1]
        values = [getattr(deadline, name) for name in names if name != "body"]
        columns = [name for name in names if name != "body"]
        self._connection.execute(
            rows.insert("deadline", (*columns, "body"), "INSERT OR REPLACE"),
            (*values, dump(deadline.body)),
        )

    def drop_deadline(self, name: str) -> None:
        """Take a timer away."""
        self._connection.execute("DELETE FROM deadline WHERE id = ?", (name,))

    def drop_deadlines(self, incident: str, kinds: Collection[DeadlineKind]) -> int:
        """Take the timers of ``incident`` of these kinds away; return how many."""
        return sum(
            self._connection.execute(
                "DELETE FROM deadline WHERE incident = ? AND kind = ?", (incident, kind)
            ).rowcount
            for kind in kinds
        )

    def shift_deadlines(self, seqs: Iterable[int], by_us: int) -> None:
        """Move these timers by ``by_us``, because the clock was."""
        self._connection.executemany(
            "UPDATE deadline SET due_us = due_us + ?, created_us = created_us + ? WHERE seq = ?",
            [(by_us, by_us, seq) for seq in seqs],
        )

    # mutes

    def mutes(self, now_us: int) -> list[Mute]:
        """Return the mutes that hold at ``now_us``."""
        return self._mutes(
            "WHERE ended = 0 AND from_us <= ? AND until_us > ? ORDER BY id", (now_us, now_us)
        )

    def mutes_of(self, target: str) -> list[Mute]:
        """Return the mutes of ``target`` that nobody ended, over or not."""
        return self._mutes("WHERE ended = 0 AND target = ? ORDER BY id", (target,))

    def add_mute(self, mute: Mute) -> None:
        """Write a mute."""
        values = [getattr(mute, name) for name in MUTE]
        self._connection.execute(rows.insert("mute", MUTE), values)

    def end_mute(self, mute: int) -> None:
        """End the mute of this id; ending it twice changes nothing."""
        self._connection.execute("UPDATE mute SET ended = 1 WHERE id = ?", (mute,))

    def shift_mutes(self, now_us: int, by_us: int) -> None:
        """Move the mutes that held at ``now_us`` by ``by_us``, because the clock was."""
        self._connection.execute(
            "UPDATE mute SET from_us = from_us + ?, until_us = until_us + ?"
            " WHERE ended = 0 AND from_us <= ? AND until_us > ?",
            (by_us, by_us, now_us, now_us),
        )

    # results and links

    def action_result(self, offset: int) -> ActionResult | None:
        """Return what became of the action at ``offset``; None while nothing has."""
        row = self._connection.execute(
            'SELECT "offset", ok, words_en, words_zh, incident FROM action_result'
            ' WHERE "offset" = ?',
            (offset,),
        ).fetchone()
        if row is None:
            return None
        place, ok, words_en, words_zh, incident = row
        return ActionResult(
            offset=place, ok=bool(ok), words_en=words_en, words_zh=words_zh, incident=incident
        )

    def put_result(self, result: ActionResult) -> None:
        """Write what became of an action; the first word stands."""
        self._connection.execute(
            "INSERT OR IGNORE INTO action_result VALUES (?, ?, ?, ?, ?)",
            (result.offset, result.ok, result.words_en, result.words_zh, result.incident),
        )

    def put_link(self, token: str, link: Link) -> None:
        """Write a link; its token itself is not kept."""
        self._connection.execute(
            "INSERT OR IGNORE INTO link VALUES (?, ?, ?, ?, ?)",
            (hash_of(token), link.incident, link.person, link.expires_us, link.used_us),
        )

    def link(self, token_or_hash: str | bytes) -> Link | None:
        """Return the link of this token (or of its hash)."""
        name = hash_of(token_or_hash) if isinstance(token_or_hash, str) else token_or_hash
        row = self._connection.execute(
            "SELECT incident, person, expires_us, used_us FROM link WHERE token_hash = ?", (name,)
        ).fetchone()
        if row is None:
            return None
        return Link(incident=row[0], person=row[1], expires_us=row[2], used_us=row[3])

    def use_link(self, token_hash: bytes, at_us: int) -> bool:
        """Use up the link of this hash; say whether it could still be used."""
        done = self._connection.execute(
            "UPDATE link SET used_us = ?"
            " WHERE token_hash = ? AND used_us IS NULL AND expires_us > ?",
            (at_us, token_hash, at_us),
        )
        return done.rowcount == 1

    # each table's rows, read alike

    def _incidents(self, rest: str, values: Iterable[object]) -> list[Incident]:
        sql = rows.select("incident", INCIDENT, rest)
        return [rows.to_incident(row) for row in self._connection.execute(sql, tuple(values))]

    def _conditions(self, rest: str, values: Iterable[object]) -> list[Condition]:
        sql = rows.select("condition", CONDITION, rest)
        return [rows.to_condition(row) for row in self._connection.execute(sql, tuple(values))]

    def _entries(self, rest: str, values: Iterable[object]) -> list[Entry]:
        sql = rows.select("timeline", ENTRY, rest)
        return [rows.to_entry(row) for row in self._connection.execute(sql, tuple(values))]

    def _notifications(self, rest: str, values: Iterable[object]) -> list[Notification]:
        sql = rows.select("notification", NOTIFICATION, rest)
        return [rows.to_notification(row) for row in self._connection.execute(sql, tuple(values))]

    def _deadlines(self, rest: str, values: Iterable[object]) -> list[Deadline]:
        sql = rows.select("deadline", DEADLINE, rest)
        return [rows.to_deadline(row) for row in self._connection.execute(sql, tuple(values))]

    def _mutes(self, rest: str, values: Iterable[object]) -> list[Mute]:
        sql = rows.select("mute", MUTE, rest)
        return [
            Mute(**{**dict(zip(MUTE, row, strict=True)), "ended": bool(row[-1])})
            for row in self._connection.execute(sql, tuple(values))
        ]


def hash_of(token: str) -> bytes:
    """Return the only thing the book keeps of a link's token."""
    return hashlib.sha256(token.encode()).digest()


def dump(body: object) -> str:
    """Return ``body`` as JSON that a person can read."""
    return json.dumps(body, ensure_ascii=False)
