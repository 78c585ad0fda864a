"""Every test on every row of a batch, with the little memory that the tests need.

The memory is, by slot: the last two results and times and the length of the present run
of equal results. It is a function of the observations in their order, so after a start
the newest few of each datastream, fed again, bring it back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from hub.clock import MICROSECONDS
from hub.ingest.order import last_of_each, rising
from hub.ingest.quality import TESTS
from hub.ingest.quality.base import GAP_INTERVALS, LIMITS, Stretch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hub.model.network import Datastream

NEVER_US: Final = -(2**62)
NAN: Final = float("nan")
# How bad a flag is: not evaluated, pass, suspect, fail, missing.
BADNESS: Final = np.array([0, 1, 0, 2, 4, 0, 0, 0, 0, 3], np.int8)  # by Quality
FLAG: Final = np.array([2, 1, 3, 9, 4], np.int8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What is remembered of the slots ``slot`` after a batch; nothing until ``keep``."""

    slot: NDArray[np.int32]
    result: NDArray[np.float64]
    earlier: NDArray[np.float64]
    time_us: NDArray[np.int64]
    run: NDArray[np.int64]


class Inspector:
    """Quality of batches; slots are added in their order and never leave."""

    def __init__(self) -> None:
        self._limits = {name: np.zeros(0, np.float64) for name in LIMITS}
        self._result = np.zeros(0, np.float64)
        self._earlier = np.zeros(0, np.float64)
        self._time_us = np.zeros(0, np.int64)
        self._run = np.zeros(0, np.int64)

    def extend(self, streams: Sequence[Datastream]) -> None:
        """Take in the datastreams of the next slots."""
        rows = [limits_of(stream) for stream in streams]
        for name in LIMITS:
            column = np.array([row[name] for row in rows], np.float64)
            self._limits[name] = np.concatenate([self._limits[name], column])
        none = np.full(len(rows), NAN)
        self._result = np.concatenate([self._result, none])
        self._earlier = np.concatenate([self._earlier, none])
        self._time_us = np.concatenate([self._time_us, np.full(len(rows), NEVER_US)])
        self._run = np.concatenate([self._run, np.zeros(len(rows), np.int64)])

    def set_interval(self, slot: int, interval_s: float) -> None:
        """Take in an interval that was learnt."""
        self._limits["interval_s"][slot] = interval_s

    def judge(
        self,
        slot: NDArray[np.int32],
        time_us: NDArray[np.int64],
        result: NDArray[np.float64],
        given: NDArray[np.int8],
        current: NDArray[np.bool_],
    ) -> tuple[NDArray[np.int8], Memory]:
        """Return (flag of each row, what to ``keep`` once the batch is on disk).

        ``given`` is the node's own flag (0: none). Only ``current`` rows (live or late)
        that are newer than all before them are compared with what came before.
        """
        limits = {name: column[slot] for name, column in self._limits.items()}
        gross = (result < limits["range_low"]) | (result > limits["range_high"])
        lined = current & ~np.isnan(result) & ~gross
        lined[lined] = rising(slot[lined], time_us[lined], self._time_us)
        before, before_that, since_s = (np.full(len(slot), NAN) for _ in range(3))
        run = np.zeros(len(slot), np.int64)
        rows = np.flatnonzero(lined)
        rows = rows[np.argsort(slot[rows], kind="stable")]
        part = self._line(slot[rows], time_us[rows], result[rows])
        before[rows], before_that[rows], since_s[rows], run[rows] = part
        stretch = Stretch(
            result=result,
            before=before,
            before_that=before_that,
            since_s=since_s,
            run=run,
            limits=limits,
        )
        last = rows[last_of_each(slot[rows])]
        memory = Memory(
            slot=slot[last],
            result=result[last],
            earlier=before[last],
            time_us=time_us[last],
            run=run[last],
        )
        return worst([given, *(test(stretch) for test in TESTS.values())]), memory

    def keep(self, memory: Memory) -> None:
        """Remember what a batch that is now on disk left behind."""
        self._result[memory.slot] = memory.result
        self._earlier[memory.slot] = memory.earlier
        self._time_us[memory.slot] = memory.time_us
        self._run[memory.slot] = memory.run

    def _line(
        self, slot: NDArray[np.int32], time_us: NDArray[np.int64], result: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
        """Return (before, before that, seconds since, run) of rows grouped by slot."""
        first = np.ones(len(slot), np.bool_)
        first[1:] = slot[1:] != slot[:-1]
        before = np.where(first, self._result[slot], shifted(result, NAN))
        earlier = np.where(first, self._earlier[slot], shifted(before, NAN))
        at_us = np.where(first, self._time_us[slot], shifted(time_us, NEVER_US))
        since_s = np.where(at_us == NEVER_US, NAN, (time_us - at_us) / MICROSECONDS)
        gap = since_s > GAP_INTERVALS * self._limits["interval_s"][slot]
        earlier = np.where(gap, NAN, earlier)
        spoken = np.where(gap, NAN, before)
        equal = np.abs(result - spoken) <= self._limits["flat_tolerance"][slot]
        run = run_lengths(first, equal, self._run[slot])
        return spoken, earlier, np.where(gap, NAN, since_s), run


def limits_of(stream: Datastream) -> dict[str, float]:
    """Return the limits of one datastream, NaN where none is set."""
    limits = stream.limits
    values = {name: getattr(limits, name) for name in LIMITS if name != "interval_s"}
    values["interval_s"] = stream.interval_s
    return {name: NAN if value is None else float(value) for name, value in values.items()}


def shifted(column: NDArray[Any], head: float) -> NDArray[Any]:
    """Return ``column`` moved down by one row, with ``head`` on top."""
    moved = np.empty_like(column)
    moved[:1] = head
    moved[1:] = column[:-1]
    return moved


def run_lengths(
    first: NDArray[np.bool_], equal: NDArray[np.bool_], carried: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return how many in a row were equal up to each row.

    ``first`` marks where groups begin, ``equal`` rows that equal the one before (in the
    group or remembered), ``carried`` the remembered run of the row's group.
    """
    place = np.arange(len(first))
    start = np.maximum.accumulate(np.where(first | ~equal, place, 0))
    run = place - start + 1
    goes_on = equal[start] & first[start]
    return run + np.where(goes_on, carried, 0)


def worst(columns: Sequence[NDArray[np.int8]]) -> NDArray[np.int8]:
    """Return the worst flag of each row; no opinion and not evaluated count least."""
    answer: NDArray[np.int8] = FLAG[np.max([BADNESS[column] for column in columns], axis=0)]
    return answer
