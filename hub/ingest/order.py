"""Order within a batch, for many datastreams at once: what is newer than all before it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def rising(
    slot: NDArray[np.int32], time_us: NDArray[np.int64], newest_us: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Say of each row whether it is newer than every row of its slot before it.

    ``newest_us`` holds, by slot, the newest time before the batch.
    """
    if not len(slot):
        return np.zeros(0, np.bool_)
    order = np.argsort(slot, kind="stable")
    slots, times = slot[order], time_us[order]
    first = np.ones(len(slots), np.bool_)
    first[1:] = slots[1:] != slots[:-1]
    highest = running_highest(times, first)
    before = np.empty_like(times)
    before[1:] = highest[:-1]
    before[first] = newest_us[slots[first]]
    answer = np.empty(len(slots), np.bool_)
    answer[order] = times > np.maximum(before, newest_us[slots])
    return answer


def running_highest(times: NDArray[np.int64], first: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the highest time so far within each group; ``first`` marks where groups begin.

    Times are ranked, so that a group's number and a rank share one integer without
    overflow however far apart the times lie.
    """
    values, rank = np.unique(times, return_inverse=True)
    stride = len(values)
    key = rank + np.cumsum(first) * stride
    highest: NDArray[np.int64] = values[np.maximum.accumulate(key) % stride]
    return highest


def last_of_each(slots: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Mark the last row of each group of equal, adjoining ``slots``."""
    last = np.ones(len(slots), np.bool_)
    last[:-1] = slots[1:] != slots[:-1]
    return last
