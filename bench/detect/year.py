"""A year of 1,000 river gauges at 15 minutes through the shipped rules: how long it takes.

``python -m bench.detect.year`` replays a slice of days after a warm-up and says what the year
of 35 million observations would take at that cost; ``--days 365`` replays all of it. The
series are made up: a calm level with its daily wave, noise of the sensor, and storms that
some of the gauges share, so that forecasts, levels and surprises have their work. The stack
of detectors runs alone, on one core, in batches of 5,000 as watch reads them from the log.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from bench.detect_cost import FIT, stack_of
from bench.rig import commit
from bench.town import CONFIG
from hub.config import read_config
from hub.model.network import Datastream, Hazard, Level, Severity
from hub.model.observation import Batch, Lateness, Quality

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from hub.detect.stack import Stack

    Floats = NDArray[np.float64]

QUARTER_US: Final = 900 * 1_000_000
PER_DAY: Final = 96
YEAR_DAYS: Final = 365
START_US: Final = 1_790_000_000 * 1_000_000
BATCH: Final = 5000
WARM_DAYS: Final = 5
STORM_EVERY_DAYS: Final = 12.0
LEVELS: Final = (("watch", Severity.MODERATE, 2.4), ("danger", Severity.EXTREME, 3.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """What a stretch of days cost."""

    days: int
    observations: int
    transitions: int
    seconds: float

    @property
    def us_each(self) -> float:
        """Return the microseconds of one observation."""
        return self.seconds * 1e6 / self.observations


def gauges(count: int) -> list[Datastream]:
    """Return ``count`` gauges, ten at a site, each with a watch and a danger level."""
    levels = tuple(Level(name=n, severity=s, above=a, hysteresis=0.1) for n, s, a in LEVELS)
    return [
        Datastream(
            slot=slot, site=f"river-{slot // 10}", node=f"gauge-{slot}", name="stage", unit="m",
            observed_property="stage", hazard=Hazard.FLOOD, interval_s=900.0, levels=levels,
            declared=True,
        )
        for slot in range(count)
    ]  # fmt: skip


class Rivers:
    """The levels of all gauges, a day at a time."""

    def __init__(self, count: int) -> None:
        self._chance = np.random.default_rng(11)
        self._base = 1.0 + 0.2 * self._chance.random(count)
        self._rain, self._run_off = np.zeros(count), np.zeros(count)

    def day(self) -> Floats:
        """Return the next day's levels, one row for each quarter of an hour."""
        count, chance = len(self._base), self._chance
        storm = chance.random(count) < 1 / STORM_EVERY_DAYS
        begins = chance.integers(0, PER_DAY, count)
        size = np.where(storm, chance.gamma(1.0, 0.05, count), 0.0)
        rows = np.empty((PER_DAY, count))
        for quarter in range(PER_DAY):
            self._rain *= 0.93
            self._rain += np.where(begins == quarter, size, 0.0)
            self._run_off += 0.35 * self._rain - 0.012 * self._run_off
            wave = 0.02 * np.sin(2 * np.pi * quarter / PER_DAY)
            noise = 0.004 * chance.standard_normal(count)
            rows[quarter] = self._base + self._run_off + wave + noise
        return np.round(rows, 3)


def batches(rivers: Rivers, days: int, first_day: int, count: int) -> Iterator[Batch]:
    """Yield ``days`` of observations in the order in which they came."""
    for day in range(first_day, first_day + days):
        results = rivers.day().ravel()
        quarters = np.repeat(np.arange(PER_DAY), count) + day * PER_DAY
        whole = batch_of_day(results, START_US + quarters * QUARTER_US, count, day)
        for at in range(0, len(whole), BATCH):
            yield whole.take(np.arange(at, min(at + BATCH, len(whole))))


def batch_of_day(results: Floats, times_us: NDArray[np.int64], count: int, day: int) -> Batch:
    """Return one day of all gauges as columns."""
    size = len(results)
    offset = np.arange(size) + day * size + 1
    return Batch(
        offset=offset, slot=np.tile(np.arange(count, dtype=np.int32), PER_DAY),
        time_us=times_us, start_us=times_us, result=results,
        quality=np.full(size, Quality.PASS, np.int8),
        lateness=np.full(size, Lateness.LIVE, np.int8), received_us=times_us, message=offset,
    )  # fmt: skip


def fed(stack: Stack, rivers: Rivers, days: int, first_day: int, count: int) -> Took:
    """Feed ``days`` and return what only the detectors took; making the series is not counted."""
    seconds, observations, transitions = 0.0, 0, 0
    for batch in batches(rivers, days, first_day, count):
        began = time.perf_counter()
        transitions += len(stack.update(batch))
        now_us = int(batch.time_us[-1])
        if stack.due(now_us):
            transitions += len(stack.control("tick", now_us, int(batch.offset[-1]), {}))
        seconds += time.perf_counter() - began
        observations += len(batch)
        progress(int(batch.offset[-1]), seconds, observations)
    return Took(days=days, observations=observations, transitions=transitions, seconds=seconds)


def progress(offset: int, seconds: float, observations: int) -> None:
    """Say on a terminal's stderr how far it is."""
    if sys.stderr.isatty():
        each = seconds * 1e6 / observations
        print(f"\r{offset:>12,} observations, {each:.2f} us each", end="", file=sys.stderr)


def measure(count: int, days: int) -> Took:
    """Return what ``days`` of ``count`` gauges take once they are warm and have a baseline."""
    stack, rivers = stack_of(read_config(CONFIG).rules, gauges(count)), Rivers(count)
    for slot in range(count):
        params = {**FIT, "level": 1.1, "sigma": 0.01, "interval_s": 900.0, "days": 30.0}
        stack.control("fit", START_US, 0, {"slot": slot, "params": params})
    fed(stack, rivers, WARM_DAYS, 0, count)
    return fed(stack, rivers, days, WARM_DAYS, count)


def main() -> int:
    """Measure and print one line."""
    parser = argparse.ArgumentParser(prog="python -m bench.detect.year", description=__doc__)
    parser.add_argument("--gauges", type=int, default=1000)
    parser.add_argument("--days", type=int, default=10, help="365 replays the whole year")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    args = parser.parse_args()
    took = measure(args.gauges, args.days)
    year = args.gauges * PER_DAY * YEAR_DAYS
    row = {
        "commit": commit(), "gauges": args.gauges, "days": took.days,
        "observations": took.observations, "transitions": took.transitions,
        "seconds": round(took.seconds, 2), "us_per_observation": round(took.us_each, 2),
        "year_observations": year, "year_minutes": round(took.us_each * year / 60e6, 1),
    }  # fmt: skip
    print(json.dumps(row) if args.json else sentence(row), flush=True)
    return 0


def sentence(row: dict[str, object]) -> str:
    """Return what was measured in words."""
    return (
        f"commit {row['commit']}: {row['observations']:,} observations of {row['gauges']:,} gauges"
        f" ({row['days']} days at 15 minutes) in {row['seconds']} s,"
        f" {row['us_per_observation']} us each, {row['transitions']:,} transitions;"
        f" a year is {row['year_observations']:,} observations: {row['year_minutes']} minutes"
    )


if __name__ == "__main__":
    sys.exit(main())
