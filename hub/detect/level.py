"""Fixed levels with hysteresis, rising or falling; the worst one held decides.

It acts at once on whatever is newest, because the first life-safety page waits for
nothing. A level is left more slowly than it is reached: one implausible reading must not
call off a flood. Only readings that are not suspect ease or clear, and two in a row,
unless the next is long to come.

Late data can only raise: when what came late is the newest known of its stream, nothing
newer follows for ``settle_s``, and it still breaches, that is one transition marked
``found_late``. Source: alarm limits with deadband, ISA-18.2.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hub.detect.live import Readings, readings
from hub.detect.settings import positive
from hub.detect.table import Table
from hub.detect.words import quantity
from hub.instant import MICROSECONDS
from hub.model.levels import chinese
from hub.model.observation import Quality
from hub.model.transition import Certainty, Change, Evidence, Kind, Transition, Urgency

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from hub.detect.live import One
    from hub.model.network import Datastream, Level
    from hub.model.observation import Batch
    from hub.model.rule import Rule

MOST_LEVELS: Final = 8
LONG_INTERVAL_S: Final = 600.0  # so far apart, one good reading says that it is over
NEVER: Final = -(2**62)


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelSettings:
    """``settle_s``: how long late data must stay the newest before it pages, in seconds.

    Raises:
        ValueError: unless it is positive and finite.
    """

    settle_s: float = 20.0

    def __post_init__(self) -> None:
        positive(settle_s=self.settle_s)


def worst_first(levels: tuple[Level, ...]) -> list[Level]:
    """Return the usable levels, the most severe first, at most MOST_LEVELS."""
    usable = [level for level in levels if level.above is not None or level.below is not None]
    return sorted(usable, key=lambda level: -level.severity.rank)[:MOST_LEVELS]


def signed_limit(level: Level) -> tuple[float, float]:
    """Return (sign, limit) such that the level is reached when ``sign * x >= limit``."""
    if level.above is not None:
        return 1.0, level.above
    return -1.0, -(level.below or 0.0)


class LevelDetector:
    """Holds each bound stream against its own ``levels``."""

    at_once = True

    def __init__(self, settings: LevelSettings, rule: Rule) -> None:
        self._settle_us = round(settings.settle_s * MICROSECONDS)
        self._rule = rule
        self._streams: dict[int, Datastream] = {}
        self._levels: dict[int, list[Level]] = {}
        self._limits: dict[int, list[tuple[float, float]]] = {}
        wide = np.full(MOST_LEVELS, np.inf)
        self._bound = Table(sign=np.ones(MOST_LEVELS), limit=wide, release=wide, at_once=np.False_)
        self._table = Table(
            held=np.zeros(MOST_LEVELS, dtype=bool),
            leaving=np.zeros(MOST_LEVELS, dtype=bool),
            last_us=np.int64(NEVER),
            late_us=np.int64(NEVER),
            late_due_us=np.int64(0),
            late_result=np.nan,
            late_offset=np.int64(-1),
            late_quality=np.int8(0),
        )

    def bind(self, stream: Datastream) -> None:
        """Watch ``stream`` if it has levels."""
        levels = worst_first(stream.levels)
        if not levels:
            return
        row = self._bound.add(stream.slot)
        self._table.add(stream.slot)
        self._streams[row], self._levels[row] = stream, levels
        self._limits[row] = [signed_limit(level) for level in levels]
        self._bound["limit"][row] = self._bound["release"][row] = np.inf
        self._bound["at_once"][row] = (stream.interval_s or 0.0) >= LONG_INTERVAL_S
        for place, level in enumerate(levels):
            sign, limit = signed_limit(level)
            self._bound["sign"][row, place] = sign
            self._bound["limit"][row, place] = limit
            self._bound["release"][row, place] = limit - level.hysteresis

    def update(self, batch: Batch) -> list[Transition]:
        """Return the steps of each stream whose worst held level changed."""
        seen = readings(batch, self._table)
        if not len(seen.row):
            return []
        held, leaving = self._after(seen)
        moved = (held != self._table["held"][seen.row]).any(axis=1)
        moved |= (leaving != self._table["leaving"][seen.row]).any(axis=1)
        said = self._walk(seen, moved) if moved.any() else []
        np.maximum.at(self._table["last_us"], seen.row, seen.time_us)
        return said

    def usual(self, one: One) -> bool:
        """Take in a reading that reaches no level while none is held."""
        row = self._table.row(one.slot)
        if row < 0 or not one.good:
            return True
        cells = self._table.cells
        for place, (sign, limit) in enumerate(self._limits[row]):
            if cells["held"][row, place] or sign * one.result >= limit:
                return False
        cells["last_us"][row] = max(cells["last_us"][row], one.time_us)
        return True

    def late(self, batch: Batch) -> None:
        """Keep, per stream, the newest late reading that is newer than all known."""
        seen = readings(batch, self._table)
        known = np.maximum(self._table["last_us"], self._table["late_us"])[seen.row]
        newer = np.flatnonzero(seen.time_us > known)
        order = newer[np.lexsort((-newer, seen.time_us[newer]))]
        rows = seen.row[order]
        received = batch.received_us[np.searchsorted(batch.offset, seen.offset[order])]
        self._table["late_us"][rows] = seen.time_us[order]
        self._table["late_due_us"][rows] = received + self._settle_us
        self._table["late_result"][rows] = seen.result[order]
        self._table["late_offset"][rows] = seen.offset[order]
        self._table["late_quality"][rows] = seen.quality[order]

    def due(self, now_us: int) -> bool:
        """Say whether late data has settled by ``now_us``."""
        if not len(self._table):
            return False
        due = self._table["late_due_us"][: len(self._table)]
        return bool(((due > 0) & (due <= now_us)).any())

    def tick(self, now_us: int, offset: int) -> list[Transition]:  # noqa: ARG002  the reading's own is told
        """Judge late data that has settled; it may raise or worsen, never resolve."""
        due = self._table["late_due_us"][: len(self._table)]
        rows = np.flatnonzero((due > 0) & (due <= now_us))
        due[rows] = 0
        fresh = rows[self._table["late_us"][rows] > self._table["last_us"][rows]]
        return [step for row in fresh for step in self._found_late(int(row))]

    def dump(self) -> dict[str, object]:
        """Return held levels and late candidates."""
        return self._table.dump()

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore them."""
        self._table.load(state)

    def _after(self, seen: Readings) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which levels each reading would leave held, and which of them nearly left.

        Each by what its row holds now. A good reading past the release makes a held
        level leave; the next one, also past it, lets go. A suspect one does neither.
        """
        rows = seen.row
        signed = seen.result[:, None] * self._bound["sign"][rows]
        good = (seen.quality != Quality.SUSPECT)[:, None]
        held, leaving = self._table["held"][rows], self._table["leaving"][rows]
        past = held & (signed < self._bound["release"][rows])
        gone = past & good & (leaving | self._bound["at_once"][rows][:, None])
        after: NDArray[np.bool_] = (held & ~gone) | (signed >= self._bound["limit"][rows])
        return after, past & after & (good | leaving)

    def _walk(self, seen: Readings, moved: NDArray[np.bool_]) -> list[Transition]:
        """Take the streams that moved reading by reading."""
        touched = np.zeros(len(self._table), dtype=bool)
        touched[seen.row[moved]] = True
        seen = seen.take(touched[seen.row])
        said: list[Transition] = []
        for places in self._table.rounds(seen.row):
            now = seen.take(places)
            now = now.take(now.time_us >= self._table["last_us"][now.row])
            self._table["last_us"][now.row] = now.time_us
            after, leaving = self._after(now)
            for place in np.flatnonzero((after != self._table["held"][now.row]).any(axis=1)):
                said += self._step(now.take(np.array([place])), after[place])
            self._table["held"][now.row] = after
            self._table["leaving"][now.row] = leaving
        return said

    def _step(self, one: Readings, after: NDArray[np.bool_]) -> list[Transition]:
        row = int(one.row[0])
        before = self._worst(row, self._table["held"][row])
        worst = self._worst(row, after)
        if before is None and worst is not None:
            return [self._said(Change.RAISED, one, worst)]
        if before is not None and worst is None:
            return [self._said(Change.CLEARED, one, before)]
        if before is None or worst is None or before.severity is worst.severity:
            return []
        worse = worst.severity.rank > before.severity.rank
        return [self._said(Change.WORSENED if worse else Change.EASED, one, worst)]

    def _found_late(self, row: int) -> list[Transition]:
        place = np.array([row])
        names = ("late_us", "late_result", "late_offset", "late_quality")
        one = Readings(place, *(self._table[name][place] for name in names))
        held = self._table["held"][row] | self._after(one)[0][0]
        steps = self._step(one, held)
        self._table["held"][row] = held
        self._table["last_us"][row] = one.time_us[0]
        return [replace(step, found_late=True) for step in steps]

    def _worst(self, row: int, held: NDArray[np.bool_]) -> Level | None:
        return next((lv for lv, h in zip(self._levels[row], held, strict=False) if h), None)

    def _said(self, change: Change, one: Readings, level: Level) -> Transition:
        stream = self._streams[int(one.row[0])]
        value = float(one.result[0])
        limit = level.above if level.above is not None else level.below
        words_en, words_zh = phrase(change, value, level, stream.unit)
        sure = one.quality[0] != Quality.SUSPECT
        return Transition(
            key=f"{self._rule.name}:{stream.id}",
            change=change,
            kind=Kind.WORLD,
            severity=level.severity,
            time_us=int(one.time_us[0]),
            offset=int(one.offset[0]),
            slot=stream.slot,
            hazard=self._rule.hazard,
            site=stream.site,
            certainty=Certainty.OBSERVED if sure else Certainty.POSSIBLE,
            urgency=Urgency.PAST if change is Change.CLEARED else Urgency.IMMEDIATE,
            evidence=Evidence(
                detector="level",
                rule=self._rule.name,
                words_en=words_en,
                words_zh=words_zh,
                value=value,
                limit=limit,
                limit_name=level.name,
                unit=stream.unit,
                onset_us=int(one.time_us[0]),
                parameters={"hysteresis": level.hysteresis, "datum": level.datum or None},
            ),
        )


def phrase(change: Change, value: float, level: Level, unit: str) -> tuple[str, str]:
    """Return the step in words: the value, the level's name and its limit with the unit."""
    rising = level.above is not None
    limit = quantity((level.above if rising else level.below) or 0.0, unit)
    at, named = quantity(value, unit), chinese(level.name)
    if change is Change.CLEARED:
        en, zh = ("back below", "已回落到") if rising else ("back above", "已回升到")
        tail = "以下" if rising else "以上"
        return f"{at}, {en} {level.name} ({limit})", f"{at}，{zh}“{named}”（{limit}）{tail}"
    en, zh = ("above", "高于") if rising else ("below", "低于")
    return f"{at}, {en} {level.name} ({limit})", f"{at}，{zh}“{named}”（{limit}）"
