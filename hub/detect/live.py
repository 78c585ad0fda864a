"""What of a batch a detector may take for the world."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from hub.instant import MICROSECONDS
from hub.model.observation import Lateness, Quality

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hub.detect.table import Rows, Table
    from hub.model.observation import Batch


# Plain numbers: a member of an enumeration is looked up anew each time.
FAIL: Final = int(Quality.FAIL)
MISSING: Final = int(Quality.MISSING)
LATE: Final = int(Lateness.LATE)
ROUND: Final = 12  # readings that cost as much in plain numbers as one round of arrays
BAD: Final = frozenset({FAIL, MISSING})


class Readings(NamedTuple):
    """Readings of bound streams: the table's row and the columns a detector needs."""

    row: Rows
    time_us: NDArray[np.int64]
    result: NDArray[np.float64]
    offset: NDArray[np.int64]
    quality: NDArray[np.int8]

    def take(self, index: Rows | NDArray[np.bool_]) -> Readings:
        """Return the readings that ``index`` picks."""
        row, time_us, result, offset, quality = self
        return Readings(row[index], time_us[index], result[index], offset[index], quality[index])


class One(NamedTuple):
    """One observation as plain numbers; ``good``: it may be believed (see ``readings``)."""

    slot: int
    time_us: int
    result: float
    offset: int
    quality: int
    received_us: int
    good: bool


def ones(batch: Batch) -> list[One]:
    """Return the observations of ``batch`` one by one."""
    columns = (batch.slot, batch.time_us, batch.result, batch.offset, batch.quality)
    rows = zip(*(column.tolist() for column in (*columns, batch.received_us)), strict=True)
    return [
        One(slot, time_us, x, offset, flag, received_us, flag not in BAD and math.isfinite(x))
        for slot, time_us, x, offset, flag, received_us in rows
    ]


def skips(table: Table, one: One) -> bool:
    """Say whether a detector has nothing to do with ``one``.

    It is not bound, may not be believed, or comes before the row's column ``due_us``.
    """
    row = table.row(one.slot)
    return row < 0 or not one.good or one.time_us < table.cells["due_us"][row]


def readings(batch: Batch, table: Table) -> Readings:
    """Return what is bound and may be believed: finite, and neither FAIL nor MISSING."""
    row = table.rows(batch.slot)
    quality = batch.quality
    good = (quality != FAIL) & (quality != MISSING)
    where = np.flatnonzero((row >= 0) & good & np.isfinite(batch.result))
    return Readings(
        row[where],
        batch.time_us[where],
        batch.result[where],
        batch.offset[where],
        quality[where],
    )


def few(live: Batch) -> bool:
    """Say whether arrays would cost more: as many rounds as one stream has readings.

    Detectors take one reading of a stream in a second at most, so that a fast stream has few
    rounds however many its readings.
    """
    size = len(live)
    if size <= ROUND:
        return True
    most = int(np.unique(live.slot, return_counts=True)[1].max())
    seconds = (int(live.time_us.max()) - int(live.time_us.min())) // MICROSECONDS + 1
    return size < ROUND * min(most, seconds)


def split(batch: Batch) -> tuple[Batch, Batch | None]:
    """Return (live, late): what detectors see, and what may only be found late, if any is.

    Future observations are history only.
    """
    if len(batch) <= ROUND and max(batch.lateness.tolist(), default=0) <= LATE:
        return batch, None
    live = batch.lateness <= LATE
    if live.all():
        return batch, None
    late = (batch.lateness == Lateness.BACKFILL) | (batch.lateness == Lateness.CLOCKLESS)
    return batch.take(live), batch.take(late) if late.any() else None
