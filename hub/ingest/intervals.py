"""How often an undeclared datastream speaks: the median of its recent intervals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from hub.clock import MICROSECONDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

RECENT: Final = 8
CHANGE: Final = 0.25
SHORTEST_S: Final = 0.001


class Intervals:
    """The last few intervals of every datastream whose interval is not declared."""

    def __init__(self) -> None:
        self._recent = np.zeros((0, RECENT))
        self._count = np.zeros(0, np.int64)
        self._wanted = np.zeros(0, np.bool_)
        self._learnt = np.zeros(0)

    def extend(self, wanted: list[bool], learnt_s: list[float | None]) -> None:
        """Take in the next slots: is the interval to be learnt, and what is known of it."""
        known = [np.nan if value is None else value for value in learnt_s]
        self._recent = np.concatenate([self._recent, np.zeros((len(wanted), RECENT))])
        self._count = np.concatenate([self._count, np.zeros(len(wanted), np.int64)])
        self._wanted = np.concatenate([self._wanted, np.array(wanted, np.bool_)])
        self._learnt = np.concatenate([self._learnt, np.array(known, np.float64)])

    def learn(
        self, slot: NDArray[np.int32], time_us: NDArray[np.int64], newest_us: NDArray[np.int64]
    ) -> dict[int, float]:
        """Return the intervals (seconds, by slot) that are newly known or have changed.

        ``slot`` names each datastream once, ``time_us`` its newest time in this batch
        and ``newest_us`` its newest time before.
        """
        since_s = (time_us - newest_us) / MICROSECONDS
        use = self._wanted[slot] & (since_s > SHORTEST_S) & (newest_us >= 0)
        slots = slot[use]
        self._recent[slots, self._count[slots] % RECENT] = since_s[use]
        self._count[slots] += 1
        full = slots[self._count[slots] % RECENT == 0]
        if not len(full):
            return {}
        medians = np.median(self._recent[full], axis=1)
        known = self._learnt[full]
        changed = np.isnan(known) | (np.abs(medians - known) > CHANGE * known)
        self._learnt[full[changed]] = medians[changed]
        return dict(zip(full[changed].tolist(), medians[changed].tolist(), strict=True))
