"""What intake writes and looks up: messages, observations, numbers, nodes, datastreams."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hub.store.log import QUARANTINE

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

WRITE_MESSAGES: Final = """
INSERT INTO message (id, node, boot, seq, received_us, sent_us, digest)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
WRITE_OBSERVATIONS: Final = """
INSERT INTO observation ("offset", slot, time_us, tie, start_us, result, quality, lateness,
                         trusted, message, pos, raw_us, why)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""
WRITE_RANGES: Final = """
INSERT INTO stored_range (node, boot, low, high) VALUES (?, ?, ?, ?)
ON CONFLICT (node, boot, low) DO UPDATE SET high = excluded.high
"""
WRITE_NODES: Final = """
INSERT INTO node (name, site) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET site = excluded.site
"""
WRITE_BOOTS: Final = """
INSERT OR REPLACE INTO boot (node, boot, behind_us, start_us) VALUES (?, ?, ?, ?)
"""
WRITE_STREAMS: Final = """
INSERT INTO datastream (slot, node, name, site, unit) VALUES (?, ?, ?, ?, ?)
"""
STREAMS: Final = """
SELECT slot, site, node, name, unit, learnt_s, newest_us,
       (SELECT max(time_us) FROM observation o WHERE o.slot = d.slot)
FROM datastream d ORDER BY slot
"""
TAIL: Final = """
SELECT "offset", time_us, result, quality FROM observation
WHERE slot = ? AND lateness <= 1 ORDER BY time_us DESC LIMIT ?
"""
TRIM_QUARANTINE: Final = """
DELETE FROM quarantine WHERE id <= (SELECT max(id) FROM quarantine) - ?
"""

WAITING: Final = """
SELECT q.id, q.received_us, q.topic, q.payload FROM quarantine q
JOIN node n ON n.name = q.node AND n.site = q.site
WHERE q.site <> '' ORDER BY q.id LIMIT ?
"""

StreamTuple = tuple[int, str, str, str, str, float | None, int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Rows of one commit, as SQLite takes them."""

    messages: Iterable[tuple[object, ...]]
    observations: Iterable[tuple[object, ...]]
    changed_ranges: Iterable[tuple[str, str, int, int]]
    removed_ranges: Iterable[tuple[str, str, int]]
    streams: Iterable[tuple[int, str, str, str, str]]
    units: Iterable[tuple[str, int]]
    nodes: Iterable[tuple[str, str]]
    asides: Iterable[tuple[object, ...]]
    retaken: Iterable[tuple[int, int]]
    states: Iterable[tuple[str, int, str]]
    boots: Iterable[tuple[str, str, int | None, int | None]]
    learnt: Iterable[tuple[float, int]]


