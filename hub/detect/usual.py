"""The usual reading of one stream in plain numbers, for ``surprise``.

Most readings are odd in no sign and only teach. Their signs are worked out here number by
number, at a twentieth of the cost of arrays of one. Whatever is not usual - no limits yet, a
sign above its limit, a cluster that ends, a condition that stands - is left to the arrays,
untouched, so that every decision is written once. What is taken here leaves each number
as ``hub.detect.signs`` and ``hub.detect.tails`` would, to the last bit; a test holds it to that.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from hub.detect import signs, tails
from hub.detect.signs import JUMP, LEVEL, STUCK
from hub.detect.words import DAY_S
from hub.instant import MICROSECONDS

if TYPE_CHECKING:
    from hub.detect.table import Table

Cells = dict[str, Any]

DAY_US: Final = DAY_S * MICROSECONDS
FADE: Final = float(np.exp(np.array([-tails.GROW * tails.RARITY]))[0])
LEAST_GAIN: Final = 0.005
UNSURE: Final = 1e-6  # of a rarity
ALONE: Final = (JUMP, STUCK)  # above its limit, each of them does more than teach


class Terms(NamedTuple):
    """What ``surprise`` goes by: see there."""

    gaps: tuple[float, ...]
    most_gap: float
    least: tuple[float, ...]
    learnt_s: tuple[float, float]
    step_us: int
    rarity: float


class Found(NamedTuple):
    """The signs of a reading but for how long it is stuck, and what they leave behind."""

    z: tuple[float, float, float, float, float]
    scale: float
    spread: float
    r: float
    e: float
    noise: float
    mean: float
    slow: float


class Run(NamedTuple):
    """The present run of equal values; ``ended`` is the length of the one before, else 0."""

    ended: float
    length: float
    mean: float
    quantum: float


class Usual:
    """Takes usual readings into the table of ``surprise``; ``bound`` has the declared intervals."""

    def __init__(self, table: Table, bound: Table, terms: Terms) -> None:
        self._table, self._bound, self._terms = table, bound, terms

    def __call__(self, row: int, time_us: int, x: float) -> bool:
        """Learn from a usual reading and return True; False leaves everything as it was."""
        cells, terms = self._table.cells, self._terms
        count = cells["count"][row] + 1
        if count == 1 or cells["standing"][row] >= 0:
            return False
        since_s = (time_us - cells["last_us"][row]) / MICROSECONDS
        learnt_s = learnt(cells["learnt_s"][row], since_s, terms.learnt_s)
        declared = self._bound.cells["interval_s"][row]
        interval_s = declared if declared == declared else learnt_s  # noqa: PLR0124  NaN
        run = run_of(cells, row, x - cells["results"][row, 0], count)
        season = cells["season"][row, place_of(time_us)]
        gap = max(since_s / interval_s, 1.0), interval_s
        found = found_of(cells, row, (x, season), run, gap)
        teaches = run.length < signs.FROZEN and count >= signs.FEWEST
        if not self._nothing(row, found, run, teaches, interval_s):
            return False
        cells["count"][row], cells["learnt_s"][row] = count, learnt_s
        cells["due_us"][row], cells["latest"][row] = time_us + terms.step_us, 0.0
        keep(self._table, row, (x, time_us, season), found, run)
        self._teach(row, (*found.z, run.ended), teaches)
        return True

    def _nothing(self, row: int, found: Found, run: Run, teaches: bool, interval_s: float) -> bool:  # noqa: FBT001
        """Say whether nothing comes of any sign, and none is rare enough to be told."""
        cells, terms = self._table.cells, self._terms
        day = min(max(DAY_S / interval_s, 4.0), terms.most_gap)
        for sign, z in enumerate(found.z):
            if not quiet(cells, row, sign, z, day if sign == LEVEL else terms.gaps[sign], teaches):
                return False
            if z > cells["limit"][row, sign] and self._rare(row, sign, z):
                return False
        stuck = run.length > cells["limit"][row, STUCK]
        return not stuck and quiet(cells, row, STUCK, run.ended, terms.gaps[STUCK], run.ended > 0)

    def _rare(self, row: int, sign: int, z: float) -> bool:
        """Say whether a sign might have to be told; the last bit of a logarithm aside."""
        cells = self._table.cells
        if cells["told"][row, sign]:
            return False
        excess = math.log10(z / cells["limit"][row, sign])
        rarity: float = tails.BASE + excess / cells["shape"][row, sign]
        return rarity > self._terms.rarity - UNSURE

    def _teach(self, row: int, z: tuple[float, ...], teaches: bool) -> None:  # noqa: FBT001
        """Let the limits that were not passed fade a little."""
        cells, least = self._table.cells, self._terms.least
        for sign in range(signs.COUNT):
            if cells["told"][row, sign] and not cells["open"][row, sign]:
                cells["told"][row, sign] = False
            if z[sign] > 0 if sign == STUCK else teaches:
                teach(cells, row, sign, z[sign], least[sign])


def place_of(time_us: int) -> int:
    """Return the bin of the day (UTC) of a time."""
    return time_us % DAY_US * signs.BINS // DAY_US


def learnt(old: float, since_s: float, bounds: tuple[float, float]) -> float:
    """Return the learnt interval after ``since_s`` seconds; long gaps teach little."""
    gap = min(max(since_s, bounds[0]), bounds[1])
    return old + min(max(gap - old, -old / 8), old / 32) if old == old else gap  # noqa: PLR0124


def far(distance: float) -> float:
    """Return ``distance``, immense where it is unknown."""
    return distance if distance == distance else signs.FAR  # noqa: PLR0124  NaN


def run_of(cells: Cells, row: int, d: float, count: int) -> Run:
    """Return the run of equal values once the value has moved by ``d``."""
    run, mean, quantum = cells["run"][row], cells["mean_run"][row], cells["quantum"][row]
    if d == 0.0:
        return Run(0.0, run + 1, mean, quantum)
    if run < signs.LONGEST_RUN:
        mean += (run - mean) * max(LEAST_GAIN, 1.0 / count)
    return Run(run, 1.0, mean, min(quantum, abs(d)))


def found_of(
    cells: Cells, row: int, reading: tuple[float, float], run: Run, gap: tuple[float, float]
) -> Found:
    """Return the signs of a reading (value, season); ``gap`` is intervals passed, seconds each."""
    (x, season), (intervals, interval_s) = reading, gap
    results, errors = cells["results"], cells["errors"]
    d, e = x - results[row, 0], x - season
    long, short, held = cells["long"][row], cells["short"][row], cells["held"][row]
    step = signs.QUANTUM * (0.0 if run.quantum == math.inf else run.quantum)
    scale, spread = max(long + step, 1e-9), 0.5 * long + 0.5 * short + step
    off_held, odd = far(abs(x - held)), far(abs(e))
    median = sorted([results[row, k] for k in range(5)])[2]
    r = min(abs(d), abs(x - median), far(abs(e - errors[row, 0])), off_held) / math.sqrt(intervals)
    noise, before = cells["noise"][row], cells["step"][row]
    noise += ((min(abs(d), abs(before)) if d * before < 0 else 0.0) - noise) * signs.NOISY
    lag4, lag16 = (
        min(abs(x - results[row, lag]), far(abs(e - errors[row, lag])), odd, off_held)
        for lag in (3, 15)
    )
    mean, slow = cells["mean"][row], cells["slow"][row]
    mean = mean + signs.MEAN * (e - mean) if e == e else mean  # noqa: PLR0124  NaN
    off = min(abs(mean), abs(mean - slow))
    slow += (mean - slow) * min(signs.MEAN / max(DAY_S / interval_s, 4.0), 1.0)
    z = (r / spread if spread > 0 else 0.0, noise / scale, lag4 / scale, lag16 / scale, off / scale)
    return Found(z, scale, spread, r, e, noise, mean, slow)


def quiet(cells: Cells, row: int, sign: int, z: float, gap: float, teaches: bool) -> bool:  # noqa: FBT001, PLR0917
    """Say whether nothing comes of a sign: it opens and ends no cluster, and tops none."""
    limit = cells["limit"][row, sign]
    if limit != limit:  # noqa: PLR0124  NaN: no limit yet
        return not teaches
    was = cells["open"][row, sign]
    if z > limit:
        return was and z <= cells["peak"][row, sign] and sign not in ALONE
    return not (was and teaches and cells["below"][row, sign] + 1 >= gap)


def teach(cells: Cells, row: int, sign: int, z: float, least: float) -> None:
    """Teach the tail of a sign what neither opened, topped nor ended a cluster."""
    limit = cells["limit"][row, sign]
    if limit != limit:  # noqa: PLR0124  NaN
        return
    cells["below"][row, sign] = 0.0 if z > limit else cells["below"][row, sign] + 1.0
    if not cells["open"][row, sign]:
        cells["limit"][row, sign] = max(limit * FADE, least)


def keep(table: Table, row: int, reading: tuple[float, int, float], found: Found, run: Run) -> None:
    """Write what a reading (value, time, season) taught the signs; the count is one on already."""
    x, time_us, season = reading
    cells, frozen = table.cells, run.length >= signs.FROZEN
    d, count = x - cells["results"][row, 0], cells["count"][row]
    if not frozen:
        for name, least in (("long", signs.LONG), ("short", signs.SHORT)):
            old, r = cells[name][row], found.r
            bounded = min(r, signs.CLIP * old) if count > signs.RIPE and old > 0 else r
            cells[name][row] = old + (bounded - old) * max(least, 1.0 / count)
    limit = cells["limit"][row, LEVEL]
    bound = (signs.FIRST_LIMIT if limit != limit else limit) * 2 * found.scale  # noqa: PLR0124
    if season != season:  # noqa: PLR0124  NaN
        season = x
    elif not frozen:
        season += signs.SEASON * min(max(x - season, -bound), bound)
    cells["season"][row, place_of(time_us)] = season
    if abs(x - cells["held"][row]) <= signs.RETURNED * found.spread:
        cells["held"][row] = math.nan
    if d != 0.0:
        cells["run_us"][row] = time_us
    cells["run"][row], cells["mean_run"][row], cells["quantum"][row] = (
        run.length,
        run.mean,
        run.quantum,
    )
    cells["noise"][row], cells["mean"][row], cells["slow"][row] = (
        found.noise,
        found.mean,
        found.slow,
    )
    cells["step"][row], cells["last_us"][row] = d, time_us
    table.push("results", row, x)
    table.push("errors", row, found.e)
