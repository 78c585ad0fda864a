"""The log: observations and control entries in one order of offsets, and who read how far.

Every method may run inside a transaction of the caller or outside of one. Times are
microseconds since 1970 UTC.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from hub.model.incident import Action, ActionKind
from hub.model.observation import DTYPES, Batch, batch_of
from hub.store.database import transaction

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping

Details = dict[str, str | int | float | None]

FIRST_OFFSET: Final = 1
SNAPSHOTS_KEPT: Final = 2
REASON_LENGTH: Final = 300
READ_OBSERVATIONS: Final = """
SELECT "offset", slot, time_us, start_us, result, quality, lateness, message
FROM observation WHERE "offset" > ? ORDER BY "offset" LIMIT ?
"""
READ_CONTROLS: Final = """
SELECT "offset", at_us, kind, by, body FROM control
WHERE "offset" > ? ORDER BY "offset" LIMIT ?
"""
NEXT_OFFSET: Final = """
INSERT INTO meta (key, value) VALUES ('next_offset', ?)
ON CONFLICT (key) DO UPDATE SET value = excluded.value
"""
QUARANTINE: Final = """
INSERT INTO quarantine (received_us, door, topic, node, boot, seq, pos, reason, payload,
                        site, digest)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (digest) WHERE digest IS NOT NULL DO UPDATE SET
  count = count + 1, last_us = excluded.received_us, reason = excluded.reason,
  site = excluded.site, retaken_us = NULL
"""
DELETE_CONTROLS: Final = """
DELETE FROM control WHERE "offset" < ?
  AND kind IN ('tick', 'fit', 'state', 'connected', 'clock', 'learnt', 'disk')
"""
OUTLINE: Final = """
SELECT (SELECT count(*) FROM datastream), (SELECT value FROM meta WHERE key = 'moves')
"""
COUNT_MOVE: Final = """
INSERT INTO meta (key, value) VALUES ('moves', '1')
ON CONFLICT (key) DO UPDATE SET value = CAST(value AS INTEGER) + 1
"""
KEEP_NEWEST: Final = """
UPDATE datastream SET newest_us = max(coalesce(datastream.newest_us, 0), leaving.newest_us)
FROM (SELECT slot, max(time_us) AS newest_us FROM observation
      WHERE "offset" < ? GROUP BY slot) AS leaving
