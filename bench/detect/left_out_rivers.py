"""The flood forecast with its constants chosen without the gauge that is then scored.

    python -m bench.detect.left_out_rivers DIR

Every gauge's rises are followed once by the hub's own code. For each gauge the law's three
constants are fitted on the other gauges (ridge logistic regression of "came at least to
the watch level", one row for each tenth of the way left in each rise), and the alarm level
is the one that uses most of the time at no more than 0.2 false warnings a sensor-month on
them; both are then scored on the gauge. The shipped constants are scored beside it.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from scipy.optimize import minimize

from bench.detect.left_out import Series, judged, read
from hub.detect import river
from hub.detect.bench import levels_of
from hub.detect.forecast import BURST_AFTER, BURST_STEPS, LASTING, ForecastSettings, early_s
from hub.detect.live import Readings
from hub.detect.rises import Rise, Rises, target
from hub.instant import MICROSECONDS
from hub.model.network import Datastream

BUDGET: Final = 0.2
WARNED: Final = 95.0
RIDGE: Final = 2.0
FARTHEST: Final = 0.95  # of the scale left to danger: rows beyond it say nothing
LEVELS: Final = tuple(np.round(np.arange(0.5, 0.86, 0.02), 2).tolist())
SHIPPED: Final = np.array([river.BASE, river.BY_HEADING, river.BY_WETNESS])


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """One series with how it rose at each reading; ``terms`` are what the law weighs."""

    series: Series
    rise: Rise
    terms: np.ndarray
    left: np.ndarray


def main() -> int:
    """Follow, fit, choose and score; 2 when there is no bench."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder of the bench")
    data = parser.parse_args().data
    if not (data / "score.py").exists():
        print(f"left-out-rivers: {data} lacks score.py", file=sys.stderr)
        return 2
    sys.path.insert(0, str(data))
    import score  # noqa: PLC0415  the bench's own

    gauges = [followed(series) for series in read(data, "flood", score)]
    shipped = ForecastSettings().alarm_at
    print(
        f"shipped at {shipped}: " + told(score, [run(score, g, SHIPPED, shipped) for g in gauges])
    )
    for level in (shipped - 0.04, shipped - 0.02, shipped + 0.02, shipped + 0.04):
        stats = [run(score, g, SHIPPED, level) for g in gauges]
        print(f"  the same at {level:.2f}: " + told(score, stats))
    print("left out: " + told(score, left_out(score, gauges)))
    return 0


def followed(series: Series) -> Gauge:
    """Return how one gauge rose at each of its readings, as the hub itself sees it."""
    stream = Datastream(
        slot=0, site="", node="", name="", levels=levels_of(series.meta),
        interval_s=float(series.meta["interval_s"]),
    )  # fmt: skip
    danger, watch = target(stream)
    rises = Rises(ForecastSettings().interval_s)
    rises.bind(stream, float((danger and danger.above) or 0.0), watch)
    row, offset, quality = np.zeros(1, np.intp), np.zeros(1, np.int64), np.zeros(1, np.int8)
    found = []
    for at, result in zip(series.times_s, series.results, strict=True):
        time_us = np.array([round(at * MICROSECONDS)], np.int64)
        found.append(rises.follow(Readings(row, time_us, np.array([result]), offset, quality)))
    rise = Rise(*(np.concatenate(column) for column in zip(*found, strict=True)))
    left = (rise.danger - series.results) / rise.scale
    heading = (
        rise.tau
        / river.USUAL_TAU
        * np.maximum(rise.slope * rise.interval / rise.scale, river.LEAST_RISE)
    )
    share = np.log(heading / np.maximum(left, river.LEAST_WAY))
    terms = np.column_stack([np.ones(len(left)), share, rise.wetness])
    return Gauge(series=series, rise=rise, terms=terms, left=left)


def rows(gauge: Gauge) -> tuple[np.ndarray, np.ndarray]:
    """Return (terms, came to the watch level) of each rise's first reading in each tenth."""
    rise, x = gauge.rise, gauge.series.results
    number = np.cumsum(np.r_[True, (x[1:] == rise.low[1:]) & (rise.low[1:] != rise.low[:-1])])
    peak = np.full(number[-1] + 1, -np.inf)
    np.maximum.at(peak, number, x)
    asked = rise.under_way & (x < rise.watch) & (gauge.left < FARTHEST)
    asked[: gauge.series.meta["warmup"]] = False
    where = np.flatnonzero(asked)
    cells = np.column_stack([number[where], np.floor(10 * gauge.left[where])])
    _, first = np.unique(cells, axis=0, return_index=True)
    kept = where[first]
    return gauge.terms[kept], (peak[number[kept]] >= rise.watch[kept]).astype(float)


