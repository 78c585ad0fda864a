"""Rain and upstream gauges: warns of the water that is on its way, where a site declares them.

A site's rain gauges, and the gauges and rain of the sites named in its ``upstream``, fill
stores that empty at six speeds. Which store's outflow goes with what flows into the river
here, and how much height it makes, is learnt from the river's own rises: that is the
travel time and the yield. What the best store still holds is height to come. It never
holds a forecast back. Source: unit hydrograph of linear reservoirs (Nash 1957).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from hub.detect import river
from hub.detect.forecast_words import Foreseen, on_its_way, said
from hub.detect.live import Readings, readings
from hub.detect.rises import NEVER, RISE_START, Rise, Rises, target
from hub.detect.settings import between, positive
from hub.detect.table import Table
from hub.instant import MICROSECONDS
from hub.model.network import Hazard

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from hub.model.network import Datastream, Level, Site
    from hub.model.observation import Batch
    from hub.model.rule import Rule
    from hub.model.transition import Transition

    Floats = NDArray[np.float64]

RAIN: Final = ("rain", "rainfall", "precipitation")
MOST: Final = 4  # sources of one gauge
SPEEDS: Final = np.array([2.0, 4.0, 8.0, 16.0, 32.0, 64.0])  # intervals until a store has emptied
MEMORY: Final = 3000.0  # intervals
LONGEST: Final = 20.0  # intervals between two readings that still teach
ENOUGH: Final = 3  # rises before anything is believed
LEAST_SKILL: Final = 0.5  # correlation of a store's outflow with the river's inflow
EVEN: Final = 1.7  # heading at which the law gives even odds, where the way left is 1 and it is dry
HOLDS: Final = 0.5  # of the alarm's chance, while a warning stands


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamSettings:
    """``alarm_at`` and ``clear_share`` as for the forecast; ``interval_s`` the least interval.

    Raises:
        ValueError: for a share outside 0 to 1, or an interval that is not positive.
    """

    alarm_at: float = 0.68
    clear_share: float = 0.4
    interval_s: float = 300.0

    def __post_init__(self) -> None:
        between(0.0, 1.0, alarm_at=self.alarm_at, clear_share=self.clear_share)
        positive(interval_s=self.interval_s)


class Coming(NamedTuple):
    """What each gauge's best source still sends: ``height`` in shares of S; 0 when unknown."""

    source: NDArray[np.intp]  # place among the gauge's sources
    height: Floats
    speed: Floats  # intervals
    skill: Floats


