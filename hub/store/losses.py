"""The loss ledger: what came of the messages of each node, hour by hour.

Counts are added to, never set, so that several commits of one hour make one row. What
is missing is worked out when it is asked for: numbers that were skipped, less those
that came since, were evicted, or are in quarantine. Hours are whole hours since 1970
UTC; times microseconds of the hub's clock.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

HOUR_US: Final = 3_600_000_000
KEPT_HOURS: Final = 31 * 24
MOST_GAPS: Final = 10_000  # of one answer, the newest
LARGEST: Final = 1_000_000_000_000  # a node's own claim; keeps sums within bounds
COUNTED: Final = "loss_counted"
ADD: Final = """
INSERT INTO loss (hour, node, received, late, duplicates, quarantined, evicted, asked)
VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (hour, node) DO UPDATE SET
  received = received + excluded.received, late = late + excluded.late,
  duplicates = duplicates + excluded.duplicates,
  quarantined = quarantined + excluded.quarantined,
  evicted = evicted + excluded.evicted, asked = asked + excluded.asked
"""
UNCOUNTED: Final = f"""
SELECT received_us / {HOUR_US}, node, count(*), 0 FROM message WHERE id > ? GROUP BY 1, 2
UNION ALL
SELECT m.received_us / {HOUR_US}, m.node, 0, count(DISTINCT m.id)
FROM observation o JOIN message m ON m.id = o.message
WHERE o."offset" > ? AND o.lateness IN (1, 2) GROUP BY 1, 2
"""  # noqa: S608
GAPS: Final = f"""
SELECT node, boot, low, high, noticed_us / {HOUR_US} FROM sequence_gap
WHERE noticed_us >= ? AND noticed_us < ? AND (? = '' OR node = ?)
ORDER BY noticed_us DESC LIMIT ?
"""  # noqa: S608
ACCOUNTED: Final = """
SELECT max(low, :low), min(high, :high) FROM stored_range
WHERE node = :node AND boot = :boot AND low <= :high AND high >= :low
UNION ALL
SELECT max(low, :low), min(high, :high) FROM gone_range
WHERE node = :node AND boot = :boot AND low <= :high AND high >= :low
UNION ALL
SELECT seq, seq FROM quarantine
WHERE node = :node AND boot = :boot AND seq BETWEEN :low AND :high AND pos IS NULL
"""

Span = tuple[int, int]
Gap = tuple[str, str, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What came of one node's messages in one hour; ``quarantined`` counts its rows."""

    hour: int
    node: str
    received: int = 0
    missing: int = 0
    late: int = 0
    duplicates: int = 0
    quarantined: int = 0
    evicted: int = 0
    asked: int = 0


