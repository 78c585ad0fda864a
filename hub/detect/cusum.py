"""Two-sided CUSUM on what a fitted baseline cannot explain: slow leaks and small shifts.

The baseline (local level, daily season, AR(1) of its residual) is fitted elsewhere and
arrives through the log; without it nothing is claimed. One reading moves sums and
baseline by ``clip`` deviations at most. The sums' limit comes with the fit: what the
stream's own history reached, with a margin. Source: E. S. Page, Continuous inspection
schemes, Biometrika 41 (1954), 100-115; residual charts for autocorrelated processes,
Alwan and Roberts, J. Business & Economic Statistics 6 (1988), 87-95.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hub.detect.live import Readings, readings, skips
from hub.detect.settings import between, positive
from hub.detect.table import Table
from hub.detect.words import DAY_S, HOUR_S, quantity, span
from hub.instant import MICROSECONDS
from hub.model.network import Datastream, Hazard, Severity
from hub.model.rule import Rule
from hub.model.transition import Certainty, Change, Evidence, Kind, Transition, Urgency

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from hub.detect.live import One
    from hub.model.observation import Batch

    Floats = NDArray[np.float64]

SEASON_BINS: Final = 24
STEP_US: Final = MICROSECONDS
NEVER: Final = -(2**62)
GAP: Final = 6.0  # intervals: the residual before such a gap explains nothing after it
DAY_US: Final = DAY_S * MICROSECONDS
PARAMETERS: Final = ("level", "gain", "sigma", "phi", "limit", "interval_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class CusumSettings:
    """``slack``, ``limit`` and ``clip`` in standard deviations of the residual.

    ``limit`` is the least; a fit may ask for more. A first fit is wanted after
    ``warm_up`` readings, the next when there are ``grow`` times as many, and one each
    night at ``night_h`` hours UTC. A shift is a danger where the stream's hazard is one
    of ``world``; anywhere else it is for maintenance to look at, and only claimed against
    a baseline of ``ripe_days``, because weather has days and rivers have weeks.

    Raises:
        ValueError: unless positive and finite (``night_h``: 0 to 24).
    """

    slack: float = 0.5
    limit: float = 10.0
    clip: float = 3.0
    warm_up: int = 60
    grow: float = 4.0
    night_h: float = 19.0
    ripe_days: float = 3.0
    world: list[str] = field(default_factory=lambda: ["leak", "gas", "structure"])

    def __post_init__(self) -> None:
        positive(slack=self.slack, limit=self.limit, clip=self.clip)
        positive(warm_up=self.warm_up, grow=self.grow, ripe_days=self.ripe_days)
        between(0.0, 24.0, night_h=self.night_h)
        for name in self.world:
            Hazard(name)


class Cusum:
    """Sums up the residuals of each bound stream that has a baseline."""

    at_once = False

    def __init__(self, settings: CusumSettings, rule: Rule) -> None:
        self._settings = settings
        self._rule = rule
        self._streams: dict[int, Datastream] = {}
        self._table = Table(
            due_us=np.int64(NEVER),
            count=np.int64(0),
            fit_count=np.int64(0),
            fit_us=np.int64(NEVER),
            level=np.nan,
            gain=0.0,
            sigma=np.nan,
            phi=0.0,
            limit=np.inf,
            interval_s=np.nan,
            season=np.zeros(SEASON_BINS),
            last_us=np.int64(NEVER),
            residual=np.nan,
            up=0.0,
            down=0.0,
            up_onset_us=np.int64(0),
            down_onset_us=np.int64(0),
            standing=np.int8(0),
        )

    def bind(self, stream: Datastream) -> None:
        """Watch ``stream`` from its first fit on."""
        self._streams[self._table.add(stream.slot)] = stream

    def update(self, batch: Batch) -> list[Transition]:
        """Return the shifts that this batch established, or that are over."""
        seen = readings(batch, self._table)
        said: list[Transition] = []
        for places in self._table.thinned(seen.row, seen.time_us, "due_us", STEP_US):
            now = seen.take(places)
            self._table["count"][now.row] += 1
            fitted = np.isfinite(self._table["sigma"][now.row])
            if fitted.any():
                said += self._take(now if fitted.all() else now.take(fitted))
            self._table["last_us"][now.row] = now.time_us
        return said

    def usual(self, one: One) -> bool:
        """Count a reading that has no baseline yet."""
        if skips(self._table, one):
            return True
        cells, row = self._table.cells, self._table.row(one.slot)
        if math.isfinite(cells["sigma"][row]) and not self._usual(one.time_us, one.result, row):
            return False
        cells["count"][row] += 1
        cells["last_us"][row], cells["due_us"][row] = one.time_us, one.time_us + STEP_US
        return True

    def tick(self, now_us: int, offset: int) -> list[Transition]:  # noqa: ARG002  silence is stale's
        """Time alone shifts nothing."""
        return []

    def fit(self, slot: int, parameters: Mapping[str, object]) -> None:
        """Use a new baseline, unless a danger stands against the old one.

        A fit that failed carries no ``sigma`` and only says that it was tried.
        """
        row = self._table.row(slot)
        if row < 0:
            return
        table = self._table
        table["fit_us"][row] = int(str(parameters.get("at_us", 0)))
        table["fit_count"][row] = table["count"][row]
        grave = self._grave(self._streams[row])
        unripe = not grave and float(str(parameters.get("days", 0))) < self._settings.ripe_days
        if "sigma" not in parameters or unripe or (grave and table["standing"][row]):
            return
        for name in PARAMETERS:
            table[name][row] = float(str(parameters[name]))
        table["limit"][row] = max(table["limit"][row], self._settings.limit)
        table["season"][row] = parameters["season"]
        table["residual"][row] = np.nan
        table["up"][row] = table["down"][row] = 0.0

    def wanting(self, now_us: int) -> list[int]:
        """Return the slots that have enough readings for a first or a better fit."""
        count = len(self._table)
        seen, used = self._table["count"][:count], self._table["fit_count"][:count]
        night = (now_us - round(self._settings.night_h * HOUR_S * MICROSECONDS)) // DAY_US
        fit_us = self._table["fit_us"][:count]
        fitted = (fit_us - round(self._settings.night_h * HOUR_S * MICROSECONDS)) // DAY_US
        first = (used == 0) & (seen >= self._settings.warm_up)
        better = (used > 0) & (seen >= self._settings.grow * used)
        nightly = (used > 0) & (fitted < night) & (seen > used)
        return [int(slot) for slot in self._table.slots[first | better | nightly]]

    def dump(self) -> dict[str, object]:
        """Return baselines and sums."""
        return self._table.dump()

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore them."""
        self._table.load(state)

    def largest_after(self, batch: Batch) -> float:
        """Return the larger of the two sums of slot 0 once ``batch`` is taken in."""
        self.update(batch)
        row = self._table.row(0)
        return max(float(self._table["up"][row]), float(self._table["down"][row]))

    def expected(self, row: NDArray[np.intp], time_us: NDArray[np.int64]) -> Floats:
        """Return level plus season, the season drawn straight between its hourly values."""
        hour = (time_us % DAY_US) / (HOUR_S * MICROSECONDS)
        before = hour.astype(np.intp)
        part = hour - before
        season = self._table["season"]
        low, high = season[row, before], season[row, (before + 1) % SEASON_BINS]
        expected: Floats = self._table["level"][row] + low + (high - low) * part
        return expected

    def _take(self, now: Readings) -> list[Transition]:
        table, row = self._table, now.row
        expected = self.expected(row, now.time_us)
        error = now.result - expected
        self._learn(now, error)
        steps = self._deviations(now, error)
        self._sum("up", now, steps)
        self._sum("down", now, -steps)
        standing = table["standing"][row]
        up, down, limit = table["up"][row], table["down"][row], table["limit"][row]
        raised = np.where(up >= limit, 1, np.where(down >= limit, -1, 0))
        over = np.where(standing > 0, up <= 0, down <= 0)
        after = np.where(standing == 0, raised, np.where(over, 0, standing)).astype(np.int8)
        table["standing"][row] = after
        ended = row[(standing != 0) & (after == 0)]
        table["up"][ended] = table["down"][ended] = 0.0
        return [
            self._said(now.take(np.array([i])), float(expected[i]), int(standing[i] or after[i]))
            for i in np.flatnonzero(after != standing)
        ]

    def _deviations(self, now: Readings, error: Floats) -> Floats:
        """Return the whitened residual in clipped standard deviations."""
        table, row, clip = self._table, now.row, self._settings.clip
        gap_s = (now.time_us - table["last_us"][row]) / MICROSECONDS
        before = np.where(gap_s > GAP * table["interval_s"][row], np.nan, table["residual"][row])
        phi = np.where(np.isnan(before), 0.0, table["phi"][row])
        table["residual"][row] = error
        white = error - phi * np.where(np.isnan(before), 0.0, before)
        steps: Floats = np.clip(white / table["sigma"][row], -clip, clip)
        return steps

    def _usual(self, time_us: int, x: float, row: int) -> bool:
        """Take in a reading that begins and ends no shift; see ``_take``."""
        cells, clip = self._table.cells, self._settings.clip
        if cells["standing"][row]:
            return False
        error, sigma = x - self._foreseen(row, time_us), cells["sigma"][row]
        last, interval_s = cells["last_us"][row], cells["interval_s"][row]
        gap_s = (time_us - last) / MICROSECONDS
        before = cells["residual"][row]
        fresh = gap_s > GAP * interval_s or before != before  # noqa: PLR0124  NaN
        white = error - (0.0 if fresh else cells["phi"][row] * before)
        step = min(max(white / sigma, -clip), clip)
        limit, slack = cells["limit"][row], self._settings.slack
        up = min(max(cells["up"][row] + step - slack, 0.0), 2 * limit)
        down = min(max(cells["down"][row] - step - slack, 0.0), 2 * limit)
        if up >= limit or down >= limit:
            return False
        if cells["up"][row] <= 0:
            cells["up_onset_us"][row] = time_us
        if cells["down"][row] <= 0:
            cells["down_onset_us"][row] = time_us
        gain = min(cells["gain"][row] * max((gap_s if last > NEVER else 0.0) / interval_s, 1), 1)
        bound = clip * sigma
        cells["level"][row] += gain * min(max(error, -bound), bound)
        cells["residual"][row], cells["up"][row], cells["down"][row] = error, up, down
        return True

    def _foreseen(self, row: int, time_us: int) -> float:
        """Return what ``expected`` does, of one reading."""
        cells = self._table.cells
        hour = (time_us % DAY_US) / (HOUR_S * MICROSECONDS)
        before = int(hour)
        low, high = (cells["season"][row, h % SEASON_BINS] for h in (before, before + 1))
        foreseen: float = cells["level"][row] + low + (high - low) * (hour - before)
        return foreseen

    def _learn(self, now: Readings, error: Floats) -> None:
        """Let the level follow, faster after a gap, never while a shift stands."""
        table, row = self._table, now.row
        bound = self._settings.clip * table["sigma"][row]
        last = table["last_us"][row]
        gap_s = np.where(last > NEVER, (now.time_us - last) / MICROSECONDS, 0.0)
        gain = np.minimum(table["gain"][row] * np.maximum(gap_s / table["interval_s"][row], 1), 1)
        gain = np.where(table["standing"][row] == 0, gain, 0.0)
        table["level"][row] += gain * np.clip(error, -bound, bound)

    def _sum(self, side: str, now: Readings, steps: Floats) -> None:
        table, row = self._table, now.row
        old = table[side][row]
        new = np.clip(old + steps - self._settings.slack, 0.0, 2 * table["limit"][row])
        onset = f"{side}_onset_us"
        table[onset][row] = np.where(old <= 0, now.time_us, table[onset][row])
        table[side][row] = new

    def _grave(self, stream: Datastream) -> bool:
        """Say whether a shift of ``stream`` is a danger."""
        return (self._rule.hazard or stream.hazard) in self._settings.world

    def _said(self, one: Readings, expected: float, sign: int) -> Transition:
        row = int(one.row[0])
        stream, table = self._streams[row], self._table
        raised = bool(table["standing"][row])
        side = "up" if sign > 0 else "down"
        value, since = float(one.result[0]), int(table[f"{side}_onset_us"][row])
        grave = self._grave(stream)
        words_en, words_zh = phrase(
            stream.unit, value, expected, sign if raised else 0, int(one.time_us[0]) - since
        )
        return Transition(
            key=f"{self._rule.name}:{stream.id}",
            change=Change.RAISED if raised else Change.CLEARED,
            kind=Kind.WORLD if grave else Kind.FAULT,
            severity=self._rule.severity if grave else Severity.MINOR,
            time_us=int(one.time_us[0]),
            offset=int(one.offset[0]),
            slot=stream.slot,
            hazard=self._rule.hazard if grave else Hazard.SENSOR,
            site=stream.site,
            certainty=Certainty.LIKELY,
            urgency=Urgency.EXPECTED if raised else Urgency.PAST,
            evidence=Evidence(
                detector="cusum",
                rule=self._rule.name,
                words_en=words_en,
                words_zh=words_zh,
                value=value,
                unit=stream.unit,
                statistic=float(table[side][row]),
                statistic_limit=float(table["limit"][row]),
                onset_us=since,
                expected=expected,
                parameters={name: float(table[name][row]) for name in PARAMETERS},
            ),
        )


def phrase(unit: str, value: float, expected: float, sign: int, us: int) -> tuple[str, str]:
    """Return the shift in words: what is, what was expected, for how long."""
    at, usual = quantity(value, unit), quantity(expected, unit)
    if not sign:
        return f"{at}, back to the usual {usual}", f"{at}，已恢复到常态 {usual}"
    lasting, lasting_zh = span(us / MICROSECONDS)
    en, zh = ("above", "偏高") if sign > 0 else ("below", "偏低")
    return (
        f"{at}, {en} the usual {usual} for {lasting}",
        f"{at}，较常态 {usual} {zh}，已持续 {lasting_zh}",
    )


def largest_sum(settings: CusumSettings, parameters: Mapping[str, object], batch: Batch) -> float:
    """Return the largest sum that ``parameters`` would have reached over ``batch`` (slot 0)."""
    detector = Cusum(settings, Rule(name="backtest", detector="cusum"))
    detector.bind(Datastream(slot=0, site="", node="", name=""))
    detector.fit(0, {**parameters, "limit": math.inf, "days": math.inf})
    places = (np.array([place]) for place in range(len(batch)))
    return max((detector.largest_after(batch.take(place)) for place in places), default=0.0)
