"""Time to threshold: warns when a rise will probably reach a declared level.

The slope over the last three intervals, less the largest single upward step (which
jumps make), gives the odds of reaching the level (``hub.detect.river``); the warning
stands until the river is clearly below the rise's peak. A straight line warns as often
with half the lead. Source: fitted for this project on public USGS and Environment
Agency gauges; CAP 1.2 for certainty and urgency.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hub.detect import river
from hub.detect.forecast_words import phrase
from hub.detect.live import Readings, readings
from hub.detect.settings import between, positive
from hub.detect.table import Table
from hub.detect.words import HOUR_S
from hub.instant import MICROSECONDS
from hub.model.network import Severity
from hub.model.transition import Certainty, Change, Evidence, Kind, Transition, Urgency

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from hub.model.network import Datastream, Level
    from hub.model.observation import Batch
    from hub.model.rule import Rule

    Floats = NDArray[np.float64]

KEPT: Final = 16
LEAST: Final = 3
WINDOW: Final = 3.25  # intervals: three, and what late clocks add
LONGEST: Final = 12.0  # intervals: older readings say nothing of the slope
WET: Final = 300.0
DRY: Final = 3000.0
GAP: Final = 20.0
STEP_US: Final = 60 * MICROSECONDS
NEVER: Final = -(2**62)
WATCH_SHARE: Final = 0.3  # of the scale lies between the watch and the danger level
RISE_START: Final = 0.05
RISE_END: Final = 0.10
LASTING: Final = 0.5  # of the alarm's chance, at the reading before
BURST_STEPS: Final = 2.0
BURST_AFTER: Final = 0.3  # of the scale had risen before the jump: a first jump mostly stops
LEARNT_INTERVALS_S: Final = (60.0, 7200.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastSettings:
    """``alarm_at``: the probability that warns, 0 to 1; lower is earlier and wrong more often.

    It must have been at least half of that at the reading before; ``at_once`` and more
    warns without.
    ``clear_share``: how far below its peak the level must fall before the warning
    clears, as a share of the way from the watch to the danger level. ``horizon_s``: a
    crossing later than this is not yet told. ``interval_s``: the least interval the
    law is used with; faster streams are looked at over that time.

    Raises:
        ValueError: for a share outside 0 to 1, or a span that is not positive.
    """

    alarm_at: float = 0.26
    at_once: float = 0.3
    clear_share: float = 0.4
    horizon_s: float = 86_400.0
    interval_s: float = 300.0

    def __post_init__(self) -> None:
        between(0.0, 1.0, alarm_at=self.alarm_at, clear_share=self.clear_share)
        between(0.0, 1.0, at_once=self.at_once)
        positive(horizon_s=self.horizon_s, interval_s=self.interval_s)


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


class Forecast:
    """Follows the rises of each bound stream that has a rising level."""

    at_once = False

    def __init__(self, settings: ForecastSettings, rule: Rule) -> None:
        self._settings = settings
        self._rule = rule
        self._streams: dict[int, Datastream] = {}
        self._danger: dict[int, Level] = {}
        self._bound = Table(danger=np.inf, watch=np.nan, interval_s=np.nan)
        self._table = Table(
            due_us=np.int64(NEVER),
            times_us=np.full(KEPT, NEVER),
            results=np.full(KEPT, np.nan),
            last_us=np.int64(NEVER),
            learnt_s=np.nan,
            mean=np.nan,
            base=np.nan,
            low=np.nan,
            peak=np.nan,
            first=np.full(river.BINS, np.nan),
            offset=0.0,
            weight=river.PRIOR,
            chance=0.0,
            top=np.nan,
            standing=np.False_,
        )

    def bind(self, stream: Datastream) -> None:
        """Watch ``stream`` if it has a rising level."""
        danger, watch = target(stream)
        if danger is None or danger.above is None:
            return
        row = self._bound.add(stream.slot)
        self._table.add(stream.slot)
        self._streams[row], self._danger[row] = stream, danger
        self._bound["danger"][row] = danger.above
        self._bound["watch"][row] = np.nan if watch is None else watch
        self._bound["interval_s"][row] = stream.interval_s or np.nan

    def update(self, batch: Batch) -> list[Transition]:
        """Return the warnings that this batch raised or cleared."""
        seen = readings(batch, self._table)
        said: list[Transition] = []
        for places in self._table.thinned(seen.row, seen.time_us, "due_us", STEP_US):
            said += self._take(seen.take(places))
        return said

    def tick(self, now_us: int, offset: int) -> list[Transition]:  # noqa: ARG002  time alone says nothing
        """Time alone raises no river."""
        return []

    def dump(self) -> dict[str, object]:
        """Return the rises, what was learnt and what stands."""
        return self._table.dump()

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore them."""
        self._table.load(state)

    def _take(self, now: Readings) -> list[Transition]:
        interval = self._follow(now)
        slope = self._slope(now, interval)
        danger = self._bound["danger"][now.row]
        watch, scale = self._scale(now.row)
        self._end_rises(now, scale, danger)
        chance = self._chance(now, slope * interval, scale)
        left = danger - now.result
        soon = self._early_s(left, slope, interval) <= self._settings.horizon_s
        on = (now.result >= danger) | (self._likely(now.row, chance) & soon)
        on |= (now.result >= watch) & (chance > 0)
        burst = self._burst(now, slope, scale)
        return self._settle(now, on | burst, danger - watch, (chance, slope, interval, burst & ~on))

    def score(self) -> float:
        """Return the largest chance of the streams' last readings, 0.5 where it warns."""
        chance = self._table["chance"][: len(self._table)].max(initial=0.0)
        return float(min(chance / (2 * self._settings.at_once), 1.0))

    def _likely(self, row: NDArray[np.intp], chance: Floats) -> NDArray[np.bool_]:
        """Say where the chance warns: high, or high enough twice running; keep it."""
        before = self._table["chance"][row]
        self._table["chance"][row] = chance
        least = self._settings.alarm_at
        lasting = (chance >= least) & (before >= LASTING * least)
        likely: NDArray[np.bool_] = lasting | (chance >= self._settings.at_once)
        return likely

    def _burst(self, now: Readings, slope: Floats, scale: Floats) -> NDArray[np.bool_]:
        """Say where a rise well under way has just jumped so that two such jumps reach danger."""
        table, row = self._table, now.row
        step = np.nan_to_num(now.result - table["results"][row, 1])
        before = now.result - step - table["low"][row]
        near = now.result + BURST_STEPS * step >= self._bound["danger"][row]
        burst: NDArray[np.bool_] = near & (step > 0) & (slope > 0) & (before >= BURST_AFTER * scale)
        return burst

    def _follow(self, now: Readings) -> Floats:
        """Keep ring, means and interval up to date; return the interval to use, in seconds."""
        row, table = now.row, self._table
        known = table["last_us"][row] > NEVER
        gap_s = np.where(known, (now.time_us - table["last_us"][row]) / MICROSECONDS, 0.0)
        interval = self._interval(row, gap_s, known)
        steps = np.minimum(gap_s / interval, GAP)
        mean = np.where(known, table["mean"][row], now.result)
        base = np.where(known, table["base"][row], now.result)
        slow = np.where(now.result < base, WET, DRY)
        table["mean"][row] = mean + (now.result - mean) * steps / (steps + WET)
        table["base"][row] = base + (now.result - base) * steps / (steps + slow)
        table["low"][row] = np.where(known, table["low"][row], now.result)
        table["peak"][row] = np.where(known, table["peak"][row], now.result)
        table["last_us"][row] = now.time_us
        for name, value in (("times_us", now.time_us), ("results", now.result)):
            table[name][row] = np.concatenate([value[:, None], table[name][row, :-1]], axis=1)
        return interval

    def _interval(self, row: NDArray[np.intp], gap_s: Floats, known: NDArray[np.bool_]) -> Floats:
        """Return the declared interval, else the learnt one; long gaps teach little."""
        old = self._table["learnt_s"][row]
        first = np.isnan(old)
        gap = np.clip(gap_s, *LEARNT_INTERVALS_S)
        moved = np.where(first, gap, old + np.clip(gap - old, -old / 8, old / 32))
        self._table["learnt_s"][row] = np.where(known, moved, old)
        declared = self._bound["interval_s"][row]
        learnt = np.where(np.isnan(declared), self._table["learnt_s"][row], declared)
        return np.fmax(learnt, self._settings.interval_s)

    def _slope(self, now: Readings, interval: Floats) -> Floats:
        """Return the rise per second without its largest single step; 0 when unknown."""
        times, results = self._table["times_us"][now.row], self._table["results"][now.row]
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

    def _scale(self, row: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Return the watch level and the scale S, learnt where no watch level is declared."""
        danger, watch = self._bound["danger"][row], self._bound["watch"][row]
        learnt = np.maximum(danger - self._table["base"][row], 1e-6 + 0.01 * np.abs(danger))
        scale = np.where(np.isnan(watch), learnt, (danger - watch) / WATCH_SHARE)
        return np.where(np.isnan(watch), danger - WATCH_SHARE * scale, watch), scale

    def _end_rises(self, now: Readings, scale: Floats, danger: Floats) -> None:
        """Close the rises that fell back, and learn from whether they came through."""
        table, row, x = self._table, now.row, now.result
        peak = np.maximum(table["peak"][row], x)
        ended = (x < table["low"][row]) | (x < peak - RISE_END * scale)
        offset, weight = river.learnt(
            table["first"][row], peak >= danger, table["offset"][row], table["weight"][row]
        )
        table["offset"][row] = np.where(ended, offset, table["offset"][row])
        table["weight"][row] = np.where(ended, weight, table["weight"][row])
        table["first"][row] = np.where(ended[:, None], np.nan, table["first"][row])
        table["low"][row] = np.where(ended, x, table["low"][row])
        table["peak"][row] = np.where(ended, x, peak)

    def _chance(self, now: Readings, rise: Floats, scale: Floats) -> Floats:
        """Return the probability that this rise reaches the level; note the first of each bin."""
        table, row = self._table, now.row
        danger = self._bound["danger"][row]
        wetness = np.clip((table["mean"][row] - (danger - scale)) / scale, -0.5, 1.0)
        odds = river.log_odds(rise / scale, (danger - now.result) / scale, wetness)
        chance = river.logistic(odds + table["offset"][row])
        rises = (rise > 0) & (now.result - table["low"][row] >= RISE_START * scale)
        bins = np.floor(odds + river.FIRST_BIN)
        kept = np.flatnonzero(rises & (bins >= 0) & (bins < river.BINS) & (now.result < danger))
        cell = row[kept], bins[kept].astype(np.intp)
        old = table["first"][cell]
        table["first"][cell] = np.where(np.isnan(old), chance[kept], old)
        return np.where(now.result >= danger, 1.0, np.where(rises, chance, 0.0))

    def _early_s(self, left: Floats, slope: Floats, interval: Floats) -> Floats:
        steps = np.maximum(left, 0.0) / np.maximum(slope * interval, 1e-9)
        return river.SOONEST * river.MEDIAN_FACTOR * steps**river.MEDIAN_POWER * interval

    def _settle(
        self,
        now: Readings,
        on: NDArray[np.bool_],
        width: Floats,
        why: tuple[Floats, Floats, Floats, NDArray[np.bool_]],
    ) -> list[Transition]:
        """Raise and clear with hysteresis from the peak of the alarm."""
        table, row = self._table, now.row
        standing = table["standing"][row]
        top = np.where(standing, np.fmax(table["top"][row], now.result), now.result)
        fallen = now.result <= top - self._settings.clear_share * width
        after = on | (standing & ~fallen)
        table["top"][row], table["standing"][row] = top, after
        chance, slope, interval, burst = why
        return [
            self._said(
                now.take(np.array([i])), (chance[i], slope[i], interval[i]), burst=bool(burst[i])
            )
            for i in np.flatnonzero(after != standing)
        ]

    def _said(self, one: Readings, why: tuple[float, float, float], *, burst: bool) -> Transition:
        chance, slope, interval = (float(part) for part in why)
        row = int(one.row[0])
        stream, danger = self._streams[row], self._danger[row]
        raised = bool(self._table["standing"][row])
        value, limit = float(one.result[0]), danger.above or 0.0
        rise = slope * interval
        eta = river.crossing_s(limit - value, rise, interval) if raised and rise > 0 else None
        odds = river.shown(chance)
        words_en, words_zh = phrase(stream, danger, value, (odds, eta, slope * HOUR_S, raised))
        if burst and raised:
            words_en += "; two more jumps like the last reach it"
            words_zh += "；再有两次同样的突涨即达到"
        soon = eta is None or eta[0] < HOUR_S
        ahead = Urgency.IMMEDIATE if soon else Urgency.EXPECTED
        return Transition(
            key=f"{self._rule.name}:{stream.id}",
            change=Change.RAISED if raised else Change.CLEARED,
            kind=Kind.WORLD,
            severity=self._rule.severity,
            time_us=int(one.time_us[0]),
            offset=int(one.offset[0]),
            slot=stream.slot,
            hazard=self._rule.hazard,
            site=stream.site,
            certainty=Certainty.LIKELY if odds > 0.5 else Certainty.POSSIBLE,
            urgency=ahead if raised else Urgency.PAST,
            evidence=Evidence(
                detector="forecast",
                rule=self._rule.name,
                words_en=words_en,
                words_zh=words_zh,
                value=value,
                limit=limit,
                limit_name=danger.name,
                unit=stream.unit,
                statistic=chance,
                statistic_limit=self._settings.alarm_at,
                onset_us=int(one.time_us[0]),
                trend_per_h=slope * HOUR_S,
                eta_s=None if eta is None else eta[0],
                eta_low_s=None if eta is None else eta[1],
                eta_high_s=None if eta is None else eta[2],
                parameters={
                    "interval_s": interval,
                    "offset": float(self._table["offset"][row]),
                    "mean": float(self._table["mean"][row]),
                },
            ),
        )
