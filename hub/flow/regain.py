"""After a restore: nodes are asked again for what they sent since the backup and still hold.

A restored log does not know what it once receipted. So the numbers that are missing
below the first message heard of each start of a node, and those that its state says
it holds, are wanted again: at once, then ever more rarely, since receipts may be lost.
The mark of the restore stays in the log, so that a restart asks again, and asking for
what a node never sent or no longer holds changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hub.store.restored import ASK_FOR_US, restored

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator

    from hub.ingest.draft import Draft
    from hub.store.arrivals import Arrivals

AGAIN_S: Final = 10.0
LONGEST_S: Final = 3600.0
MOST_SPANS: Final = 200
MOST_STARTS: Final = 100_000

Want = tuple[str, str, int, int]  # node, boot, low, high


@dataclass(slots=True)
class Search:
    """What is looked for of one start of a node; real seconds until it is asked for again."""

    low: int
    high: int
    pause_s: float = AGAIN_S
    due: float = 0.0


class Regain:
    """What has to be asked for again; does nothing where no restore is marked."""

    def __init__(self, connection: sqlite3.Connection, arrivals: Arrivals, now_us: int) -> None:
        self._arrivals = arrivals
        mark = restored(connection)
        self.active = mark is not None and now_us - mark.at_us < ASK_FOR_US
        self._searches: dict[tuple[str, str], Search] = {}
        self._over: set[tuple[str, str]] = set()

    def hear(self, draft: Draft) -> None:
        """Note which starts of which nodes speak, from a batch that is on disk."""
        if not self.active:
            return
        for carrier in draft.carriers:
            self._note(carrier.node, carrier.boot, 0, carrier.seq - 1)
        for state in draft.states:
            for boot, low, high in state.held:
                self._note(state.node, boot, low, high)

    def due(self, now: float) -> list[Want]:
        """Return what is to be asked for at ``now`` (monotonic seconds)."""
        ready = [key for key, search in self._searches.items() if search.due <= now]
        return [want for key in ready for want in self._ask(key, now)]

    def _note(self, node: str, boot: str, low: int, high: int) -> None:
        key = (node, boot)
        search = self._searches.get(key)
        if search is not None:
            search.low, search.high = min(search.low, low), max(search.high, high)
        elif key not in self._over and len(self._over) < MOST_STARTS:
            self._searches[key] = Search(low, high)
            self._over.add(key)

    def _ask(self, key: tuple[str, str], now: float) -> Iterator[Want]:
        """Yield what is missing of one start; the search is over once nothing is."""
        search = self._searches[key]
        spans = missing(self._arrivals.ranges(*key), search.low, search.high)[-MOST_SPANS:]
        search.due = now + search.pause_s
        search.pause_s = min(2 * search.pause_s, LONGEST_S)
        if not spans:
            del self._searches[key]
        for low, high in spans:
            yield (*key, low, high)


def missing(stored: list[tuple[int, int]], low: int, high: int) -> list[tuple[int, int]]:
    """Return the ranges from ``low`` to ``high`` that are in none of ``stored``."""
    gaps, start = [], low
    for first, last in sorted(stored):
        if first > high:
            break
        if first > start:
            gaps.append((start, first - 1))
        start = max(start, last + 1)
    if start <= high:
        gaps.append((start, high))
    return gaps
