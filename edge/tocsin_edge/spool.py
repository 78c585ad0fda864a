"""Messages on disk until the hub's receipt, and as long after it as space allows.

A PUBACK settles nothing. When space runs out, receipted messages leave first, then
those set aside, then the oldest routine ones, then the oldest alarming ones; what
leaves unreceipted is counted and named to the hub as ``gone``. Used by one thread.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

from tocsin_edge.errors import SpoolError
from tocsin_edge.spool_file import DAMAGED, failure, mended_spool
from tocsin_edge.sums import (
    draft_sum,
    gone_sum,
    is_draft,
    is_message,
    message_sum,
    sealed,
    size_of,
    unsealed,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from tocsin_edge.message import Span

GONE_RANGES: Final = 50  # named in one message


class Status(IntEnum):
    """What became of a message so far."""

    WAITING = 0
    RECEIPTED = 1
    ASIDE = 2  # refused, unanswerable or damaged: kept, counted, not sent again


@dataclass(frozen=True, slots=True, kw_only=True)
class Spooled:
    """One message as it will be sent; ``obs`` is the JSON array."""

    id: int
    boot: str
    seq: int
    alarming: bool
    n: int
    obs: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """A message that left the spool without a receipt."""

    boot: str
    seq: int
    n: int


class Spool:
    """The spool in ``file``, writing as ``boot`` and charged at most ``max_bytes``.

    Nothing is on disk before ``commit``; a message may be sent only after it.

    Raises:
        SpoolError: if the file cannot be used, here and in every method.
    """

    def __init__(self, file: Path, *, boot: str, max_bytes: int) -> None:
        self.boot = boot
        self._max_bytes = max_bytes
        self._db = mended_spool(file)
        self._used = self._number("SELECT coalesce(sum(size), 0) FROM message")
        self._losses: list[Loss] = []
        self._forget_settled_boots()
        self._run("INSERT OR IGNORE INTO boot VALUES (?, 1)", boot)
        self.commit()

    def close(self) -> None:
        """Let go of the file; what was not committed is dropped."""
        self._db.close()

    def commit(self) -> list[Loss]:
        """Put all since the last commit on disk; return what was evicted unreceipted.

        Raises:
            SpoolError: nothing since the last commit is on disk, as if it never was.
        """
        try:
            self._db.commit()
        except sqlite3.Error as err:
            self.rollback()
            raise failure(err, "spool cannot be written") from err
        losses, self._losses = self._losses, []
        return losses

    def rollback(self) -> None:
        """Forget all since the last commit."""
        try:
            self._db.rollback()
        except sqlite3.Error as err:
            raise failure(err, "spool cannot be used") from err
        self._losses.clear()
        self._used = self._number("SELECT coalesce(sum(size), 0) FROM message")

    # What comes in

    def hold(self, obs: str) -> None:
        """Keep one routine observation for the next message."""
        told = draft_sum(self.boot, obs)
        self._run("INSERT INTO draft (boot, obs, crc) VALUES (?, ?, ?)", self.boot, obs, told)

    def remember(self, sensor: str, value: str) -> None:
        """Keep what ``sensor`` wants back after a restart."""
        self._run("INSERT OR REPLACE INTO memory VALUES (?, ?)", sensor, sealed(sensor, value))

    def memory(self) -> dict[str, str]:
        """Return what each sensor asked to have back."""
        rows = self._all("SELECT sensor, value FROM memory")
        kept = ((sensor, unsealed(sensor, value)) for sensor, value in rows)
        return {sensor: value for sensor, value in kept if value is not None}

    def pack(self, most: int) -> list[Spooled]:
        """Turn all held observations into messages of at most ``most`` each.

        What an earlier boot held goes out under that boot: its times count from there.
        """
        held = self._all("SELECT boot, obs, crc FROM draft ORDER BY id")
        rows = [(boot, obs) for boot, obs, told in held if is_draft(boot, obs, told)]
        packed = [
            self.add([obs for _, obs in part], boot=part[0][0]) for part in _parts(rows, most)
        ]
        if held:
            self._run("DELETE FROM draft")
            self._count("aside", len(held) - len(rows))
        return packed

    def add(
        self, observations: Sequence[str], *, alarming: bool = False, boot: str | None = None
    ) -> Spooled:
        """Spool one message of JSON ``observations`` under the next number of its boot."""
        boot = boot or self.boot
        obs = f"[{','.join(observations)}]"
        size, n = size_of(obs), len(observations)
        self._make_room(size)
        seq = self._number("SELECT next_seq FROM boot WHERE boot = ?", boot)
        self._run("UPDATE boot SET next_seq = ? WHERE boot = ?", seq + 1, boot)
        cursor = self._run(
            "INSERT INTO message (boot, seq, alarming, n, size, crc, obs)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            *(boot, seq, int(alarming), n, size, message_sum(boot, seq, alarming, n, obs), obs),
        )
        self._used += size
        return Spooled(
            id=int(cursor.lastrowid or 0),
            boot=boot,
            seq=seq,
            alarming=alarming,
            n=n,
            obs=obs,
        )

    # What goes out

    def waiting(self, *, alarming: bool, below: int, most: int) -> list[int]:
        """Return the newest waiting messages older than id ``below``, newest first."""
        rows = self._all(
            "SELECT id FROM message WHERE status = 0 AND alarming = ? AND id < ?"
            " ORDER BY id DESC LIMIT ?",
            *(int(alarming), below, most),
        )
        return [id_ for (id_,) in rows]

    def load(self, id_: int) -> Spooled | None:
        """Return the waiting message ``id_``; None once it is settled, evicted or damaged.

        A damaged one is set aside and counted.
        """
        rows = self._all(
            "SELECT boot, seq, alarming, n, crc, obs FROM message WHERE id = ? AND status = 0", id_
        )
        if not rows:
            return None
        boot, seq, alarming, n, crc, obs = rows[0]
        if not is_message((boot, seq, alarming, n, crc, obs)):
            self._run("UPDATE message SET status = 2, reason = ? WHERE id = ?", DAMAGED, id_)
            self._count("aside", 1)
            return None
        return Spooled(id=id_, boot=boot, seq=seq, alarming=bool(alarming), n=n, obs=obs)

    def low(self, boot: str) -> int:
        """Return the oldest number of ``boot`` still held; below it all is settled."""
        return self._number(
            "SELECT coalesce((SELECT min(seq) FROM message WHERE boot = ?1),"
            " (SELECT next_seq FROM boot WHERE boot = ?1), 1)",
            boot,
        )

    def gone(self, boot: str) -> list[Span]:
        """Return the evicted ranges of ``boot`` that the hub may not know, oldest first."""
        return self._all(
            "SELECT low, high FROM gone WHERE boot = ? AND (told = 0 OR high >= ?)"
            " ORDER BY told, low LIMIT ?",
            *(boot, self.low(boot), GONE_RANGES),
        )

    # What the hub said

    def receipted(self, boot: str, span: Span) -> list[tuple[int, int]]:
        """Mark ``span`` as settled; return (id, number) of those that were not before."""
        rows = self._all(
            "UPDATE message SET status = 1, reason = NULL"
            " WHERE boot = ? AND seq BETWEEN ? AND ? AND status <> 1 RETURNING id, seq",
            *(boot, *span),
        )
        return sorted(rows)

    def told(self, boot: str, spans: Iterable[Span]) -> None:
        """Note that the hub knows these ``gone`` ranges."""
        for low, high in spans:
            self._run(
                "UPDATE gone SET told = 1 WHERE boot = ? AND low = ? AND high = ?", boot, low, high
            )

    def wanted(self, boot: str, span: Span) -> int:
        """Make receipted messages of ``span`` wait again; return how many there still were."""
        rows = self._all(
            "UPDATE message SET status = 0 WHERE boot = ? AND seq BETWEEN ? AND ? AND status = 1"
            " RETURNING id",
            *(boot, *span),
        )
        return len(rows)

    def set_aside(self, boot: str, seq: int, reason: str) -> int | None:
        """Set a message aside, counted; return its id, None if it was not waiting."""
        rows = self._all(
            "UPDATE message SET status = 2, reason = ? WHERE boot = ? AND seq = ? AND status = 0"
            " RETURNING id",
            *(reason, boot, seq),
        )
        if not rows:
            return None
        self._count("aside", 1)
        return int(rows[0][0])

    # What there is

    def queue(self) -> int:
        """Return how many messages wait for a receipt."""
        return self._number("SELECT count(*) FROM message WHERE status = 0")

    def held(self, most: int) -> list[tuple[str, int, int]]:
        """Return (boot, lowest, highest number) of the newest ``most`` boots with messages."""
        return self._all(
            "SELECT boot, (SELECT min(seq) FROM message m WHERE m.boot = b.boot) AS low,"
            " (SELECT max(seq) FROM message m WHERE m.boot = b.boot) AS high FROM boot b"
            " WHERE low IS NOT NULL ORDER BY (SELECT id FROM message m WHERE m.boot = b.boot"
            " ORDER BY seq DESC LIMIT 1) DESC LIMIT ?",
            most,
        )

    def counter(self, name: str) -> int:
        """Return ``evicted`` (messages), ``evicted_observations`` or ``aside`` so far."""
        return self._number("SELECT coalesce((SELECT value FROM counter WHERE name = ?), 0)", name)

    def used_bytes(self) -> int:
        """Return the bytes all messages are charged for: at most ``max_bytes``."""
        return self._used

    def messages(self) -> Iterable[Spooled]:
        """Yield every message held, settled or not, in the order of spooling."""
        rows = self._db.execute("SELECT id, boot, seq, alarming, n, obs FROM message ORDER BY id")
        for id_, boot, seq, alarming, n, obs in rows:
            yield Spooled(id=id_, boot=boot, seq=seq, alarming=bool(alarming), n=n, obs=obs)

    # Space

    def _forget_settled_boots(self) -> None:
        held = "SELECT boot FROM message UNION SELECT boot FROM draft"
        self._run(f"DELETE FROM boot WHERE boot NOT IN ({held})")  # noqa: S608 - a constant
        self._run(f"DELETE FROM gone WHERE boot NOT IN ({held})")  # noqa: S608 - a constant

    def _make_room(self, size: int) -> None:
        while self._used + size > self._max_bytes and self._evict_one():
            pass

    def _evict_one(self) -> bool:
        rows = self._oldest(Status.RECEIPTED) or self._oldest(Status.ASIDE)
        rows = rows or self._oldest(Status.WAITING)
        if not rows:
            return False
        id_, boot, seq, status, n, size = rows[0]
        self._run("DELETE FROM message WHERE id = ?", id_)
        self._used -= size
        if status == Status.WAITING:
            self._lose(Loss(boot=boot, seq=seq, n=n))
        return True

    def _oldest(self, status: Status) -> list[tuple[int, str, int, int, int, int]]:
        return self._all(
            "SELECT id, boot, seq, status, n, size FROM message WHERE status = ?"
            " ORDER BY alarming, id LIMIT 1",
            int(status),
        )

    def _lose(self, loss: Loss) -> None:
        low, high = loss.seq, loss.seq
        before = self._all("SELECT low FROM gone WHERE boot = ? AND high = ?", loss.boot, low - 1)
        after = self._all("SELECT high FROM gone WHERE boot = ? AND low = ?", loss.boot, high + 1)
        low, high = before[0][0] if before else low, after[0][0] if after else high
        self._run("DELETE FROM gone WHERE boot = ? AND low BETWEEN ? AND ?", loss.boot, low, high)
        told = gone_sum(loss.boot, low, high)
        self._run(
            "INSERT INTO gone (boot, low, high, crc) VALUES (?, ?, ?, ?)",
            *(loss.boot, low, high, told),
        )
        self._count("evicted", 1)
        self._count("evicted_observations", loss.n)
        self._losses.append(loss)

    def _count(self, name: str, n: int) -> None:
        if not n:
            return
        self._run(
            "INSERT INTO counter VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET"
            " value = value + ?2",
            *(name, n),
        )

    # SQLite

    def _run(self, sql: str, *values: object) -> sqlite3.Cursor:
        try:
            return self._db.execute(sql, values)
        except (sqlite3.Error, UnicodeError) as err:
            raise failure(err, "spool cannot be used") from err

    def _all(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        cursor = self._run(sql, *values)
        try:
            return cursor.fetchall()
        except (sqlite3.Error, UnicodeError) as err:
            raise failure(err, "spool cannot be read") from err

    def _number(self, sql: str, *values: object) -> int:
        ((number,),) = self._all(sql, *values)
        if not isinstance(number, int):
            raise SpoolError(f"spool cannot be used: {number!r:.80} is no number")
        return number


def _parts(rows: Sequence[tuple[str, str]], most: int) -> list[list[tuple[str, str]]]:
    parts: list[list[tuple[str, str]]] = []
    for row in rows:
        if not parts or parts[-1][0][0] != row[0] or len(parts[-1]) == most:
            parts.append([])
        parts[-1].append(row)
    return parts