class Upstream:
    """Follows each gauge that has a source, and its sources."""

    def __init__(self, settings: UpstreamSettings, rule: Rule, sites: Mapping[str, Site]) -> None:
        self._settings = settings
        self._rule = rule
        self._above = {site.id: tuple(site.upstream) for site in sites.values()}
        self._below: dict[str, list[str]] = {}
        for site, above in self._above.items():
            for name in above:
                self._below.setdefault(name, []).append(site)
        self._at: dict[tuple[str, bool], list[int]] = {}  # slots by site, rain apart from gauges
        self._streams: dict[int, Datastream] = {}
        self._danger: dict[int, Level] = {}
        self._rises = Rises(settings.interval_s)
        self._table = fresh()
        self._links = np.full((16, MOST), -1, dtype=np.intp)
        self._total = Table(total=0.0, last=np.nan)
        self._gain = np.zeros(16)  # of a source: 1 per mm of rain, 1/S of a gauge's rise
        self._is_rain = np.zeros(16, dtype=bool)

    def bind(self, stream: Datastream) -> None:
        """Take ``stream`` in as a source, as a gauge, or as both."""
        level, _ = target(stream)
        gauge = level is not None and stream.hazard is Hazard.FLOOD
        if not gauge and stream.measured not in RAIN:
            return
        rain = stream.measured in RAIN
        there = self._at.setdefault((stream.site, rain), [])
        if stream.slot not in there:
            there.append(stream.slot)
        self._streams[stream.slot] = stream
        self._add_source(stream)
        fed = [] if rain else [stream.slot]
        for site in (*self._below.get(stream.site, ()), *((stream.site,) if rain else ())):
            fed += self._at.get((site, False), [])
        for slot in fed:
            self._link(self._streams[slot])

    def update(self, batch: Batch, said: Sequence[Transition]) -> list[Transition]:
        """Return ``said`` and the warnings that sources raised or cleared."""
        if not (self._links >= 0).any():
            return list(said)
        own: list[Transition] = []
        for part in moments(batch, self._table):
            self._pour(readings(part, self._total))
            for now in self._rises.thinned(readings(part, self._table)):
                own += self._take(now)
        return [*said, *own]

    def tick(self, now_us: int, offset: int) -> list[Transition]:  # noqa: ARG002  time alone says nothing
        """Time alone brings no water."""
        return []

    def dump(self) -> dict[str, object]:
        """Return the rises, the stores and what they taught."""
        return {
            "rises": self._rises.dump(),
            "stores": self._table.dump(),
            "sources": self._total.dump(),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore them."""
        self._rises.load(state["rises"])
        self._table.load(state["stores"])
        self._total.load(state["sources"])

    def _add_source(self, stream: Datastream) -> None:
        row = self._total.add(stream.slot)
        if row == len(self._gain):
            self._gain = np.concatenate([self._gain, np.zeros(row)])
            self._is_rain = np.concatenate([self._is_rain, np.zeros(row, dtype=bool)])
        level, watch = target(stream)
        self._is_rain[row] = stream.measured in RAIN
        known = level is not None and level.above is not None and watch is not None
        width = (level.above or 0.0) - (watch or 0.0) if known and level else 1.0
        self._gain[row] = 1.0 / width

    def _link(self, stream: Datastream) -> None:
        """Note the sources of a gauge; one that is known keeps its place."""
        level, watch = target(stream)
        rows = [self._total.row(slot) for slot in self._sources(stream)]
        if level is None or level.above is None or not rows:
            return
        row = self._rises.bind(stream, level.above, watch)
        self._table.add(stream.slot)
        if row == len(self._links):
            self._links = np.concatenate([self._links, np.full((row, MOST), -1, dtype=np.intp)])
        self._danger[row] = level
        old = [place for place in self._links[row].tolist() if place >= 0]
        places = old + [place for place in rows if place not in old]
        self._links[row, : min(len(places), MOST)] = places[:MOST]

    def _sources(self, gauge: Datastream) -> list[int]:
        """Return the slots that the site of ``gauge`` declares to bear on it, rain first."""
        above = [site for site in self._above.get(gauge.site, ()) if site != gauge.site]
        rain = [slot for site in (gauge.site, *above) for slot in self._at.get((site, True), [])]
        return rain + [slot for site in above for slot in self._at.get((site, False), [])]

    def _pour(self, now: Readings) -> None:
        """Add up what each source has brought: rain as it falls, a gauge's rises."""
        for places in self._total.rounds(now.row):
            row, result = now.row[places], now.result[places]
            last = self._total["last"][row]
            step = np.where(np.isnan(last), 0.0, result - last)
            more = np.where(self._is_rain[row], result, step)
            self._total["total"][row] += np.maximum(more, 0.0) * self._gain[row]
            self._total["last"][row] = result

    def _take(self, now: Readings) -> list[Transition]:
        rise = self._rises.follow(now)
        coming = self._learn(now, rise)
        left = (rise.danger - now.result) / rise.scale
        own = river.heading(rise.slope * rise.interval / rise.scale, rise.tau)
        odds = river.log_odds(np.maximum(own, EVEN * coming.height), left, rise.wetness)
        sent = coming.height >= RISE_START
        chance = np.where(sent & (now.result < rise.danger), river.logistic(odds), 0.0)
        changed = self._settle(now, rise, chance)
        return [self._said(now, rise, coming, int(i), float(chance[i])) for i in changed]

    def _learn(self, now: Readings, rise: Rise) -> Coming:
        """Fill and empty the stores, learn what their outflow makes of the river."""
        row, table = now.row, self._table
        new, steps = self._new(now, rise)
        kept = np.exp(-steps[:, None, None] / SPEEDS)
        stores = table["stores"][row] * kept + new[:, :, None]
        out, table["stores"][row] = stores / SPEEDS, stores
        height = (now.result - rise.step - rise.danger + rise.scale) / rise.scale
        per_step = rise.step / rise.scale / np.where(steps > 0, steps, 1.0)
        inflow = np.maximum(per_step + np.maximum(height, 0.0) / rise.tau, 0.0)
        weight = np.where((steps > 0) & (steps <= LONGEST), steps, 0.0)
        self._teach(row, out, inflow, weight)
        begun = rise.under_way & ~table["rising"][row]
        table["rising"][row] = rise.under_way
        table["rises"][row] += begun
        return self._coming(row, stores)

    def _new(self, now: Readings, rise: Rise) -> tuple[Floats, Floats]:
        """Return what each source brought since the gauge's last reading, and how long that is."""
        row, table = now.row, self._table
        links = self._links[row]
        total = np.where(links >= 0, self._total["total"][links], 0.0)
        before = self._rises.table["times_us"][row, 1]
        gap_s = np.where(before > NEVER, (now.time_us - before) / MICROSECONDS, 0.0)
        known = ~np.isnan(table["total"][row])
        new = np.where(known, np.maximum(total - table["total"][row], 0.0), 0.0)
        table["total"][row] = total
        return new, gap_s / rise.interval

    def _teach(self, row: NDArray[np.intp], out: Floats, inflow: Floats, weight: Floats) -> None:
        """Move the sums of a regression of inflow on each store's outflow."""
        table = self._table
        kept = np.exp(-weight / MEMORY)
        for name, more in (("weight", weight), ("inflow", weight * inflow),
                           ("inflow2", weight * inflow**2)):  # fmt: skip
            table[name][row] = table[name][row] * kept + more
        wide, y = weight[:, None, None], inflow[:, None, None]
        for name, more in (("out", wide * out), ("out2", wide * out**2), ("both", wide * out * y)):
            table[name][row] = table[name][row] * kept[:, None, None] + more

    def _coming(self, row: NDArray[np.intp], stores: Floats) -> Coming:
        """Return the height that the source with the best skill still sends."""
        table = self._table
        n = np.maximum(table["weight"][row], 1.0)[:, None, None]
        y, y2 = (table[name][row][:, None, None] / n for name in ("inflow", "inflow2"))
        o, o2, both = (table[name][row] / n for name in ("out", "out2", "both"))
        shared, spread = both - o * y, np.maximum(o2 - o * o, 0.0)
        skill = shared / np.sqrt(np.maximum(spread * np.maximum(y2 - y * y, 0.0), 1e-18))
        flat = skill.reshape(len(row), -1)
        best = flat.argmax(axis=1)
        at = np.arange(len(row))
        yields = (shared / np.maximum(spread, 1e-18)).reshape(len(row), -1)[at, best]
        skilled = (flat[at, best] >= LEAST_SKILL) & (table["rises"][row] >= ENOUGH)
        held = stores.reshape(len(row), -1)[at, best]
        height = np.where(skilled, flat[at, best] * np.maximum(yields, 0.0) * held, 0.0)
        speeds = SPEEDS[best % len(SPEEDS)]
        return Coming(best // len(SPEEDS), height, speeds, np.where(skilled, flat[at, best], 0.0))

    def _settle(self, now: Readings, rise: Rise, chance: Floats) -> NDArray[np.intp]:
        """Raise where the chance lasts, clear where it is gone or the river fell."""
        table, row, least = self._table, now.row, self._settings.alarm_at
        standing, before = table["standing"][row], table["chance"][row]
        on = (chance >= least) & (before >= HOLDS * least)
        top = np.where(standing, np.fmax(table["top"][row], now.result), now.result)
        width = self._settings.clear_share * (rise.danger - rise.watch)
        holds = (chance >= HOLDS * least) | (now.result >= rise.watch)
        after = on | (standing & holds & (now.result > top - width))
        table["chance"][row], table["top"][row], table["standing"][row] = chance, top, after
        return np.flatnonzero(after != standing)

    def _said(
        self, now: Readings, rise: Rise, coming: Coming, place: int, chance: float
    ) -> Transition:
        row = int(now.row[place])
        stream = self._streams[int(self._table.slots[row])]
        source_row = int(self._links[row, coming.source[place]])
        source = self._streams[int(self._total.slots[max(source_row, 0)])]
        interval = float(rise.interval[place])
        foreseen = Foreseen(
            value=float(now.result[place]),
            slope=float(rise.slope[place]),
            chance=chance,
            limit=self._settings.alarm_at,
            past_watch=bool(now.result[place] >= rise.watch[place]),
            eta=None,
            raised=bool(self._table["standing"][row]),
            burst=False,
            time_us=int(now.time_us[place]),
            offset=int(now.offset[place]),
            learnt={
                "travel_s": float(coming.speed[place]) * interval,
                "skill": float(coming.skill[place]),
                "coming": float(coming.height[place] * rise.scale[place]),
            },
        )
        step = said(self._rule, stream, self._danger[row], foreseen)
        return replace(step, evidence=on_its_way(step.evidence, source, foreseen))


def fresh() -> Table:
    """Return the table of gauges: stores by source and speed, and the regression's sums."""
    wide = np.zeros((MOST, len(SPEEDS)))
    return Table(
        total=np.full(MOST, np.nan), stores=wide, out=wide, out2=wide, both=wide,
        weight=0.0, inflow=0.0, inflow2=0.0, rises=np.int64(0), rising=np.False_,
        chance=0.0, top=np.nan, standing=np.False_,
    )  # fmt: skip


def moments(batch: Batch, gauges: Table) -> list[Batch]:
    """Return ``batch`` cut after each reading of a gauge: it is judged by what came before."""
    cuts = np.flatnonzero(gauges.rows(batch.slot) >= 0) + 1
    parts = np.split(np.arange(len(batch)), cuts)
    return [batch.take(part) for part in parts if len(part)]
