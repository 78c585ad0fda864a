"""What may be odd about one reading, as numbers: how far, against the stream's own usual.

Each sign takes the least of several explanations (no change, the same hour yesterday,
the value before a jump), so that only what none of them explains stands out. Scales are
means of clipped differences, never of the whole series. Source: fitted for this project
on sensors of the Logan River Observatory, leaving out one site at a time; Hampel for the
median of five.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from hub.detect.words import DAY_S
from hub.instant import MICROSECONDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from hub.detect.live import Readings
    from hub.detect.table import Rows, Table

    Floats = NDArray[np.float64]

JUMP, NOISE, LAG4, LAG16, LEVEL, STUCK = range(6)
COUNT: Final = 6
FAR: Final = 1e300
KEPT: Final = 16
BINS: Final = 96
LONG: Final = 0.001
SHORT: Final = 1 / 16
CLIP: Final = 4.0
QUANTUM: Final = 0.3  # of the smallest step counts as noise
SEASON: Final = 0.3
MEAN: Final = 0.25
NOISY: Final = 1 / 8
FROZEN: Final = 9  # equal values in a row, from which nothing is learnt
FEWEST: Final = 6
RIPE: Final = 20
LONGEST_RUN: Final = 50.0
RETURNED: Final = 2.0
FIRST_LIMIT: Final = 4.0


class Signs(NamedTuple):
    """The statistics of some readings, and what they rest on."""

    z: Floats  # (n, COUNT)
    use: NDArray[np.bool_]  # (n, COUNT) which of them may teach the tails
    frozen: NDArray[np.bool_]
    expected: Floats
    held: Floats  # the value before a jump, NaN where there was none
    usual: Floats  # scale of a usual change


def columns() -> dict[str, Any]:
    """Return the columns that the signs need in a table."""
    return {
        "count": np.int64(0),
        "last_us": np.int64(0),
        "quantum": np.inf,
        "long": 0.0,
        "short": 0.0,
        "run": 1.0,
        "run_us": np.int64(0),
        "mean_run": 1.0,
        "held": np.nan,
        "mean": 0.0,
        "slow": 0.0,
        "noise": 0.0,
        "step": 0.0,
        "results": np.full(KEPT, np.nan),
        "errors": np.full(KEPT, np.nan),
        "season": np.full(BINS, np.nan),
    }


def begin(table: Table, now: Readings) -> None:
    """Start the streams whose first reading this is."""
    row, x = now.row, now.result
    table["count"][row] = 1
    table["last_us"][row] = table["run_us"][row] = now.time_us
    table["results"][row] = x[:, None]
    table["held"][row] = x
    table["season"][row, bins(now.time_us)] = x


def bins(time_us: NDArray[np.int64]) -> Rows:
    """Return the bin of the day (UTC) of each time."""
    day_us = DAY_S * MICROSECONDS
    return ((time_us % day_us) * BINS // day_us).astype(np.intp)


def signs(table: Table, now: Readings, interval_s: Floats, level_limit: Floats) -> Signs:
    """Return the signs of readings of distinct streams, and learn from them."""
    row, x = now.row, now.result
    table["count"][row] += 1
    gap = np.maximum((now.time_us - table["last_us"][row]) / MICROSECONDS / interval_s, 1.0)
    results, errors = table["results"][row], table["errors"][row]
    place = row, bins(now.time_us)
    season = table["season"][place]
    e = x - season
    d = x - results[:, 0]
    ended = _runs(table, now, d)
    frozen = table["run"][row] >= FROZEN
    step = QUANTUM * np.where(np.isinf(table["quantum"][row]), 0.0, table["quantum"][row])
    scale = np.maximum(table["long"][row] + step, 1e-9)
    spread = 0.5 * table["long"][row] + 0.5 * table["short"][row] + step
    held = table["held"][row]
    off_held = far(np.abs(x - held))
    odd = far(np.abs(e))
    median = np.sort(results[:, :5], axis=1)[:, 2]
    r = np.minimum(np.abs(d), np.abs(x - median))
    r = np.minimum(r, np.minimum(far(np.abs(e - errors[:, 0])), off_held)) / np.sqrt(gap)
    z = np.zeros((len(row), COUNT))
    z[:, JUMP] = np.where(spread > 0, r / np.where(spread > 0, spread, 1.0), 0.0)
    z[:, NOISE] = _noise(table, row, d) / scale
    for sign, lag in ((LAG4, 3), (LAG16, 15)):
        then = np.minimum(np.abs(x - results[:, lag]), far(np.abs(e - errors[:, lag])))
        z[:, sign] = np.minimum(np.minimum(then, odd), off_held) / scale
    z[:, LEVEL] = _level(table, row, e, interval_s) / scale
    z[:, STUCK] = ended
    use = np.empty(z.shape, dtype=bool)
    use[:] = (~frozen & (table["count"][row] >= FEWEST))[:, None]
    use[:, STUCK] = ended > 0
    _scales(table, row, r, frozen)
    _season(table, place, x, (frozen, level_limit * 2 * scale))
    table["results"][row] = np.concatenate([x[:, None], results[:, :-1]], axis=1)
    table["errors"][row] = np.concatenate([e[:, None], errors[:, :-1]], axis=1)
    table["step"][row], table["last_us"][row] = d, now.time_us
    expected = np.where(
        np.isnan(season), results[:, 0], np.where(odd < np.abs(d), season, results[:, 0])
    )
    return Signs(z, use, frozen, expected, held, RETURNED * spread)


def settle(
    table: Table, now: Readings, found: Signs, jumped: NDArray[np.bool_], before: Floats
) -> None:
    """Remember the value before a jump, forget it once the stream is back there."""
    held = np.where(jumped & np.isnan(found.held), before, found.held)
    back = np.abs(now.result - held) <= found.usual
    table["held"][now.row] = np.where(back, np.nan, held)


def far(distance: Floats) -> Floats:
    """Return ``distance``, immense where it is unknown, so that it explains nothing."""
    return np.where(np.isnan(distance), FAR, distance)


def _runs(table: Table, now: Readings, d: Floats) -> Floats:
    """Count equal values in a row; return the length of each run that ended here, else 0."""
    row = now.row
    run, same = table["run"][row], d == 0.0
    ended = np.where(same, 0.0, run)
    size = np.abs(d)
    table["quantum"][row] = np.where(
        same, table["quantum"][row], np.fmin(table["quantum"][row], size)
    )
    gain = np.maximum(0.005, 1.0 / table["count"][row])
    mean = table["mean_run"][row]
    short = (ended > 0) & (ended < LONGEST_RUN)
    table["mean_run"][row] = np.where(short, mean + (ended - mean) * gain, mean)
    table["run"][row] = np.where(same, run + 1, 1.0)
    table["run_us"][row] = np.where(same, table["run_us"][row], now.time_us)
    return ended


def _noise(table: Table, row: Rows, d: Floats) -> Floats:
    """Return the mean size of differences that alternate in sign."""
    before = table["step"][row]
    size = np.where(d * before < 0, np.minimum(np.abs(d), np.abs(before)), 0.0)
    noise: Floats = table["noise"][row] + (size - table["noise"][row]) * NOISY
    table["noise"][row] = noise
    return noise


def _level(table: Table, row: Rows, e: Floats, interval_s: Floats) -> Floats:
    """Return how far the short mean is from the season, and from its own slow mean."""
    mean = table["mean"][row]
    mean = np.where(np.isnan(e), mean, mean + MEAN * (e - mean))
    slow = table["slow"][row]
    off: Floats = np.minimum(np.abs(mean), np.abs(mean - slow))
    per_day = np.maximum(DAY_S / interval_s, 4.0)
    table["mean"][row] = mean
    table["slow"][row] = slow + (mean - slow) * np.minimum(MEAN / per_day, 1.0)
    return off


def _scales(table: Table, row: Rows, r: Floats, frozen: NDArray[np.bool_]) -> None:
    """Follow the usual size of a change, slowly and fast; one reading moves them little."""
    count = table["count"][row]
    for name, least in (("long", LONG), ("short", SHORT)):
        old = table[name][row]
        bounded = np.where((count > RIPE) & (old > 0), np.minimum(r, CLIP * old), r)
        new = old + (bounded - old) * np.maximum(least, 1.0 / count)
        table[name][row] = np.where(frozen, old, new)


def _season(
    table: Table, place: tuple[Rows, Rows], x: Floats, bound: tuple[NDArray[np.bool_], Floats]
) -> None:
    """Fill an empty bin of the day with its first value, later follow within a limit."""
    frozen, limit = bound
    season = table["season"][place]
    moved = season + SEASON * np.minimum(np.maximum(x - season, -limit), limit)
    table["season"][place] = np.where(np.isnan(season), x, np.where(frozen, season, moved))