WHERE datastream.slot = leaving.slot
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One entry that is not an observation; ``body`` depends on ``kind``."""

    offset: int
    at_us: int
    kind: str
    by: str
    body: dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """A stretch of the log up to and including offset ``end``; both parts are sorted."""

    batch: Batch
    controls: tuple[Control, ...]
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamRow:
    """One datastream as the log knows it."""

    slot: int
    node: str
    name: str
    site: str
    unit: str
    learnt_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRow:
    """One node: the site it belongs to, its last state and how far its clock is behind."""

    name: str
    site: str
    state: dict[str, object]
    state_us: int | None
    clock_s: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantineRow:
    """What could not be taken in, and why; ``pos`` None means the whole message.

    ``count`` is how often the same came, last at ``last_us`` (None: once). ``site`` is
    where its node must be let speak before it is taken; ``retaken_us`` when it was.
    """

    id: int
    received_us: int
    door: str
    topic: str
    node: str
    boot: str
    seq: int | None
    pos: int | None
    reason: str
    payload: bytes
    count: int
    last_us: int | None
    site: str
    retaken_us: int | None


class Log:
    """The log behind one connection, for one thread."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def end(self) -> int:
        """Return the last offset taken; 0 when the log is empty."""
        return self._next_offset() - 1

    def read(self, after: int, limit: int) -> Entries:
        """Return all entries with ``after < offset <= end``, at most ``limit`` of each sort."""
        with snapshot_of(self._connection):
            rows = self._connection.execute(READ_OBSERVATIONS, (after, limit)).fetchall()
            entries = self._connection.execute(READ_CONTROLS, (after, limit)).fetchall()
            ends = [part[-1][0] for part in (rows, entries) if len(part) == limit]
            end = min(ends, default=max(self.end(), after))
            batch = self._batch([row for row in rows if row[0] <= end])
        return Entries(
            batch=batch,
            controls=tuple(control_of(row) for row in entries if row[0] <= end),
            end=end,
        )

    def take_offsets(self, count: int) -> int:
        """Take ``count`` offsets and return the first; call inside a transaction."""
        first = self._next_offset()
        self._connection.execute(NEXT_OFFSET, (str(first + count),))
        return first

    def append_control(self, kind: str, at_us: int, by: str, body: Mapping[str, object]) -> int:
        """Append one control entry and return its offset."""
        with transaction_of(self._connection):
            offset = self.take_offsets(1)
            self._connection.execute(
                'INSERT INTO control ("offset", at_us, kind, by, body) VALUES (?, ?, ?, ?, ?)',
                (offset, at_us, kind, by, json.dumps(body, ensure_ascii=False)),
            )
        return offset

    def append_action(  # noqa: PLR0917  the doors' own order
        self, kind: ActionKind, target: str, by: str, via: str, details: Details, at_us: int
    ) -> int:
        """Append what a person did and return its offset."""
        body = {"kind": kind, "target": target, "via": via, "details": details}
        return self.append_control("action", at_us, by, body)

    def actions(self, after: int, limit: int) -> list[Action]:
        """Return at most ``limit`` actions after offset ``after``."""
        rows = self._connection.execute(
            'SELECT "offset", at_us, kind, by, body FROM control '
            'WHERE "offset" > ? AND kind = \'action\' ORDER BY "offset" LIMIT ?',
            (after, limit),
        )
        return [action_of(control_of(row)) for row in rows]

    def position(self, loop: str, partition: int = 0) -> int:
        """Return the offset that ``loop`` has committed; 0 before its first."""
        row = self._connection.execute(
            'SELECT "offset" FROM position WHERE loop = ? AND partition = ?', (loop, partition)
        ).fetchone()
        return int(row[0]) if row else 0

    def set_position(self, loop: str, offset: int, partition: int = 0) -> None:
        """Commit how far ``loop`` came, together with the caller's transaction."""
        self._connection.execute(
            "INSERT OR REPLACE INTO position VALUES (?, ?, ?)", (loop, partition, offset)
        )

    def datastreams(self) -> list[StreamRow]:
        """Return every datastream, in the order of its slot."""
        rows = self._connection.execute(
            "SELECT slot, node, name, site, unit, learnt_s FROM datastream ORDER BY slot"
        )
        names = ("slot", "node", "name", "site", "unit", "learnt_s")
        return [StreamRow(**dict(zip(names, row, strict=True))) for row in rows]

    def outline(self) -> tuple[int, int]:
        """Return (datastreams, moves of nodes so far): when it changed, ``datastreams`` has."""
        count, moves = self._connection.execute(OUTLINE).fetchone()
        return int(count), int(moves or 0)

    def nodes(self) -> list[NodeRow]:
        """Return every node, by name."""
        rows = self._connection.execute(
            "SELECT name, site, state, state_us, clock_s FROM node ORDER BY name"
        )
        return [
            NodeRow(name=name, site=site, state=json.loads(state or "{}"), state_us=at, clock_s=off)
            for name, site, state, at, off in rows
        ]

    def move_node(self, node: str, site: str, by: str, at_us: int) -> int:
        """Let ``node`` speak from ``site`` from now on, as a person decided."""
        with transaction_of(self._connection):
            self._connection.execute(
                "INSERT INTO node (name, site) VALUES (?, ?) "
                "ON CONFLICT (name) DO UPDATE SET site = excluded.site",
                (node, site),
            )
            self._connection.execute("UPDATE datastream SET site = ? WHERE node = ?", (site, node))
            self._connection.execute(COUNT_MOVE)
            return self.append_control("moved", at_us, by, {"node": node, "site": site})

    def save_snapshot(self, loop: str, offset: int, taken_us: int, state: bytes) -> None:
        """Keep ``state`` of ``loop`` as of ``offset``; the newest two are kept."""
        with transaction_of(self._connection):
            self._connection.execute(
                "INSERT OR REPLACE INTO snapshot VALUES (?, 0, ?, ?, ?)",
                (loop, offset, taken_us, state),
            )
            self._connection.execute(
                'DELETE FROM snapshot WHERE loop = ? AND "offset" NOT IN '
                '(SELECT "offset" FROM snapshot WHERE loop = ? ORDER BY "offset" DESC LIMIT ?)',
                (loop, loop, SNAPSHOTS_KEPT),
            )

    def newest_snapshot(self, loop: str) -> tuple[int, bytes] | None:
        """Return (offset, state) of the newest snapshot of ``loop``, or None."""
        row = self._connection.execute(
            'SELECT "offset", state FROM snapshot WHERE loop = ? ORDER BY "offset" DESC LIMIT 1',
            (loop,),
        ).fetchone()
        return (int(row[0]), bytes(row[1])) if row else None

    def quarantine(
        self,
        *,
        received_us: int,
        door: str,
        reason: str,
        payload: bytes,
        topic: str = "",
        node: str = "",
        boot: str = "",
        seq: int | None = None,
        pos: int | None = None,
    ) -> None:
        """Keep what could not be taken in, with a short reason; the same again is counted."""
        row = quarantine_row(received_us, door, topic, node, boot, seq, pos, reason, payload)
        with transaction_of(self._connection):
            self._connection.execute(QUARANTINE, row)

    def quarantined(self, limit: int) -> list[QuarantineRow]:
        """Return at most ``limit`` rows of the quarantine, newest first."""
        names = tuple(QuarantineRow.__slots__)
        rows = self._connection.execute(
            f"SELECT {', '.join(names)} FROM quarantine ORDER BY id DESC LIMIT ?",  # noqa: S608
            (limit,),
        )
        return [QuarantineRow(**dict(zip(names, row, strict=True))) for row in rows]

    def delete_before(self, offset: int, limit: int) -> int:
        """Remove at most ``limit`` observations before ``offset``, oldest first; return how many.

        Messages that carry none any more go with them, and so do the control entries of
        their time that nobody asks for again. What must outlive them stays: what people
        did, configurations, moves, ranges of numbers, each datastream's newest time.
        """
        with transaction_of(self._connection):
            until = self._limit_of(offset, limit)
            self._connection.execute(KEEP_NEWEST, (until,))
            gone = self._connection.execute('DELETE FROM observation WHERE "offset" < ?', (until,))
            self._connection.execute(DELETE_CONTROLS, (until,))
            self._connection.execute(
                "DELETE FROM message WHERE id < coalesce((SELECT message FROM observation ORDER BY "
                '"offset" LIMIT 1), (SELECT max(id) FROM message))'
            )
        return gone.rowcount

    def _limit_of(self, offset: int, limit: int) -> int:
        """Return the offset before which at most ``limit`` observations lie."""
        row = self._connection.execute(
            'SELECT "offset" FROM observation WHERE "offset" < ? '
            'ORDER BY "offset" LIMIT 1 OFFSET ?',
            (offset, limit),
        ).fetchone()
        return int(row[0]) if row else offset

    def _next_offset(self) -> int:
        row = self._connection.execute(
            "SELECT value FROM meta WHERE key = 'next_offset'"
        ).fetchone()
        return int(row[0]) if row else FIRST_OFFSET

    def _batch(self, rows: list[tuple[int | float | None, ...]]) -> Batch:
        if not rows:
            return batch_of([])
        offset, slot, time_us, start_us, result, quality, lateness, message = zip(
            *rows, strict=True
        )
        columns = {
            "offset": offset,
            "slot": slot,
            "time_us": time_us,
            "start_us": start_us,
            "result": result,
            "quality": quality,
            "lateness": lateness,
            "message": message,
        }
        arrays = {name: np.array(column, DTYPES[name]) for name, column in columns.items()}
        return Batch(received_us=self._received(arrays["message"]), **arrays)

    def _received(self, message: np.ndarray) -> np.ndarray:
        """Return when each of the messages was received."""
        rows = self._connection.execute(
            "SELECT id, received_us FROM message WHERE id BETWEEN ? AND ?",
            (int(message.min()), int(message.max())),
        ).fetchall()
        ids = np.array([row[0] for row in rows], np.int64)
        received = np.array([row[1] for row in rows], np.int64)
        return received[np.searchsorted(ids, message)]