class Losses:
    """The ledger behind one connection; writes belong in the caller's transaction."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    # intake writes

    def add(self, counts: Iterable[Counts]) -> None:
        """Add ``counts``; what is missing is not theirs to say."""
        self._connection.executemany(
            ADD,
            [
                (c.hour, c.node, c.received, c.late, c.duplicates, c.quarantined, c.evicted,
                 c.asked)
                for c in counts
            ],
        )  # fmt: skip

    def skipped(self, gaps: Iterable[Gap]) -> None:
        """Keep numbers that were passed over: node, boot, low, high, noticed_us."""
        self._connection.executemany(
            "INSERT OR IGNORE INTO sequence_gap (node, boot, low, high, noticed_us)"
            " VALUES (?, ?, ?, ?, ?)",
            gaps,
        )

    def filled(self, spans: Iterable[tuple[str, str, int, int]]) -> None:
        """Forget gaps within what is stored by now: node, boot, low, high."""
        self._connection.executemany(
            "DELETE FROM sequence_gap WHERE node = ? AND boot = ? AND low >= ? AND high <= ?", spans
        )

    def gone(self, node: str, boot: str, spans: Iterable[Span], most: int) -> int:
        """Take in what ``node`` says it evicted; return how many numbers of it are new."""
        before = self._connection.execute(
            "SELECT low, high FROM gone_range WHERE node = ? AND boot = ?", (node, boot)
        ).fetchall()
        after = union([*before, *spans])
        if len(after) > most or after == before:
            return 0
        self._connection.execute("DELETE FROM gone_range WHERE node = ? AND boot = ?", (node, boot))
        self._connection.executemany(
            "INSERT INTO gone_range VALUES (?, ?, ?, ?)", [(node, boot, *span) for span in after]
        )
        return min(size(after) - size(before), LARGEST)

    def counted_to(self, message: int, offset: int) -> None:
        """Note up to which message and offset ``received`` and ``late`` are in the ledger."""
        self._connection.execute(
            "INSERT OR REPLACE INTO meta VALUES (?, ?)", (COUNTED, f"{message} {offset}")
        )

    def uncounted(self) -> list[Counts]:
        """Return what was committed and not counted when the hub before this one ended."""
        row = self._connection.execute(
            "SELECT value FROM meta WHERE key = ?", (COUNTED,)
        ).fetchone()
        if row is None:
            return []
        found = self._connection.execute(UNCOUNTED, tuple(map(int, row[0].split())))
        return [Counts(hour=h, node=n, received=r, late=late) for h, n, r, late in found]

    def forget_before(self, hour: int) -> None:
        """Remove hours that are too old to be asked for."""
        self._connection.execute("DELETE FROM loss WHERE hour < ?", (hour,))
        self._connection.execute("DELETE FROM sequence_gap WHERE noticed_us < ?", (hour * HOUR_US,))

    # readers

    def between(self, first: int, end: int, node: str = "", limit: int = 10_000) -> list[Counts]:
        """Return the hours ``first`` to before ``end``, newest first, of ``node`` if given."""
        missing = self._missing(first, end, node)
        rows = self._connection.execute(
            "SELECT hour, node, received, late, duplicates, quarantined, evicted, asked FROM loss"
            " WHERE hour >= ? AND hour < ? AND (? = '' OR node = ?)"
            " ORDER BY hour DESC, node LIMIT ?",
            (first, end, node, node, limit),
        ).fetchall()
        found = {(row[0], row[1]): row[2:] for row in rows}
        keys = sorted({*found, *missing}, key=lambda key: (-key[0], key[1]))[:limit]
        return [counts_of(key, found.get(key), missing.get(key, 0)) for key in keys]

    def totals(self, first: int, end: int) -> list[Counts]:
        """Return the sums of the hours by node (``hour`` is the last), the worst losses first."""
        missing: defaultdict[str, int] = defaultdict(int)
        for (_, node), count in self._missing(first, end, "").items():
            missing[node] += count
        rows = self._connection.execute(
            "SELECT max(hour), node, sum(received), sum(late), sum(duplicates), sum(quarantined),"
            " sum(evicted), sum(asked) FROM loss WHERE hour >= ? AND hour < ? GROUP BY node",
            (first, end),
        ).fetchall()
        known = {row[1] for row in rows}
        found = [counts_of((row[0], row[1]), row[2:], missing[row[1]]) for row in rows]
        found += [counts_of((end - 1, n), None, c) for n, c in missing.items() if n not in known]
        return sorted(found, key=lambda c: (-c.missing, -c.evicted, -c.quarantined, c.node))

    def _missing(self, first: int, end: int, node: str) -> dict[tuple[int, str], int]:
        """Return how many numbers are missing, by the hour that noticed it and the node."""
        gaps = self._connection.execute(
            GAPS, (first * HOUR_US, end * HOUR_US, node, node, MOST_GAPS)
        ).fetchall()
        missing: defaultdict[tuple[int, str], int] = defaultdict(int)
        for name, boot, low, high, hour in gaps:
            values = {"node": name, "boot": boot, "low": low, "high": high}
            spans = union(self._connection.execute(ACCOUNTED, values).fetchall())
            left = high - low + 1 - size(spans)
            if left > 0:
                missing[hour, name] += min(left, LARGEST)
        return dict(missing)


def counts_of(key: tuple[int, str], row: tuple[int, ...] | None, missing: int) -> Counts:
    """Return one row of the ledger."""
    received, late, duplicates, quarantined, evicted, asked = row or (0,) * 6
    return Counts(
        hour=key[0], node=key[1], received=received, missing=missing, late=late,
        duplicates=duplicates, quarantined=quarantined, evicted=evicted, asked=asked,
    )  # fmt: skip


def union(spans: Iterable[Span]) -> list[Span]:
    """Return ``spans`` as disjoint ranges that do not touch, lowest first."""
    found: list[Span] = []
    for low, high in sorted(spans):
        if found and low <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], high)
        else:
            found.append((low, high))
    return found


def size(spans: Iterable[Span]) -> int:
    """Return how many numbers disjoint ``spans`` hold."""
    return sum(high - low + 1 for low, high in spans)