def fitted(gauges: list[Gauge]) -> np.ndarray:
    """Return the law's constants on these gauges."""
    pairs = [rows(gauge) for gauge in gauges]
    terms, came = np.vstack([t for t, _ in pairs]), np.concatenate([y for _, y in pairs])

    def loss(law: np.ndarray) -> float:
        q = terms @ law
        return float((np.logaddexp(0, q) - came * q).sum() + RIDGE / 2 * (law[1:] ** 2).sum())

    return np.asarray(minimize(loss, np.zeros(3), method="L-BFGS-B").x)


def run(score: Any, gauge: Gauge, law: np.ndarray, level: float) -> dict[str, Any]:  # noqa: ANN401
    """Return the scorer's account of one gauge under a law and an alarm level."""
    return judged(score, gauge.series, alarms(gauge, gauge.terms @ law, level))


def alarms(gauge: Gauge, odds: np.ndarray, level: float) -> np.ndarray:
    """Return the readings at which the warning stands; the forecast's own rule."""
    rise, x, settings = gauge.rise, gauge.series.results, ForecastSettings()
    over = x >= rise.danger
    chance = np.where(over, 1.0, np.where(rise.under_way, river.logistic(odds), 0.0))
    before = np.r_[0.0, chance[:-1]]
    likely = (chance >= level) & (before >= LASTING * level)
    likely |= chance >= level * settings.at_once / settings.alarm_at
    slope = rise.slope * rise.interval
    likely &= early_s(rise.danger - x, slope, rise.interval) <= settings.horizon_s
    burst = (x + BURST_STEPS * rise.step >= rise.danger) & (rise.step > 0) & (rise.slope > 0)
    burst &= x - rise.step - rise.low >= BURST_AFTER * rise.scale
    on = over | likely | burst | ((x >= rise.watch) & (chance > 0))
    return held(on, x, settings.clear_share * (rise.danger - rise.watch))


def held(on: np.ndarray, x: np.ndarray, clear: np.ndarray) -> np.ndarray:
    """Return ``on`` held until the level has fallen by ``clear`` from the alarm's peak."""
    standing, top, held_on = False, 0.0, np.zeros(len(on), bool)
    for place in range(len(on)):
        top = max(top, x[place]) if standing else x[place]
        standing = bool(on[place]) or (standing and x[place] > top - clear[place])
        held_on[place] = standing
    return held_on


def left_out(score: Any, gauges: list[Gauge]) -> list[dict[str, Any]]:  # noqa: ANN401
    """Return each gauge's account under what was chosen without it; print the choices."""
    laws = [fitted([other for other in gauges if other is not gauge]) for gauge in gauges]
    table = {
        level: [run(score, g, law, level) for g, law in zip(gauges, laws, strict=True)]
        for level in LEVELS
    }
    chosen = []
    for place, gauge in enumerate(gauges):
        level = max(LEVELS, key=lambda one: merit(score, table[one], place))
        law = ", ".join(f"{part:.2f}" for part in laws[place])
        own = told(score, [table[level][place]])
        print(f"  without {gauge.series.name}: law {law}, level {level}; there {own}")
        chosen.append(table[level][place])
    return chosen


def merit(score: Any, stats: list[dict[str, Any]], without: int) -> tuple[bool, float]:  # noqa: ANN401
    """Return how good a level is on all gauges but one."""
    account = score.summarise([s for place, s in enumerate(stats) if place != without])
    false = account["fa_per_sensor_month"]
    if false > BUDGET:
        return False, -false
    return account["warned_pct"] >= WARNED, account["lead_share"]


def told(score: Any, stats: list[dict[str, Any]]) -> str:  # noqa: ANN401
    """Return the figures in words."""
    account = score.summarise(stats)
    return (
        f"{account['warned_pct']:.1f} % warned, {100 * account['lead_share']:.1f} % of the time, "
        f"{account['false_alarms']} false = {account['fa_per_sensor_month']:.3f} a sensor-month"
    )


if __name__ == "__main__":
    sys.exit(main())