def control_of(row: tuple[int, int, str, str, str]) -> Control:
    """Return a row of the table control as what it says."""
    offset, at_us, kind, by, body = row
    return Control(offset=offset, at_us=at_us, kind=kind, by=by, body=json.loads(body))


def action_of(control: Control) -> Action:
    """Return the action that a control entry of kind "action" tells of."""
    body = control.body
    details = body["details"]
    return Action(
        offset=control.offset,
        at_us=control.at_us,
        kind=ActionKind(str(body["kind"])),
        target=str(body["target"]),
        by=control.by,
        via=str(body["via"]),
        details=details if isinstance(details, dict) else {},
    )


def quarantine_row(  # noqa: PLR0917  the order of the columns
    received_us: int,
    door: str,
    topic: str,
    node: str,
    boot: str,
    seq: int | None,
    pos: int | None,
    reason: str,
    payload: bytes,
    site: str = "",
) -> tuple[object, ...]:
    """Return a row for ``QUARANTINE``; two that differ in time and reason alone are one."""
    whence = repr((door, topic, node, boot, seq, pos)).encode()
    digest = hashlib.blake2b(whence + payload, digest_size=16).digest()
    short = reason[:REASON_LENGTH]
    return received_us, door, topic, node, boot, seq, pos, short, payload, site, digest


@contextmanager
def transaction_of(connection: sqlite3.Connection) -> Iterator[None]:
    """Run the body in the caller's transaction, or in one of its own."""
    if connection.in_transaction:
        yield
        return
    with transaction(connection):
        yield


@contextmanager
def snapshot_of(connection: sqlite3.Connection) -> Iterator[None]:
    """Let all reads of the body see one state of the file."""
    if connection.in_transaction:
        yield
        return
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
