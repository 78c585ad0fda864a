"""What a gauge's readings say of its present rise: how fast, how far, how wet, how it drains.

Every stream that has a rising level is followed in its own scale: the watch level lies at
0.7 of the way from the dry river to the danger level. All of it comes from the stream's
own past, in a fixed number of values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from hub.detect import river
from hub.detect.table import Table
from hub.instant import MICROSECONDS
from hub.model.network import Severity

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from hub.detect.live import Readings
    from hub.model.network import Datastream, Level

    Floats = NDArray[np.float64]
    Slots = NDArray[np.int32]

KEPT: Final = 16
LEAST: Final = 3
WINDOW: Final = 3.25  # intervals: three, and what late clocks add
LONGEST: Final = 12.0  # intervals: older readings say nothing of the slope
WET: Final = 1500.0
FALL: Final = 300.0
DRY: Final = 3000.0
GAP: Final = 20.0
STEP_US: Final = 60 * MICROSECONDS
NEVER: Final = -(2**62)
WATCH_SHARE: Final = 0.3  # of the scale lies between the watch and the danger level
RISE_START: Final = 0.05
RISE_END: Final = 0.10
LEARNT_INTERVALS_S: Final = (60.0, 7200.0)


class Rise(NamedTuple):
    """The present rise of each reading's gauge; lengths in the stream's own unit.

    ``slope`` per second without its largest single step, ``step`` since the reading
    before, ``low`` and ``peak`` of this rise, ``tau`` the recession in intervals.
    """

    interval: Floats
    slope: Floats
    step: Floats
    low: Floats
    danger: Floats
    watch: Floats
    scale: Floats
    wetness: Floats
    tau: Floats
    under_way: NDArray[np.bool_]


class Rises:
    """Follows the rises of every bound stream."""

    def __init__(self, least_interval_s: float) -> None:
        self._least_s = least_interval_s
        self._bound = Table(danger=np.inf, watch=np.nan, interval_s=np.nan)
        self.table = Table(
            due_us=np.int64(NEVER),
            times_us=np.full(KEPT, NEVER),
            results=np.full(KEPT, np.nan),
            last_us=np.int64(NEVER),
            learnt_s=np.nan,
            mean=np.nan,
            base=np.nan,
            low=np.nan,
            peak=np.nan,
            stood=river.FIRST_TAU,
            fell=1.0,
        )

    def bind(self, stream: Datastream, danger: float, watch: float | None) -> int:
        """Follow ``stream`` towards ``danger``; return its row."""
        row = self._bound.add(stream.slot)
        self.table.add(stream.slot)
        self._bound["danger"][row] = danger
        self._bound["watch"][row] = np.nan if watch is None else watch
        self._bound["interval_s"][row] = stream.interval_s or np.nan
        return row

    def thinned(self, seen: Readings) -> Iterator[Readings]:
        """Yield ``seen`` in order, no stream twice at once and none more often than a minute."""
        for places in self.table.thinned(seen.row, seen.time_us, "due_us", STEP_US):
            yield seen.take(places)

    def dump(self) -> dict[str, object]:
        """Return all that is kept."""
        return self.table.dump()

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore it."""
        self.table.load(state)

    def follow(self, now: Readings) -> Rise:
        """Take in one reading of each of some streams and return how they rise."""
        row, table = now.row, self.table
        known = table["last_us"][row] > NEVER
        gap_s = np.where(known, (now.time_us - table["last_us"][row]) / MICROSECONDS, 0.0)
        interval = self._interval(row, gap_s, known)
        before = np.where(known, table["results"][row, 0], now.result)
        self._mean(now, np.minimum(gap_s / interval, GAP), known)
        danger = self._bound["danger"][row]
        watch, scale = self._scale(row)
        dry = danger - scale
        self._drain((before - dry) / scale, now, (before - now.result) / scale, gap_s / interval)
        self._end(now, scale, known)
        slope = self._slope(now, interval)
        return Rise(
            interval=interval,
            slope=slope,
            step=now.result - before,
            low=table["low"][row],
            danger=danger,
            watch=watch,
            scale=scale,
            wetness=np.clip((table["mean"][row] - dry) / scale, -0.5, 1.0),
            tau=river.recession(table["stood"][row], table["fell"][row]),
            under_way=(slope > 0) & (now.result - table["low"][row] >= RISE_START * scale),
        )

    def _mean(self, now: Readings, steps: Floats, known: NDArray[np.bool_]) -> None:
        """Keep ring and long means."""
        row, table = now.row, self.table
        mean = np.where(known, table["mean"][row], now.result)
        base = np.where(known, table["base"][row], now.result)
        slow = np.where(now.result < base, FALL, DRY)
        table["mean"][row] = mean + (now.result - mean) * steps / (steps + WET)
        table["base"][row] = base + (now.result - base) * steps / (steps + slow)
        table["last_us"][row] = now.time_us
        for name, value in (("times_us", now.time_us), ("results", now.result)):
            table[name][row] = np.concatenate([value[:, None], table[name][row, :-1]], axis=1)

    def _interval(self, row: NDArray[np.intp], gap_s: Floats, known: NDArray[np.bool_]) -> Floats:
        """Return the declared interval, else the learnt one; long gaps teach little."""
        old = self.table["learnt_s"][row]
        first = np.isnan(old)
        gap = np.clip(gap_s, *LEARNT_INTERVALS_S)
        moved = np.where(first, gap, old + np.clip(gap - old, -old / 8, old / 32))
        self.table["learnt_s"][row] = np.where(known, moved, old)
        declared = self._bound["interval_s"][row]
        learnt = np.where(np.isnan(declared), self.table["learnt_s"][row], declared)
        return np.fmax(learnt, self._least_s)

    def _scale(self, row: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Return the watch level and the scale S, learnt where no watch level is declared."""
        danger, watch = self._bound["danger"][row], self._bound["watch"][row]
        learnt = np.maximum(danger - self.table["base"][row], 1e-6 + 0.01 * np.abs(danger))
        scale = np.where(np.isnan(watch), learnt, (danger - watch) / WATCH_SHARE)
        return np.where(np.isnan(watch), danger - WATCH_SHARE * scale, watch), scale

    def _drain(self, height: Floats, now: Readings, drop: Floats, steps: Floats) -> None:
        """Learn the recession from a fall."""
        row, table = now.row, self.table
        stood, fell = river.fallen(table["stood"][row], table["fell"][row], height, drop, steps)
        table["stood"][row], table["fell"][row] = stood, fell

    def _end(self, now: Readings, scale: Floats, known: NDArray[np.bool_]) -> None:
        """Begin a new rise at a new low, or where the last one fell back."""
        table, row, x = self.table, now.row, now.result
        low = np.where(known, table["low"][row], x)
        peak = np.where(known, np.maximum(table["peak"][row], x), x)
        ended = (x < low) | (x < peak - RISE_END * scale)
        table["low"][row] = np.where(ended, x, low)
        table["peak"][row] = np.where(ended, x, peak)

    def _slope(self, now: Readings, interval: Floats) -> Floats:
        """Return the rise per second without its largest single step; 0 when unknown."""
        times, results = self.table["times_us"][now.row], self.table["results"][now.row]
        age_s = (now.time_us[:, None] - times) / MICROSECONDS
        near = age_s <= WINDOW * interval[:, None]
        near[:, :LEAST] = True
        near &= age_s <= LONGEST * interval[:, None]
        count = near.sum(axis=1)
        oldest = np.maximum(count - 1, 0)
        places = np.arange(len(count))
        step = np.where(near[:, 1:], results[:, :-1] - results[:, 1:], 0.0)
        rise = now.result - results[places, oldest] - np.maximum(step.max(axis=1), 0.0)
        known = count >= LEAST
        return np.where(known, rise, 0.0) / np.where(known, age_s[places, oldest], 1.0)


def target(stream: Datastream) -> tuple[Level | None, float | None]:
    """Return the level to warn of, and the watch level below it if one is declared.

    The target is the lowest rising level that is severe or worse, else the highest.
    """
    rising = sorted(
        (lv for lv in stream.levels if lv.above is not None), key=lambda lv: lv.above or 0.0
    )
    if not rising:
        return None, None
    grave = (lv for lv in rising if lv.severity.rank >= Severity.SEVERE.rank)
    danger = next(grave, rising[-1])
    below = [lv.above for lv in rising if (lv.above or 0.0) < (danger.above or 0.0)]
    return danger, below[-1] if below else None
