"""The mark of a restore in the log: it survives restarts, and three loops act on it.

Intake asks nodes again, respond tells the hub's operator, deliver looks pages up at
the provider before it sends them: they may have gone after the backup was made.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from hub.model.book import Detail, Entry
from hub.store.book import Book
from hub.store.log import Log

if TYPE_CHECKING:
    import sqlite3

KEY: Final = "restored"
DAY_US: Final = 86_400_000_000
ASK_FOR_US: Final = 90 * DAY_US
LONG_PAST_US: Final = 3_600_000_000  # a page that waited so long says nothing of now
REASON: Final = "restored from a backup: too old to be sent as news"
PERHAPS_SENT: Final = """
UPDATE notification SET state = 'sending', lease_until = 0, repeat = 1,
reason = 'restored from a backup: perhaps sent'
WHERE state IN ('pending', 'sending', 'deferred')
"""
OLD: Final = """
SELECT id, incident, person, channel, purpose FROM notification
WHERE state IN ('held', 'pending', 'sending', 'deferred') AND created_us < ?
"""
CANCEL: Final = """
UPDATE notification SET state = 'cancelled', lease_until = NULL, reason = ?
WHERE state IN ('held', 'pending', 'sending', 'deferred') AND created_us < ?
"""
OPEN: Final = "SELECT id FROM incident WHERE status <> 'resolved'"
BORDERS: Final = """
INSERT INTO meta (key, value) SELECT 'border:' || slot, :at_us FROM datastream WHERE 1
ON CONFLICT (key) DO UPDATE SET value = excluded.value
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """When the hub was restored and when that backup was made; ``told`` once people know.

    ``unsent`` pages are looked up and sent marked as repeated, ``cancelled`` ones were
    too old to be sent; ``open`` incidents were not resolved then.
    """

    at_us: int
    backup_us: int
    unsent: int = 0
    cancelled: int = 0
    open: int = 0
    told: bool = False


def restored(connection: sqlite3.Connection) -> Restored | None:
    """Return the mark of the newest restore, or None."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (KEY,)).fetchone()
    return Restored(**json.loads(row[0])) if row else None


def put(connection: sqlite3.Connection, mark: Restored) -> None:
    """Write the mark; call inside a transaction."""
    value = json.dumps(asdict(mark))
    connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)", (KEY, value))


def mark_restored(connection: sqlite3.Connection, *, at_us: int, backup_us: int) -> Restored:
    """Make a log and book of a backup fit to go on from; call inside a transaction.

    What was answered stays answered. A page that had not gone counts as perhaps sent,
    so that deliver looks for it at the provider before it sends it, marked; one that is
    long past is cancelled. Timers stay: what is overdue fires once, as after a downtime.
    History asks InfluxDB for what the log no longer has.
    """
    cancelled = cancel_old(connection, at_us)
    unsent = connection.execute(PERHAPS_SENT).rowcount
    still_open = [row[0] for row in connection.execute(OPEN)]
    book = Book(connection)
    for incident in still_open:
        body: dict[str, Detail] = {"backup_us": backup_us}
        book.add_entry(Entry(incident=incident, at_us=at_us, kind="restored", body=body))
    connection.execute(BORDERS, {"at_us": str(at_us)})
    mark = Restored(
        at_us=at_us,
        backup_us=backup_us,
        unsent=unsent,
        cancelled=cancelled,
        open=len(still_open),
    )
    put(connection, mark)
    Log(connection).append_control("restored", at_us, "restore", asdict(mark))
    return mark


def cancel_old(connection: sqlite3.Connection, at_us: int) -> int:
    """Cancel pages that waited too long to be news, each with a line; return how many."""
    before_us = at_us - LONG_PAST_US
    rows = connection.execute(OLD, (before_us,)).fetchall()
    connection.execute(CANCEL, (REASON, before_us))
    book = Book(connection)
    for note, incident, person, channel, purpose in rows:
        body = {"notification": note, "person": person, "channel": channel, "purpose": purpose,
                "reason": REASON}  # fmt: skip
        if incident:
            book.add_entry(Entry(incident=incident, at_us=at_us, kind="cancelled", body=body))
    return len(rows)
