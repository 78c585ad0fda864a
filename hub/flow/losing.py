"""The loss ledger as intake keeps it: counts gathered in memory, exact after a kill.

How many messages came, and came late, is counted per node and written at most every ten
seconds, in the transaction of a batch; what a kill leaves uncounted is counted from the
log at the next start. Everything rarer is written with the batch that caused it.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np

from hub.model.observation import Lateness
from hub.store.losses import HOUR_US, KEPT_HOURS, Counts, Losses

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from hub.ingest.draft import Draft
    from hub.ingest.judge import Judged

EVERY_US: Final = 10_000_000
MOST_GONE: Final = 1000  # ranges of one start of a node
MOST_PENDING: Final = 50_000  # nodes and hours in memory: written when there are more

Key = tuple[int, str]


class LossKeeper:
    """What the ledger has still to be told; one thread's.

    ``known`` says whether a node is known: what others send counts under no name.
    """

    def __init__(self, connection: sqlite3.Connection, known: Callable[[str], bool]) -> None:
        self._losses = Losses(connection)
        self._known = known
        self._received: Counter[Key] = Counter()
        self._late: Counter[Key] = Counter()
        self._batch: tuple[Counter[Key], Counter[Key]] = Counter(), Counter()
        self._written_us = 0
        self._hour = 0
        self._flushed = False

    def catch_up(self, message: int, offset: int) -> None:
        """Count what the log has beyond the ledger; call inside a transaction."""
        self._losses.add(self._losses.uncounted())
        self._losses.counted_to(message, offset)

    def write(
        self, draft: Draft, judged: Judged | None, now_us: int, ends: tuple[int, int]
    ) -> None:
        """Write what one batch adds; ``ends`` are the last message and offset with it."""
        self._batch = received_in(draft), late_in(draft, judged)
        self._write_rare(draft, now_us)
        self._flushed = self.due(now_us)
        if self._flushed:
            self._flush(now_us, ends)

    def written(self, now_us: int) -> None:
        """Say that the batch is on disk."""
        if self._flushed:
            self._received.clear()
            self._late.clear()
            self._written_us, self._hour = now_us, now_us // HOUR_US
        else:
            self._received.update(self._batch[0])
            self._late.update(self._batch[1])
        self._batch, self._flushed = (Counter(), Counter()), False

    def due(self, now_us: int) -> bool:
        """Say whether counts have waited for long enough."""
        waited = not 0 <= now_us - self._written_us < EVERY_US
        return len(self._received) >= MOST_PENDING or waited

    @property
    def waiting(self) -> bool:
        """Say whether anything is not in the ledger yet."""
        return bool(self._received)

    def asked(self, node: str, count: int, now_us: int) -> None:
        """Count messages that a node was asked for again; call inside a transaction."""
        self._losses.add([Counts(hour=now_us // HOUR_US, node=self._named(node), asked=count)])

    def _flush(self, now_us: int, ends: tuple[int, int]) -> None:
        received, late = self._received + self._batch[0], self._late + self._batch[1]
        self._losses.add(
            Counts(hour=hour, node=node, received=count, late=late[hour, node])
            for (hour, node), count in received.items()
        )
        self._losses.counted_to(*ends)
        if now_us // HOUR_US != self._hour:
            self._losses.forget_before(now_us // HOUR_US - KEPT_HOURS)

    def _write_rare(self, draft: Draft, now_us: int) -> None:
        hour = now_us // HOUR_US
        if draft.gaps:
            self._losses.skipped(draft.gaps)
        merged = [(*key, ranges) for key, ranges in draft.touched.items() if ranges.removed]
        if merged:
            self._losses.filled((n, b, *span) for n, b, r in merged for span in r.to_write())
        again = Counter({self._named(node): count for node, count in draft.again.items()})
        aside = Counter(self._named(one.node) for one in draft.asides)
        evicted = Counter({node: 0 for node, _ in draft.gone})
        for (node, boot), (raw, seq) in draft.gone.items():
            spans = spans_of(raw, seq)
            evicted[node] += self._losses.gone(node, boot, spans, MOST_GONE) if spans else 0
        self._losses.add(
            Counts(
                hour=hour, node=node, duplicates=again[node], quarantined=aside[node],
                evicted=evicted[node],
            )
            for node in {*again, *aside, *evicted}
        )  # fmt: skip

    def _named(self, node: str) -> str:
        return node if node and self._known(node) else ""


def received_in(draft: Draft) -> Counter[Key]:
    """Return how many new messages ``draft`` has, by hour and node."""
    return Counter((c.received_us // HOUR_US, c.node) for c in draft.carriers)


def late_in(draft: Draft, judged: Judged | None) -> Counter[Key]:
    """Return how many messages of ``draft`` carry old observations, by hour and node."""
    if judged is None:
        return Counter()
    old = (judged.lateness == Lateness.LATE) | (judged.lateness == Lateness.BACKFILL)
    if not old.any():
        return Counter()
    carriers = [draft.carriers[i] for i in np.unique(judged.carrier[old]).tolist()]
    return Counter((c.received_us // HOUR_US, c.node) for c in carriers)


def spans_of(raw: bytes, seq: int) -> list[tuple[int, int]]:
    """Return the ranges before ``seq`` that a node says are gone; nothing if it is unreadable."""
    try:
        spans = msgspec.json.decode(raw, type=list[tuple[int, int]])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return []
    return [(low, high) for low, high in spans if 0 <= low <= high < seq][: MOST_GONE + 1]
