"""How an observation's time relates to its arrival, for a whole batch at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from hub.clock import MICROSECONDS
from hub.ingest.decoders.base import LATEST_US
from hub.model.observation import Lateness

if TYPE_CHECKING:
    from numpy.typing import NDArray

LIVE_S: Final = 60.0
LONGEST_UP_S: Final = 1e10  # 300 years: no node counts further


def restore(
    *,
    stamped_us: NDArray[np.int64],
    up_s: NDArray[np.float64],
    behind_us: NDArray[np.int64],
    began_us: NDArray[np.int64],
    received_us: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return (phenomenon time, is it clock-less) of each observation.

    ``stamped_us`` is the node's own time or -1, corrected by ``behind_us``. Without
    it, ``up_s`` seconds since the node began (``began_us``, or -1) restore the time;
    where that fails too, or comes to no time that can be kept, the arrival stands in.
    """
    stamped = stamped_us >= 0
    counted = (up_s >= 0) & (up_s < LONGEST_UP_S)
    restorable = ~stamped & (began_us >= 0) & counted
    since = np.where(restorable, up_s, 0.0) * MICROSECONDS
    time_us = np.where(
        stamped,
        stamped_us + behind_us,
        np.where(restorable, began_us + since.astype(np.int64), received_us),
    )
    possible = (time_us >= 0) & (time_us <= LATEST_US)
    clockless = (~stamped & ~restorable) | ~possible
    return np.where(possible, time_us, received_us), clockless


def classify(
    *,
    time_us: NDArray[np.int64],
    received_us: NDArray[np.int64],
    grace_us: NDArray[np.int64],
    future_us: int,
    late: NDArray[np.bool_],
    clockless: NDArray[np.bool_],
    live_us: int = int(LIVE_S * MICROSECONDS),
) -> NDArray[np.int8]:
    """Return the ``Lateness`` of each observation; ``late`` marks a node's catching up."""
    age_us = received_us - time_us
    classes = np.where(late | (age_us > live_us), Lateness.LATE, Lateness.LIVE)
    classes = np.where(age_us > grace_us, Lateness.BACKFILL, classes)
    classes = np.where(age_us < -future_us, Lateness.FUTURE, classes)
    return np.where(clockless, Lateness.CLOCKLESS, classes).astype(np.int8)


def grace_us(grace_s: float, upload_s: float | None) -> int:
    """Return the larger of the hub's grace and the datastream's upload interval."""
    return round(max(grace_s, upload_s or 0.0) * MICROSECONDS)
