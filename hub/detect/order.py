"""Each stream's observations in the order in which they were true.

Passed on at once while a stream's times continue without a gap; after a gap they are
held for a moment, because a node sends its newest first. What is older than the last
passed on is left to history. Only ticks of the log end a hold, so that the outcome is a
function of the log and not of how it was cut into batches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hub.detect.table import Table
from hub.instant import MICROSECONDS
from hub.model.observation import DTYPES, Batch, batch_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from hub.detect.live import One
    from hub.model.network import Datastream

Row = tuple[float | int | None, ...]

NEVER: Final = -(2**62)
FAR: Final = 2**62
CONTIGUOUS: Final = 2.5  # intervals: no gap to speak of
CLOSED: Final = 1.5  # intervals: nothing is missing between two held readings
MOST_HELD: Final = 512
OFFSET, TIME, RECEIVED = 0, 2, 7


class Order:
    """Holds what came too early; ``hold_s`` seconds of the log's time at most."""

    def __init__(self, hold_s: float) -> None:
        self._hold_us = round(hold_s * MICROSECONDS)
        self._bound = Table(reach_us=np.int64(FAR), close_us=np.int64(FAR))
        self._table = Table(last_us=np.int64(NEVER))
        self._held: dict[int, list[Row]] = {}

    def bind(self, stream: Datastream) -> None:
        """Expect ``stream`` at its declared interval; without one there are no gaps."""
        row = self._bound.add(stream.slot)
        self._table.add(stream.slot)
        for name, intervals in (("reach_us", CONTIGUOUS), ("close_us", CLOSED)):
            far = not stream.interval_s
            reach_s = intervals * (stream.interval_s or 0.0)
            self._bound[name][row] = FAR if far else round(reach_s * MICROSECONDS)

    def arrange(self, batch: Batch) -> tuple[Batch, NDArray[np.int64]]:
        """Return what may pass now, and the offset at which each of it was let through."""
        rows = self._table.rows(batch.slot)
        order = np.argsort(rows, kind="stable")
        row, time_us = rows[order], batch.time_us[order]
        before = np.empty_like(time_us)
        before[1:] = time_us[:-1]
        first = np.ones(len(row), dtype=bool)
        first[1:] = row[1:] != row[:-1]
        before[first] = self._table["last_us"][row[first]]
        step = time_us - before
        good = (step >= 0) & ((step <= self._bound["reach_us"][row]) | (before == NEVER))
        if good.all() and not self._held:
            np.maximum.at(self._table["last_us"], row, time_us)
            return batch, batch.offset
        return self._slowly(batch, rows, np.unique(row[~good]))

    def passes(self, one: One) -> bool:
        """Let ``one`` pass at once if nothing of its stream is held or missing, and say so."""
        row = self._table.row(one.slot)
        if row < 0 or one.slot in self._held:
            return False
        last = self._table.cells["last_us"][row]
        if last != NEVER and not 0 <= one.time_us - last <= self._bound.cells["reach_us"][row]:
            return False
        self._table.cells["last_us"][row] = one.time_us
        return True

    def due(self, now_us: int) -> bool:
        """Say whether something has been held long enough."""
        return any(self._over(rows, now_us) for rows in self._held.values())

    def release(self, now_us: int) -> Batch:
        """Return what has been held long enough, in order."""
        over = sorted(slot for slot, rows in self._held.items() if self._over(rows, now_us))
        passed = [row for slot in over for row in self._let_go(slot)]
        return batch_of(passed)

    def dump(self) -> dict[str, object]:
        """Return the last time passed on of each stream, and what is held."""
        held = {str(slot): [list(row) for row in rows] for slot, rows in self._held.items()}
        return {"rows": self._table.dump(), "held": held}

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore them."""
        self._table.load(state["rows"])
        held = state["held"]
        self._held = {int(slot): [tuple(row) for row in rows] for slot, rows in held.items()}

    def _slowly(
        self, batch: Batch, rows: NDArray[np.intp], broken: NDArray[np.intp]
    ) -> tuple[Batch, NDArray[np.int64]]:
        """Take the streams with a gap one by one; the others pass as they are."""
        slow = np.zeros(len(self._table), dtype=bool)
        slow[broken] = True
        slow[[self._table.row(slot) for slot in self._held]] = True
        aside = slow[rows]
        fast = batch.take(~aside)
        np.maximum.at(self._table["last_us"], rows[~aside], fast.time_us)
        passed = [
            (int(row[OFFSET] or 0), out)
            for row in rows_of(batch.take(aside))
            for out in self._take(row)
        ]
        let = np.array([at for at, _ in passed], dtype=np.int64)
        at = np.concatenate([fast.offset, let])
        order = np.argsort(at, kind="stable")
        late = batch_of([row for _, row in passed])
        both = {name: np.concatenate([getattr(fast, name), getattr(late, name)]) for name in DTYPES}
        return Batch(**both).take(order), at[order]

    def _take(self, row: Row) -> list[Row]:
        """Return what may pass once ``row`` has come."""
        slot, time_us = int(row[1] or 0), int(row[TIME] or 0)
        place = self._table.row(slot)
        last = int(self._table["last_us"][place])
        if time_us < last:
            return []
        held = self._held.get(slot, [])
        if not held and (last == NEVER or time_us - last <= self._bound["reach_us"][place]):
            self._table["last_us"][place] = time_us
            return [row]
        self._held[slot] = sorted([*held, row], key=lambda r: (r[TIME] or 0, r[OFFSET] or 0))
        if len(self._held[slot]) > MOST_HELD:
            return self._let_go(slot)
        return self._contiguous(slot, place)

    def _contiguous(self, slot: int, place: int) -> list[Row]:
        """Return the held rows that close the gap."""
        passed: list[Row] = []
        held = self._held.pop(slot)
        reach = self._bound["close_us"][place]
        while held and int(held[0][TIME] or 0) - self._table["last_us"][place] <= reach:
            passed.append(held.pop(0))
            self._table["last_us"][place] = passed[-1][TIME]
        if held:
            self._held[slot] = held
        return passed

    def _let_go(self, slot: int) -> list[Row]:
        held = self._held.pop(slot)
        self._table["last_us"][self._table.row(slot)] = held[-1][TIME]
        return held

    def _over(self, rows: list[Row], now_us: int) -> bool:
        return now_us - min(int(row[RECEIVED] or 0) for row in rows) >= self._hold_us


def rows_of(batch: Batch) -> list[Row]:
    """Return the rows of ``batch`` as tuples of plain numbers, nulls as None."""
    columns = [getattr(batch, name).tolist() for name in DTYPES]
    place = list(DTYPES).index("result")
    columns[place] = [None if value != value else value for value in columns[place]]  # noqa: PLR0124  NaN
    return list(zip(*columns, strict=True))
