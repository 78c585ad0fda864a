"""Time to threshold: warns when a rise will probably become a flood.

Where the rise is heading, against what is left to the level and how wet the river is,
gives the odds (``hub.detect.river``); the warning stands until the river is clearly below
the rise's peak. A straight line warns as often with half the lead. Source: fitted for
this project on public USGS and Environment Agency gauges; CAP 1.2 for certainty and
urgency.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hub.detect import river
from hub.detect.forecast_words import Foreseen, said
from hub.detect.live import Readings, readings, skips
from hub.detect.rises import Rise, Rises, target
from hub.detect.settings import between, positive
from hub.detect.table import Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from hub.detect.live import One
    from hub.model.network import Datastream, Level
    from hub.model.observation import Batch
    from hub.model.rule import Rule
    from hub.model.transition import Transition

    Floats = NDArray[np.float64]
    Flags = NDArray[np.bool_]

LASTING: Final = 0.5  # of the alarm's chance, at the reading before
BURST_STEPS: Final = 2.0
BURST_AFTER: Final = 0.3  # of the scale had risen before the jump: a first jump mostly stops


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastSettings:
    """``alarm_at``: the probability of a flood that warns, 0 to 1; lower is earlier.

    It is the probability that the rise comes at least to the watch level, from where a
    rising river is warned of anyway. It must have been at least half of that at the
    reading before; ``at_once`` and more warns without.
    ``clear_share``: how far below its peak the level must fall before the warning
    clears, as a share of the way from the watch to the danger level. ``horizon_s``: a
    crossing later than this is not yet told. ``interval_s``: the least interval the
    law is used with; faster streams are looked at over that time.

    Raises:
        ValueError: for a share outside 0 to 1, or a span that is not positive.
    """

    alarm_at: float = 0.68
    at_once: float = 0.78
    clear_share: float = 0.4
    horizon_s: float = 86_400.0
    interval_s: float = 300.0

    def __post_init__(self) -> None:
        between(0.0, 1.0, alarm_at=self.alarm_at, clear_share=self.clear_share)
        between(0.0, 1.0, at_once=self.at_once)
        positive(horizon_s=self.horizon_s, interval_s=self.interval_s)


class Forecast:
    """Follows the rises of each bound stream that has a rising level."""

    at_once = False

    def __init__(self, settings: ForecastSettings, rule: Rule) -> None:
        self._settings = settings
        self._rule = rule
        self._streams: dict[int, Datastream] = {}
        self._danger: dict[int, Level] = {}
        self._rises = Rises(settings.interval_s)
        self._table = Table(chance=0.0, top=np.nan, standing=np.False_)

    def bind(self, stream: Datastream) -> None:
        """Watch ``stream`` if it has a rising level."""
        danger, watch = target(stream)
        if danger is None or danger.above is None:
            return
        row = self._rises.bind(stream, danger.above, watch)
        self._table.add(stream.slot)
        self._streams[row], self._danger[row] = stream, danger

    def update(self, batch: Batch) -> list[Transition]:
        """Return the warnings that this batch raised or cleared."""
        steps: list[Transition] = []
        for now in self._rises.thinned(readings(batch, self._table)):
            steps += self._take(now)
        return steps

    def usual(self, one: One) -> bool:
        """Pass over what has no rising level, or comes too soon."""
        return skips(self._rises.table, one)

    def tick(self, now_us: int, offset: int) -> list[Transition]:  # noqa: ARG002  time alone says nothing
        """Time alone raises no river."""
        return []

    def dump(self) -> dict[str, object]:
        """Return the rises and what stands."""
        return {"rises": self._rises.dump(), **self._table.dump()}

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore them; what an older version kept of the rises is learnt anew."""
        self._table.load(state)
        if "rises" in state:
            self._rises.load(state["rises"])

    def score(self) -> float:
        """Return the largest chance of the streams' last readings, 0.5 where it warns."""
        return min(self._table.largest("chance") / (2 * self._settings.at_once), 1.0)

    def _take(self, now: Readings) -> list[Transition]:
        rise = self._rises.follow(now)
        chance = chance_of(now, rise)
        left, per_interval = rise.danger - now.result, rise.slope * rise.interval
        soon = early_s(left, per_interval, rise.interval) <= self._settings.horizon_s
        on = (now.result >= rise.danger) | (self._likely(now.row, chance) & soon)
        on |= (now.result >= rise.watch) & (chance > 0)
        burst = bursts(now, rise)
        changed = self._settle(now, on | burst, rise.danger - rise.watch)
        return [
            self._said(now, rise, int(i), float(chance[i]), burst=bool(burst[i] & ~on[i]))
            for i in changed
        ]

    def _likely(self, row: NDArray[np.intp], chance: Floats) -> Flags:
        """Say where the chance warns: high, or high enough twice running; keep it."""
        before = self._table["chance"][row]
        self._table["chance"][row] = chance
        least = self._settings.alarm_at
        lasting = (chance >= least) & (before >= LASTING * least)
        likely: Flags = lasting | (chance >= self._settings.at_once)
        return likely

    def _settle(self, now: Readings, on: Flags, width: Floats) -> NDArray[np.intp]:
        """Raise and clear with hysteresis from the peak of the alarm; return what changed."""
        table, row = self._table, now.row
        standing = table["standing"][row]
        top = np.where(standing, np.fmax(table["top"][row], now.result), now.result)
        fallen = now.result <= top - self._settings.clear_share * width
        after = on | (standing & ~fallen)
        table["top"][row], table["standing"][row] = top, after
        return np.flatnonzero(after != standing)

    def _said(
        self, now: Readings, rise: Rise, place: int, chance: float, *, burst: bool
    ) -> Transition:
        row = int(now.row[place])
        interval, slope = float(rise.interval[place]), float(rise.slope[place])
        value, limit = float(now.result[place]), self._danger[row].above or 0.0
        raised = bool(self._table["standing"][row])
        per_interval = slope * interval
        eta = river.crossing_s(limit - value, per_interval, interval) if per_interval > 0 else None
        foreseen = Foreseen(
            value=value,
            slope=slope,
            chance=chance,
            limit=self._settings.alarm_at,
            past_watch=value >= float(rise.watch[place]),
            eta=eta if raised else None,
            raised=raised,
            burst=burst,
            time_us=int(now.time_us[place]),
            offset=int(now.offset[place]),
            learnt={
                "interval_s": interval,
                "recession_s": float(rise.tau[place]) * interval,
                "wetness": float(rise.wetness[place]),
            },
        )
        return said(self._rule, self._streams[row], self._danger[row], foreseen)


def chance_of(now: Readings, rise: Rise) -> Floats:
    """Return the probability that each rise becomes a flood: 0 where nothing rises."""
    left = (rise.danger - now.result) / rise.scale
    per_interval = rise.slope * rise.interval / rise.scale
    odds = river.log_odds(river.heading(per_interval, rise.tau), left, rise.wetness)
    chance = np.where(rise.under_way, river.logistic(odds), 0.0)
    return np.where(now.result >= rise.danger, 1.0, chance)


def early_s(left: Floats, per_interval: Floats, interval: Floats) -> Floats:
    """Return the seconds to the earliest crossing that is likely."""
    steps = np.maximum(left, 0.0) / np.maximum(per_interval, 1e-9)
    return river.SOONEST * river.MEDIAN_FACTOR * steps**river.MEDIAN_POWER * interval


def bursts(now: Readings, rise: Rise) -> Flags:
    """Say where a rise well under way has just jumped so that two such jumps reach danger."""
    before = now.result - rise.step - rise.low
    near = now.result + BURST_STEPS * rise.step >= rise.danger
    well = before >= BURST_AFTER * rise.scale
    burst: Flags = near & well & (rise.step > 0) & (rise.slope > 0)
    return burst
