"""The store loop: log -> InfluxDB, then the position; and rows that InfluxDB has may leave.

The position is committed only after InfluxDB said 204, so that a crash or a lost
position writes again what is there already, which changes nothing. The incident path
never waits for any of this.

A 204 alone is not enough: after a torn end of its write-ahead log (full disk, power
cut, kill) InfluxDB 2 loses at its next start what it confirmed since the last one. So the
newest rows stay in the log, and are written again whenever the server has restarted.
"""

from __future__ import annotations

import logging
import random
import re
import time
from typing import TYPE_CHECKING, Final

from hub.clock import MICROSECONDS
from hub.errors import StoreError, StoreRefusedError
from hub.model.catalogue import Catalogue
from hub.store.database import open_database, transaction
from hub.store.journal import Journal
from hub.store.lines import encode, head

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from hub.clock import Clock
    from hub.flow.health import Health
    from hub.model.network import Network
    from hub.store.influx import InfluxStore
    from hub.store.lines import Row

LOOP: Final = "store"
LOCAL_ONLY: Final = "history limited to the local log"
BATCH_ROWS: Final = 5000
TRIM_ROWS: Final = 5000
# InfluxDB keeps at most 25 MB of a shard in memory and write-ahead log alone; a point of
# ours takes over 100 bytes there. Four times that.
DOUBT_ROWS: Final = 1_000_000
CHECK_EVERY_S: Final = 10.0
STARTED: Final = "influx_started"
TRIM_EVERY_S: Final = 0.05
FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
LONGEST_ASKED_S: Final = 600.0
OF_A_LINE: Final = frozenset({400, 422})
TOO_LARGE: Final = 413
ALWAYS_US: Final = 2**63 - 1
NO_STREAM: Final = "its datastream is not in the log"
DROPPED: Final = re.compile(r"\bdropped=(\d+)")

Refused = tuple["Row", str, str]

logger = logging.getLogger(__name__)


