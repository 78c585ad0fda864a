"""Nanosecond digits that keep equal instants of one datastream apart, for ever the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from zlib import crc32

import numpy as np

from hub.ingest.order import rising

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

TIES: Final = 1000


def assign(
    slot: NDArray[np.int32],
    time_us: NDArray[np.int64],
    newest_us: NDArray[np.int64],
    identity: Callable[[int], str],
    held: Callable[[int, int], set[int]],
) -> NDArray[np.int64]:
    """Return the tie-breaker (0..999) of each row.

    What is strictly newer than its datastream's newest gets 0. Anything else gets the
    smallest that is free, beginning from a hash of its ``identity``; ``held`` tells
    which ties of (slot, time) are in the log.
    """
    ties = np.zeros(len(slot), np.int64)
    fresh = rising(slot, time_us, newest_us)
    if fresh.all():
        return ties
    used = {(int(slot[row]), int(time_us[row])): {0} for row in np.flatnonzero(fresh)}
    for row in np.flatnonzero(~fresh).tolist():
        instant = int(slot[row]), int(time_us[row])
        taken = used[instant] if instant in used else used.setdefault(instant, held(*instant))
        ties[row] = free(crc32(identity(row).encode()) % TIES, taken)
        taken.add(int(ties[row]))
    return ties


def free(start: int, taken: set[int]) -> int:
    """Return the first tie not in ``taken``, going up from ``start`` and round.

    With all thousand taken ``start`` itself is given.
    """
    for step in range(TIES):
        tie = (start + step) % TIES
        if tie not in taken:
            return tie
    return start
