"""The log as the store loop sees it: what InfluxDB still needs, and what may leave.

A row may leave when every loop is past it, so that no restart needs it again. What
left is remembered per datastream as its *border*, the newest phenomenon time that the
log no longer holds: ranges after it are whole in the log.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hub.store.lines import Row
from hub.store.log import Log

if TYPE_CHECKING:
    import sqlite3

READ: Final = """
SELECT o."offset", o.slot, o.time_us, o.tie, o.result, o.quality, o.lateness, o.trusted, o.pos,
       m.boot, m.seq, m.received_us
FROM observation o JOIN message m ON m.id = o.message
WHERE o."offset" > ? ORDER BY o."offset" LIMIT ?
"""
OLDEST: Final = """
SELECT o."offset", m.received_us FROM observation o JOIN message m ON m.id = o.message
WHERE o."offset" <= ? ORDER BY o."offset" LIMIT ?
"""
# A start of the hub loads the newest snapshot and reads the log from there.
PASSED: Final = """
SELECT min("offset") FROM (
  SELECT "offset" FROM position
  UNION ALL
  SELECT coalesce(max("offset"), 0) FROM snapshot WHERE loop = 'watch'
  UNION ALL
  SELECT coalesce(min("offset"), 0) FROM position WHERE loop = 'watch')
"""
SET_BORDERS: Final = """
INSERT INTO meta (key, value)
SELECT 'border:' || slot, max(time_us) FROM observation WHERE "offset" <= ? GROUP BY slot
ON CONFLICT (key) DO UPDATE SET value = excluded.value
WHERE CAST(excluded.value AS INTEGER) > CAST(meta.value AS INTEGER)
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """Rows of the log in offset order, and the offset up to which they are all."""

    rows: list[Row]
    end: int


class Journal:
    """The log behind one connection, for one thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection
        self.log = Log(connection)

    def after(self, offset: int, limit: int) -> Slice:
        """Return at most ``limit`` observations after ``offset``."""
        end = self.log.end()  # first: what is committed later only adds rows
        rows: list[Row] = self.connection.execute(READ, (offset, limit)).fetchall()
        last = rows[-1][0] if rows else offset
        return Slice(rows=rows, end=last if len(rows) == limit else max(end, last))

    def passed(self) -> int:
        """Return the offset up to which no loop, also restarted, needs the log again."""
        (offset,) = self.connection.execute(PASSED).fetchone()
        return int(offset or 0)

    def old(self, until: int, received_before_us: int, limit: int) -> int:
        """Return the offset that ends the oldest rows received before then; 0 for none."""
        last = 0
        for offset, received_us in self.connection.execute(OLDEST, (until, limit)):
            if received_us >= received_before_us:
                break
            last = offset
        return last

    def remove(self, until: int, limit: int) -> None:
        """Remove the rows up to offset ``until``; call inside a transaction."""
        self.connection.execute(SET_BORDERS, (until,))
        self.log.delete_before(until + 1, limit)

    def remembered(self, key: str) -> str:
        """Return what ``remember`` kept under ``key``; empty for nothing."""
        row = self.connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else ""

    def remember(self, key: str, value: str) -> None:
        """Keep ``value``; call inside a transaction."""
        self.connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def refused_before(self, node: str, boot: str, seq: int, pos: int) -> bool:
        """Say whether InfluxDB's refusal of this observation is in the quarantine."""
        row = self.connection.execute(
            "SELECT 1 FROM quarantine WHERE node = ? AND boot = ? AND seq = ? AND pos = ?"
            " AND door = 'influx'",
            (node, boot, seq, pos),
        ).fetchone()
        return row is not None

    def used_bytes(self) -> int:
        """Return the bytes of the file that hold something."""
        pages, free, size = (
            self.connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("page_count", "freelist_count", "page_size")
        )
        return int((pages - free) * size)


def border_us(connection: sqlite3.Connection, slot: int) -> int | None:
    """Return the newest phenomenon time of ``slot`` that left the log; None for none."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (f"border:{slot}",)).fetchone()
    return int(row[0]) if row else None