class Store:
    """The loop's state between steps: a connection, heads of lines, when to try again.

    ``retention_s`` is how long rows stay in the log although InfluxDB has them (hub
    time), and at least the newest ``doubt_rows`` do. Without InfluxDB rows leave only
    when ``keep_bytes`` is set and exceeded. ``linger_s`` lets small commits gather before
    a write (real time).
    """

    def __init__(
        self,
        *,
        database: Path,
        influx: InfluxStore | None,
        network: Network,
        clock: Clock,
        health: Health,
        retention_s: float,
        keep_bytes: int | None = None,
        doubt_rows: int = DOUBT_ROWS,
        batch_rows: int = BATCH_ROWS,
        linger_s: float = 0.25,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._connection = open_database(database)
        self._journal = Journal(self._connection)
        self._influx = influx
        self._catalogue = Catalogue(network)
        self._heads: dict[int, str] = {}
        self._clock = clock
        self._health = health
        self._retention_s = retention_s
        self._keep_bytes = keep_bytes
        self._doubt_rows = doubt_rows
        self._batch_rows = batch_rows
        self._linger_s = linger_s
        self._monotonic = monotonic
        self._check_at = 0.0
        self._warning = ""
        self._pause_s = 0.0
        self._resume_at = 0.0
        self._linger_until = 0.0
        self._trim_at = 0.0

    def step(self) -> bool:
        """Write one batch and remove one slice; True when a whole batch more may wait."""
        more = self._write(self._influx) if self._influx else self._say_local()
        self._trim()
        return more

    def close(self) -> None:
        """Close the connections."""
        self._connection.close()
        if self._influx:
            self._influx.close()

    def _say_local(self) -> bool:
        self._health.well("influx", LOCAL_ONLY)
        return False

    def _write(self, influx: InfluxStore) -> bool:
        if self._monotonic() < self._resume_at:
            self._show_lag()
            return False
        try:
            return self._write_next(influx)
        except StoreError as error:
            return self._hold(error)

    def _write_next(self, influx: InfluxStore) -> bool:
        self._check(influx)
        position = self._journal.log.position(LOOP)
        waiting = self._journal.log.end() - position
        if waiting <= 0 or (waiting < self._batch_rows and not self._gathered()):
            return False
        part = self._journal.after(position, self._batch_rows)
        refused = self._put(influx, part.rows)
        with transaction(self._connection):
            for row, line, reason in refused:
                self._quarantine(row, line, reason)
            self._journal.log.set_position(LOOP, part.end)
        self._note(len(part.rows) - len(refused), len(refused))
        return len(part.rows) == self._batch_rows

    def _check(self, influx: InfluxStore) -> None:
        now = self._monotonic()
        if now < self._check_at:
            return
        standing = influx.check()
        self._check_at = now + CHECK_EVERY_S
        self._warning = standing.warning
        self._heads = {}  # a node may have moved to another site
        self._health.well("influx", self._warning)
        if standing.started != self._journal.remembered(STARTED):
            self._go_back(standing.started)

    def _go_back(self, started: str) -> None:
        """Write again what the server, started anew, may have lost."""
        with transaction(self._connection):
            position = self._journal.log.position(LOOP)
            self._journal.log.set_position(LOOP, max(position - self._doubt_rows, 0))
            self._journal.remember(STARTED, started)

    def _gathered(self) -> bool:
        now = self._monotonic()
        if now < self._linger_until:
            return False
        self._linger_until = now + self._linger_s
        return True

    def _put(self, influx: InfluxStore, rows: list[Row]) -> list[Refused]:
        """Have InfluxDB take ``rows``; return those it never will, each with its reason."""
        self._learn(rows)
        known = [row for row in rows if row[1] in self._heads]
        lines = encode(known, self._heads)
        reasons = put(influx.write, lines) if lines else {}
        lost = [(row, "", NO_STREAM) for row in rows if row[1] not in self._heads]
        return lost + [(known[i], lines[i], reason) for i, reason in sorted(reasons.items())]

    def _learn(self, rows: list[Row]) -> None:
        """Read the datastreams again when ``rows`` name one that is new."""
        if {row[1] for row in rows} <= self._heads.keys():
            return
        for row in self._journal.log.datastreams():
            stream = self._catalogue.add(row.slot, row.site, row.node, row.name, row.unit)
            self._heads[row.slot] = head(stream)

    def _quarantine(self, row: Row, line: str, reason: str) -> None:
        offset, slot, *_, pos, boot, seq, received_us = row
        node = self._catalogue.get(slot).node if slot in self._catalogue else ""
        if self._journal.refused_before(node, boot, seq, pos):
            return
        self._journal.log.quarantine(
            received_us=received_us,
            door="influx",
            node=node,
            boot=boot,
            seq=seq,
            pos=pos,
            reason=reason,
            payload=line.encode(),
        )
        logger.warning("InfluxDB refused the observation at offset %d: %s", offset, reason)

    def _note(self, written: int, refused: int) -> None:
        self._pause_s = 0.0
        self._health.well("influx", self._warning)
        self._health.count("store_written_total", written)
        self._health.count("store_quarantined_total", refused)
        self._show_lag()

    def _show_lag(self) -> None:
        log = self._journal.log
        self._health.gauge("store_lag", max(log.end() - log.position(LOOP), 0))

    def _hold(self, error: StoreError) -> bool:
        """Keep everything; say why; try again with less at once, or later."""
        if getattr(error, "status", 0) == TOO_LARGE and self._batch_rows > 1:
            self._batch_rows //= 2
            return True
        self._check_at = 0.0
        self._pause_s = min(max(self._pause_s * 2, FIRST_PAUSE_S), LONGEST_PAUSE_S)
        asked_s = getattr(error, "retry_after_s", None) or 0.0
        wait_s = max(self._pause_s * random.uniform(0.5, 1.0), min(asked_s, LONGEST_ASKED_S))  # noqa: S311
        self._resume_at = self._monotonic() + wait_s
        self._health.ill("influx", f"{error} (nothing is lost: the log keeps it)")
        self._show_lag()
        return False

    def _trim(self) -> None:
        """Remove one slice of what may leave; slices are small, so intake hardly waits."""
        now = self._monotonic()
        if now < self._trim_at:
            return
        self._trim_at = now + TRIM_EVERY_S
        until = self._journal.old(self._may_leave(), self._old_before_us(), TRIM_ROWS)
        if until:
            with transaction(self._connection):
                self._journal.remove(until, TRIM_ROWS)

    def _may_leave(self) -> int:
        passed = self._journal.passed()
        if not self._influx:
            return passed
        return min(passed, self._journal.log.position(LOOP) - self._doubt_rows)

    def _old_before_us(self) -> int:
        """Return the arrival before which a row is old; without InfluxDB size alone decides."""
        if self._influx:
            return self._clock.now_us() - round(self._retention_s * MICROSECONDS)
        full = self._keep_bytes is not None and self._journal.used_bytes() > self._keep_bytes
        return ALWAYS_US if full else 0


def put(write: Callable[[bytes], None], lines: Sequence[str]) -> dict[int, str]:
    """Write all ``lines``; return the reasons of those refused, by their index.

    A refused body is sorted, so that lines of one series lie together, and halved
    until the refused lines stand alone; the others are written.

    Raises:
        StoreUnavailableError, StoreRefusedError: about the server, not about a line.
    """
    reasons: dict[int, str] = {}
    parts = [list(range(len(lines)))]
    while parts:
        part = parts.pop()
        try:
            write("\n".join([lines[i] for i in part]).encode())
        except StoreRefusedError as error:
            if error.status not in OF_A_LINE:
                raise
            if len(part) == 1 or dropped(str(error)) == len(part):
                reasons |= dict.fromkeys(part, str(error))
            else:
                parts += halves(sorted(part, key=lines.__getitem__))
    return reasons


def dropped(words: str) -> int:
    """Return how many points InfluxDB says it dropped; 0 when it does not say."""
    found = DROPPED.search(words)
    return int(found[1]) if found else 0


def halves(part: list[int]) -> list[list[int]]:
    """Return both halves of ``part``."""
    middle = len(part) // 2
    return [part[:middle], part[middle:]]
