"""Silence of a stream that should speak: a condition, never safety.

A stream is stale when nothing live has come for three intervals, at least ``floor_s``,
plus the time its node waits between uploads. The interval is declared, or learnt from
arrivals. Silence counts only while the hub itself can hear; only new live data clears
it. A stream of property ``canary`` tells that somebody watches the hub itself: its silence
is the hub's own trouble, and is noticed sooner.

Source: the "sensor gap" test of QARTOD (IOOS, real-time quality control, test 1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hub.detect.settings import positive
from hub.detect.table import Table
from hub.detect.words import span
from hub.instant import MICROSECONDS
from hub.model.network import Hazard, Severity
from hub.model.observation import Lateness
from hub.model.transition import Certainty, Change, Evidence, Kind, Transition, Urgency

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from hub.detect.live import One
    from hub.detect.table import Rows
    from hub.model.network import Datastream
    from hub.model.observation import Batch
    from hub.model.rule import Rule

NEVER: Final = -(2**62)
STEP_US: Final = MICROSECONDS
LEARNING_GAIN: Final = 1 / 16
FADING: Final = 0.98


@dataclass(frozen=True, slots=True, kw_only=True)
class StaleSettings:
    """``missed`` intervals without news, at least ``floor_s`` seconds, are silence.

    Of a stream that watches the hub ``watcher_missed`` intervals are. An interval that
    nobody declared is learnt from ``learn`` gaps between arrivals.

    Raises:
        ValueError: unless all are positive and finite.
    """

    missed: float = 3.0
    floor_s: float = 20.0
    learn: int = 8
    watcher_missed: float = 2.0

    def __post_init__(self) -> None:
        positive(missed=self.missed, floor_s=self.floor_s, learn=self.learn)
        positive(watcher_missed=self.watcher_missed)


class Stale:
    """Counts the silence of each bound stream."""

    at_once = True

    def __init__(self, settings: StaleSettings, rule: Rule) -> None:
        self._settings = settings
        self._rule = rule
        self._streams: dict[int, Datastream] = {}
        self._connected = False
        self._since_us = NEVER
        self._declared = Table(limit_us=np.int64(0))
        self._table = Table(
            due_us=np.int64(NEVER),
            last_us=np.int64(NEVER),
            gaps=np.int64(0),
            mean_us=0.0,
            longest_us=0.0,
            standing=np.False_,
        )

    def bind(self, stream: Datastream) -> None:
        """Watch ``stream``, also if it never spoke."""
        row = self._declared.add(stream.slot)
        self._table.add(stream.slot)
        self._streams[row] = stream
        limit_s = self._limit_s(stream)
        self._declared["limit_us"][row] = round(limit_s * MICROSECONDS)

    def update(self, batch: Batch) -> list[Transition]:
        """Note who spoke; clear the silence of those who do again."""
        rows = self._table.rows(batch.slot)
        where = np.flatnonzero((rows >= 0) & (batch.lateness <= Lateness.LATE))
        rows, received = rows[where], batch.received_us[where]
        said: list[Transition] = []
        for places in self._table.thinned(rows, received, "due_us", STEP_US):
            back = self._hear_from(rows[places], received[places])
            said += [self._back(int(rows[places[i]]), batch, where[places[i]]) for i in back]
        return said

    def usual(self, one: One) -> bool:
        """Note a stream that speaks and was not silent."""
        row, received_us = self._table.row(one.slot), one.received_us
        cells = self._table.cells
        if row < 0 or received_us < cells["due_us"][row]:
            return True
        if cells["standing"][row]:
            return False
        last = cells["last_us"][row]
        if last > NEVER and received_us > last >= self._since_us:
            gap, gaps, mean = float(received_us - last), cells["gaps"][row], cells["mean_us"][row]
            cells["mean_us"][row] = mean + max(LEARNING_GAIN, 1 / (gaps + 1)) * (gap - mean)
            cells["longest_us"][row] = max(gap, FADING * cells["longest_us"][row])
            cells["gaps"][row] = gaps + 1
        cells["last_us"][row], cells["due_us"][row] = received_us, received_us + STEP_US
        return True

    def hear(self, connected: bool, at_us: int) -> None:  # noqa: FBT001  a fact, not an option
        """Start counting silence afresh, or stop."""
        self._connected = connected
        self._since_us = at_us

    def resume(self, at_us: int) -> None:
        """Count silence afresh after the hub was down or its clock was stepped."""
        self._since_us = at_us
        self._table["last_us"][:] = np.minimum(self._table["last_us"], at_us)
        self._table["due_us"][:] = np.minimum(self._table["due_us"], at_us)

    def due(self, now_us: int) -> bool:
        """Say whether a stream has just become stale at ``now_us``."""
        if not self._connected:
            return False
        return bool(len(self._overdue(now_us)))

    def tick(self, now_us: int, offset: int) -> list[Transition]:
        """Raise the streams that should have spoken by ``now_us``."""
        rows = self._overdue(now_us)
        self._table["standing"][rows] = True
        return [self._silent(int(row), now_us, offset) for row in rows]

    def dump(self) -> dict[str, object]:
        """Return who spoke when, and whether the hub hears."""
        return {
            "connected": self._connected,
            "since_us": self._since_us,
            "rows": self._table.dump(),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Restore them."""
        self._connected = bool(state["connected"])
        self._since_us = int(str(state["since_us"]))
        self._table.load(state["rows"])

    def _limit_s(self, stream: Datastream) -> float:
        """Return the declared limit in seconds, 0 when it must be learnt."""
        if stream.interval_s is None:
            return 0.0
        settings = self._settings
        missed = settings.watcher_missed if stream.watches_hub else settings.missed
        return max(missed * stream.interval_s, settings.floor_s) + (stream.upload_s or 0.0)

    def _limits_us(self) -> NDArray[np.float64]:
        """Return how long each row may be silent; infinite while nobody knows."""
        count = len(self._table)
        declared = self._declared["limit_us"][:count]
        learnt = np.maximum(
            self._settings.missed * np.maximum(self._mean(), self._longest() / 2),
            self._settings.floor_s * MICROSECONDS,
        )
        enough = self._table["gaps"][:count] >= self._settings.learn
        return np.where(declared > 0, declared, np.where(enough, learnt, np.inf))

    def _mean(self) -> NDArray[np.float64]:
        return self._table["mean_us"][: len(self._table)]

    def _longest(self) -> NDArray[np.float64]:
        return self._table["longest_us"][: len(self._table)]

    def _overdue(self, now_us: int) -> Rows:
        if not self._connected:
            return np.empty(0, dtype=np.intp)
        count = len(self._table)
        last = np.maximum(self._table["last_us"][:count], self._since_us)
        quiet = (now_us - last) > self._limits_us()
        return np.flatnonzero(quiet & ~self._table["standing"][:count])

    def _hear_from(self, rows: Rows, received: NDArray[np.int64]) -> Rows:
        """Learn the gap before each of ``rows`` and return the places that were silent."""
        last = self._table["last_us"][rows]
        gap = np.where(last > NEVER, received - last, 0).astype(np.float64)
        standing = self._table["standing"][rows]
        learns = (gap > 0) & ~standing & (last >= self._since_us)
        gaps = self._table["gaps"][rows]
        mean = self._table["mean_us"][rows]
        gain = np.maximum(LEARNING_GAIN, 1 / (gaps + 1))
        longest = np.maximum(gap, FADING * self._table["longest_us"][rows])
        self._table["mean_us"][rows] = np.where(learns, mean + gain * (gap - mean), mean)
        self._table["longest_us"][rows] = np.where(learns, longest, self._table["longest_us"][rows])
        self._table["gaps"][rows] = gaps + learns
        self._table["last_us"][rows] = received
        self._table["standing"][rows] = False
        return np.flatnonzero(standing)

    def _silent(self, row: int, now_us: int, offset: int) -> Transition:
        last = int(self._table["last_us"][row])
        limit_s = float(self._limits_us()[row]) / MICROSECONDS
        counted = (now_us - max(last, self._since_us)) / MICROSECONDS
        quiet, limit = span(counted), span(limit_s)
        if last == NEVER:
            en, zh = f"never spoke; listened for {quiet[0]}", f"从未上报；已等待 {quiet[1]}"
        else:
            en, zh = f"silent for {quiet[0]}", f"已静默 {quiet[1]}"
        if self._streams[row].watches_hub:
            en, zh = f"hub watcher {en}", f"中心值守节点{zh}"
        return self._said(
            row,
            Change.RAISED,
            (now_us, offset),
            f"{en} (limit {limit[0]})",
            f"{zh}（限值 {limit[1]}）",
        )

    def _back(self, row: int, batch: Batch, place: np.intp) -> Transition:
        where = int(batch.time_us[place]), int(batch.offset[place])
        return self._said(row, Change.CLEARED, where, "speaks again", "已恢复上报")

    def _said(
        self, row: int, change: Change, where: tuple[int, int], en: str, zh: str
    ) -> Transition:
        stream = self._streams[row]
        last = int(self._table["last_us"][row])
        return Transition(
            key=f"{self._rule.name}:{stream.id}",
            change=change,
            kind=Kind.HUB if stream.watches_hub else Kind.SILENCE,
            severity=Severity.SEVERE if stream.watches_hub else self._rule.severity,
            time_us=where[0],
            offset=where[1],
            slot=stream.slot,
            hazard=Hazard.HUB if stream.watches_hub else self._rule.hazard or Hazard.SENSOR,
            site=stream.site,
            certainty=Certainty.OBSERVED,
            urgency=Urgency.EXPECTED if change is Change.RAISED else Urgency.PAST,
            evidence=Evidence(
                detector="stale",
                rule=self._rule.name,
                words_en=en,
                words_zh=zh,
                onset_us=None if last == NEVER else last,
                parameters={
                    "interval_s": stream.interval_s,
                    "upload_s": stream.upload_s,
                    "limit_s": round(min(float(self._limits_us()[row]) / MICROSECONDS, 1e12), 3),
                },
            ),
        )
