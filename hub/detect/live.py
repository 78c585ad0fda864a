"""What of a batch a detector may take for the world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from hub.model.observation import Quality

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hub.detect.table import Rows, Table
    from hub.model.observation import Batch


# Plain numbers: a member of an enumeration is looked up anew each time.
FAIL: Final = int(Quality.FAIL)
MISSING: Final = int(Quality.MISSING)


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
