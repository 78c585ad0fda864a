"""What sensors said, as columns: one batch carries observations of many datastreams.

Names follow OGC SensorThings 1.1; quality flags are IOOS QARTOD's. Times are int64
microseconds since 1970 UTC. A null result is NaN here and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Sequence


class Quality(IntEnum):
    """QARTOD flag of one observation."""

    PASS = 1
    NOT_EVALUATED = 2
    SUSPECT = 3
    FAIL = 4
    MISSING = 9


class Lateness(IntEnum):
    """How an observation's time relates to its arrival; classed before detection.

    Only LIVE and LATE ones reach detectors; the others complete the history.
    """

    LIVE = 0
    LATE = 1  # within the stream's grace
    BACKFILL = 2  # older than the grace: history only
    FUTURE = 3  # ahead of the hub by more than the tolerance: history only
    CLOCKLESS = 4  # its time could not be restored: arrival time stands in


class Duplicate(StrEnum):
    """What the hub already knows of a message's number."""

    NEW = "new"
    SAME = "same"  # stored before with the same content: receipt again
    OTHER = "other"  # the same number with other content: refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Columns of n observations in log order.

    offset      int64    place in the log, rising
    slot        int32    datastream (``Datastream.slot``)
    time_us     int64    phenomenon time; its end for an interval
    start_us    int64    start of the interval; equal to ``time_us`` for an instant
    result      float64  in the datastream's unit; NaN is null
    quality     int8     ``Quality``
    lateness    int8     ``Lateness``
    received_us int64    when the hub took it in
    message     int64    row of the message that carried it
    """

    offset: NDArray[np.int64]
    slot: NDArray[np.int32]
    time_us: NDArray[np.int64]
    start_us: NDArray[np.int64]
    result: NDArray[np.float64]
    quality: NDArray[np.int8]
    lateness: NDArray[np.int8]
    received_us: NDArray[np.int64]
    message: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offset)

    def take(self, index: NDArray[np.intp] | NDArray[np.bool_]) -> Batch:
        """Return the rows that ``index`` (positions or a mask) picks, in its order."""
        return Batch(**{f.name: getattr(self, f.name)[index] for f in fields(self)})


DTYPES: dict[str, type[np.generic]] = {
    "offset": np.int64,
    "slot": np.int32,
    "time_us": np.int64,
    "start_us": np.int64,
    "result": np.float64,
    "quality": np.int8,
    "lateness": np.int8,
    "received_us": np.int64,
    "message": np.int64,
}


def batch_of(rows: Sequence[Sequence[float | int | None]]) -> Batch:
    """Return ``rows`` (tuples in the order of Batch's fields) as columns."""
    columns = list(zip(*rows, strict=True)) if rows else [()] * len(DTYPES)
    return Batch(
        **{
            name: np.array(
                [np.nan if v is None else v for v in column] if name == "result" else column,
                dtype=dtype,
            )
            for (name, dtype), column in zip(DTYPES.items(), columns, strict=True)
        }
    )


def concatenate(batches: Sequence[Batch]) -> Batch:
    """Return one batch with the rows of all ``batches`` in their order."""
    if not batches:
        return batch_of([])
    if len(batches) == 1:
        return batches[0]
    return Batch(**{name: np.concatenate([getattr(b, name) for b in batches]) for name in DTYPES})