class Arrivals:
    """The log's tables that intake alone writes, behind one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def write(self, rows: Rows) -> None:
        """Write one batch; call inside a transaction."""
        many = self._connection.executemany
        many(WRITE_STREAMS, rows.streams)
        many("UPDATE datastream SET unit = ? WHERE slot = ?", rows.units)
        many(WRITE_NODES, rows.nodes)
        many("UPDATE datastream SET site = ? WHERE node = ?", [(s, n) for n, s in rows.nodes])
        many(WRITE_MESSAGES, rows.messages)
        many(WRITE_OBSERVATIONS, rows.observations)
        many(
            "DELETE FROM stored_range WHERE node = ? AND boot = ? AND low = ?", rows.removed_ranges
        )
        many(WRITE_RANGES, rows.changed_ranges)
        many("UPDATE node SET state = ?, state_us = ? WHERE name = ?", rows.states)
        many(WRITE_BOOTS, rows.boots)
        many("UPDATE datastream SET learnt_s = ? WHERE slot = ?", rows.learnt)
        many("UPDATE quarantine SET site = '', retaken_us = ? WHERE id = ?", rows.retaken)
        many(QUARANTINE, rows.asides)

    def set_clocks(self, clocks: Sequence[tuple[float, str]]) -> None:
        """Note how many seconds the clock of each node was said to be behind."""
        self._connection.executemany("UPDATE node SET clock_s = ? WHERE name = ?", clocks)

    def trim_quarantine(self, most: int) -> int:
        """Remove all but the newest ``most`` rows of the quarantine; return how many."""
        return self._connection.execute(TRIM_QUARANTINE, (most,)).rowcount

    def last_message(self) -> int:
        """Return the greatest id of a message; 0 before the first."""
        (last,) = self._connection.execute("SELECT coalesce(max(id), 0) FROM message").fetchone()
        return int(last)

    def streams(self) -> list[StreamTuple]:
        """Return every datastream: slot, site, node, name, unit, learnt_s, newest_us."""
        rows = self._connection.execute(STREAMS).fetchall()
        return [(*row[:6], newest(row[6], row[7])) for row in rows]

    def nodes(self) -> dict[str, str]:
        """Return the site of each node."""
        return dict(self._connection.execute("SELECT name, site FROM node"))

    def states(self) -> dict[str, bool]:
        """Return, by node, whether its last state message said that it is online."""
        rows = self._connection.execute("SELECT name, state FROM node WHERE state IS NOT NULL")
        return {name: bool(json.loads(state).get("online")) for name, state in rows}

    def clocks(self) -> dict[str, float]:
        """Return, by node, how many seconds its clock was last said to be behind."""
        return dict(
            self._connection.execute("SELECT name, clock_s FROM node WHERE clock_s IS NOT NULL")
        )

    def boots(self, most: int) -> list[tuple[str, str, int | None, int | None]]:
        """Return what was learnt of the clocks: node, boot, behind_us, start_us."""
        return self._connection.execute(
            "SELECT node, boot, behind_us, start_us FROM boot LIMIT ?", (most,)
        ).fetchall()

    def tail(self, slot: int, count: int) -> list[tuple[int, int, float | None, int]]:
        """Return the newest ``count`` current rows of a slot in log order.

        Each is (offset, time_us, result, quality).
        """
        return sorted(self._connection.execute(TAIL, (slot, count)).fetchall())

    def ranges(self, node: str, boot: str) -> list[tuple[int, int]]:
        """Return the numbers stored of one start of a node, as ranges."""
        return self._connection.execute(
            "SELECT low, high FROM stored_range WHERE node = ? AND boot = ?", (node, boot)
        ).fetchall()

    def digest(self, node: str, boot: str, seq: int) -> bytes | None:
        """Return the digest of a stored message, or None once it left the log."""
        row = self._connection.execute(
            "SELECT digest FROM message WHERE node = ? AND boot = ? AND seq = ?", (node, boot, seq)
        ).fetchone()
        return bytes(row[0]) if row else None

    def seen(self, node: str, digest: bytes, since_us: int) -> bool:
        """Say whether a message of that content was received since then."""
        row = self._connection.execute(
            "SELECT 1 FROM message WHERE node = ? AND digest = ? AND received_us >= ? LIMIT 1",
            (node, digest, since_us),
        ).fetchone()
        return row is not None

    def site_of(self, node: str) -> str | None:
        """Return the site that ``node`` belongs to now, or None."""
        row = self._connection.execute("SELECT site FROM node WHERE name = ?", (node,)).fetchone()
        return str(row[0]) if row else None

    def set_aside(self, node: str, boot: str, seq: int) -> bool:
        """Say whether the whole message is in quarantine already."""
        row = self._connection.execute(
            "SELECT 1 FROM quarantine WHERE node = ? AND boot = ? AND seq = ? AND pos IS NULL",
            (node, boot, seq),
        ).fetchone()
        return row is not None

    def waiting(self, most: int) -> list[tuple[int, int, str, bytes]]:
        """Return messages in quarantine whose node may speak from their site by now.

        Each is (row, received_us, topic, payload), the oldest first.
        """
        return self._connection.execute(WAITING, (most,)).fetchall()

    def moved(self, after: int) -> list[tuple[int, str]]:
        """Return (offset, node) of those that a person moved after offset ``after``."""
        return self._connection.execute(
            "SELECT \"offset\", json_extract(body, '$.node') FROM control "
            'WHERE "offset" > ? AND kind = \'moved\' ORDER BY "offset"',
            (after,),
        ).fetchall()

    def ties(self, slot: int, time_us: int) -> set[int]:
        """Return the tie-breakers in use at one instant of one datastream."""
        rows = self._connection.execute(
            "SELECT tie FROM observation WHERE slot = ? AND time_us = ?", (slot, time_us)
        )
        return {row[0] for row in rows}


def newest(kept: int | None, in_log: int | None) -> int | None:
    """Return the later of two times, either of which may be unknown."""
    known = [time_us for time_us in (kept, in_log) if time_us is not None]
    return max(known, default=None)
